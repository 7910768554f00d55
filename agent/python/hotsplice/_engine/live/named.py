"""What modules and their classes name.

All of a project is looked at for each patch: so it is sorted natively.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from ..native import native
from . import objects

_NAME: Any = type.__dict__["__name__"].__get__  # type: ignore[index]
_QUALNAME: Any = type.__dict__["__qualname__"].__get__  # type: ignore[index]

# Namespaces, or functions: so many are looked at before the program's threads may go on.
_AT_ONCE = 200


class Named:
    """What modules name, and their classes: functions, also those under wrappers and descriptors, and what is made of
    such. Classes are looked into where they are made.
    """

    def __init__(self, modules: Iterable[tuple[Any, Mapping[str, Any]]]) -> None:
        """``modules``: their names, and what they name."""
        given = list(modules)
        self._named = native.Named()
        owners: dict[int, type] = {}
        for value, number in self._look([members for _, members in given]):
            if objects.is_class(value) and objects.module_of(value) == given[number][0]:
                owners[id(value)] = value
        # By the numbers that the native half gives.
        self._owners: list[type | None] = [None] * len(given)
        pending = list(owners.values())
        while pending:
            first = len(self._owners)
            self._owners += pending
            # Classes that stand in classes.
            inside: dict[int, type] = {}
            for value, number in self._look([objects.members(owner) for owner in pending]):
                owner: Any = self._owners[number] if number >= first else None
                if objects.is_class(value) and id(value) not in owners and _stands_in(value, owner):
                    inside[id(value)] = value
            owners |= inside
            pending = list(inside.values())

    def _look(self, namespaces: list[Mapping[str, Any]]) -> Iterator[tuple[type, int]]:
        for first in range(0, len(namespaces), _AT_ONCE):
            yield from self._named.look(namespaces[first : first + _AT_ONCE])

    def functions_but(self, known: Mapping[int, Any]) -> Iterator[tuple[FunctionType, type | None]]:
        """All but those with the codes of these ids, each with the class that has it."""
        for function, number in self._named.functions_but(known):
            yield function, self._owners[number]

    def made_of_functions(self) -> Iterator[tuple[str, Any, type | None]]:
        """What was made of a function and is none, or has attributes: its name, and the class that has it."""
        for name, value, number in self._named.others():
            yield name, value, self._owners[number]

    def add_leading(self, found: set[str]) -> None:
        """Adds the names of functions, and of their classes, that may lead to one of these names."""
        first = 0
        while self._named.read_names(first, _AT_ONCE):
            first += _AT_ONCE
        self._named.add_leading(found, [None if owner is None else _NAME(owner) for owner in self._owners])


def _stands_in(value: type, owner: Any) -> bool:
    is_inside = _QUALNAME(value) == f"{_QUALNAME(owner)}.{_NAME(value)}" if owner is not None else False
    return is_inside and objects.module_of(value) == objects.module_of(owner)
