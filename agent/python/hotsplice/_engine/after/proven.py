"""What was reported and turns out, once the patch is live, not to be so: no caveat stands without a difference."""

import ast
import dataclasses
import dis
import functools
from collections.abc import Iterator
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import join
from ..merge import dataclass_fields
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.messages import Edit

# What runs when an object is made, by its names in the classes that it is of.
_MAKING = ("__new__", "__init__", "__post_init__")
_OF_OBJECTS = frozenset((*_MAKING, "__setattr__", "__class__", "__name__", "__dict__"))
_PLAIN = (int, str, bytes, bool, float, complex, type(None), list, dict, set, tuple)
_MISSING: Any = object()
# Containers that are deeper, or hold more, are not looked through.
_DEPTH = 3
_ITEMS = 100


class Doubts:
    """Objects of edited classes, each with what made it: noted before the commit, compared after it."""

    def __init__(self, transaction: "Prepared") -> None:
        self._made: list[tuple[EditOutcome, list[Making], list[Any]]] = []
        found = [
            (outcome, namespace)
            for change in transaction.files
            for outcome in change.outcomes
            if outcome.code == "HS0403" and len(outcome.notes) == 1 and _may_be_made(outcome.edit)
            for namespace in change.namespaces
        ]
        edited = _edited(transaction) if found else frozenset()
        for outcome, namespace in found:
            making = Making.of(outcome.edit, namespace, edited)
            if making and len([one for one, _ in found if one is outcome]) == 1:
                self._made.append((outcome, making, [one.parts() for one in making]))

    def settle(self) -> None:
        for outcome, making, before in self._made:
            parts = [one.parts() if one.is_held() else None for one in making]
            if None not in before and parts == before:
                outcome.retract("HS0403")


def _may_be_made(edit: "Edit") -> bool:
    is_derived = edit["change"] == "derived" and edit["what"] == "assignment" and len(edit["binds"]) == 1
    return is_derived and not edit["scope"]


def _edited(transaction: "Prepared") -> frozenset[str]:
    """Names, and last parts of names, of what a patch may have made another one."""
    found: set[str] = set()
    for change in transaction.files:
        for name in change.running:
            found.update(name.split("."))
        for outcome in change.outcomes:
            edit = outcome.edit
            found.update(edit["definition"].split("."), edit["binds"])
    return frozenset(found)


class Making:
    """`table = Table(rows=3)`, `show = Table().show`: an object, made of nothing that may be another one now.

    ``place``: where it stands in a list or tuple that the name holds.
    """

    def __init__(self, namespace: Any, name: str, place: int | None, value: ast.expr, edited: frozenset[str]) -> None:
        self._namespace, self._name, self._place, self._edited = namespace, name, place, edited
        self._attribute = value.attr if isinstance(value, ast.Attribute) else None
        call = value.value if isinstance(value, ast.Attribute) else value
        assert isinstance(call, ast.Call)
        self._call = call

    @classmethod
    def of(cls, edit: "Edit", namespace: Any, edited: frozenset[str]) -> "list[Making]":
        """Every object that a statement makes; none where that can't be told."""
        try:
            body = ast.parse(join(edit["run"])).body
        except (SyntaxError, ValueError):
            return []
        statement = body[0] if len(body) == 1 else None
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        is_display = isinstance(value, (ast.List, ast.Tuple))
        values: list[tuple[int, ast.expr | None]] = [(0, value)]
        if isinstance(value, (ast.List, ast.Tuple)):
            values = list(enumerate(value.elts))
        made = [(place, one) for place, one in values if one is not None and not isinstance(one, ast.Constant)]
        changed = set(edit.get("changed_reads", ()))
        if not all(_is_plain_call(one) for _, one in made):
            return []
        found = [cls(namespace, edit["binds"][0], place if is_display else None, one, edited) for place, one in made]
        return found if changed <= {ast.unparse(one._call.func) for one in found} else []

    def _held(self) -> Any:
        held = self._namespace.globals.get(self._name)
        if self._place is None:
            return held
        is_there = objects.is_exactly(held, list, tuple) and self._place < len(held)
        return held[self._place] if is_there else _MISSING

    def _class(self) -> Any:
        assert isinstance(self._call.func, ast.Name)
        cls = objects.live(self._namespace.globals.get(self._call.func.id), None)
        if not isinstance(cls, type):
            return None
        # A metaclass that is called instead does what it wants.
        metaclass: Any = type(cls)
        is_plain = next((base for base in metaclass.__mro__ if "__call__" in base.__dict__), type) is type
        return cls if is_plain else None

    def is_held(self) -> bool:
        """Whether the name still holds such an object; of a method what it is bound to."""
        assert isinstance(self._call.func, ast.Name)
        if self._attribute is None and type(self._namespace.globals.get(self._call.func.id)) is FunctionType:
            return True
        cls, held = self._class(), self._held()
        if self._attribute is None or cls is None:
            return cls is not None and type(held) is cls
        method = _found(cls, self._attribute)
        if type(method) is staticmethod:
            return held is method.__func__
        function = method.__func__ if type(method) is classmethod else method
        if type(held) is not MethodType or held.__func__ is not function:
            return False
        return held.__self__ is cls if type(method) is classmethod else type(held.__self__) is cls

    def parts(self) -> Any:
        """All that takes part in making the object; nothing where that can't be told."""
        assert isinstance(self._call.func, ast.Name)
        count, named = len(self._call.args), frozenset(one.arg or "" for one in self._call.keywords)
        function = self._namespace.globals.get(self._call.func.id)
        found: list[Any] = []
        try:
            if type(function) is FunctionType and self._attribute is None:
                called = _called(function, self._edited)
                return [shape(function, count, named, count), *(shape(one, 1) for one in called)]
            cls = self._class()
            if cls is None:
                return None
            held = self._held()
            held = getattr(held, "__self__", held) if self._attribute is not None else held
            values = dict(objects.dictionary(held) or {})
            plain = frozenset(name for name, value in values.items() if objects.is_exactly(value, *_PLAIN))
            for name in _MAKING:
                _note(cls, name, found, set(), self._edited, plain)
        except _Untold:
            return None
        # What the statement itself gives is no matter of defaults.
        given: dict[str, int] = {}
        for name, function in found:
            if name in _MAKING[:2] and name not in given:
                given[name] = id(function)
        known = set(given.values())
        return [
            (name, function)
            if type(function) is not FunctionType
            else (name, shape(function, count, named, count + 1) if id(function) in known else shape(function, count))
            for name, function in found
        ]


