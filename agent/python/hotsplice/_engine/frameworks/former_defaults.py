"""Objects that modules hold and that were made with a default of a field which is another one now."""

from types import MemberDescriptorType
from typing import Any

from ..live import lookup, objects
from ..native import native
from .entries import equal

_MISSING = object()


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
    return [
        name
        for _, module in lookup.loaded_modules(lambda filename: not lookup.is_installed(filename))
        for name, held in list(lookup.members_of(module).items())
        if id(type(held)) in classes and equal(_held(held, field), value)
    ]


def _held(value: Any, name: str) -> Any:
    member = objects.of_type(type(value), name)
    try:
        return member.__get__(value) if type(member) is MemberDescriptorType else lookup.members(value)[name]
    except (AttributeError, KeyError):
        return _MISSING
