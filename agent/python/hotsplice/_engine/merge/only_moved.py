"""What was computed by calling definitions that do what they did, as those do that moved to another file, stays so."""

import builtins
import enum
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate.equality import equal
from ..evaluate.sorts import attributes
from ..frameworks import entries
from ..journal.writes import root
from ..live import lookup, objects
from ..live.code import fingerprint, tree

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger

_MISSING: Any = object()
_NOTHING: Any = object()
# Parts of a function that are evaluated where it is defined.
_HEADERS = frozenset(("defaults", "annotations"))
# What of a class says where it stands, and what is made anew for each class.
_OF_PLACE = frozenset(
    (
        *("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__static_attributes__"),
        *("__firstlineno__", "__annotate_func__", "__annotate__", "__annotations_cache__", "_abc_impl"),
    )
)
_STORING = (staticmethod, classmethod)


def retract(mergers: "list[Merger]", outcomes: "list[EditOutcome]") -> None:
    """Takes back what was reported of values where nothing changed that they may have been computed of."""
    known_to = {id(outcome) for merger in mergers for outcome in merger.change.outcomes}
    all_outcomes = [(merger, outcome) for merger in mergers for outcome in merger.change.outcomes]
    is_whole = all(id(outcome) in known_to for outcome in outcomes)
    if not is_whole or any(_changes_anything(*one) for one in all_outcomes) or any(map(_means_another_thing, mergers)):
        return
    for merger in mergers:
        known: dict[str, bool] = {}
        for outcome in merger.change.outcomes:
            edit = outcome.edit
            names = {root(name) for name in edit.get("changed_reads", ())}
            if edit["change"] != "derived" or outcome.code != "HS0403" or edit["scope"]:
                continue
            for name in names - known.keys():
                live, made = (space.get(name, _MISSING) for space in (merger.namespace.globals, merger.shadow.globals))
                known[name] = _is_as_it_was(live, made, set())
            if all(known[name] for name in names):
                outcome.retract("HS0403")


def _means_another_thing(merger: "Merger") -> bool:
    """Whether a name that came, went or is imported means another thing than before to code that stays."""
    edits = (outcome.edit for outcome in merger.change.outcomes)
    moved = (edit for edit in edits if edit["change"] in ("added", "removed") or edit["what"] == "import")
    for name in {name for edit in moved for name in edit["binds"]}:
        spaces = merger.namespace.globals, merger.shadow.globals
        live, made = (space.get(name, vars(builtins).get(name, _MISSING)) for space in spaces)
        # What nobody could read before, or can now, was not asked for.
        if _MISSING not in (live, made) and not _is_as_it_was(live, made, set()):
            return True
    return False


def _changes_anything(merger: "Merger", outcome: "EditOutcome") -> bool:
    edit = outcome.edit
    if edit["change"] in ("added", "removed") or edit["what"] == "import":
        # Of what moved it is looked at what its name means.
        return bool(edit["scope"])
    values = [_values(merger, edit, name) for name in edit["binds"]]
    if edit["what"] == "assignment" and edit["change"] == "changed":
        return not values or not all(equal(live, made) for live, made in values)
    if edit["what"] == "function" and edit["parts"] and _HEADERS.issuperset(edit["parts"]):
        return not values or not all(_is_as_it_was(live, made, set()) for live, made in values)
    return edit["change"] != "derived" or (outcome.code != "HS0403" and edit["what"] in ("function", "class", "block"))


def _values(merger: "Merger", edit: "Edit", name: str) -> tuple[Any, Any]:
    scope = tuple(edit["scope"])
    if not scope:
        return merger.namespace.globals.get(name, _MISSING), merger.shadow.globals.get(name, _MISSING)
    owner = lookup.find_class(merger.namespace, scope) if scope in merger.change.classes else None
    held: Any = objects.members(owner) if owner is not None else {}
    name = lookup.mangled(name, scope)
    made: Any = merger.shadow.classes.get(scope, {})
    return held.get(name, _MISSING), made.get(name, _NOTHING)


