"""Registries that what fills them keeps in an order of its own: by priority, by name."""

from collections.abc import Iterable
from types import FunctionType
from typing import Any

from ..live.code import tree
from .entries import Entries
from .gathering import functions_of

# What puts a list in order, or an item of it in its place.
_SORTING = frozenset(("sort", "sorted", "insort", "insort_left", "insort_right", "heappush", "heapify"))
# How far functions are followed that a function calls.
_DEPTH = 2


def sorts(registrars: Iterable[Any]) -> bool:
    """Whether one of them, or a function that it calls, puts something in order."""
    return any(_sorts(function, 0) for one in registrars for function in functions_of(one))


def _sorts(function: FunctionType, depth: int) -> bool:
    names = {name for code in tree(function.__code__) for name in code.co_names}
    called = (function.__globals__.get(name) for name in names) if depth < _DEPTH else ()
    return not _SORTING.isdisjoint(names) or any(
        _sorts(one, depth + 1) for one in called if type(one) is FunctionType and one is not function
    )


def as_landed(items: list[Any], landed: Entries) -> list[Any]:
    """Items in the order that they had when all had been registered; what has come otherwise stays where it is."""
    position = {id(value): index for index, (_, value) in enumerate(landed)}
    slots = [index for index, one in enumerate(items) if id(one) in position]
    ordered = list(items)
    for index, one in zip(slots, sorted((items[index] for index in slots), key=lambda one: position[id(one)])):
        ordered[index] = one
    return ordered
