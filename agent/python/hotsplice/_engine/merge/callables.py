"""What a statement makes to be called: closures, partials, bound methods.

They are code, and follow like it in whoever holds them.
"""

import functools
import gc
import operator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..native import native
from . import imports

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .merging import Merger

# What a call gives to be called, and makes anew each time.
MADE = (functools.partial, MethodType, operator.itemgetter, operator.attrgetter, operator.methodcaller)


def is_made_by_statement(merger: "Merger", name: str, old: Any, edit: "Edit") -> bool:
    """Whether the statement that gave a name its value made it, to be called: who holds it has it from the name."""
    if not edit.get("given_by"):
        return False
    kind = type(old)
    if kind is FunctionType:
        is_made = "<locals>" in old.__qualname__ and old.__globals__ is merger.namespace.globals
        # What a decorator made of a lambda is called like that.
        is_made = is_made or lookup.search(old, lambda value: merger.is_own_lambda(value, edit)) is not None
    elif isinstance(old, BuiltinFunctionType):
        is_made = old.__self__ is not None and type(old.__self__) is not ModuleType
    else:
        is_made = objects.is_exactly(old, *MADE)
    return is_made and not _is_named_elsewhere(merger, name, old)


def _is_named_elsewhere(merger: "Merger", name: str, old: Any) -> bool:
    """Whether another name leads to it, in this module or in one that does not have it from here.

    A container of the module that holds it may be what its maker remembers it in.
    """
    own = merger.namespace.globals
    for other, value in list(own.items()):
        if other != name and other not in merger.bound and (value is old or any(one is old for one in _items(value))):
            return True
    if _is_remembered(old):
        return True
    following = {id(holder) for holder, _ in imports.followers(own, name, old)}
    modules = [lookup.members_of(module) for _, module in lookup.loaded_modules()]
    return any(
        members is not own and id(members) not in following and any(value is old for value in list(members.values()))
        for members in modules
    )


def _is_remembered(old: Any) -> bool:
    """Whether `functools.cache` has it for who asks for the same again."""
    holders = {id(holder) for holder in native.referrers([old]) if type(holder) is dict}
    caches = native.objects_of_type(functools._lru_cache_wrapper) if holders else ()
    return any(id(one) in holders for cache in caches for one in gc.get_referents(cache))


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(dict.values(value))
    return list(value) if objects.is_exactly(value, list, tuple) else []
