"""Order is meaning where something is registered in order: a pure reordering of what registers is never silent."""

import dis
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..live.code import tree
from .syntax import UPDATES

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Edit

# Modules whose decorators make something of a definition and register it nowhere.
_QUIET = frozenset(
    ("builtins", "functools", "dataclasses", "contextlib", "abc", "typing", "enum", "types", "attr", "attrs", "_pytest")
)
_STORES = frozenset(("STORE_SUBSCR", "STORE_GLOBAL", "DELETE_SUBSCR"))
_MISSING: Any = object()


def report(transaction: "Prepared") -> None:
    """Definitions and calls that moved past each other: what they registered keeps its former order."""
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            if edit["kind"] != "lines" or edit["scope"] or edit.get("run") is not None:
                continue
            if edit["what"] in ("statement", "assignment") or any(
                _registers(edit, namespace) for namespace in change.namespaces
            ):
                outcome.caveat(
                    "HS0409",
                    "only its place is another one: what it registered when it ran keeps its former order",
                )
            else:
                outcome.unneeded(None, "only its place is another one")


def _registers(edit: "Edit", namespace: "Namespace") -> bool:
    names = [name for name in edit["registrars"] if not name.endswith("[]")]
    outermost = [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
    return any(_may_register(_found(name, namespace.globals)) for name in outermost)


def _found(name: str, globals: dict[str, Any]) -> Any:
    """What a dotted name means; no property is asked."""
    first, *rest = name.split(".")
    value = globals.get(first, globals.get("__builtins__", {}))
    if first not in globals:
        builtins = value if type(value) is dict else value.__dict__
        value = builtins.get(first, _MISSING)
    for part in rest:
        kind = type(value)
        own = value.__dict__ if kind.__module__ == "builtins" and kind.__name__ == "module" else {}
        value = own.get(part, _MISSING)
        if value is _MISSING:
            return _MISSING
    return value


def _may_register(decorator: Any) -> bool:
    if decorator is _MISSING:
        # A method of an object: a route, a command, a signal.
        return True
    function = decorator.__func__ if type(decorator) is MethodType else decorator
    if type(function) is not FunctionType:
        module = getattr(function, "__module__", None) if isinstance(function, type) else type(function).__module__
        return not isinstance(module, str) or module.partition(".")[0] not in _QUIET
    if str(function.__module__).partition(".")[0] in _QUIET:
        return False
    for code in tree(function.__code__):
        for instruction in dis.get_instructions(code):
            if instruction.opname in _STORES or instruction.argval in UPDATES:
                return True
    return False