def _is_plain_call(value: ast.expr) -> bool:
    """`Table(rows=3)`, `Table().show`: what is called has a name, and is given constants."""
    call = value.value if isinstance(value, ast.Attribute) else value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return False
    given = [*call.args, *(one.value for one in call.keywords)]
    is_plain = all(isinstance(one, ast.Constant) for one in given)
    return is_plain and all(one.arg is not None for one in call.keywords)


class _Untold(Exception):
    """It may do anything."""


def _found(cls: Any, name: str) -> Any:
    return next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), _MISSING)


def _note(
    cls: Any,
    name: str,
    found: list[tuple[str, Any]],
    visited: set[str],
    edited: frozenset[str],
    plain: frozenset[str],
) -> None:
    """Notes the functions of that name that a class and its bases have, and those that these call."""
    if name in visited:
        return
    visited.add(name)
    for base in cls.__mro__:
        own = base.__dict__.get(name)
        function = own.__func__ if isinstance(own, (staticmethod, classmethod)) else own
        if function is None or base is object:
            continue
        if type(function) is not FunctionType:
            if _is_project(base):
                raise _Untold
            continue
        if (fields := dataclass_fields.constructor(base, name)) is not None:
            found.append((name, _of_fields(fields)))
            continue
        found.append((name, function))
        for called in _own_calls(cls, function, edited, plain):
            _note(cls, called, found, visited, edited, plain)


def _of_fields(fields: "list[Any]") -> "list[Any]":
    """What a generated constructor does, whatever its code: fields get what they are given, or their defaults."""
    for factory in (one.default_factory for one in fields if one.default_factory is not dataclasses.MISSING):
        if not isinstance(factory, (type, BuiltinFunctionType)):
            raise _Untold
        _check_value(factory)
    return [(one.name, Same(one.default), Same(one.default_factory), one.init, one.kw_only) for one in fields]


def _is_project(cls: Any) -> bool:
    return any(module.__name__ == cls.__module__ for _, module in lookup.project_modules())


def _called(function: FunctionType, edited: frozenset[str]) -> list[FunctionType]:
    """The functions that a function calls by their names, at any remove: what they do is compared as well."""
    found: list[FunctionType] = [function]
    for one in found:
        others: list[FunctionType] = []
        for _ in _own_calls(object, one, edited, frozenset(), others):
            raise _Untold
        found += [other for other in others if not any(other is known for known in found)]
    return found[1:]