def _is_as_it_was(live: Any, made: Any, seen: set[int]) -> bool:
    """Whether a definition does what it did, in another module: what it reads there is what it read."""
    if live is made or id(live) in seen:
        return live is not _MISSING
    seen.add(id(live))
    kind = type(live)
    if kind is not type(made):
        return False
    if kind is FunctionType:
        return _is_same_function(live, made, seen)
    if issubclass(kind, type):
        return _is_same_class(live, made, seen)
    if kind in _STORING:
        return _is_as_it_was(live.__func__, made.__func__, seen)
    if kind is property:
        parts = ((one.fget, one.fset, one.fdel) for one in (live, made))
        return all(one is other or _is_as_it_was(one, other, seen) for one, other in zip(*parts))
    if kind is dict:
        keys = list(live) == list(made)
        return keys and all(_is_as_it_was(one, other, seen) for one, other in zip(live.values(), made.values()))
    if kind.__module__ == "dataclasses":
        # What is known of a field, and of a class.
        return _is_as_it_was(attributes(live), attributes(made), seen)
    return equal(live, made)


def _is_same_function(live: FunctionType, made: FunctionType, seen: set[int]) -> bool:
    if fingerprint(live.__code__) != fingerprint(made.__code__):
        return False
    around = zip(entries.cells(live), entries.cells(made))
    if not all(one is other or _is_as_it_was(one, other, seen) for one, other in around):
        return False
    if not equal((live.__defaults__, live.__kwdefaults__), (made.__defaults__, made.__kwdefaults__)):
        return False
    own, others = (objects.dictionary(one) or {} for one in (live, made))
    if not _is_as_it_was(own, others, seen) or not _are_annotated_alike(live, made, seen):
        return False
    return _reads_the_same(live, made, seen)


def _reads_the_same(live: FunctionType, made: FunctionType, seen: set[int]) -> bool:
    names = {name for code in tree(live.__code__) for name in code.co_names}
    spaces = live.__globals__, made.__globals__
    read = [(one, other) for one, other in (tuple(space.get(name, _MISSING) for space in spaces) for name in names)]
    return all(one is other or _is_as_it_was(one, other, seen) for one, other in read)


def _are_annotated_alike(live: Any, made: Any, seen: set[int]) -> bool:
    """Whether functions or classes have the same annotations, or what makes those when they are asked for."""
    own, other = (_describing(one) for one in (live, made))
    if type(own) is FunctionType and type(other) is FunctionType:
        # What it has around it is the class itself.
        return fingerprint(own.__code__) == fingerprint(other.__code__) and _reads_the_same(own, other, seen)
    return own is None and other is None and _is_as_it_was(_annotations(live), _annotations(made), seen)


def _describing(value: Any) -> Any:
    if type(value) is FunctionType:
        return getattr(value, "__annotate__", None)
    members = objects.members(value)
    return members.get("__annotate_func__", members.get("__annotate__"))


def _annotations(value: Any) -> Any:
    if type(value) is FunctionType:
        return value.__annotations__
    return objects.members(value).get("__annotations__", {})


def _is_same_class(live: Any, made: Any, seen: set[int]) -> bool:
    if isinstance(live, enum.EnumMeta) and isinstance(made, enum.EnumMeta):
        values: list[Any] = [[(name, one._value_) for name, one in kind._member_map_.items()] for kind in (live, made)]
        if not equal(*values):
            return False
    if not _are_annotated_alike(live, made, seen):
        return False
    bases = [[(base.__module__, base.__qualname__) for base in one.__bases__] for one in (live, made)]
    own, other = (_compared(one) for one in (live, made))
    if bases[0] != bases[1] or own.keys() != other.keys():
        return False
    return all(own[name] is other[name] or _is_as_it_was(own[name], other[name], seen) for name in own)


def _compared(cls: Any) -> dict[str, Any]:
    members = {name: value for name, value in objects.members(cls).items() if name not in _OF_PLACE}
    if not isinstance(cls, enum.EnumMeta):
        return members
    # Its members are compared by what they are; what else `enum` keeps is made of those.
    kinds = (FunctionType, property, *_STORING)
    return {name: value for name, value in members.items() if objects.is_exactly(value, *kinds)}
