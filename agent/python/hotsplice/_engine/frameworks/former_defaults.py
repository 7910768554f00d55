"""Objects that modules hold and that were made with a default of a field which is another one now."""

from collections.abc import Iterator
from types import FunctionType, MemberDescriptorType
from typing import Any

from ..live import lookup, objects
from ..native import native
from .entries import equal

_MISSING = object()
# Where classes keep what they know of their fields.
_FIELDS = ("__dataclass_fields__", "__pydantic_fields__")


def report_former(outcomes: Any, scope: tuple[str, ...], cls: type, before: dict[str, Any], after: Any) -> None:
    """Reports which objects of modules hold the former default of a field: a fresh process makes them with the new."""
    changed = [name for name in before if name in after and not equal(before[name], after[name])]
    for name in changed if native.objects_of_type(*lookup.with_subclasses(cls)) else ():
        holders = _holding(cls, name, before[name])
        for outcome in outcomes if holders else ():
            if tuple(outcome.edit["scope"]) == scope and name in outcome.edit["binds"]:
                outcome.caveat(
                    "HS0403", f"{', '.join(holders)}: made with the former default of {name}; make it again if you want"
                )


def _holding(cls: type, field: str, value: Any) -> list[str]:
    classes = set(map(id, lookup.with_subclasses(cls)))
    found = [
        name
        for _, module in lookup.loaded_modules(lambda filename: not lookup.is_installed(filename))
        for name, held in _kept(module)
        if id(type(held)) in classes and equal(_held(held, field), value)
    ]
    return list(dict.fromkeys(found))


def _kept(module: Any) -> Iterator[tuple[str, Any]]:
    """What a module made when it was imported and still has: values of names, and defaults of its definitions."""
    own = lookup.members_of(module).get("__name__")
    for name, value in list(lookup.members_of(module).items()):
        yield name, value
        if type(value) is FunctionType:
            for one in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
                yield f"a default of {name}", one
        elif issubclass(type(value), type) and value.__dict__.get("__module__") == own:
            for key, one in list(value.__dict__.items()):
                yield f"{name}.{key}", one
                for inner, info in list(one.items()) if key in _FIELDS and type(one) is dict else ():
                    yield f"{name}.{inner}", getattr(info, "default", None)


def _held(value: Any, name: str) -> Any:
    member = objects.of_type(type(value), name)
    try:
        return member.__get__(value) if type(member) is MemberDescriptorType else lookup.members(value)[name]
    except (AttributeError, KeyError):
        return _MISSING
