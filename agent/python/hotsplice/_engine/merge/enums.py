"""Enum classes: members that stay keep their identity."""

import enum
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .merging import Merger

MISSING = object()


def merge(
    merger: "Merger",
    live: Any,
    made: Any,
    edited: set[str],
    removed: set[str],
    merge_attribute: Callable[[str, Any, Any], None],
) -> None:
    """Members that stay keep their identity; new ones join, removed ones go.

    ``edited`` and ``removed`` are names; ``merge_attribute(name, old, new)`` plans for what is no member.
    """
    plan = merger.plan
    members: dict[str, Any] = {}
    names: list[str] = []
    values: dict[Any, Any] = {}
    for name, member in list(made._member_map_.items()):
        # An alias is another name of a member that came before.
        kept = live._member_map_.get(name) if member._name_ == name else members[member._name_]
        if kept is not None and (kept._name_ != member._name_ or not _same_data(made, kept, member)):
            if kept._name_ == name:
                # The value is the object itself (`IntEnum`): another value is another object.
                merger.superseded.append((kept, member))
            kept = None
        if kept is not None and issubclass(made, enum.Flag):
            # What is evaluated after this combines members of one class: they are exchanged with the commit.
            merger.replaced.append((member, kept))
            if name != kept._name_ and name in made.__dict__ and live._member_map_.get(name) is not kept:
                plan.set_class_attribute(live, name, made.__dict__[name])
        elif kept is not None:
            # What was evaluated before it, as after a call that makes an enumeration, is exchanged with the commit.
            merger.replaced.append((member, kept))
            # What is evaluated after this gets the member that stays.
            made._member_map_[name] = kept
            if made.__dict__.get(name) is member:
                type.__setattr__(made, name, kept)
            if name != kept._name_ and name in made.__dict__ and live._member_map_.get(name) is not kept:
                plan.set_class_attribute(live, name, made.__dict__[name])
        if kept is None:
            plan.add("setattr", member, "__class__", live)
            plan.set_class_attribute(live, name, made.__dict__[name]) if name in made.__dict__ else None
            kept = member
        else:
            # What the program gave the members stays, unless they are made otherwise.
            is_made_otherwise = name in edited or edited & {"__init__", "__new__"}
            for key, value in vars(member).items():
                if key not in vars(kept) or ((is_made_otherwise or key[0] == "_") and key != "__objclass__"):
                    plan.add("attribute-set", kept, key, value)
        members[name] = kept
    for name in made._member_names_:
        names.append(name)
    for value, member in made._value2member_map_.items():
        if member._name_ in members:
            values[value] = members[member._name_]
    if issubclass(made, enum.Flag):
        merger.flags.append((live, made, values))
    for name in live._member_map_:
        if name not in members and name in live.__dict__:
            plan.delete_class_attribute(live, name)
    plan.set_class_attribute(live, "_member_map_", members)
    plan.set_class_attribute(live, "_member_names_", names)
    plan.set_class_attribute(live, "_value2member_map_", values)
    for name, value in made.__dict__.items():
        old = live.__dict__.get(name, MISSING)
        if isinstance(value, FunctionType) and isinstance(old, FunctionType):
            merge_attribute(name, old, value)
        elif name.startswith(("_hashable", "_unhashable", "_value_repr", "_flag_mask", "_singles", "_all_bits")):
            plan.set_class_attribute(live, name, value)
        elif name not in members and not name.startswith("_") and (old is MISSING or name in edited):
            merge_attribute(name, old, value)
    for name in removed:
        if name in live.__dict__ and name not in live._member_map_ and name not in made.__dict__:
            plan.delete_class_attribute(live, name)
    merger.replaced.append((made, live))
    plan.discarded.append(made)


def finish(merger: "Merger") -> None:
    """Combinations of a flag's members: those that the program has keep their identity, those that were made join."""
    for live, made, values in merger.flags:
        before = {name: member._value_ for name, member in live._member_map_.items()}
        after = {name: member._value_ for name, member in made._member_map_.items()}
        is_kept = all(after.get(name) == value for name, value in before.items())
        former = {
            value: member
            for value, member in live._value2member_map_.items()
            if is_kept and value not in values and member._name_ not in live._member_map_
        }
        for value, member in made._value2member_map_.items():
            if value in former:
                merger.replaced.append((member, former[value]))
            elif value not in values:
                values[value] = member
        values.update(former)
        for member in (*live._member_map_.values(), *former.values()):
            if vars(member).get("_inverted_") is not None:
                # Other members than before may be outside of it.
                merger.plan.add("attribute-set", member, "_inverted_", None)


def _same_data(made: Any, kept: Any, member: Any) -> bool:
    """Whether a member's object can take the other's value."""
    return made._member_type_ is object or made._member_type_.__eq__(kept, member) is True
