"""How the interpreter's own containers are looked at and changed: with their own methods, never with a subclass's."""

import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..journal.plan import Plan
from ..live import objects
from ..native import native

if TYPE_CHECKING:
    from . import LiveOf

KINDS = (list, dict, set, deque)
MISSING = object()
# How often a container is looked at again that the program changes all the time.
_ATTEMPTS = 100


def kind_of(value: Any) -> Any:
    """Which of the interpreter's containers a value is, also by derivation; nothing else asks it."""
    return next((kind for kind in KINDS if issubclass(type(value), kind)), None)


def entries(container: Any) -> list[tuple[Any, Any]]:
    """Pairs of key and value; without keys for lists, queues and sets."""
    kind = kind_of(container)
    if kind is dict:
        return list(dict.items(container))
    return [(None, one) for one in kind.__iter__(container)]


def size(container: Any) -> int:
    return int(kind_of(container).__len__(container))


def has_plain_keys(container: Any) -> bool:
    """Whether finding an entry runs no code of the program, by the keys' types."""
    if kind_of(container) is not dict:
        return True
    keys = [one for key in dict.keys(container) for one in (key if type(key) is tuple else (key,))]
    return all(map(_is_plain, {type(key) for key in keys}))


def _is_plain(kind: type) -> bool:
    for name in ("__hash__", "__eq__"):
        found = objects.of_type(kind, name)
        if type(found) is FunctionType and found.__module__ != "enum":
            return False
    return True


