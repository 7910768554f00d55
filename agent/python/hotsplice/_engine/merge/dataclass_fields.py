"""Dataclasses copy the fields of their bases when they are made: those below an edited one are decorated again.

No class below is built for it, because a base or a metaclass may keep a list of its subclasses. A helper class that
has nothing but the fields, and bases that have nothing but theirs, is given to ``dataclasses.dataclass``, and lends
the class what was generated.
"""

import dataclasses
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from ..live import lookup

_GENERATED = (
    *("__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"),
    *("__setattr__", "__delattr__", "__match_args__", "__replace__", "__dataclass_fields__"),
)
# What constructors call where the class has it.
HOOKS = ("__post_init__",)
_OPTIONS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
_FIELD_OPTIONS = ("default", "default_factory", "init", "repr", "hash", "compare", "kw_only")


def is_own(cls: Any) -> bool:
    """Whether the class itself was decorated."""
    return "__dataclass_params__" in cls.__dict__


def subclasses(cls: Any) -> list[Any]:
    """Every dataclass below, each after its bases."""
    found = [below for below in lookup.with_subclasses(cls) if below is not cls and is_own(below)]
    return sorted(found, key=lambda below: len(below.__mro__))


def differ(live: Any, made: Any) -> bool:
    return _described(live) != _described(made) or hasattr(live, "__post_init__") != hasattr(made, "__post_init__")


def _described(cls: Any) -> list[str]:
    fields = cls.__dict__.get("__dataclass_fields__", {})
    return [repr(field) for field in fields.values()]


def made_again(cls: Any, instead: dict[Any, Any]) -> Any:
    """A helper class with the fields of its bases as they are now; ``instead`` has the helper of each edited base."""
    bases = []
    inherited: set[int] = set()
    for base in cls.__mro__[1:]:
        if "__dataclass_fields__" in base.__dict__:
            inherited.update(map(id, base.__dict__["__dataclass_fields__"].values()))
            fields = vars(instead.get(base, base))
            kept = {name: fields[name] for name in ("__dataclass_fields__", "__dataclass_params__")}
            kept["__annotations__"] = {field.name: field.type for field in fields["__dataclass_fields__"].values()}
            bases.append(type(base.__name__, (), kept))
    namespace: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__annotations__": {}}
    for name, field in cls.__dict__["__dataclass_fields__"].items():
        if id(field) not in inherited:
            namespace["__annotations__"][name] = field.type
            if field._field_type is not dataclasses._FIELD_CLASSVAR:  # type: ignore[attr-defined]
                options = {option: getattr(field, option) for option in _FIELD_OPTIONS}
                namespace[name] = dataclasses.field(metadata=dict(field.metadata) or None, **options)
    for name, value in cls.__dict__.items():
        if isinstance(value, FunctionType) and not _is_generated(value):
            namespace[name] = value
    hooks = (instead.get(base, base).__dict__.get("__post_init__") for base in cls.__mro__)
    hook = next((one for one in hooks if one is not None), None)
    if hook is not None:
        namespace["__post_init__"] = hook
    options = {option: getattr(cls.__dataclass_params__, option) for option in _OPTIONS}
    helper = type(cls.__name__, tuple(bases), namespace)
    return dataclasses.dataclass(match_args="__match_args__" in cls.__dict__, **options)(helper)


def generated(helper: Any, cls: Any) -> Iterator[tuple[str, Any]]:
    """``(name, value)`` of what the decorator made, for the class itself."""
    doc = cls.__dict__.get("__doc__")
    if not isinstance(doc, str) or (doc.startswith(f"{cls.__name__}(") and doc.endswith(")")):
        # The signature, which the decorator gives as the text of a class that has none; 3.15 when it is asked for.
        yield "__doc__", helper.__dict__["__doc__"]
    for name in _GENERATED:
        own = cls.__dict__.get(name)
        if name in helper.__dict__ and not (isinstance(own, FunctionType) and not _is_generated(own)):
            yield name, helper.__dict__[name]


def new_fields(live: Any, made: Any) -> "Iterator[tuple[str, Callable[[Any], Any] | None, bool]]":
    """Fields that the live class has not, what gives an object its value, and whether the object has to have it.

    A plain default is found in the class.
    """
    before = live.__dict__.get("__dataclass_fields__", {})
    for name, field in made.__dataclass_fields__.items():
        if name not in before:
            factory = field.default_factory
            has_factory = factory is not dataclasses.MISSING
            needed = has_factory or field.default is dataclasses.MISSING
            yield name, (lambda _, factory=factory: factory()) if has_factory else None, needed  # type: ignore[misc]


def renamed_fields(live: Any, made: Any) -> dict[str, str]:
    """New name → former name of fields that stand where another one stood and are like it in all else."""
    before, after = (list(cls.__dict__.get("__dataclass_fields__", {}).values()) for cls in (live, made))
    names = [{field.name for field in fields} for fields in (before, after)]
    gone = [(place, field) for place, field in enumerate(before) if field.name not in names[1]]
    come = [(place, field) for place, field in enumerate(after) if field.name not in names[0]]
    are_alike = len(gone) == len(come) and all(
        place == other and _apart_from_name(field) == _apart_from_name(new)
        for (place, field), (other, new) in zip(gone, come)
    )
    return {new.name: field.name for (_, field), (_, new) in zip(gone, come)} if are_alike else {}


def _apart_from_name(field: Any) -> Any:
    has_factory = field.default_factory is not dataclasses.MISSING
    return repr(field.type), repr(field.default), has_factory, field.init, field.kw_only, field._field_type


def defaults(cls: Any) -> dict[str, Any]:
    fields = cls.__dict__.get("__dataclass_fields__", {})
    return {name: field.default for name, field in fields.items() if field.default is not dataclasses.MISSING}


def constructor(cls: Any, name: str) -> "list[Any] | None":
    """The fields that a class's constructor was generated of; nothing where it was not."""
    own = cls.__dict__.get(name) if name == "__init__" and is_own(cls) else None
    is_generated = isinstance(own, FunctionType) and _is_generated(own)
    return list(cls.__dict__["__dataclass_fields__"].values()) if is_generated else None


def _is_generated(function: FunctionType) -> bool:
    return function.__code__.co_filename == "<string>" or function.__code__.co_filename.endswith(
        ("dataclasses.py", "reprlib.py")
    )
