"""Classes whose methods are generated from fields, dataclasses and those of attrs: what is below follows its base.

Each kind is a module that tells the class's fields, makes them again and names what was generated.
"""

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..evaluate.sandbox import guarded
from ..frameworks.entries import equal
from ..frameworks.former_defaults import report_former, take_new
from ..live import lookup, objects
from ..native import native
from . import dataclass_fields, edited, lookers

if TYPE_CHECKING:
    from .merging import Merger

_CONTAINERS = (dict, list, tuple, set)
_GATHERING = (dict, OrderedDict, defaultdict, list, tuple)
_PLAIN = (bool, int, float, str, bytes, type(None))


def follow(merger: "Merger", live: type, made: type, scope: tuple[str, ...], point_cells: Callable[..., None]) -> None:
    """Has subclasses and objects follow a class that was built again."""
    for kind in (dataclass_fields, *frameworks.kinds_of_fields()):
        if kind.is_own(made):
            if kind.differ(live, made):
                _follow_in_subclasses(merger, kind, live, made, point_cells)
            _fill_instances(merger, kind, live, made, scope)
            outcomes, plan = merger.change.outcomes, merger.plan
            before, after = kind.defaults(live), kind.defaults(made)
            report_former(outcomes, scope, live, before, after, plan.afterwards.append, plan.at_last.append)
            take_new(outcomes, scope, live, kind.defaults, partial(plan.add, "attribute-set"), plan.afterwards.append)


def hand_down(merger: "Merger", live: type, scope: tuple[str, ...], name: str, old: Any, new: Any) -> None:
    """What a metaclass or a base collected of a class, it collected for those below too, with the same entries."""
    left = []
    is_gathered = lookers.gathers(type(live)) and _gathered_otherwise(old, new)
    # Those that are made again themselves have what they have collected then.
    planned = {id(one[1]): one[3] for one in merger.plan.operations if one[0] == "type-set" and one[2] == name}
    for below in lookup.with_subclasses(live):
        own = planned.get(id(below), below.__dict__.get(name)) if below is not live else None
        if is_gathered and type(own) is type(old) and own is not old:
            left.append(below.__qualname__)
        if type(own) is not type(old) or own is old or not issubclass(type(own), (dict, list, tuple, set)):
            continue
        if _is_independent(own, old):
            continue
        wanted = _handed_down(own, old, new)
        if wanted is None:
            left.append(below.__qualname__)
        else:
            merger.plan.set_class_attribute(below, name, wanted)
    if left:
        names = ", ".join(left)
        edited.caveat(merger, scope, "HS0403", f"{names}: {name} is what was collected when the class was made")


def _gathered_otherwise(old: Any, new: Any) -> bool:
    """Whether an object in which something was gathered has other names, or other plain values, than the former one."""
    if objects.is_exactly(old, *_CONTAINERS) or not native.is_made_in_python(type(old)):
        return False
    held, given = objects.dictionary(old) or {}, objects.dictionary(new) or {}
    # Numbers count what was made.
    names = [one for one in held.keys() | given.keys() if type(held.get(one)) not in (int, float)]
    return any(_is_told_otherwise(held.get(name), given.get(name), set()) for name in names)


def _is_told_otherwise(old: Any, new: Any, seen: set[int]) -> bool:
    """Whether two values differ in their names, or in plain values; what holds itself is looked into once."""
    if id(old) in seen:
        return False
    if not objects.is_exactly(old, *_GATHERING):
        is_plain = objects.is_exactly(old, *_PLAIN) and objects.is_exactly(new, *_PLAIN)
        return old != new if is_plain else type(old).__qualname__ != type(new).__qualname__
    seen.add(id(old))
    pairs = [_parts(one) for one in (old, new)]
    is_alike = type(old) is type(new) and [name for name, _ in pairs[0]] == [name for name, _ in pairs[1]]
    return not is_alike or any(_is_told_otherwise(one, two, seen) for (_, one), (_, two) in zip(*pairs))


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if objects.is_exactly(value, list, tuple):
        return list(enumerate(value))
    return [(key, one) for key, one in dict.items(value) if type(key) is str] if issubclass(type(value), dict) else []


def _is_independent(own: Any, old: Any) -> bool:
    """Whether a class below has collected nothing of what its base had: only its own."""
    names = [*own, *old]
    return bool(old) and all(type(name) is str for name in names) and set(own).isdisjoint(old)


