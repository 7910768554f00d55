"""What the body of an ``except`` clause does with an exception, where that depends on it, as the source has it.

``if error.errno != ENOENT: raise`` is decided by looking at the exception, and at nothing that could run code of the
program: names, plain attributes, comparisons of plain values, ``isinstance``. What can't be told so is left open.
"""

from __future__ import annotations

import ast
import builtins
import types
from typing import Any

from . import clauses

# Stands for a value that can't be told.
_UNKNOWN: Any = object()
_PLAIN = (int, float, str, bytes, bool, type(None), type(Ellipsis))
# Descriptors of C code.
_SAFE = (types.MemberDescriptorType, types.GetSetDescriptorType)


class _Open(Exception):
    """It can't be told what is done."""


def leaves(frame: types.FrameType, clause: clauses.Clause, error: BaseException) -> tuple[bool | None, bool]:
    """Whether the clause ends otherwise than by raising the exception on, if that can be told; and if always so."""
    handler = _handler(frame, clause)
    if handler is None:
        return None, True
    body = _Body(frame, handler, error)
    try:
        outcome = body.run(handler.body)
    except _Open:
        return None, not body.has_looked
    return outcome is not False, not body.has_looked


# Path and line → the clause that stands there; with the text's length and time, by which it is known to be the same.
_known: dict[tuple[str, int], tuple[object, ast.ExceptHandler | None]] = {}


def _handler(frame: types.FrameType, clause: clauses.Clause) -> ast.ExceptHandler | None:
    import linecache

    path, line = frame.f_code.co_filename, clause.line
    if line is None:
        return None
    lines = linecache.getlines(path, frame.f_globals)
    text = linecache.cache.get(path)
    known = _known.get((path, line))
    if known is None or known[0] is not text:
        known = _known[path, line] = (text, _found("".join(lines), line))
    handler = known[1]
    # A text that is not what runs.
    return handler if handler is not None and _names(handler.type) == clause.kinds else None


def _found(text: str, line: int) -> ast.ExceptHandler | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            last = node.lineno if node.type is None else node.type.end_lineno or node.lineno
            if node.lineno <= line <= last:
                return node
    return None


def _names(kinds: ast.expr | None) -> tuple[tuple[str, ...], ...] | None:
    if kinds is None:
        return None
    found = []
    for kind in kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]:
        found.append(tuple(ast.unparse(kind).split(".")))
    return tuple(found)


