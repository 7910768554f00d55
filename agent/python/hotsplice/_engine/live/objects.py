"""The only way to look at an object of the program: by its type, without asking it anything.

A proxy connects to a database when its class is asked for, raises outside of a request, answers ``==`` with an array.
So nothing here, and nothing in the engine, reads an attribute of an object of the program in the ordinary way: what is
in its own dictionary, or in those of the types that it has, is there to be seen. In the engine ``isinstance`` means the
object's type, too (``_loading.by_type``).
"""

import builtins
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

MISSING: Any = object()
# The checker takes the dictionary for one of what a class is a type of.
_mro: Any = type.__dict__["__mro__"].__get__  # type: ignore[index]
_members: Any = type.__dict__["__dict__"].__get__  # type: ignore[index]
_set_class: Any = object.__dict__["__class__"].__set__
_module_members: Any = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]


# What the class of a module has while calls that began before a patch find something else in it than all others.
MODULE_ENTRIES = "__hotsplice_entries__"


def module_entries(value: Any) -> Any:
    """What they find, if there are such calls."""
    return _members(type(value)).get(MODULE_ENTRIES)


def is_module(value: Any) -> bool:
    """Whether it is a module without a class of the program's."""
    return type(value) is ModuleType or module_entries(value) is not None


class Dispatched:
    """What a class has under a name while calls that began before a patch find something else there than all others."""

    live: Any


def live(value: Any, default: Any = MISSING) -> Any:
    """What a class has under a name for all but such calls."""
    if not isinstance(value, Dispatched):
        return value
    return default if value.live is MISSING else value.live


def own(cls: type) -> dict[str, Any]:
    """What a class defines itself, as all but such calls see it."""
    found = dict(_members(cls))
    if not any(issubclass(kind, Dispatched) for kind in set(map(type, found.values()))):
        return found
    found = {name: live(value) for name, value in found.items()}
    return {name: value for name, value in found.items() if value is not MISSING}


def is_exactly(value: Any, *kinds: type) -> bool:
    """Whether an object is of one of these types: a metaclass that compares is not asked."""
    kind = type(value)
    return any(kind is one for one in kinds)


def order(cls: type) -> tuple[type, ...]:
    """The order in which a class's attributes are looked up, whatever its metaclass says."""
    return _mro(cls)  # type: ignore[no-any-return]


def members(cls: type) -> Any:
    """What a class defines itself, whatever its metaclass says."""
    return _members(cls)


def is_class(value: Any) -> bool:
    """Whether an object is a class, and one that answers for itself: not through a metaclass's ``__getattribute__``."""
    kind = type(value)
    return issubclass(kind, type) and of_type(kind, "__getattribute__") is type.__getattribute__


def of_type(kind: type, name: str, default: Any = None) -> Any:
    """What instances of a type find of this name in it; no descriptor is asked."""
    for cls in _mro(kind):
        found = _members(cls).get(name, MISSING)
        if found is not MISSING:
            return found
    return default


def attributes(value: Any) -> Any:
    """What an object, a class or a module holds itself; nothing if it has no dictionary."""
    if issubclass(type(value), type):
        return _members(value)
    own = dictionary(value)
    return {} if own is None else own


def dictionary(value: Any) -> dict[str, Any] | None:
    """The dictionary of an object's own attributes, if it has one."""
    kind = type(value)
    if issubclass(kind, ModuleType):
        return _module_members(value)  # type: ignore[no-any-return]
    for cls in _mro(kind):
        # One that is written in Python may stand before it, and do anything.
        found = _members(cls).get("__dict__")
        if is_exactly(found, GetSetDescriptorType, MemberDescriptorType):
            try:
                own = found.__get__(value)
            except AttributeError:
                continue
            return own if issubclass(type(own), dict) else None
    return None


def check_class_assignment(kind: type, target: type, ours: type) -> None:
    """Raises ``TypeError`` where an object of a class can't become one of another.

    It is tried with one that nothing has begun, as no object of the program ever is: ``__del__`` is not run for it.
    ``ours``, one of the two, is known to nobody else yet.
    """
    finalizer = members(ours).get("__del__", MISSING)
    type.__setattr__(ours, "__del__", _is_gone)
    try:
        tried: Any = object.__new__(kind)
        try:
            _set_class(tried, target)
            _set_class(tried, ours)
        finally:
            del tried
    finally:
        if finalizer is MISSING:
            type.__delattr__(ours, "__del__")
        else:
            type.__setattr__(ours, "__del__", finalizer)


def _is_gone(_tried: Any) -> None:
    pass


def module_of(value: Any) -> str | None:
    """The name of the module that a function, a class, or an object's class says it comes from."""
    kind = type(value)
    if kind is ModuleType or issubclass(kind, ModuleType):
        found = _module_members(value).get("__name__")
    elif kind is FunctionType:
        found = value.__module__
    elif issubclass(kind, type):
        found = _members(value).get("__module__")
    else:
        found = of_type(kind, "__module__")
    return found if type(found) is str else None


def wrapped(value: Any) -> Any:
    """The function inside of methods and of what ``functools.wraps`` was told of."""
    seen = set()
    while id(value) not in seen:
        seen.add(id(value))
        kind = type(value)
        if is_exactly(value, MethodType, staticmethod, classmethod):
            value = value.__func__
        elif not issubclass(kind, type) and "__wrapped__" in (own := attributes(value)):
            value = own["__wrapped__"]
    return value


def with_subclasses(owner: type) -> list[Any]:
    """A class and every class that derives from it."""
    found, pending = {id(owner): owner}, [owner]
    while pending:
        for cls in type.__subclasses__(pending.pop()):
            if id(cls) not in found:
                found[id(cls)] = cls
                pending.append(cls)
    return list(found.values())


def is_builtin(value: Any) -> bool:
    """Whether every module has a name for it: ``int``, ``len``."""
    name = getattr(value, "__name__", None) if is_exactly(value, type, BuiltinFunctionType) else None
    return isinstance(name, str) and vars(builtins).get(name) is value