def _handed_down(own: Any, old: Any, new: Any) -> Any:
    """What a class below has now; nothing where that can't be told."""
    kind = type(own)
    if kind is list or kind is tuple:
        begins = len(own) >= len(old) and all(map(equal, own, old))
        return new + own[len(old) :] if begins else None
    if kind is set:
        return (own - old) | new if all(type(one) is str for one in own | old | new) else None
    if not objects.is_exactly(own, dict, OrderedDict, defaultdict):
        return None
    before, after, held = (_asked_for(one) for one in (old, new, own))
    if not all(key in held for key in before):
        return None
    # Entries of the base come first.
    wanted = {}
    for key, value in after.items():
        if key in before and key in held and not equal(held[key], before[key]):
            gathered = objects.is_exactly(value, dict, list) and type(held[key]) is type(before[key]) is type(value)
            value = _handed_down(held[key], before[key], value) if gathered else held[key]
            if value is None:
                return None
        elif key not in before:
            value = held.get(key, value)
        wanted[key] = value
    for key, value in held.items():
        if key not in wanted and not (key in before and equal(value, before[key])):
            wanted[key] = value
    found = copy.copy(own)
    found.clear()
    found.update(wanted)
    return found


def _asked_for(value: Any) -> dict[Any, Any]:
    """What somebody has asked a `defaultdict` for is no entry of its own while it is empty."""
    asked = getattr(value, "default_factory", None)
    return {key: one for key, one in dict.items(value) if asked not in (dict, list, set) or one}


def follow_hooks(merger: "Merger", point_cells: Callable[..., None]) -> None:
    """A base that has no fields itself may gain or lose what the constructors below call."""
    for outcome in merger.change.outcomes:
        edit, scope = outcome.edit, tuple(outcome.edit["scope"])
        if edit["change"] not in ("added", "removed") or scope in merger.rebuilt or "<locals>" in scope:
            continue
        for kind in (dataclass_fields, *frameworks.kinds_of_fields()):
            names = set(edit["binds"]) & set(kind.HOOKS)
            owner = lookup.find_class(merger.namespace, scope) if names and scope else None
            if owner is not None and not kind.is_own(owner):
                held = {**owner.__dict__, **merger.shadow.classes.get(scope, {})}
                removed = names if edit["change"] == "removed" else ()
                hooks = {name: held[name] for name in kind.HOOKS if name in held and name not in removed}
                _follow_in_subclasses(merger, kind, owner, type(owner.__name__, (), hooks), point_cells)


def _follow_in_subclasses(
    merger: "Merger", kind: Any, live: type, made: type, point_cells: Callable[..., None]
) -> None:
    """Those below get the fields that their base has now."""
    plan = merger.plan
    instead = {one: other for other, one in merger.replaced if isinstance(other, type) and isinstance(one, type)}
    rebuilt = set(map(id, instead))
    instead[live] = made
    for below in kind.subclasses(live):
        if id(below) in rebuilt:
            continue
        again = partial(kind.made_again, below, instead)
        helper = guarded(again, merger.shadow, f"making the fields of {below.__qualname__} anew")
        instead[below] = helper
        for name, value in kind.generated(helper, below):
            old = below.__dict__.get(name)
            if old is value:
                continue
            if isinstance(old, FunctionType) and isinstance(value, FunctionType):
                merger.merge_function(old, value)
            else:
                plan.set_class_attribute(below, name, value)
        point_cells(plan, below, helper, dict(helper.__dict__))


def _fill_instances(merger: "Merger", kind: Any, live: type, made: type, scope: tuple[str, ...]) -> None:
    """Objects that exist get the default of a field that is new, and what they hold of one that has another name."""
    renamed = dataclass_fields.renamed_fields(live, made) if kind is dataclass_fields else {}
    for name, former in renamed.items():
        _carry(merger, live, scope, name, former)
    for name, default, is_needed in kind.new_fields(live, made):
        if name in renamed:
            continue
        instances = [
            instance
            for instance in (native.objects_of_type(*lookup.with_subclasses(live)) if is_needed else ())
            if name not in getattr(instance, "__dict__", ())
        ]
        for instance in instances if default is not None else ():
            value = guarded(partial(default, instance), merger.shadow, f"the default of {name}")
            merger.plan.add("attribute-set", instance, name, value)
        if instances and default is None:
            for outcome in merger.change.outcomes:
                if tuple(outcome.edit["scope"]) == scope and name in outcome.edit["binds"]:
                    outcome.caveat(
                        "HS0503",
                        f"{len(instances)} existing instances of {live.__qualname__} lack {name}: "
                        "the field has no default",
                    )


def _carry(merger: "Merger", live: type, scope: tuple[str, ...], name: str, former: str) -> None:
    count = 0
    merger.plan.note_renamed_field(live, former, name)
    for instance in native.objects_of_type(*lookup.with_subclasses(live)):
        held = objects.attributes(instance)
        if former in held and name not in held:
            merger.plan.add("attribute-set", instance, name, held[former])
            count += 1
    outcome = edited.member(merger, scope, name)
    if count and outcome is not None:
        have = "1 existing instance has" if count == 1 else f"{count} existing instances have"
        outcome.note("applied", "HS0506", f"{have} {name} from {former}, as the field is called now")
