"""What a class's attributes were collected in when it was made: `fields[name] = self` in ``__set_name__``.

The text gives such a container nothing, or not that: the class statement fills it, and fills it again when the class is
made again.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..native import native
from . import in_place

if TYPE_CHECKING:
    from .merging import Merger

# Keys that can be set without any code of the program.
_PLAIN = (str, int, bytes, type(None), type)


def follow(merger: "Merger", live: type, made: type, written: Collection[str], changed: Collection[str]) -> None:
    """Has containers that the live class keeps hold what the class that was built again has collected."""
    before, after = _members(live), _members(made)
    names = [name for name in written if name not in changed and name in before and name in after]
    collecting = [name for name in names if type(before[name]) is type(after[name]) in (dict, list)]
    if not collecting:
        return
    # What of the new class gives way to what the live one keeps; what of the live one goes.
    kept = {id(after[name]): before[name] for name in names if _is_one(after[name])}
    gone = {name for name in before if name not in after}
    going = {id(before[name]) for name in before if (name in gone or name in changed) and _is_one(before[name])}
    members = {id(value) for value in after.values() if _is_one(value)}
    for name in collecting:
        old, new = before[name], after[name]
        entries = new.values() if type(new) is dict else new
        if not any(id(one) in members or (type(one) is str and one in after) for one in entries):
            continue
        if type(new) is dict:
            if all(objects.is_exactly(key, *_PLAIN) for key in (*old, *new)):
                wanted_items = {key: kept.get(id(value), value) for key, value in new.items()}
                own = {key: value for key, value in old.items() if id(value) not in going and key not in gone}
                in_place.plan_items(merger.plan, old, wanted_items | {**own, **wanted_items}, lambda value: value)
            continue
        wanted = [kept.get(id(one), one) for one in new]
        others = [one for one in old if id(one) not in going and not (type(one) is str and one in gone)]
        wanted += [one for one in others if not any(one is other for other in wanted) and not _is_in(one, wanted)]
        if len(wanted) != len(old) or any(one is not other for one, other in zip(old, wanted)):
            merger.plan.add("list-content", old, list(old), wanted)


def have_kept(live: type, made: type, written: Collection[str], changed: Collection[str]) -> None:
    """What a metaclass collected of the new class has the objects that the live class's attributes keep."""
    before, after = live.__dict__, made.__dict__
    kept = {
        id(after[name]): before[name]
        for name in written
        if name not in changed and name in before and name in after and _is_object(before[name], after[name])
    }
    for name, value in list(after.items()) if kept else ():
        # Another one than the live class has: it was made with the new class.
        if name in written or name not in before or before[name] is value:
            continue
        places = range(len(value)) if type(value) is list else list(value) if type(value) is dict else ()
        for place in places:
            if id(value[place]) in kept:
                value[place] = kept[id(value[place])]


def _is_object(kept: Any, made: Any) -> bool:
    """Whether two values are objects of the program's classes: who they are matters, not what they are equal to."""
    is_object = native.is_made_in_python(type(kept)) and not isinstance(kept, type)
    return is_object and kept is not made and type(kept).__qualname__ == type(made).__qualname__


def _members(cls: type) -> dict[str, Any]:
    return dict(objects.members(cls))


def _is_one(value: Any) -> bool:
    """Whether an entry that is this very object is about the attribute: a number is everybody's."""
    return not objects.is_exactly(value, int, float, complex, str, bytes, bool, type(None), tuple, frozenset)


def _is_in(value: Any, values: list[Any]) -> bool:
    return type(value) is str and value in [one for one in values if type(one) is str]
