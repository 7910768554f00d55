"""Whether running a statement can look at nothing that a patch changes, however long it takes."""

import ast
import builtins
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from ..frameworks import entries, stores
from ..live import lookup, objects
from ..live.code import read_only, tree

if TYPE_CHECKING:
    from ..live.messages import Edit

_VALUES = (bool, int, float, complex, str, bytes, type(None))
# Those that reach whatever there is.
_ANYWHERE = frozenset(
    ("globals", "locals", "vars", "eval", "exec", "compile", "__import__", "getattr", "setattr", "open")
)
# Functions that are looked through.
_LIMIT = 200
_MISSING: Any = object()


def is_quiet(edit: "Edit", namespaces: list[Any]) -> bool:
    """Whether what a statement calls is a library's, or a function of the program that uses nothing but such."""
    try:
        statements = read_only(edit["run"]).body
    except (SyntaxError, ValueError):
        return False
    names = {name for statement in statements for name in _names(statement)}
    if any(isinstance(statement, ast.ClassDef) for statement in statements):
        return False
    for namespace in namespaces:
        seen: set[int] = set()
        for name in names:
            head = name.rstrip(".")
            if head not in namespace.globals and head not in builtins.__dict__:
                # What the patch has just given it.
                return False
            if not _is_quiet(name, namespace.globals, seen):
                return False
    return True


def assigns_to_objects(edit: "Edit") -> bool:
    """Whether a statement assigns items or attributes."""
    try:
        nodes = ast.walk(read_only(edit["run"]))
    except (SyntaxError, ValueError):
        return True
    places = (node for node in nodes if isinstance(node, (ast.Subscript, ast.Attribute)))
    return any(not isinstance(node.ctx, ast.Load) for node in places)


def _names(statement: ast.AST) -> Iterator[str]:
    """Names that a statement reads when it is run, but for those to whose objects it assigns."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            arguments = node.args
            pending += [*getattr(node, "decorator_list", ()), *arguments.defaults]
            pending += [one for one in arguments.kw_defaults if one is not None]
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            pending += [node.slice] if isinstance(node, ast.Subscript) else []
            if not isinstance(node.value, ast.Name):
                pending.append(node.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            # What a function or a class is asked for may be what the patch gives it.
            yield f"{node.value.id}."
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                yield node.id
        else:
            pending += ast.iter_child_nodes(node)


def _is_quiet(name: str, globals: dict[str, Any], seen: set[int]) -> bool:
    if name in _ANYWHERE:
        return False
    if name.endswith("."):
        value = globals.get(name[:-1], _MISSING)
        return type(value) is not FunctionType and (value is _MISSING or _is_quiet_value(value, seen))
    value = globals.get(name, _MISSING)
    return value is _MISSING or _is_quiet_value(value, seen)


def _is_quiet_value(value: Any, seen: set[int]) -> bool:
    kind = type(value)
    if objects.is_exactly(value, *_VALUES) or kind is BuiltinFunctionType and not _is_of_program(value.__self__):
        return True
    if kind is tuple:
        return len(value) <= _LIMIT and all(_is_quiet_value(one, seen) for one in value)
    if objects.is_module(value):
        return _is_of_library(value.__dict__.get("__name__"))
    if stores.is_a(value, type):
        return _is_of_library(type.__dict__["__module__"].__get__(value))  # type: ignore[index]
    if kind is not FunctionType:
        return False
    if value.__dict__:
        # It may be asked for its attributes.
        return False
    if id(value) in seen:
        return True
    seen.add(id(value))
    if len(seen) > _LIMIT:
        return False
    if not all(_is_quiet_value(one, seen) for one in entries.cells(value)):
        return False
    if lookup.is_installed(value.__code__.co_filename):
        return True
    if not all(
        _is_quiet_value(one, seen) for one in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
    ):
        return False
    names = {name for code in tree(value.__code__) for name in code.co_names}
    return "__import__" not in names and all(_is_quiet(name, value.__globals__, seen) for name in names)


def _is_of_library(name: Any) -> bool:
    if type(name) is not str:
        return False
    return name in sys.builtin_module_names or lookup.is_installed_module(name)


def _is_of_program(owner: Any) -> bool:
    """Of a method written in C, what it is bound to: `TABLE.get`, `time.sleep`."""
    return owner is not None and (not objects.is_module(owner) or owner.__name__ not in sys.modules)
