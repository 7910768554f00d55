"""Classes that statements of a patch have made again answer `isinstance` and `issubclass` for the live ones.

What derives from the live class or is an object of it is of the new one once the patch is live: until it is, the
class that was made has a metaclass of its own that says so.
"""

import abc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import Refusal
from ..live import objects
from ..native import native


class Answering:
    """The classes that were made, until the patch is evaluated."""

    def __init__(self) -> None:
        # Made, its metaclass, the one that answers.
        self._made: list[tuple[type, Any, Any]] = []
        # id of a class that was made → it, and the live one.
        self._live: dict[int, tuple[type, type]] = {}

    def __bool__(self) -> bool:
        return bool(self._made)

    def answer_for(self, live: Any, made: Any) -> None:
        """From now on what is of the live class is of the one that was made."""
        if made is live or not (objects.is_class(live) and objects.is_class(made)) or id(made) in self._live:
            return
        if (objects.module_of(made), made.__qualname__) != (objects.module_of(live), live.__qualname__):
            return
        self._live[id(made)] = made, live
        # Another metaclass may look at itself.
        if objects.is_exactly(made, type, abc.ABCMeta) and native.can_set_layout():
            entry = made, type(made), _answering(type(made), live)
            self._made.append(entry)
            _become(2, [entry])

    def live_of(self, made: type) -> type | None:
        """The live class that a class which was made takes the place of."""
        found = self._live.get(id(made))
        return None if found is None else found[1]

    @contextmanager
    def suspended(self, bases: Sequence[Any] | None = None) -> Iterator[None]:
        """While a class is derived from some, or from any: it has the metaclass that they ask for."""
        entries = [one for one in self._made if bases is None or any(base is one[0] for base in bases)]
        _become(1, entries)
        try:
            yield
        finally:
            _become(2, entries)

    def end(self) -> None:
        _become(1, self._made)
        self._made.clear()


def is_conflict(refusal: Refusal) -> bool:
    """Whether what ran could not derive a class because its bases answer for the live ones."""
    return "metaclass conflict" in refusal.message


def _become(index: int, entries: list[tuple[type, Any, Any]]) -> None:
    if entries:
        native.commit([("metaclass", entry[0], entry[index]) for entry in entries])


def _answering(kind: Any, live: type) -> Any:
    def make(meta: Any, *arguments: Any, **keywords: Any) -> Any:
        # A class that a call derives from such a one is none itself.
        made = kind.__new__(meta, *arguments, **keywords)
        native.commit([("metaclass", made, kind)])
        return made

    def checks_instance(cls: Any, item: Any) -> Any:
        return live in objects.order(type(item)) or kind.__instancecheck__(cls, item)

    def checks_subclass(cls: Any, other: Any) -> Any:
        return (objects.is_class(other) and live in objects.order(other)) or kind.__subclasscheck__(cls, other)

    members = {"__new__": make, "__instancecheck__": checks_instance, "__subclasscheck__": checks_subclass}
    return type.__new__(type, kind.__name__, (kind,), {**members, "__module__": kind.__module__})
