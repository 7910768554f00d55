"""A new class that takes the place of a live one, where that can't be changed as it stands."""

from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..live import objects
from ..native import native
from . import edited, wrapped

if TYPE_CHECKING:
    from .merging import Merger

MISSING = object()


def replace(merger: "Merger", live: Any, made: Any, scope: tuple[str, ...], change: str) -> None:
    """Where the live class can't be changed in place: the new one takes its instances, subclasses and references.

    Raises ``Refusal`` if existing instances or subclasses can't follow.
    """
    plan = merger.plan
    instances = native.objects_of_type(live)
    subclasses = [subclass for subclass in type.__subclasses__(live) if subclass is not made]
    try:
        if instances or subclasses:
            # The rule for instances is that for subclasses (`compatible_for_assignment` in Objects/typeobject.c).
            objects.check_class_assignment(live, made, made)
    except TypeError as error:
        followers = f"{len(instances)} instances and {len(subclasses)} subclasses"
        raise Refusal(
            "HS0502",
            f"{change}, and the existing {followers} of {live.__qualname__} can't follow: {error}; "
            "start the process again",
        ) from None
    for subclass in subclasses:
        bases = tuple(made if base is live else base for base in subclass.__bases__)
        plan.add("bases", subclass, bases, None)
    for instance in instances:
        plan.add("attribute-set", instance, "__class__", made)
    written = edited.names(merger, scope)
    for name, value in dict(live.__dict__).items():
        new = made.__dict__.get(name, MISSING)
        if isinstance(value, FunctionType) and isinstance(new, FunctionType):
            if value is not new and wrapped.takes_on(merger, value, new):
                # Bound methods and other references to the old function follow.
                merger.merge_function(value, new, decorators_changed=name in written)
                plan.set_class_attribute(made, name, value)
        elif (
            not name.startswith("__")
            and name not in written
            and name not in edited.removed_names(merger, scope)
            and not isinstance(value, (GetSetDescriptorType, MemberDescriptorType))
            and _is_state(value, new)
        ):
            plan.set_class_attribute(made, name, value)
    plan.set_class_attribute(live, "__new__", staticmethod(_leading_to(made)))
    merger.superseded.append((live, made))
    edited.caveat(
        merger,
        scope,
        "HS0505",
        f"{change}: {live.__qualname__} is a new class now; existing instances, subclasses "
        "and references were moved to it",
    )


def _leading_to(made: Any) -> Any:
    """Whoever still holds the former class makes objects of the new one."""

    def __new__(cls: Any, *args: Any, **options: Any) -> Any:
        return made(*args, **options)

    return __new__


def _is_state(value: Any, new: Any) -> bool:
    """A value that the statement was not edited for: what the program made of it stays."""
    if isinstance(value, (property, staticmethod, classmethod, type)) or new is value:
        return False
    # A field of a named tuple, say, is nothing that the program had put there.
    return new is MISSING or not hasattr(type(new), "__get__") or hasattr(type(value), "__get__")