def _own_calls(
    cls: Any,
    function: Any,
    edited: frozenset[str],
    plain: frozenset[str],
    others: list[FunctionType] | None = None,
) -> Iterator[str]:
    """Methods of the object that a function calls; refuses where it may run or read what is another one now.

    ``plain`` are attributes of the object that nobody can call; functions that have names go to ``others``.
    """
    of_module = False
    calls = _calls(function.__code__)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        _check_value(default)
    if any(isinstance(const, CodeType) for const in function.__code__.co_consts):
        raise _Untold
    for content in map(_content, function.__closure__ or ()):
        # What a method's own `super()` looks up is among the object's classes.
        if not any(content is base for base in cls.__mro__):
            _check_value(content)
    for instruction in dis.get_instructions(function.__code__):
        name, kind = instruction.argval, instruction.opname
        if kind in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = function.__globals__.get(name, _MISSING)
            if others is not None and type(value) is FunctionType:
                others.append(value)
                of_module = False
                continue
            if name in edited:
                raise _Untold
            value = function.__builtins__.get(name, _MISSING) if value is _MISSING else value
            of_module = type(value) is ModuleType and not _is_own(value)
            if not of_module:
                _check_value(value)
        elif kind in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD"):
            was_module, of_module = of_module, False
            if was_module:
                continue
            held = _found(cls, name)
            if type(held) is FunctionType:
                yield name
            elif name in _OF_OBJECTS:
                continue
            elif (
                name in edited
                or (calls and name not in plain)
                or (held is not _MISSING and hasattr(type(held), "__get__"))
            ):
                raise _Untold
        elif kind == "IMPORT_NAME":
            # What it takes of another module is not looked at.
            raise _Untold
        elif kind == "STORE_ATTR":
            of_module = False
            if hasattr(type(_found(cls, name)), "__set__") or type(_found(cls, "__setattr__")) is FunctionType:
                raise _Untold
        elif kind.startswith(
            ("IMPORT", "BINARY_SUBSCR", "YIELD", "FORMAT", "BINARY_OP", "COMPARE", "GET_ITER")
        ) and any(one[:2] == "__" and one not in _MAKING for one in edited):
            # It may run a method that no name leads to.
            raise _Untold
        elif kind != "PUSH_NULL":
            of_module = False


def _calls(code: CodeType) -> bool:
    return any(one.opname.startswith("CALL") for one in dis.get_instructions(code))


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _check_value(value: Any, depth: int = 0) -> None:
    """Only what is written in C, or has no code, is known to do what it did; also where it stands in containers."""
    kind = type(value)
    if isinstance(value, (FunctionType, MethodType, functools.partial, functools._lru_cache_wrapper)):
        raise _Untold
    if isinstance(value, type) and (kind is not type or _has_own_code(value)):
        raise _Untold
    if objects.is_exactly(value, list, tuple, dict, set, frozenset):
        if depth == _DEPTH or len(value) > _ITEMS:
            raise _Untold
        for item in [*value, *(value.values() if kind is dict else ())]:
            _check_value(item, depth + 1)
    elif native.is_made_in_python(kind) and not isinstance(value, type) and any(map(_is_project, kind.__mro__)):
        # It may be called.
        raise _Untold


def _has_own_code(cls: Any) -> bool:
    return any(type(base.__dict__.get(name)) is FunctionType for base in cls.__mro__ for name in _MAKING)


def _is_own(module: ModuleType) -> bool:
    return any(module is other for _, other in lookup.project_modules())


def shape(function: FunctionType, count: int, named: frozenset[str] = frozenset(), first: int = 0) -> Any:
    """All that decides what a call of a function does, apart from what it reads.

    Of its parameters the call gives the ``first`` and those that are ``named``; ``count`` of all by their place.
    """
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = named.union(code.co_varnames[: min(first, code.co_argcount)])
    defaults = dict(zip(reversed(code.co_varnames[: code.co_argcount]), reversed(function.__defaults__ or ())))
    defaults.update(function.__kwdefaults__ or {})
    defaults = {name: value for name, value in defaults.items() if name not in given}
    by = (code.co_varnames[: code.co_argcount], code.co_posonlyargcount) if count else ()
    cells = [Same(_content(cell)) for cell in function.__closure__ or ()]
    consts = [Same(one) for one in code.co_consts]
    own = [Same(default) for _, default in sorted(defaults.items())]
    # A function that is in another file now reads the names of that.
    where = id(function.__globals__)
    return code.co_code, consts, code.co_names, sorted(names), sorted(defaults), own, by, cells, code.co_flags, where


class Same:
    """Compares as the same object, or as an equal one of a type that no code of the program's decides for."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same):
            return NotImplemented
        one, two = self._value, other._value
        is_plain = type(one) is type(two) and objects.is_exactly(one, int, str, bool, float, bytes, type(None))
        return one is two or (is_plain and repr(one) == repr(two))

    __hash__ = None  # type: ignore[assignment]
