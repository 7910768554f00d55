"""Registries that what fills them keeps in an order of its own: by priority, by name."""

import dis
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

from ..live.code import tree
from .entries import Entries
from .gathering import functions_of

# What puts a list in order, or an item of it in its place.
_SORTING = frozenset(("sort", "insort", "insort_left", "insort_right", "heappush", "heapify"))
# How far functions are followed that a function calls.
_DEPTH = 2


def sorts(registrars: Iterable[Any]) -> bool:
    """Whether one of them, or a function that it calls, puts something in order."""
    reached = [one for each in registrars for function in functions_of(each) for one in _reached(function, 0)]
    names = {name for function in reached for code in tree(function.__code__) for name in code.co_names}
    # `sorted` makes another list, which may be of anything: it counts where a list is given new content.
    return not _SORTING.isdisjoint(names) or ("sorted" in names and ("extend" in names or any(map(_fills, reached))))


def _reached(function: FunctionType, depth: int) -> Iterator[FunctionType]:
    yield function
    names = {name for code in tree(function.__code__) for name in code.co_names}
    for one in (function.__globals__.get(name) for name in names) if depth < _DEPTH else ():
        if type(one) is FunctionType and one is not function:
            yield from _reached(one, depth + 1)


def _fills(function: FunctionType) -> bool:
    """Whether it gives a slice new content: `rules[:] = …`."""
    for code in tree(function.__code__):
        is_slice = False
        for instruction in dis.get_instructions(code):
            if instruction.opname == "STORE_SLICE" or (instruction.opname == "STORE_SUBSCR" and is_slice):
                return True
            if instruction.opname not in ("CACHE", "EXTENDED_ARG"):
                # One of constants is a constant itself, from 3.14 on.
                is_slice = instruction.opname == "BUILD_SLICE" or type(instruction.argval) is slice
    return False


def as_landed(items: list[Any], landed: Entries) -> list[Any]:
    """Items in the order that they had when all had been registered; what has come otherwise stays where it is."""
    position = {id(value): index for index, (_, value) in enumerate(landed)}
    slots = [index for index, one in enumerate(items) if id(one) in position]
    ordered = list(items)
    for index, one in zip(slots, sorted((items[index] for index in slots), key=lambda one: position[id(one)])):
        ordered[index] = one
    return ordered
