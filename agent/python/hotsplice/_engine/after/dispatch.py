"""Attributes of classes and modules that mean one thing to calls that began before a patch and another to all else.

They stand in a class, or in front of a module, only as long as such a call may look one up.
"""

import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from ..live import objects
from . import reach

MISSING = objects.MISSING

# Taken once: a program may have `sys` without it for a while.
_getframe = sys._getframe

IsRetired = Callable[[CodeType], bool]


class Attribute(objects.Dispatched):
    """What a class has under a name: ``former`` for retired code, ``live`` for all else."""

    def __init__(
        self,
        owner: type,
        name: str,
        former: Any,
        live: Any,
        is_retired: IsRetired,
        is_copy: bool,
        earlier: "Attribute | None" = None,
    ) -> None:
        # What the class has had under the name since an earlier patch, for the calls that began before that.
        self.earlier = earlier
        self.owner = owner
        self.name = name
        self.former = former
        self.live = live
        self.is_retired = is_retired
        # Under which name objects have what former code finds in them.
        self.held_as = name
        # A copy is for calling only: who keeps or compares what it looks up gets the real one.
        self.is_copy = is_copy

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        value, held_as = self._meant(_getframe(1))
        return _bound(value, held_as, self, instance, owner)

    def _knows(self, code: CodeType) -> bool:
        return self.is_retired(code) or (self.earlier is not None and self.earlier._knows(code))

    def _meant(self, frame: Any) -> tuple[Any, str]:
        """The value, and under which name the object has one of its own."""
        if self.earlier is not None and self.earlier._knows(frame.f_code):
            return self.earlier._meant(frame)
        if not self.is_retired(frame.f_code):
            return self.live, self.name
        is_value = self.is_copy and reach.is_method_load(frame.f_code, frame.f_lasti) is False
        return self.live if is_value and self.live is not MISSING else self.former, self.held_as


class DataAttribute(Attribute):
    """One that takes precedence over what the instance has, as a property does."""

    def __set__(self, instance: Any, value: Any) -> None:
        meant, held_as = self._meant(_getframe(1))
        if hasattr(type(meant), "__set__"):
            type(meant).__set__(meant, instance, value)
        elif held_as != self.name:
            setattr(instance, held_as, value)
        else:
            instance.__dict__[self.name] = value

    def __delete__(self, instance: Any) -> None:
        meant, held_as = self._meant(_getframe(1))
        if hasattr(type(meant), "__delete__"):
            type(meant).__delete__(meant, instance)
        elif held_as != self.name:
            delattr(instance, held_as)
        else:
            del instance.__dict__[self.name]


def attribute(
    owner: type,
    name: str,
    former: Any,
    live: Any,
    is_retired: IsRetired,
    is_copy: bool,
    earlier: Attribute | None = None,
    held_as: str | None = None,
) -> Attribute:
    """``held_as``: the name under which objects go on with what they have had under this one."""
    is_data = held_as is not None or any(
        value is not MISSING and hasattr(type(value), "__set__") for value in (former, live)
    )
    kind = DataAttribute if is_data or isinstance(earlier, DataAttribute) else Attribute
    found = kind(owner, name, former, live, is_retired, is_copy, earlier)
    found.held_as = held_as or name
    return found


def _bound(value: Any, held_as: str, place: Attribute, instance: Any, owner: type | None) -> Any:
    kind = type(instance) if owner is None else owner
    if isinstance(place, DataAttribute) and (value is MISSING or not hasattr(type(value), "__set__")):
        members = getattr(instance, "__dict__", {}) if instance is not None else {}
        if held_as in members:
            return members[held_as]
    if value is MISSING:
        value = _inherited(place, kind)
    get = getattr(type(value), "__get__", None)
    return value if get is None else get(value, instance, kind)


def _inherited(place: Attribute, kind: type) -> Any:
    # A metaclass that compares is not asked.
    classes = iter(objects.order(kind))
    any(cls is place.owner for cls in classes)
    for base in classes:
        if place.name in base.__dict__:
            return base.__dict__[place.name]
    raise AttributeError(f"{kind.__name__!r} object has no attribute {place.name!r}")


def give_attributes(module: ModuleType, formers: dict[str, tuple[Any, bool]], is_retired: IsRetired) -> None:
    """Retired code sees these attributes of a module as they were, (value, whether it is a copy) each."""
    entries = objects.module_entries(module)
    if entries is not None:
        entries.append((formers, is_retired))
    else:
        ModuleType.__setattr__(module, "__class__", _module_class(type(module), [(formers, is_retired)]))


def take_attributes(module: ModuleType, formers: dict[str, tuple[Any, bool]]) -> None:
    """Nobody sees them any more."""
    entries = objects.module_entries(module)
    if entries is not None:
        entries[:] = [entry for entry in entries if entry[0] is not formers]
        if not entries:
            ModuleType.__setattr__(module, "__class__", type(module).__base__)


def _module_class(base: Any, entries: list[tuple[dict[str, tuple[Any, bool]], IsRetired]]) -> type:
    def __getattribute__(self: ModuleType, name: str) -> Any:
        # A call goes on with what it began with: the patches that it has outlived, the oldest first.
        for formers, is_retired in entries:
            found = formers.get(name)
            if found is not None:
                frame = _getframe(1)
                former, is_copy = found
                if is_retired(frame.f_code) and not (
                    is_copy and reach.is_method_load(frame.f_code, frame.f_lasti) is False
                ):
                    return former
        return base.__getattribute__(self, name)

    def __setattr__(self: ModuleType, name: str, value: Any) -> None:
        # What such a call stores is what it finds again; under a name that is gone nobody else does.
        for formers, is_retired in entries:
            if name in formers and is_retired(_getframe(1).f_code):
                formers[name] = value, False
                if name not in objects.attributes(self):
                    return
                break
        base.__setattr__(self, name, value)

    members = {"__getattribute__": __getattribute__, "__setattr__": __setattr__, "__module__": base.__module__}
    return type(base.__name__, (base,), {**members, objects.MODULE_ENTRIES: entries})
