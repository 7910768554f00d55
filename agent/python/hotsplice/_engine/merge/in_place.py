"""Objects that stay and are given what new ones hold; those that give way to new ones."""

import gc
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values, syntax
from ..evaluate.policy import MISSING, Decision
from ..evaluate.sorts import Sort, attributes, is_type_variable, sort
from ..live import objects
from . import made_classes

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from .merging import Merger

# What is preserved unless somebody wants it made again.
THINGS = (Sort.THING, Sort.ACTING, Sort.RECORD)
# How many objects that give way are looked for, and of how many it is known that they belong to one.
_FOLLOWED = 200
# Keys that can be set without any code of the program.
_HASHED_IN_C = (str, int, float, bool, bytes, type(None), type)


def have_one_type(merger: "Merger", live: Any, new: Any) -> bool:
    """Whether a new object is what the live one is; a class may have a proxy while a patch is evaluated."""
    one, other = type(live), type(new)
    return one is other or merger.stand_ins.get(id(other)) is one or _stands_elsewhere(merger, one, other)


def _stands_elsewhere(merger: "Merger", live: type, made: type) -> bool:
    """Whether a class was made of the statement that the other one came of, wherever that stands now."""
    if live.__name__ != made.__name__ or live.__module__ != made.__module__:
        return False
    if live.__qualname__ == made.__qualname__:
        name = live.__qualname__
        return merger.namespace.globals.get(name) is live and merger.shadow.globals.get(name) is made
    return "." in live.__qualname__ and not syntax.defines_class(merger.change.text, live.__qualname__)


def is_made_again(merger: "Merger", scope: tuple[str, ...], name: str, live: Any) -> bool:
    """Whether an object that others hold as such gives way to a new one: they are to hold that."""
    decision = merger.decisions.get((scope, name))
    if live is MISSING or decision is None or any(known is live for known, _ in merger.in_place):
        return False
    held = sort(live)
    if held is Sort.VALUE:
        # A number is everybody's.
        return is_type_variable(type(live))
    return decision is Decision.IN_PLACE or held in THINGS


def is_bound_in_place(merger: "Merger", live: Any, new: Any) -> bool:
    """Whether a live object can be given what a new one of its type holds; it is, once all has been evaluated."""
    kind = type(live)
    if kind is not list and sort(live) is not Sort.RECORD:
        if not isinstance(live, dict):
            return False
        if not all(objects.is_exactly(key, *_HASHED_IN_C) for key in (*dict.keys(live), *dict.keys(new))):
            return False
        if getattr(live, "default_factory", None) is not getattr(new, "default_factory", None):
            return False
    if any(one is new and known is live for one, known in merger.replaced):
        # Another name of it.
        return True
    if any(known is live or known is new for known, _ in merger.in_place):
        # What two names shared is two things now, and this one gets its own; or two are one now.
        return False
    outcome, name, _, former_content = merger.held_then.get(id(live), (None, "", [], MISSING))
    if outcome is not None:
        made_classes.note_inside(merger, outcome, live, new, former_content)
        # Who has them by another way, a list that they have put themselves into, goes on with them.
        for place, gone in _gone(live, new):
            merger.left.append((f"{name}[{place}]", gone, (live, *_within(gone)), False, outcome))
    merger.replaced.append((new, live))
    merger.in_place.append((live, new))
    return True


def _gone(live: Any, new: Any) -> list[tuple[Any, Any]]:
    """The objects with a state that a container holds, and that the new one has others for; where they stand."""
    if type(live) is not list and not isinstance(live, dict):
        return []
    staying = set(map(id, entries(new)))
    held = list(dict.items(live)) if isinstance(live, dict) else list(enumerate(list.copy(live)))
    gone = [(key, one) for key, one in held if id(one) not in staying and sort(one) is Sort.THING]
    return [(repr(key) if objects.is_exactly(key, *_HASHED_IN_C) else "…", one) for key, one in gone[:_FOLLOWED]]


def _within(value: Any) -> list[Any]:
    """What belongs to an object: what is in there and refers to it has it by no other way."""
    found: dict[int, Any] = {}
    pending = [value]
    while pending and len(found) < _FOLLOWED:
        for one in gc.get_referents(pending.pop()):
            if id(one) not in found and not isinstance(one, (type, FunctionType, ModuleType)):
                found[id(one)] = one
                pending.append(one)
    return list(found.values())


def plan_in_place(merger: "Merger", live_of: Callable[[Any], Any], are_containers: bool) -> None:
    """``live_of(value)`` is the live object that a value stands for. Containers come before their assigned items."""
    moved: dict[int, list[tuple[Any, Any]]] = {}
    for operation in merger.plan.operations if merger.in_place else ():
        if operation[0] == "list":
            moved.setdefault(id(operation[1]), []).append(operation[2:])
    for live, new in merger.in_place:
        if are_containers is not (type(live) is list or isinstance(live, dict)):
            continue
        if _has_changed_since(merger, live):
            continue
        if type(live) is list:
            wanted = [live_of(item) for item in new]
            held = [_moved(item, moved.get(id(live), [])) for item in live]
            # Where moving its items is all, the program may go on changing it.
            if len(held) != len(wanted) or any(one is not other for one, other in zip(held, wanted)):
                merger.plan.add("list-content", live, list(live), wanted)
        elif isinstance(live, dict):
            plan_items(merger.plan, live, new, live_of)
        else:
            members, stored = objects.dictionary(live), objects.dictionary(new)
            if members is not None and stored is not None:
                plan_items(merger.plan, members, stored, live_of)
            for name, value in attributes(new).items():
                if name not in (stored or ()):
                    merger.plan.add("attribute-set", live, name, live_of(value))


def holds_classes(container: Any) -> bool:
    return any(isinstance(item, type) for item in entries(container))


def entries(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return [one for pair in list(dict.items(container)) for one in pair]
    return list.copy(container) if type(container) is list else []


def _has_changed_since(merger: "Merger", live: Any) -> bool:
    """Whether the program changed a container while the patch was prepared: it is preserved, and that is reported."""
    outcome, name, then, _ = merger.held_then.get(id(live), (None, "", [], MISSING))
    now = entries(live)
    if outcome is None or (len(now) == len(then) and all(one is other for one, other in zip(now, then))):
        return False
    changed_values.say_kept(outcome, [name])
    if isinstance(live, dict):
        merger.shadow.writes.preserve(live, dict(zip(then[::2], then[1::2])))
    return True


def _moved(item: Any, pairs: list[tuple[Any, Any]]) -> Any:
    for old, new in pairs:
        item = new if item is old else item
    return item


def plan_items(plan: "Plan", live: Any, new: Any, live_of: Callable[[Any], Any]) -> None:
    kept = [key for key in dict.keys(live) if key in new]
    in_order = kept == list(dict.keys(new))[: len(kept)]
    for key in list(dict.keys(live)):
        if key not in new or not in_order:
            plan.delete_name(live, key)
    for key, value in list(dict.items(new)):
        value = live_of(value)
        if not in_order or dict.get(live, key, MISSING) is not value:
            plan.set_name(live, key, value)
