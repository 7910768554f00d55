"""Keys whose class hashes or compares its objects in another way now: containers get them where they are found."""

import weakref
from collections import OrderedDict
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..frameworks import stores
from ..live import lookup, objects
from ..live.code import fingerprint
from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared

_NAMES = ("__hash__", "__eq__")
_KINDS: tuple[Any, ...] = (OrderedDict, dict, set)


def follow(transaction: "Prepared") -> None:
    """Plans to fill the containers anew, once the patch is live, in which objects of such classes are keys."""
    owners = {id(cls): cls for operation in transaction.plan.operations for cls in _owners(operation)}
    if not owners:
        return
    classes = {id(cls): cls for owner in owners.values() for cls in lookup.with_subclasses(owner)}
    instances = native.objects_of_type(*classes.values())
    # What refers to an object weakly has its hash once and for all, and so may a tuple.
    references = [one for instance in instances for one in weakref.getweakrefs(instance)]
    targets = [*instances, *references]
    known = {id(one) for one in targets}
    found = native.referrers(targets) if targets else []
    within = [one for one in found if type(one) is tuple]
    for holder in [*found, *(native.referrers(within) if within else ())]:
        kind = next((kind for kind in _KINDS if stores.is_a(holder, kind)), None)
        keys = list(kind.__iter__(holder)) if kind is not None and id(holder) not in known else []
        if any(_is_of(key, known) for key in keys):
            known.add(id(holder))
            order = {id(key): place for place, key in enumerate(keys)} if kind is OrderedDict else {}
            transaction.plan.afterwards.append(partial(_fill_again, transaction, holder, kind, known, order))


def _is_of(key: Any, known: set[int]) -> bool:
    """Whether a key is one of the objects, refers to one weakly, or has one among its parts."""
    return id(key) in known or (type(key) is tuple and any(_is_of(one, known) for one in key))


def _owners(operation: Any) -> list[type]:
    """The class for which an operation gives one of these methods something else."""
    if operation[0] in ("type-set", "type-delete"):
        return [operation[1]] if operation[2] in _NAMES else []
    if operation[0] != "function" or "code" not in operation[2]:
        return []
    function: FunctionType = operation[1]
    *around, name = function.__qualname__.split(".")
    if name not in _NAMES or fingerprint(function.__code__) == fingerprint(operation[2]["code"]):
        return []
    found: Any = function.__globals__.get(around[0]) if around else None
    for part in around[1:]:
        found = objects.own(found).get(part) if objects.is_class(found) else None
    return [found] if objects.is_class(found) else []


def _fill_again(transaction: "Prepared", holder: Any, kind: Any, known: set[int], order: dict[int, int]) -> None:
    try:
        # What hashes and compares the keys is the program's: it fills another container.
        if kind is set:
            before = list(set.__iter__(holder))
            _exchange(holder, set, before, {_again(key, known) for key in before})
        else:
            # An ordered dictionary looks its keys up to tell their order: it is that of before.
            pairs = sorted(dict.items(holder), key=lambda pair: order.get(id(pair[0]), len(order)))
            _exchange(holder, kind, list(dict.__iter__(holder)), {_again(key, known): value for key, value in pairs})
    except Exception as error:
        message = f"a {type(holder).__name__} has keys that can't be hashed any more: {type(error).__name__}: {error}"
        transaction.say_afterwards("HS0603", message)


def _again(key: Any, known: set[int]) -> Any:
    """A key that has not been hashed yet."""
    if type(key) is tuple:
        return tuple([_again(one, known) for one in key]) if _is_of(key, known) else key
    if id(key) not in known or not stores.is_a(key, weakref.ref):
        return key
    referent = stores.referent(key)
    if referent is None or key.__callback__ is None:
        # Without one the interpreter gives the same reference again.
        return key
    return stores.reference_to(referent, key)


def _exchange(holder: Any, kind: Any, before: list[Any], new: Any) -> None:
    """Nothing is hashed here: what is in the new container brings its hash along."""
    now = list((set if kind is set else dict).__iter__(holder))
    if len(now) == len(before) and all(one is other for one, other in zip(now, before)):
        kind.clear(holder)
        kind.update(holder, new)
