"""The live functions of a patch's definitions, and what is said of a definition that has none."""

import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup
from ..live.code import functions_by_place
from ..live.files import live_file
from ..native import native
from .functions import CodeChange

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..live.lookup import Namespace
    from ..live.messages import Unit

_MISSING = object()


def resolve(file_change: "FileChange", namespace: "Namespace", compiled: CodeType) -> "list[CodeChange]":
    """Finds the live functions of each unit; tells the edits of those that have none."""
    found = []
    compiled_functions = functions_by_place(compiled)
    living = lookup.Living(namespace)
    for unit in file_change.units:
        new_code = compiled_functions.get((unit["name"], unit["line"]))
        if new_code is None:
            continue
        live = lookup.find_unit(namespace, unit, living)
        if not live:
            for outcome in file_change.outcomes_of(unit):
                _say_missing(outcome, unit, namespace)
            continue
        if lookup.is_displaced(namespace, unit, live[0]) and not _is_decorators_own(file_change.path, unit, namespace):
            for outcome in file_change.outcomes_of(unit):
                if outcome.edit.get("superseded"):
                    continue
                _note_displaced(outcome, unit, namespace)
                outcome.caveat(
                    "HS0305",
                    f"{unit['name']} holds something else that the program put there: it is kept; the function of this "
                    "file, which goes on elsewhere, has the new code",
                )
        found.append((unit, live, new_code))
    # Asked before anything here refers to the code.
    counted_at = native.thread_switches()
    counts = native.unaccounted([live[0] for _, live, _ in found], file_change.holders)
    return [
        CodeChange(unit, namespace, live, as_decorated(live[0].__code__, new_code), unaccounted, counted_at)
        for (unit, live, new_code), unaccounted in zip(found, counts)
    ]


def as_decorated(old: CodeType, new: CodeType) -> CodeType:
    """New code with the flag that ``types.coroutine`` gave the old one: no text sets it."""
    is_iterable = old.co_flags & inspect.CO_ITERABLE_COROUTINE and new.co_flags & inspect.CO_GENERATOR
    return new.replace(co_flags=new.co_flags | inspect.CO_ITERABLE_COROUTINE) if is_iterable else new


def _say_missing(outcome: "EditOutcome", unit: "Unit", namespace: "Namespace") -> None:
    if outcome.edit.get("superseded"):
        outcome.unneeded(None, f"another definition of {unit['name']} follows, and nothing holds this one")
    elif lookup.bound_value(namespace, unit["scope"], unit["name"], _MISSING) is _MISSING:
        outcome.unneeded(
            "HS0404", f"{unit['name']} is not live in this process: it was never made, or its name is gone"
        )
    elif _is_defined_elsewhere(unit, namespace):
        outcome.unneeded("HS0404", f"another definition of {unit['name']} in this file is the live one")
    else:
        _note_displaced(outcome, unit, namespace)
        outcome.caveat("HS0107", f"no live function runs the text of {unit['name']}: the name holds something else")


def _note_displaced(outcome: "EditOutcome", unit: "Unit", namespace: "Namespace") -> None:
    """What the name holds is the program's own, unless a decorator may have made it of the function."""
    if not _is_decorated(outcome.path, unit):
        outcome.displaced.add(id(namespace.globals))


def _is_decorators_own(path: str, unit: "Unit", namespace: "Namespace") -> bool:
    """Whether a decorated definition's name holds a function that an installed package has made of it."""
    value = lookup.bound_value(namespace, unit["scope"], unit["name"])
    if not _is_decorated(path, unit) or type(value) is not FunctionType:
        return False
    return lookup.is_installed(lookup.absolute(value.__code__.co_filename))


def _is_decorated(path: str, unit: "Unit") -> bool:
    return live_file(path).excerpt(unit["old_line"], unit["old_end_line"]).lstrip().startswith("@")


def _is_defined_elsewhere(unit: "Unit", namespace: "Namespace") -> bool:
    """Whether a definition in another branch has the name: ``if FAST: def f(): … else: def f(): …``"""
    value = lookup.bound_value(namespace, unit["scope"], unit["name"])
    qualified = ".".join((*unit["scope"], unit["name"]))

    def is_other(item: Any) -> bool:
        is_own = isinstance(item, FunctionType) and namespace.reads(item.__code__)
        return is_own and item.__qualname__ == qualified and item.__code__.co_firstlineno != unit["old_line"]

    return namespace.lines_known and lookup.search(value, is_other) is not None
