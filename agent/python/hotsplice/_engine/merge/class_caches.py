"""Results that the program keeps for a class whose members change: `lru_cache` of it, `FIELDS[cls] = …`."""

import functools
import gc
import weakref
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import keeping_nothing
from ..live.named import Named
from . import own_caches

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared

# Longer ones are left alone.
_LIMIT = 10_000
_PLAIN_KEYS = set(map(id, (str, int, bytes, bool, float, type(None))))


def edited(transaction: "Prepared") -> "dict[int, EditOutcome]":
    """Ids of the classes that have other members than before, and of those that derive from them."""
    found: dict[int, EditOutcome] = {}
    # Many edits may be of one class.
    owners: dict[int, tuple[type, EditOutcome]] = {}
    for change in transaction.files:
        for outcome in change.outcomes:
            for namespace in change.namespaces if _changes_members(outcome.edit) else ():
                path = [*outcome.edit["scope"], *(outcome.edit["binds"] if outcome.edit["what"] == "class" else ())]
                owner: Any = lookup.find_class(namespace, path)
                if objects.is_class(owner):
                    owners.setdefault(id(owner), (owner, outcome))
    for owner, outcome in owners.values():
        for cls in lookup.with_subclasses(owner):
            found.setdefault(id(cls), outcome)
    return found


def _changes_members(edit: Any) -> bool:
    if "<locals>" in edit["scope"] or not (edit["scope"] or edit["what"] == "class"):
        return False
    is_body = edit["what"] == "function" and edit["change"] in ("changed", "derived")
    return edit["kind"] != "lines" and (not is_body or bool(set(edit["parts"]) - {"docstring"}))


def kept_in(cache: Any, classes: "dict[int, EditOutcome]") -> "EditOutcome | None":
    """Whether an `lru_cache` was called with one of these classes."""
    if type(cache) is not functools._lru_cache_wrapper:
        return None
    # Results that are found by links, where their number is limited, are among them.
    held = gc.get_referents(cache)
    outcomes = (_key_of(one, classes, held) for one in held if type(one) is dict)
    return next((outcome for outcome in outcomes if outcome is not None), None)


def _key_of(container: Any, classes: "dict[int, EditOutcome]", beside: Any = ()) -> "EditOutcome | None":
    # Most tables are of texts or numbers. No metaclass is asked for its hash.
    if dict.__len__(container) > _LIMIT or set(map(id, map(type, container))) <= _PLAIN_KEYS:
        return None
    for key, value in list(dict.items(container)):
        for part in key if type(key) is tuple else (key,):
            cls: Any = part() if type(part) is weakref.ref else part
            # An object of the class itself is no result: it may be the only one that there is, and has its state.
            outcome = classes.get(id(cls))
            if outcome is not None and not any(isinstance(one, cls) for one in (value, *beside)):
                return outcome
    return None


def report(named: Named, classes: "dict[int, EditOutcome]", texts: dict[str, str | None]) -> None:
    """Reports dictionaries that functions of the program fill for a class, and look in first."""
    holding: dict[int, EditOutcome] = {}
    storing = [(one, owner) for one, owner in named.functions_but(keeping_nothing) if one.__code__.co_filename in texts]
    storing = [(one, owner) for one, owner in storing if own_caches.stores(one.__code__)]
    # A project may have tables without end, and functions fill few of them.
    names = {name for one, _ in storing for name in (*one.__code__.co_names, *one.__code__.co_freevars)}
    for _, module in lookup.project_modules() if storing else ():
        members = lookup.members_of(module)
        spaces = [members, *(objects.members(one) for one in list(members.values()) if objects.is_class(one))]
        for value in [space[name] for space in spaces for name in names & space.keys()]:
            content = value.__dict__["data"] if type(value) is weakref.WeakKeyDictionary else value
            outcome = _key_of(content, classes) if type(content) is dict else None
            if outcome is not None:
                holding[id(value)] = outcome
    lines: dict[str, list[str]] = {}
    for function, owner in storing if holding else ():
        for kept in own_caches.kept_by(function.__code__, lines):
            outcome = holding.get(id(own_caches.held(kept, function, owner)))
            if outcome is not None:
                own_caches.say_kept(outcome, function, kept)
