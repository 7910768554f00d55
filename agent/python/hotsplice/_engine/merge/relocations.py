"""Definitions that move from one file of a patch to another keep their identity."""

from types import FunctionType
from typing import Any

_OWN = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__static_attributes__", "__firstlineno__"}


def find(mergers: list[Any]) -> None:
    """Tells each merger which of the definitions that are new in its file are live, in a file that has lost them."""
    gone = [
        (merger, outcome.edit["definition"], merger.namespace.globals.get(outcome.edit["definition"]))
        for merger in mergers
        for outcome in merger.change.outcomes
        if not outcome.edit["scope"] and outcome.edit["what"] in ("function", "class") and _is_lost(outcome.edit)
    ]
    for merger in mergers if gone else ():
        for name, outcome in merger.bound.items():
            made = merger.shadow.globals.get(name)
            if outcome.edit["what"] not in ("function", "class") or name in merger.namespace.globals:
                continue
            for source, former, live in gone:
                if former == name and source is not merger and _is_own(live, source.namespace) and _fits(live, made):
                    merger.moved[name] = live
                    merger.moved_from.add(id(source.namespace.globals))
                    merger.stand_ins[id(made)] = live


def _is_lost(edit: dict[str, Any]) -> bool:
    return edit["change"] == "removed" or edit["kind"] == "replaced"


def _is_own(live: Any, namespace: Any) -> bool:
    return (type(live) is FunctionType or issubclass(type(live), type)) and live.__module__ == namespace.name


def _fits(live: Any, made: Any) -> bool:
    if type(live) is FunctionType:
        return type(made) is FunctionType
    if type(live) is not type(made) or not issubclass(type(live), type):
        return False
    before, after = set(live.__dict__) - _OWN, set(made.__dict__) - _OWN
    names = [{base.__name__ for base in cls.__bases__} for cls in (live, made)]
    return bool(before & after) or (names[0] == names[1] and not (before and after))