def is_same(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Whether two entries are the same; a text is its text, whichever object that is."""
    is_key = one[0] is other[0] or (type(one[0]) is str and type(other[0]) is str and one[0] == other[0])
    return is_key and one[1] is other[1]


def keep(container: Any, wanted: list[tuple[Any, Any]]) -> None:
    """Has a container hold exactly these entries, in this order."""
    kind = kind_of(container)
    now = entries(container)
    if len(now) == len(wanted) and all(map(is_same, now, wanted)):
        return
    if kind is dict:
        _keep_items(container, now, wanted)
    elif kind is list:
        list.__setitem__(container, slice(None), [one for _, one in wanted])
    elif kind is deque:
        deque.clear(container)
        deque.extend(container, [one for _, one in wanted])
    else:
        ids = {id(one) for _, one in wanted}
        for _, one in now:
            if id(one) not in ids:
                set.discard(container, one)
        set.update(container, [one for _, one in wanted])


def _keep_items(container: Any, now: list[tuple[Any, Any]], wanted: list[tuple[Any, Any]]) -> None:
    own = OrderedDict if is_a(container, OrderedDict) else dict
    same = 0
    while same < min(len(now), len(wanted)) and now[same][0] is wanted[same][0]:
        if now[same][1] is not wanted[same][1]:
            own.__setitem__(container, *wanted[same])
        same += 1
    for key, _ in now[same:]:
        own.__delitem__(container, key)
    for key, value in wanted[same:]:
        own.__setitem__(container, key, value)


def exchange(container: Any, wanted_of: Callable[[list[tuple[Any, Any]]], list[tuple[Any, Any]]]) -> None:
    """Gives a container of the program what ``wanted_of`` makes of its entries, and loses none that come meanwhile."""
    for _ in range(_ATTEMPTS):
        held = entries(container)
        changes = Plan()
        if not plan(changes, container, held, wanted_of(held)):
            return
        try:
            native.commit(changes.operations, None)
            return
        except native.ProgramChanged:
            continue
    keep(container, wanted_of(entries(container)))


def plan(plan: "Plan", container: Any, before: list[tuple[Any, Any]], wanted: list[tuple[Any, Any]]) -> bool:
    """Plans that a container which holds ``before`` is to hold ``wanted``; answers whether that is another content."""
    if len(before) == len(wanted) and all(map(is_same, before, wanted)):
        return False
    kind = kind_of(container)
    if kind is dict:
        _plan_items(plan, container, before, wanted)
    elif kind is set:
        ids, held = {id(one) for _, one in wanted}, {id(one) for _, one in before}
        gone = {id(one): one for _, one in before if id(one) not in ids}
        _give_up_places(plan, container, set(gone))
        for one in gone.values():
            plan.add("set-discard", container, one)
        for _, one in wanted:
            if id(one) not in held:
                plan.add("set-add", container, one)
    else:
        operation = "list-content" if kind is list else "deque-content"
        plan.add(operation, container, [one for _, one in before], [one for _, one in wanted])
    return True


def _give_up_places(plan: "Plan", container: Any, gone: set[int]) -> None:
    """What takes the place of these objects wherever they are held takes none in this set, or as a key of this dict."""
    for position in reversed(range(len(plan.operations) if gone else 0)):
        name, holder, *rest = plan.operations[position]
        if holder is not container:
            continue
        if name == "set-replace" and id(rest[0]) in gone:
            del plan.operations[position]
        elif name == "dict-keys":
            pairs = [(key, new) for key, new in rest[0] if id(key) not in gone]
            plan.operations[position] = (name, holder, pairs, *rest[1:])


def _plan_items(plan: "Plan", container: Any, before: list[tuple[Any, Any]], wanted: list[tuple[Any, Any]]) -> None:
    keys, old = [key for key, _ in wanted], [key for key, _ in before]
    gone = [key for key in old if key not in keys]
    stays = [key for key in old if key in keys]
    held = dict(before)
    # A dictionary keeps the key that it has where it is given an equal one.
    others = (index == len(stays) or not is_same((key, None), (stays[index], None)) for index, key in enumerate(keys))
    same = next((index for index, differs in enumerate(others) if differs), len(keys))
    # What follows the first one that stands elsewhere, or is another object, is set once more, behind it.
    again = {id(key) for key in keys[same:]}
    _give_up_places(plan, container, set(map(id, gone)))
    for key in gone:
        plan.delete_name(container, key)
    for key, value in wanted:
        if id(key) in again and key in held:
            plan.delete_name(container, key)
            plan.set_name(container, key, value)
        elif key not in held or held[key] is not value:
            plan.set_name(container, key, value)


def is_a(value: Any, kinds: Any) -> bool:
    """As `isinstance`, without asking the object: a proxy names the class of what it stands for."""
    return issubclass(type(value), kinds)


def attributes(value: Any) -> list[Any]:
    """What an object holds in its dictionary and its slots, without asking it."""
    found = list(objects.attributes(value).values())
    for cls in objects.order(type(value))[:-1]:
        members = objects.members(cls)
        if "__slots__" in members:
            slots = [one for one in members.values() if type(one) is MemberDescriptorType]
            for member in slots:
                try:
                    found.append(member.__get__(value))
                except AttributeError:
                    continue
    return found


def referent(value: Any) -> Any:
    return weakref.ref.__call__(value) if is_a(value, weakref.ref) else value


def live_entry(value: Any, live_of: "LiveOf", ids: dict[int, Any]) -> Any:
    """What stands in a container for something made while evaluating: its live object, a reference to it, or its id."""
    if type(value) is int and value in ids:
        return id(live_of(ids[value]))
    if type(value) is tuple:
        parts = tuple(live_entry(one, live_of, ids) for one in value)
        return value if all(one is part for one, part in zip(value, parts)) else parts
    if not is_a(value, weakref.ref):
        return live_of(value)
    held = weakref.ref.__call__(value)
    live = live_of(held)
    if live is held or held is None:
        return value
    return reference_to(live, value)


def reference_to(live: Any, like: Any) -> Any:
    """A weak reference of the same kind as another one."""
    if hasattr(type(like), "key"):
        # `weakref.KeyedRef`, by which dictionaries that hold their values weakly know the key.
        return type(like)(live, like.__callback__, like.key)
    return type(like)(live, like.__callback__)
