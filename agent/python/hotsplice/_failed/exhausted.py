"""What a call was given that is used up by its going on: that call can't be run through once more.

Looked at by type alone, never through the program's own attributes. What lies deeper than in an attribute of an
argument, or in a closure, is not seen; a file that a global name stands for neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, GetSetDescriptorType
from typing import Any

_mro: Any = type.__dict__["__mro__"].__get__  # type: ignore[index]
_members: Any = type.__dict__["__dict__"].__get__  # type: ignore[index]
_name: Any = type.__dict__["__name__"].__get__  # type: ignore[index]

# By what their types have: iterators, files and cursors; queues; sockets and pipes.
_SIGNS = ({"__next__"}, {"__anext__"}, {"get", "put", "empty"}, {"recv", "send"})
_CONTAINERS = (list, dict, set, deque, bytearray)


def sizes(values: Iterable[Any]) -> list[int]:
    """Of the containers among them, to see later whether something has been taken out."""
    return [len(value) if any(type(value) is one for one in _CONTAINERS) else 0 for value in values]


def found(function: Callable[..., Any], values: list[Any], sizes_before: list[int]) -> str | None:
    """The name of the type of something used up, if there is any."""
    for value, before, now in zip(values, sizes_before, sizes(values)):
        if now < before:
            return str(_name(type(value)))
    for value in _seen(function, values):
        names = {name for cls in _mro(type(value)) for name in _members(cls)}
        if any(signs <= names for signs in _SIGNS):
            return str(_name(type(value)))
    return None


def _seen(function: Callable[..., Any], values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        yield from _attributes(value)
    if type(function) is FunctionType:
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:
                # Empty by now.
                pass


def _attributes(value: Any) -> list[Any]:
    for cls in _mro(type(value)):
        dictionary = _members(cls).get("__dict__")
        if type(dictionary) is GetSetDescriptorType:
            own = dictionary.__get__(value)
            return list(own.values()) if type(own) is dict else []
    return []
