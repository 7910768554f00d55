"""What belongs to the thread that makes it: made while a patch is prepared, it would be of no use to the program.

Its threads would get an exception from it, or would not see it at all.
"""

import _thread
import sys
from types import CodeType
from typing import Any

from ..errors import OtherThread, Refusal
from ..live import objects

# Module → its classes whose objects work on the thread alone that made them.
_BOUND = {"sqlite3": ("Connection",), "tkinter": ("Tk",)}


def values_before(code: CodeType, names: dict[str, Any]) -> dict[str, Any]:
    """What the names of a statement mean before it runs; nothing if it can't make such a value."""
    return {name: names.get(name, objects.MISSING) for name in code.co_names} if _kinds() else {}


def check_bound(before: dict[str, Any], names: dict[str, Any], text: str) -> None:
    """Looks at what a statement has bound. Such a value does not take the place of the former one."""
    kinds = () if "check_same_thread" in text else _kinds()
    for name, former in before.items():
        value = names.get(name, objects.MISSING)
        if value is former or not issubclass(type(value), kinds):
            continue
        kind = type(value).__name__
        if former is objects.MISSING:
            del names[name]
            raise Refusal(
                "HS0110",
                f"{name} would be a {kind} that works on the agent's thread alone, which makes it; start again",
            )
        names[name] = former
        raise OtherThread(
            f"{name} is kept: a new {kind} would work on the agent's thread alone, which makes it; start again for that"
        )


def check_target(value: Any, text: str) -> None:
    """Refuses an assignment that only the agent's thread would see."""
    decimal = objects.attributes(sys.modules.get("decimal"))
    is_context = issubclass(type(value), decimal.get("Context", ()))
    if issubclass(type(value), _thread._local) or (is_context and decimal["getcontext"]() is value):
        raise Refusal("HS0110", f"{text} belongs to each thread: the program's would not see it; start again for that")


def _kinds() -> tuple[type, ...]:
    found = []
    for module, classes in _BOUND.items():
        members = objects.attributes(sys.modules.get(module))
        found += [members[name] for name in classes if issubclass(type(members.get(name)), type)]
    return tuple(found)
