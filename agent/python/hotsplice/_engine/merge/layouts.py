"""How the objects of a class lie in memory, and what kind of object the class itself is.

A live class stays the object that it is: while it has no objects it is given another layout, and another metaclass
at any time. The layout comes from a *carrier*, a class made for it that has nothing but the slots (see
``agent/src/commit/class_layout.rs``).
"""

import abc
import enum
import sys
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..live import lookup
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import Plan

MISSING = object()
# Flags of a type (Include/object.h): what lies before an object, whether it is collected, what pattern matching and
# fast checks ask.
_LAYOUT_FLAGS = (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 14) | (0xFF << 24)
# Objects have a dictionary before them.
_MANAGED_DICT = 1 << 4
# What is asked of a class of msgspec.
_STRUCT = (
    "__struct_fields__",
    "__struct_encode_fields__",
    "__struct_defaults__",
    "__struct_config__",
    "__annotations__",
)
_SIZES = ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")


def slots(cls: type) -> tuple[list[tuple[str, str]], bool, bool]:
    """What a class adds to each object: slots by name, a dictionary, weak references."""
    members = [name for name, value in cls.__dict__.items() if _is_own_slot(value, cls)]
    has = (isinstance(cls.__dict__.get(name), GetSetDescriptorType) for name in ("__dict__", "__weakref__"))
    return sorted(members), *has  # type: ignore[return-value,arg-type]


def _is_own_slot(value: object, cls: type) -> bool:
    return type(value) is MemberDescriptorType and value.__objclass__ is cls


def made_in_c(cls: type) -> type:
    """The first base that no class statement made and that says what an object begins with."""
    return next(base for base in cls.__mro__ if not (native.is_made_in_python(base) or _adds_nothing(base)))


def _adds_nothing(cls: type) -> bool:
    """Whether a class that was made in C has objects like those of ``object`` (``typing.Generic`` from 3.12 on)."""
    is_alike = all(getattr(cls, size) == getattr(object, size) for size in _SIZES)
    return cls is not object and not native.is_made_in_python(cls) and is_alike and cls.__bases__ == (object,)


def fits(live: type, made: type) -> bool:
    """Whether objects of the class and of the one that was built anew lie in memory alike and are freed alike."""
    if (live.__flags__ ^ made.__flags__) & _LAYOUT_FLAGS:
        return False
    if any(getattr(live, size) != getattr(made, size) for size in _SIZES):
        return False
    return made_in_c(live) is made_in_c(made) and _all_slots(live) == _all_slots(made)


def has_other_fields(live: type, made: type) -> str | None:
    """What has objects of a class lie in memory otherwise, where only its metaclass, made in C, knows of that."""
    if type(live).__module__ == "_ctypes":
        changed = any(_fields(live, name) != _fields(made, name) for name in ("_fields_", "_pack_", "_anonymous_"))
        return "_fields_" if changed else None
    if type(live).__module__.partition(".")[0] == "msgspec":
        held, new = ([_told(cls, name) for name in _STRUCT] for cls in (live, made))
        return "fields, which objects that exist may lack," if held != new else None
    return None


def _told(cls: Any, name: str) -> Any:
    """What msgspec tells of a class, defaults by what they are."""
    value = getattr(cls, name, None)
    if name == "__struct_config__":
        return [(one, repr(getattr(value, one))) for one in dir(value) if one[0] != "_"]
    return [(type(one), repr(one)) for one in value] if type(value) is tuple else repr(value)


def _fields(cls: type, name: str) -> Any:
    held = cls.__dict__.get(name, ())
    return (
        [tuple(part if type(part) in (str, int) else id(part) for part in field) for field in held]
        if (name == "_fields_")
        else held
    )


def _all_slots(cls: type) -> list[tuple[str, str]]:
    return [
        (name, base.__qualname__)
        for base in cls.__mro__
        for name, value in base.__dict__.items()
        if _is_own_slot(value, base)
    ]


class Layouts:
    """The classes of a patch that get another layout."""

    def __init__(self) -> None:
        # (live class, the class that was built anew)
        self._wanted: list[tuple[type, type]] = []

    def request(self, live: type, made: type, change: str) -> None:
        """Notes that a live class gets the layout of one that was built anew; raises ``Refusal`` if it can't."""
        base = made_in_c(live)
        if base is not made_in_c(made) or type(base) is not type or not native.can_set_layout():
            raise Refusal(
                "HS0502", f"{change}, and {live.__qualname__} can't be given another layout; start the process again"
            )
        found = native.objects_of_type(*lookup.with_subclasses(live))
        if found:
            instances = "1 existing instance" if len(found) == 1 else f"{len(found)} existing instances"
            raise Refusal(
                "HS0502",
                f"{change}, and {instances} of {live.__qualname__} or of its subclasses can't follow; "
                "start the process again, or patch when there are none",
            )
        self._wanted.append((live, made))

    def classes(self) -> list[type]:
        return [cls for live, _ in self._wanted for cls in lookup.with_subclasses(live)]

    def settle(self, plan: "Plan", replaced: list[tuple[Any, Any]]) -> None:
        """Plans them, before all else: what is set on the classes then must not be taken for their former slots."""
        if not self._wanted:
            return
        live_of = {id(made): live for made, live in replaced}
        made_of = {id(live): made for live, made in self._wanted}
        affected = {cls for live, _ in self._wanted for cls in lookup.with_subclasses(live) if id(cls) not in live_of}
        carriers = _Carriers(made_of, live_of)
        classes = []
        for cls in sorted(affected, key=lambda one: len(one.__mro__)):
            source = made_of.get(id(cls), cls)
            base = source.__base__
            if base not in source.__mro__:
                # The carrier of a layout that it was given before.
                base = base.__base__
            donor = type("donor", (), {})
            carrier = carriers.of(cls)
            if sys.version_info >= (3, 11) and (cls.__flags__ | carrier.__flags__) & _MANAGED_DICT:
                # Objects that other threads make meanwhile were seen to break there.
                raise Refusal("HS0502", f"objects of {cls.__qualname__} with a dictionary can't get another layout")
            classes.append((cls, carrier, live_of.get(id(base), base), donor))
            if "__slotnames__" in cls.__dict__:
                # What `copyreg` noted.
                plan.delete_class_attribute(cls, "__slotnames__")
        plan.operations.insert(0, ("layouts", classes))


