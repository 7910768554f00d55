"""Tables that the program keys by code objects: profilers, caches and registries do.

A code object's hash has its first line in it, from CPython 3.12 on. So where that line changes in place, tables are
told; where a function gets another code object, its entry moves to that one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from ..native import native


def calls_inside() -> Counter[int]:
    """How many calls are inside of each code object, by its id: each of them refers to it."""
    found: Counter[int] = Counter()
    for frame in native.current_frames().values():
        while frame is not None:
            found[id(frame.f_code)] += 1
            frame = frame.f_back
    return found


def follow(changes: Iterable[Any], file_change: Any, functions: Mapping[int, list[FunctionType]], plan: Any) -> None:
    """Entries for the former code of changed functions become entries for the new one."""
    shared = [change for change in changes if change.unaccounted]
    if not shared:
        return
    inside = calls_inside()
    new_codes: dict[int, CodeType] = {}
    suspects: list[CodeType] = []
    for change in shared:
        for key, (old, new) in change.pairs.items():
            known = len(functions.get(key, ())) - (key in change.roots)
            # A call in the former code may still look for it.
            if new is not old and not inside[key] and change.unaccounted.get(key, 0) > known:
                suspects.append(old)
                new_codes[key] = new
    if not suspects:
        return
    tables, fixed = native.tables_of(suspects)
    move(tables, new_codes, plan)
    for change in shared:
        if any(id(code) in change.pairs for code in fixed):
            for outcome in file_change.outcomes_of(change.unit):
                outcome.caveat(
                    "HS0303", "the former code object is part of a key of a table: that entry stays as it is"
                )


def move(tables: Iterable[tuple[Any, list[CodeType]]], new_codes: Mapping[int, CodeType], plan: Any) -> None:
    for container, codes in tables:
        pairs = [(code, new_codes[id(code)]) for code in codes]
        if isinstance(container, dict):
            plan.add("dict-keys", container, pairs, True)
        else:
            for old, new in pairs:
                plan.add("set-replace", container, old, new)
