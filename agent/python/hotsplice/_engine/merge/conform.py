"""Objects that depend on a function's code and say how they follow it: ``__conform__(new)``, as jurigged has it.

An object that refers to the code of a function that is edited is given the new code once the patch is live: for what is
generated from code, or runs a copy of it. A function that has such an attribute of its own is given itself, once
its new code is live.
"""

import gc
from collections.abc import Mapping
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import Plan


def follow(changes: list[Any], held: Mapping[int, tuple[CodeType, CodeType]], plan: "Plan") -> None:
    for function in (function for change in changes for function in change.functions):
        members = objects.dictionary(function)
        if members and "__conform__" in members:
            plan.afterwards.append(partial(members["__conform__"], function))
    pairs = {key: new for key, (old, new) in held.items() if old != new}
    codes = [held[key][0] for key in pairs]
    if not codes or not _is_used():
        return
    own = {id(codes), *map(id, held.values()), *(id(pair) for change in changes for pair in change.pairs.values())}
    for holder in native.referrers(codes):
        if id(holder) in own or objects.is_exactly(holder, CodeType, FrameType, FunctionType):
            continue
        for owner, new in _held_by(holder, pairs):
            plan.afterwards.append(partial(type(owner).__conform__, owner, new))


def _is_used() -> bool:
    """Whether any class has such a method: the heap is looked through for nothing else."""
    return any("__conform__" in objects.members(cls) for cls in native.objects_of_type(type))


def _held_by(holder: Any, pairs: dict[int, CodeType]) -> list[tuple[Any, CodeType]]:
    owners = [holder]
    if type(holder) is dict:
        owners = [one for one in native.referrers([holder]) if objects.dictionary(one) is holder]
    found = []
    for owner in owners:
        if not hasattr(type(owner), "__conform__"):
            continue
        values = list((objects.dictionary(owner) or {}).values()) if type(holder) is dict else _referents(owner)
        found += [(owner, pairs[id(value)]) for value in values if id(value) in pairs]
    return found


def _referents(value: Any) -> list[Any]:
    return gc.get_referents(value)