class _Carriers:
    """Classes with nothing but the slots of others. No code of the program runs when they are made."""

    def __init__(self, made_of: dict[int, type], live_of: dict[int, Any]) -> None:
        self._made_of, self._live_of = made_of, live_of
        self._made: dict[int, type] = {}

    def of(self, cls: type) -> type:
        if id(cls) not in self._made:
            source = self._made_of.get(id(cls), cls)
            bases = (self._live_of.get(id(base), base) for base in source.__bases__)
            members, has_dict, has_weakref = slots(source)
            own = [*members, *(["__dict__"] if has_dict else ()), *(["__weakref__"] if has_weakref else ())]
            namespace: dict[str, Any] = {"__module__": "hotsplice"}
            if "__slots__" in source.__dict__:
                namespace["__slots__"] = own
            like = [self.of(base) if native.is_made_in_python(base) else base for base in bases]
            like = [base for base in like if base is not object and not _adds_nothing(base)]
            try:
                self._made[id(cls)] = type.__new__(type, cls.__name__, tuple(like), namespace)
            except TypeError as error:
                raise Refusal("HS0502", f"the new layout of {cls.__qualname__} is not possible: {error}") from None
        return self._made[id(cls)]


def can_change_metaclass(live: Any, after: Any) -> bool:
    """Whether the class can become an object of another metaclass where it stands."""
    before: Any = type(live)
    if not native.can_set_layout() or issubclass(before, enum.EnumMeta) or issubclass(after, enum.EnumMeta):
        return False
    both = (before, after)
    if not all(meta is type or native.is_made_in_python(meta) for kind in both for meta in kind.__mro__[:-1]):
        return False
    return all(getattr(before, size) == getattr(after, size) for size in _SIZES)


def metaclass_to_be(plan: "Plan", live: Any) -> Any:
    """The metaclass that a class has, or is going to have because its base gets another one."""
    planned = [one[2] for one in plan.operations if one[0] == "metaclass" and one[1] is live]
    return planned[-1] if planned else type(live)


def change_metaclass(plan: "Plan", live: Any, made: Any, after: Any) -> list[type]:
    """Plans it, for the class and for those below whose metaclass came of it.

    Gives those below that a metaclass of the program would have made otherwise.
    """
    before: Any = type(live)
    changed = [cls for cls in lookup.with_subclasses(live) if type(cls) is before and cls is not made]
    for cls in changed:
        plan.add("metaclass", cls, after)
        # What it is derived from may be other once the patch is live.
        is_abstract = issubclass(type(made), abc.ABCMeta)
        _keep_subclass_cache(plan, cls, is_abstract, made if cls is live else None)
    looks = any(name in meta.__dict__ for meta in after.__mro__ for name in ("__new__", "__init__") if _is_own(meta))
    return [cls for cls in changed if cls is not live] if looks else []


def follow_metaclass(plan: "Plan", live: Any, made: Any) -> None:
    """Classes that a metaclass has made have what its new bases ask for."""
    is_abstract = issubclass(made, abc.ABCMeta)
    if is_abstract is issubclass(live, abc.ABCMeta):
        return
    for cls in native.objects_of_type(*lookup.with_subclasses(live)):
        _keep_subclass_cache(plan, cls, is_abstract, None)


def _keep_subclass_cache(plan: "Plan", cls: Any, is_abstract: bool, like: Any) -> None:
    """`abc.ABCMeta` asks every class of its kind for what it remembers of subclasses."""
    if is_abstract and "_abc_impl" not in cls.__dict__:
        like = like if like is not None else abc.ABCMeta("like", (), {})
        plan.set_class_attribute(cls, "_abc_impl", like.__dict__["_abc_impl"])
    elif not is_abstract and "_abc_impl" in cls.__dict__:
        plan.delete_class_attribute(cls, "_abc_impl")
        if "__abstractmethods__" in cls.__dict__:
            # Its setter clears what CPython asks before it makes an object.
            plan.add("setattr", cls, "__abstractmethods__", frozenset())
            plan.delete_class_attribute(cls, "__abstractmethods__")


def _is_own(meta: type) -> bool:
    return meta is not type and meta is not object and meta is not abc.ABCMeta