class _Body:
    def __init__(self, frame: types.FrameType, handler: ast.ExceptHandler, error: BaseException) -> None:
        self._frame = frame
        self._error = error
        self._name = handler.name
        self._own: dict[str, Any] = {handler.name: error} if handler.name else {}
        # Whether what was found out depends on the exception, or on the program.
        self.has_looked = False

    def run(self, body: list[ast.stmt]) -> bool | None:
        """True if it is left, false if the exception is raised on, nothing if it goes on behind."""
        for statement in body:
            outcome = self._step(statement)
            if outcome is not None:
                return outcome
        return None

    def _step(self, statement: ast.stmt) -> bool | None:
        if isinstance(statement, ast.Raise):
            return not self._is_same(statement.exc)
        if isinstance(statement, (ast.Return, ast.Break, ast.Continue)):
            return True
        if isinstance(statement, ast.If):
            test = self._truth(statement.test)
            if test is not None:
                return self.run(statement.body if test else statement.orelse)
            return self._either(statement.body, statement.orelse)
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            return self.run(statement.body)
        if isinstance(statement, ast.Expr):
            return False if _raises_again(statement.value) else None
        if isinstance(statement, ast.Assign):
            value = self._value(statement.value)
            for target in statement.targets:
                self._assign(target, value if isinstance(target, ast.Name) else _UNKNOWN)
            return None
        for node in ast.walk(statement):
            if isinstance(node, (ast.Raise, ast.Return, ast.Break, ast.Continue)) and node is not statement:
                raise _Open
            self._assign(node, _UNKNOWN)
        return None

    def _either(self, one: list[ast.stmt], other: list[ast.stmt]) -> bool | None:
        kept = dict(self._own)
        first = self.run(one)
        after, self._own = self._own, kept
        second = self.run(other)
        if first is not second:
            raise _Open
        for name in after.keys() | self._own.keys():
            if after.get(name, _UNKNOWN) is not self._own.get(name, _UNKNOWN):
                self._own[name] = _UNKNOWN
        return first

    def _assign(self, target: ast.AST, value: Any) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self._own[node.id] = value

    def _is_same(self, raised: ast.expr | None) -> bool:
        called = raised.func if isinstance(raised, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr == "with_traceback":
            raised = called.value
        if raised is None:
            return True
        return isinstance(raised, ast.Name) and self._own.get(raised.id) is self._error

    def _truth(self, test: ast.expr) -> bool | None:
        value = self._value(test)
        self.has_looked = self.has_looked or value is not _UNKNOWN
        if _is_exactly(value, *_PLAIN, tuple, list, dict, set, frozenset):
            return bool(value)
        # An exception, say: what its class makes of it is not asked.
        return None

    def _value(self, node: ast.expr) -> Any:
        find = getattr(self, "_" + type(node).__name__, None)
        return _UNKNOWN if find is None else find(node)

    def _Constant(self, node: ast.Constant) -> Any:
        return node.value

    def _Name(self, node: ast.Name) -> Any:
        if node.id in self._own:
            return self._own[node.id]
        for names in (self._frame.f_locals, self._frame.f_globals, self._frame.f_builtins):
            if node.id in names:
                return names[node.id]
        return _UNKNOWN

    def _Attribute(self, node: ast.Attribute) -> Any:
        return _attribute(self._value(node.value), node.attr)

    def _Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Any:
        values = [self._value(element) for element in node.elts]
        return _UNKNOWN if any(value is _UNKNOWN for value in values) else tuple(values)

    _List = _Set = _Tuple

    def _Subscript(self, node: ast.Subscript) -> Any:
        value, index = self._value(node.value), self._value(node.slice)
        if _is_exactly(value, tuple, list) and type(index) is int and -len(value) <= index < len(value):
            return value[index]
        return value.get(index, _UNKNOWN) if type(value) is dict and _is_exactly(index, *_PLAIN) else _UNKNOWN

    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        truth = self._truth(node.operand) if isinstance(node.op, ast.Not) else None
        return _UNKNOWN if truth is None else not truth

    def _BoolOp(self, node: ast.BoolOp) -> Any:
        decisive = isinstance(node.op, ast.Or)
        is_open = False
        for part in node.values:
            truth = self._truth(part)
            if truth is decisive:
                # Whatever those before it are.
                return truth
            is_open = is_open or truth is None
        return _UNKNOWN if is_open else not decisive

    def _Compare(self, node: ast.Compare) -> Any:
        left = self._value(node.left)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self._value(right_node)
            result = _compared(type(operator).__name__, left, right)
            if result is not True:
                return result
            left = right
        return True

    def _Call(self, node: ast.Call) -> Any:
        called = self._value(node.func)
        given = [self._value(argument) for argument in node.args]
        if node.keywords or any(value is _UNKNOWN for value in given):
            return _UNKNOWN
        if called is builtins.type and len(given) == 1:
            return type(given[0])
        if called is builtins.isinstance and len(given) == 2:
            return _is_kind(type(given[0]), given[1])
        if called is builtins.issubclass and len(given) == 2 and issubclass(type(given[0]), type):
            return _is_kind(given[0], given[1])
        if (called is builtins.getattr or called is builtins.hasattr) and len(given) > 1 and type(given[1]) is str:
            found = _attribute(given[0], given[1], _MISSING)
            if called is builtins.hasattr:
                return found if found is _UNKNOWN else found is not _MISSING
            return given[2] if found is _MISSING and len(given) == 3 else _UNKNOWN if found is _MISSING else found
        return _UNKNOWN


_MISSING: Any = object()


def _attribute(value: Any, name: str, missing: Any = _UNKNOWN) -> Any:
    """What an attribute is, if it is found without a step into code of the program."""
    if value is _UNKNOWN:
        return value
    if type(value) is types.ModuleType:
        return value.__dict__.get(name, _UNKNOWN)
    if not issubclass(type(value), BaseException):
        return _UNKNOWN
    kind: Any = type(value)
    if "__getattribute__" in vars(kind):
        return _UNKNOWN
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), _MISSING)
    if _is_exactly(found, *_SAFE):
        return found.__get__(value, kind)
    own = value.__dict__
    if name in own:
        return own[name]
    if found is _MISSING:
        return _UNKNOWN if any("__getattr__" in vars(base) for base in kind.__mro__) else missing
    return found if _is_exactly(found, *_PLAIN, tuple) else _UNKNOWN


def _is_kind(kind: type, wanted: Any) -> Any:
    kinds = wanted if type(wanted) is tuple else (wanted,)
    if not all(type(one) is type for one in kinds):
        # Abstract classes decide for themselves.
        return True if any(one is base for one in kinds for base in kind.__mro__) else _UNKNOWN
    return any(one is base for one in kinds for base in kind.__mro__)


def _compared(operator: str, left: Any, right: Any) -> Any:
    if left is _UNKNOWN or right is _UNKNOWN:
        return _UNKNOWN
    if operator in ("Is", "IsNot"):
        return (left is right) is (operator == "Is")
    if operator in ("In", "NotIn"):
        if _is_exactly(right, str, bytes) and type(left) is type(right):
            return (left in right) is (operator == "In")
        if not _is_exactly(right, tuple, list, set, frozenset, dict) or not _is_plain([left, *right]):
            return _UNKNOWN
        return (left in right) is (operator == "In")
    if not _is_plain([left, right]):
        return _UNKNOWN
    try:
        outcomes = {"Eq": left == right, "NotEq": left != right}
        return outcomes[operator] if operator in outcomes else _ordered(operator, left, right)
    except TypeError:
        return _UNKNOWN


def _ordered(operator: str, left: Any, right: Any) -> Any:
    return {"Lt": left < right, "LtE": left <= right, "Gt": left > right, "GtE": left >= right}[operator]


def _is_exactly(value: Any, *kinds: type) -> bool:
    """Whether an object is of one of these types: a metaclass that compares is not asked."""
    return any(type(value) is one for one in kinds)


def _is_plain(values: list[Any]) -> bool:
    """Whether their comparison is C code's; of classes it is by identity."""
    return all(_is_exactly(value, *_PLAIN, type) for value in values)


def _raises_again(call: ast.expr) -> bool:
    """``six.reraise(*sys.exc_info())``, and what others call so."""
    name = call.func if isinstance(call, ast.Call) else None
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) == "reraise"
