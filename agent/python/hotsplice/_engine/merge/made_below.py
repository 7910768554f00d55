"""Classes below one that is made again: what its metaclass or a base has made of them of its former members."""

from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import fingerprint
from . import edited

if TYPE_CHECKING:
    from .merging import Merger

_PLAIN = (list, tuple, dict, set, frozenset)


def follow(merger: "Merger", live: type, scope: tuple[str, ...], name: str, old: Any, new: Any) -> None:
    """An attribute that the class statement does not write and that a looker gave the class another value.

    What is filled in when it is first asked for (``cls._fields = None``) is asked for again; functions that were
    generated of members are reported.
    """
    below = [one for one in lookup.with_subclasses(live) if one is not live]
    if new is None and objects.is_exactly(old, *_PLAIN):
        for one in below:
            if type(one.__dict__.get(name)) is type(old):
                merger.plan.set_class_attribute(one, name, None)
    elif type(old) is FunctionType and type(new) is FunctionType:
        if fingerprint(old.__code__) == fingerprint(new.__code__):
            return
        left = [one.__qualname__ for one in below if _is_generated_alike(one.__dict__.get(name), old)]
        if left:
            message = f"{', '.join(left)}: {name} is what was generated when the class was made"
            edited.caveat(merger, scope, "HS0403", message)


def _is_generated_alike(own: Any, old: FunctionType) -> bool:
    """Whether a function came from where the one of the class above did."""
    if type(own) is not FunctionType or own is old:
        return False
    codes = own.__code__, old.__code__
    return codes[0].co_filename == codes[1].co_filename and codes[0].co_firstlineno == codes[1].co_firstlineno


def report(mergers: "list[Merger]") -> None:
    """Tells of classes below that a table has something of, too, where what it has of the class is another one now."""
    rebuilt = {
        id(cls): (merger, scope, cls)
        for merger in mergers
        for scope in merger.rebuilt
        if (cls := lookup.find_class(merger.namespace, scope)) is not None and type.__subclasses__(cls)
    }
    given = [one for one in mergers[0].plan.operations if rebuilt and one[0] == "dict-set" and id(one[2]) in rebuilt]
    planned = {(id(one[1]), id(one[2])) for one in mergers[0].plan.operations if one[0] == "dict-set"}
    for _, table, key, value, *_rest in given:
        merger, scope, cls = rebuilt[id(key)]
        held = {id(one): what for one, what in list(dict.items(table)) if objects.is_class(one)}
        old = held.get(id(key), value)
        is_plain = objects.is_exactly(value, *_PLAIN, str) and type(old) is type(value)
        left = [
            one.__qualname__
            for one in lookup.with_subclasses(cls)
            if one is not cls and type(held.get(id(one))) is type(value) and (id(table), id(one)) not in planned
        ]
        if left and is_plain and old != value:
            message = f"{', '.join(left)}: a table has what was made of the class when that was made"
            edited.caveat(merger, scope, "HS0403", message)
