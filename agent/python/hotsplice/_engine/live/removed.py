"""Functions and classes that a patch has taken out of their namespace and that somebody may still hold."""

import weakref
from types import FunctionType
from typing import Any

# (id of a namespace, qualified path) → the object. Namespaces of modules live as long as the process, mostly.
_removed: dict[tuple[int, tuple[str, ...]], "weakref.ref[Any]"] = {}


def note(globals: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    if isinstance(value, (FunctionType, type)):
        key = (id(globals), path)
        _removed[key] = weakref.ref(value, lambda _: _removed.pop(key, None))


def find(globals: dict[str, Any], path: tuple[str, ...]) -> Any | None:
    """What was last removed under this name, if it is alive."""
    reference = _removed.get((id(globals), path))
    return None if reference is None else reference()
