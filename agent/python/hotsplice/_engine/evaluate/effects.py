"""Whether what a statement calls does nothing but give values: no name, object or file is another one after it."""

import ast
import dis
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from ..live import objects
from . import syntax
from .former import is_known_pure

_PLAIN = (int, float, complex, bool, str, bytes, type(None))
_CONTAINERS = (dict, list, tuple, set, frozenset)
# Functions that are looked through, and items of containers.
_LIMIT = 100
_MISSING: Any = object()
# What reads names and attributes, changes objects or hands over to others.
_ACTS = (
    *("STORE_GLOBAL", "STORE_NAME", "STORE_ATTR", "STORE_SUBSCR", "STORE_SLICE", "STORE_DEREF", "DELETE_", "IMPORT_"),
    *("INPLACE_", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER", "YIELD", "SEND", "GET_AWAITABLE"),
    *("SETUP_WITH", "BEFORE_WITH", "LOAD_SPECIAL", "LOAD_BUILD_CLASS", "LOAD_DEREF", "LOAD_CLASSDEREF"),
)


class Effects:
    """Answers for statements of one namespace."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self._seen = seen
        self._known: list[FunctionType] = []

    def has_none(self, value: ast.expr) -> bool:
        """Whether evaluating an expression only gives a value.

        All that it reads are plain values, containers of such, and functions that have no effect: whatever it calls
        with whatever arguments is one of these.
        """
        members = {id(owner): (owner, name) for node in ast.walk(value) for owner, name in self._members(node)}
        # `getattr` itself where that is all that is done with it.
        looking = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call) and self._is_getattr(node)}
        bound = {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for node in ast.walk(value):
            if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, *syntax.FUNCTIONS, ast.Lambda)):
                return False
            if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Name):
                return False
            if not isinstance(node, ast.Name) or node.id in bound or id(node) in looking:
                continue
            held, member = self._given(node.id), members.get(id(node))
            if not (self._is_quiet(held) if member is None else self._is_quiet_member(held, member[1])):
                return False
        return True

    def _members(self, node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
        if isinstance(node, ast.Attribute):
            yield node.value, node.attr
        elif isinstance(node, ast.Call) and self._is_getattr(node):
            yield node.args[0], node.args[1].value  # type: ignore[attr-defined]

    def _is_getattr(self, call: ast.Call) -> bool:
        """`getattr(Name, "text")`."""
        if not isinstance(call.func, ast.Name) or self._given(call.func.id) is not getattr or len(call.args) != 2:
            return False
        owner, name = call.args
        return isinstance(owner, ast.Name) and isinstance(name, ast.Constant) and type(name.value) is str

    def _given(self, name: str, names: dict[str, Any] | None = None) -> Any:
        names = self._seen if names is None else names
        builtins = names.get("__builtins__", {})
        builtins = builtins if type(builtins) is dict else builtins.__dict__
        return dict.get(names, name, dict.get(builtins, name, _MISSING))

    def _is_quiet_member(self, owner: Any, name: str) -> bool:
        """Of a class that nothing but the language looks up: a plain value, or a function that it does not bind."""
        if type(owner) is not type:
            # A metaclass may do anything, and so may a module.
            return False
        found = next((base.__dict__[name] for base in owner.__mro__ if name in base.__dict__), _MISSING)
        return self._is_quiet(found.__func__ if type(found) is staticmethod else found)

    def _is_quiet(self, value: Any, depth: int = 0) -> bool:
        kind = type(value)
        if objects.is_exactly(value, *_PLAIN):
            return True
        if objects.is_exactly(value, *_CONTAINERS):
            items = [*value, *value.values()] if kind is dict else list(value)
            return depth < 3 and len(items) <= _LIMIT and all(self._is_quiet(one, depth + 1) for one in items)
        if objects.is_exactly(value, FunctionType, BuiltinFunctionType, type) and is_known_pure(value):
            return True
        return kind is FunctionType and self._is_quiet_function(value)

    def _is_quiet_function(self, function: FunctionType) -> bool:
        if any(function is one for one in self._known):
            return True
        self._known.append(function)
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        is_plain = not function.__closure__ and len(self._known) <= _LIMIT and all(map(self._is_quiet, defaults))
        return is_plain and self._is_quiet_code(function.__code__, function.__globals__)

    def _is_quiet_code(self, code: CodeType, names: dict[str, Any]) -> bool:
        for one in dis.get_instructions(code):
            is_in_place = one.opname == "BINARY_OP" and one.argrepr.endswith("=")
            if is_in_place or one.opname.startswith(_ACTS):
                return False
            if one.opname == "LOAD_GLOBAL" and not self._is_quiet(self._given(one.argval, names)):
                return False
        inner = (const for const in code.co_consts if isinstance(const, CodeType))
        return all(self._is_quiet_code(const, names) for const in inner)
