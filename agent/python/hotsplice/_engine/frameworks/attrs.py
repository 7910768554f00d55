"""attrs: a class copies the fields of its bases when it is made, and its methods are compiled from them."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

import attr

from ..live import lookup

MISSING = object()
# What the decorator puts into a class besides methods.
_NOTES = ("__attrs_attrs__", "__attrs_props__", "__attrs_own_setattr__", "__match_args__")
# What constructors call where the class has it.
HOOKS = ("__attrs_pre_init__", "__attrs_post_init__")
_FIELD = frozenset(inspect.signature(attr.ib).parameters)
_CLASS = frozenset(inspect.signature(attr.s).parameters)


def is_own(cls: type) -> bool:
    """Whether the class itself was decorated."""
    return "__attrs_attrs__" in cls.__dict__


def subclasses(cls: type) -> list[type]:
    """Every such class below, each after its bases."""
    found = [below for below in lookup.with_subclasses(cls) if below is not cls and is_own(below)]
    return sorted(found, key=lambda below: len(below.__mro__))


def differ(live: type, made: type) -> bool:
    return list(map(repr, _fields(live))) != list(map(repr, _fields(made))) or _hooks(live) != _hooks(made)


def _fields(cls: type) -> Any:
    return cls.__dict__.get("__attrs_attrs__", ())


def _hooks(cls: type) -> list[bool]:
    """Which methods of its own a constructor calls."""
    return [hasattr(cls, name) for name in HOOKS]


def made_again(cls: type, instead: dict[type, type]) -> type:
    """A helper class with the fields of its bases as they are now; ``instead`` has the helper of each edited base.

    It derives from none of the program's classes, which may keep lists of what derives from them.
    """
    bases = []
    for base in cls.__mro__[1:]:
        if is_own(base):
            other = instead.get(base, base)
            kept = {name: other.__dict__[name] for name in ("__attrs_attrs__", "__setattr__") if name in other.__dict__}
            kept["__attrs_own_setattr__"] = other.__dict__.get("__attrs_own_setattr__", False)
            bases.append(type(base.__name__, (), kept))
    if issubclass(cls, BaseException):
        bases.append(Exception)
    namespace: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    for name in HOOKS:
        found = next((one for one in _found(cls, instead, name) if one is not MISSING), MISSING)
        if found is not MISSING:
            namespace[name] = found
    own = cls.__dict__.get("__setattr__")
    if isinstance(own, FunctionType) and not _is_generated(own):
        namespace["__setattr__"] = own
    helper = type(cls.__name__, tuple(bases), namespace)
    these = {field.name: _field(field) for field in _fields(cls) if not field.inherited}
    made: type = attr.s(helper, these=these, **_options(cls))
    return made


def _found(cls: type, instead: dict[type, type], name: str) -> Iterator[Any]:
    return (instead.get(base, base).__dict__.get(name, MISSING) for base in cls.__mro__)


def _field(field: Any) -> Any:
    options = {name: getattr(field, name) for name in type(field).__slots__ if name in _FIELD}
    options["metadata"] = dict(field.metadata)
    for name in ("eq", "order"):
        options[name] = getattr(field, f"{name}_key", None) or options[name]
    return attr.ib(**options)


def _options(cls: type) -> dict[str, Any]:
    """What the class's decorator was given, as far as it shows."""
    props = cls.__dict__.get("__attrs_props__")
    hashing = cls.__dict__.get("__hash__")
    options = {
        "init": _has(cls, "__init__"),
        "repr": _has(cls, "__repr__"),
        "eq": _has(cls, "__eq__"),
        "order": _has(cls, "__lt__"),
        "hash": True if _has(cls, "__hash__") else None if hashing is None and _has(cls, "__eq__") else False,
        "str": _has(cls, "__str__"),
        "slots": "__slots__" in cls.__dict__,
        "frozen": getattr(cls.__dict__.get("__setattr__"), "__name__", None) == "_frozen_setattrs",
        "cache_hash": "_attrs_cached_hash" in _names_of(hashing),
        "auto_exc": issubclass(cls, BaseException) and not _has(cls, "__eq__"),
        "auto_detect": True,
        "collect_by_mro": getattr(props, "collected_fields_by_mro", True),
        "getstate_setstate": _has(cls, "__getstate__"),
        "on_setattr": getattr(props, "on_setattr_hook", None) or _hook(cls),
        "field_transformer": getattr(props, "field_transformer", None),
        "match_args": "__match_args__" in cls.__dict__,
        "kw_only": getattr(getattr(props, "kw_only", None), "name", "") == "FORCE",
    }
    return {name: value for name, value in options.items() if name in _CLASS}


def _hook(cls: type) -> Any:
    """What all fields do when they are assigned to: those that say nothing of their own."""
    method = cls.__dict__.get("__setattr__")
    if not (isinstance(method, FunctionType) and _is_generated(method)):
        return None
    for cell in method.__closure__ or ():
        held = cell.cell_contents
        for entry in held.values() if type(held) is dict else ():
            if type(entry) is tuple and len(entry) == 2 and getattr(entry[0], "on_setattr", MISSING) is None:
                return entry[1]
    return None


def _names_of(method: Any) -> tuple[str, ...]:
    return method.__code__.co_names if isinstance(method, FunctionType) else ()


def _has(cls: type, name: str) -> bool:
    """Whether the class has a method that the decorator made."""
    method = cls.__dict__.get(name)
    return isinstance(method, FunctionType) and _is_generated(method)


def _is_generated(method: FunctionType) -> bool:
    filename = method.__code__.co_filename
    return filename.startswith("<attrs generated") or method.__globals__.get("__name__") == "attr._make"


def generated(helper: type, cls: type) -> Iterator[tuple[str, Any]]:
    """``(name, value)`` of what the decorator made, for the class itself."""
    for name, value in helper.__dict__.items():
        own = cls.__dict__.get(name, MISSING)
        is_made = name in _NOTES or isinstance(value, FunctionType) and _is_generated(value)
        if is_made and (own is MISSING or name in _NOTES or _has(cls, name)):
            yield name, value


def defaults(cls: type) -> dict[str, Any]:
    """Plain values that the constructor gives."""
    given = {field.name: field.default for field in _fields(cls) if field.default is not attr.NOTHING}
    return {name: value for name, value in given.items() if type(value) is not attr.Factory}


def new_fields(live: type, made: type) -> Iterator[tuple[str, "Callable[[Any], Any] | None", bool]]:
    """Fields that the live class has not, what gives an object its value, and that the object has to have it."""
    before = {field.name for field in _fields(live)}
    for field in _fields(made):
        if field.name not in before:
            has_default = field.default is not attr.NOTHING
            yield field.name, partial(_default, field) if has_default else None, True


def _default(field: Any, instance: Any) -> Any:
    value = field.default
    if type(value) is attr.Factory:
        value = value.factory(instance) if value.takes_self else value.factory()
    converter = field.converter
    if converter is None:
        return value
    if type(converter).__name__ == "Converter":
        return converter.__call__(value, instance, field)
    return converter(value)
