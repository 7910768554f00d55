"""Tables that the program keys by code objects: profilers, caches and registries do.

A code object's hash has its first line in it, from CPython 3.12 on. So where that line changes in place, tables are
told; where a function gets another code object, its entry moves to that one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from ..frameworks import debuggers
from ..live import calls
from ..native import native

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import Plan
    from .functions import CodeChange


def calls_inside() -> Counter[int]:
    """How many calls are inside of each code object, by its id: each of them refers to it."""
    found: Counter[int] = Counter()
    frame: FrameType | None
    for frame in native.current_frames().values():
        while frame is not None:
            found[id(frame.f_code)] += 1
            frame = frame.f_back
    return found


def runners(codes: list[CodeType]) -> tuple[dict[int, list[FunctionType]], Counter[int], list[Any] | None]:
    """The functions of each code, by its id; how many calls are, or are to come, in it; and the suspended ones."""
    if not codes:
        return {}, Counter(), []
    found, suspended, groups = calls.runners(codes)
    keys = [id(code) for code in codes]
    to_come = Counter(dict(zip(keys, native.planned_references(codes))))
    return dict(zip(keys, found)), calls_inside() + suspended + to_come, groups


def held_elsewhere(
    changes: Iterable[Any], functions: Mapping[int, list[FunctionType]], inside: Mapping[int, int]
) -> dict[int, tuple[CodeType, CodeType]]:
    """The former codes, each with the new one, that more refer to than functions and calls."""
    return {
        key: (old, new)
        for change in changes
        for key, (old, new) in change.pairs.items()
        if new is not old and change.unaccounted.get(key, 0) > _known(key, change, functions, inside)
    }


def _known(
    key: int, change: "CodeChange", functions: Mapping[int, list[FunctionType]], inside: Mapping[int, int]
) -> int:
    return len(functions.get(key, ())) - (key in change.roots) + inside.get(key, 0)


def follow(
    changes: Iterable[Any], file_change: "FileChange", held: Mapping[int, tuple[CodeType, CodeType]], plan: "Plan"
) -> None:
    """Entries for the former code of changed functions become entries for the new one."""
    if not held:
        return
    inside = calls_inside()
    # A call in the former code may still look for it.
    new_codes = {key: new for key, (_, new) in held.items() if not inside[key]}
    if not new_codes:
        return
    tables = Tables([held[key][0] for key in new_codes])
    # What a debugger knows of the former code is not so of the new one, which it has not seen.
    tables.move(new_codes, plan)
    for change in changes:
        if any(key in change.pairs for key in tables.fixed):
            for outcome in file_change.outcomes_of(change.unit):
                outcome.caveat(
                    "HS0303", "the former code object is part of a key of a table: that entry stays as it is"
                )


class Tables:
    """The dictionaries and sets that have codes as keys, or in tuples that are keys."""

    def __init__(self, codes: list[CodeType]) -> None:
        self._following: list[tuple[Any, list[Any]]] = []
        self._of_debugger: list[tuple[Any, list[Any]]] = []
        # Ids of codes in keys that can't be put elsewhere.
        self.fixed: set[int] = set()
        wanted = set(map(id, codes))
        for container, keys, can_follow in native.tables_of(codes) if codes else ():
            if debuggers.is_table(container):
                self._of_debugger.append((container, keys))
            elif can_follow:
                self._following.append((container, keys))
            else:
                items = [item for key in keys for item in (key if type(key) is tuple else (key,))]
                self.fixed.update(wanted.intersection(map(id, items)))

    def move(self, new_codes: Mapping[int, CodeType], plan: "Plan") -> None:
        """Entries for codes become entries for their new ones."""
        for container, keys in self._following:
            pairs = [(key, _with_new_codes(key, new_codes)) for key in keys]
            if isinstance(container, dict):
                plan.add("dict-keys", container, pairs, True)
            else:
                for old, new in pairs:
                    plan.add("set-replace", container, old, new)

    def forget_lines(self, plan: "Plan") -> None:
        """What a debugger knows of codes whose lines change afterwards has the former lines in it."""
        for container, keys in self._of_debugger:
            for key in keys:
                plan.add("dict-delete", container, key)

    def rehash(self, plan: "Plan") -> None:
        """The lines of the codes have changed before, and with them their hashes."""
        for container, _ in self._following:
            plan.add("rehash", container)


def _with_new_codes(key: Any, new_codes: Mapping[int, CodeType]) -> Any:
    if type(key) is tuple:
        return tuple(new_codes.get(id(item), item) for item in key)
    return new_codes[id(key)]
