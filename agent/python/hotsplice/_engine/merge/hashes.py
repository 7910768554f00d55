"""Keys whose class hashes or compares its objects in another way now: containers get them where they are found."""

from collections import defaultdict
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import fingerprint
from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared

_NAMES = ("__hash__", "__eq__")


def follow(transaction: "Prepared") -> None:
    """Plans to fill the containers anew, once the patch is live, in which objects of such classes are keys."""
    owners = {id(cls): cls for operation in transaction.plan.operations for cls in _owners(operation)}
    if not owners:
        return
    classes = {id(cls): cls for owner in owners.values() for cls in lookup.with_subclasses(owner)}
    instances = native.objects_of_type(*classes.values())
    own = {id(one) for one in instances}
    for holder in native.referrers(instances) if instances else ():
        if objects.is_exactly(holder, dict, set, defaultdict) and any(id(key) in own for key in list(holder)):
            transaction.plan.afterwards.append(partial(_fill_again, transaction, holder))


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


def _fill_again(transaction: "Prepared", holder: Any) -> None:
    try:
        # What hashes and compares the keys is the program's: it fills another container.
        if type(holder) is set:
            before = list(holder)
            _exchange(holder, set, before, set(before))
        else:
            pairs = list(dict.items(holder))
            _exchange(holder, dict, [key for key, _ in pairs], dict(pairs))
    except Exception as error:
        message = f"a {type(holder).__name__} has keys that can't be hashed any more: {type(error).__name__}: {error}"
        transaction.say_afterwards("HS0603", message)


def _exchange(holder: Any, kind: Any, before: list[Any], new: Any) -> None:
    """Nothing is hashed here: what is in the new container brings its hash along."""
    now = list(holder)
    if len(now) == len(before) and all(one is other for one, other in zip(now, before)):
        kind.clear(holder)
        kind.update(holder, new)
