"""What modules and their classes name.

Most of that is plain functions, and all of it is looked at for each patch: so they are set apart natively.
"""

from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

from ..native import native
from . import objects
from .reach import functions_in


class Named:
    """What one module or class names."""

    def __init__(self, members: Any, owner: type | None = None) -> None:
        self.owner = owner
        self.functions, self._codes, self.others = native.members(members)

    def all_functions(self, known: set[int] | frozenset[int] = frozenset()) -> Iterator[FunctionType]:
        """Those under wrappers and descriptors, too. ``known``: ids of codes of which no function is wanted."""
        # To ask a function for its code is an audit event, which takes longer than all else.
        if not known.issuperset(map(id, self._codes)):
            yield from [one for one, code in zip(self.functions, self._codes) if id(code) not in known]
        for _, value in self.others:
            yield from (one for one in functions_in(value) if id(one.__code__) not in known)


def named(holders: Iterable[tuple[Any, dict[str, Any]]]) -> list[Named]:
    """``holders``: modules by name, with what they name. Classes are looked into where they are made."""
    found: list[Named] = []
    classes: dict[int, type] = {}
    for module, members in holders:
        one = Named(members)
        found.append(one)
        rest = []
        for name, value in one.others:
            if not objects.is_class(value):
                rest.append((name, value))
            elif objects.module_of(value) == module:
                classes[id(value)] = value
        one.others = rest
    found += [Named(objects.members(value), value) for value in classes.values()]
    return found
