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
    if merger.known is None:
        merger.known = Known(merger)
    own = merger.namespace.globals
    if merger.known.is_remembered(old):
        return True
    others = merger.known.names_of(old)
    if any(members is own and other != name and other not in merger.bound for members, other in others):
        return True
    if all(members is own for members, _ in others):
        return False
    following = {id(holder) for holder, _ in imports.followers(own, name, old)}
    return any(members is not own and id(members) not in following for members, _ in others)


class Known:
    """Where else what a file's names held is known, looked for once for all of them."""

    def __init__(self, merger: "Merger") -> None:
        own = merger.namespace.globals
        held = [own[name] for name in merger.bound if name in own]
        for scope, names in merger.bound_in_class.items():
            members = objects.members(lookup.find_class(merger.namespace, scope))
            held += [members[name] for name in names if name in members]
        self._wanted = {id(one) for one in held if objects.is_exactly(one, FunctionType, BuiltinFunctionType, *MADE)}
        # id → (members of a module, a name in it that leads there)
        self._names: dict[int, list[tuple[Any, str]]] = {}
        for name, value in list(own.items()):
            for one in (value, *_items(value)):
                self._note(own, name, one)
        for _, module in lookup.loaded_modules():
            members = lookup.members_of(module)
            for name, value in list(members.items()) if members is not own else ():
                self._note(members, name, value)
        # Names that files of the patch have no more: what they held may have moved here.
        for change in merger.files:
            edits = [outcome.edit for outcome in change.outcomes if not outcome.edit["scope"]]
            bound = {name for edit in edits if edit["change"] != "removed" for name in edit["binds"]}
            gone = {name for edit in edits if edit["change"] == "removed" for name in edit["binds"]} - bound
            spaces = {id(one.globals) for one in change.namespaces} if gone else set()
            for key, leading in self._names.items() if spaces else ():
                self._names[key] = [one for one in leading if id(one[0]) not in spaces or one[1] not in gone]
        self._remembered = _remembered([one for one in held if id(one) in self._wanted])

    def _note(self, members: Any, name: str, value: Any) -> None:
        if id(value) in self._wanted:
            self._names.setdefault(id(value), []).append((members, name))

    def names_of(self, value: Any) -> list[tuple[Any, str]]:
        return self._names.get(id(value), [])

    def is_remembered(self, value: Any) -> bool:
        return id(value) in self._remembered


def copies(values: list[Any]) -> dict[int, list[str]]:
    """What is known of partials that were made of others: copies, which refer to these no more. In words, by ids."""
    wanted = [one for one in values if objects.is_exactly(one, functools.partial, functools.partialmethod)]
    wanted = [one for one in wanted if one.args or one.keywords]
    own = {id(one) for one in values}
    found: dict[int, list[str]] = {}
    for other in native.objects_of_type(functools.partial) if wanted else ():
        for one in wanted:
            if id(other) not in own and type(other) is functools.partial and _is_copy(other, one):
                found.setdefault(id(one), []).append("a partial that was made of it")
    return found


def _is_copy(other: Any, one: Any) -> bool:
    function = other.func
    if type(one) is functools.partialmethod:
        function = function.__func__ if type(function) is MethodType else function
    elif len(other.args) == len(one.args) and len(other.keywords) == len(one.keywords):
        return False
    return (
        function is one.func
        and len(other.args) >= len(one.args)
        and all(given is wanted for given, wanted in zip(other.args, one.args))
        and one.keywords.keys() <= other.keywords.keys()
    )


def _remembered(values: list[Any]) -> set[int]:
    """Ids of what `functools.cache` has for who asks for the same again."""
    wanted = {id(one) for one in values}
    cache = functools._lru_cache_wrapper
    holders = [one for one in native.referrers(values) if objects.is_exactly(one, dict, cache)] if values else []
    found = {id(one) for holder in holders if type(holder) is cache for one in gc.get_referents(holder)}
    dictionaries = {id(one): one for one in holders if type(one) is dict}
    # One without a limit has a dictionary.
    for one in native.objects_of_type(cache) if dictionaries else ():
        for inside in gc.get_referents(one):
            if id(inside) in dictionaries:
                found.update(map(id, dictionaries[id(inside)].values()))
    return found & wanted


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(dict.values(value))
    return list(value) if objects.is_exactly(value, list, tuple) else []
