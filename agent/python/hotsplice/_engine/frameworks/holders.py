"""Objects in a registry that are registries themselves: an event with its handlers, a store with its jobs."""

from collections.abc import Iterable
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ..live import objects
from ..live.code import tree
from ..native import native
from . import entries, stores

# Methods by which a class shows that it is filled by others.
_FILLING = ("add", "append", "connect", "insert", "on", "push", "put", "register", "subscribe")
# How many functions are followed that decorators call.
_LIMIT = 200


class Holder:
    """An object in which definitions are registered, within a registry."""

    def __init__(self, containers: list[Any], is_made_by_decorators: bool) -> None:
        self.containers = containers
        # It goes with the last definition that it holds; one that was there before any stays.
        self.goes = is_made_by_decorators


def found(value: Any, live: set[int], used: set[int], beside: Any, registrars: list[Any]) -> Holder | None:
    """What an object in a registry is, if it holds a definition and not on behalf of that alone."""
    if not _is_plain_object(value):
        return None
    held = [one for one in stores.attributes(value) if stores.kind_of(one) is not None]
    # One that is filled itself is no part of what stands in it.
    own = [one for one in held if 0 < stores.size(one) <= entries.LIMIT and id(one) not in used]
    own = [one for one in own if any(_is_about(entry, live, beside) for entry in stores.entries(one))]
    if not own:
        return None
    is_made = _make(registrars, type(value))
    is_shared = any(
        entries.function(entry[1]) is not None and not _is_about(entry, live, beside)
        for one in own
        for entry in stores.entries(one)
    )
    if not is_shared and (is_made or not _is_filled_by_others(type(value))):
        return None
    return Holder(own, is_made)


def like(value: Any, beside: Any) -> Holder | None:
    """What an object in a registry is that may be given a definition."""
    if not _is_plain_object(value) or not _is_filled_by_others(type(value)):
        return None
    held = [one for one in stores.attributes(value) if stores.kind_of(one) is not None and id(one) not in beside]
    own = [one for one in held if 0 < stores.size(one) <= entries.LIMIT]
    own = [one for one in own if any(entries.function(value) is not None for _, value in stores.entries(one))]
    return Holder(own, False) if own else None


def _is_about(entry: tuple[Any, Any], live: set[int], beside: Any) -> bool:
    return entries.reaches(entry[1], live, beside) or entries.reaches(entry[0], live, beside)


def _is_plain_object(value: Any) -> bool:
    if stores.kind_of(value) is not None or stores.is_a(value, (FunctionType, MethodType, type, ModuleType)):
        return False
    return native.is_made_in_python(type(value))


def _is_filled_by_others(kind: type) -> bool:
    return any(
        type(member) is FunctionType and name.partition("_")[0] in _FILLING
        for cls in objects.order(kind)
        for name, member in objects.members(cls).items()
    )


def _make(registrars: Iterable[Any], kind: type) -> bool:
    """Whether decorators, or what they call, name a class: they make objects of it."""
    registrars = list(registrars)
    owners = [one for one in registrars if not stores.is_a(one, (FunctionType, type))]
    pending = [one for one in registrars if stores.is_a(one, FunctionType)]
    pending += [] if pending else [one for owner in owners for one in _called(owner)]
    seen: set[int] = set()
    while pending and len(seen) < _LIMIT:
        function = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        for name in {name for code in tree(function.__code__) for name in code.co_names}:
            named = [function.__globals__.get(name), *(_member(owner, name) for owner in owners)]
            if any(one is kind for one in named):
                return True
            pending += [one for one in named if stores.is_a(one, FunctionType)]
        if any(one is kind for one in entries.cells(function)):
            return True
    return False


def _called(owner: Any) -> list[FunctionType]:
    found = objects.of_type(type(owner), "__call__")
    return [found] if type(found) is FunctionType else []


def _member(owner: Any, name: str) -> Any:
    own = objects.dictionary(owner)
    return own[name] if own and name in own else objects.of_type(type(owner), name)
