"""Which of the entries that lead to a definition its former registration has made, and which the program itself.

A function that a decorator has registered may stand in the same registry once more, because the program put it there.
As many entries are the registration's as the new one makes, those first whose keys the former text gives; of a
decorator that is called otherwise now, all whose keys it gives. The others are the program's.
"""

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..live.code import join
from ..live.files import live_file
from . import entries, stores
from .entries import Entries
from .registration import Registration

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from . import LiveOf

_PLAIN = (str, bytes, int, float, tuple, bool)
# How surely a registration has made an entry: the former text gives its key, the definition's name is its key, or a
# part of it is one of these.
_GIVEN, _NAMED, _PART, _OTHER = range(4)
# Container's id, index of the entry in it.
Place = tuple[int, int]


class Attributed:
    """Entries of one transaction's registries that are the program's own, though they lead to what is registered."""

    def __init__(self, transaction: "Prepared", live_of: "LiveOf", before: dict[int, Entries], new: dict[int, Entries]):
        self._transaction = transaction
        self._live_of = live_of
        self._before, self._new = before, new
        # id of a list for one event → id of the table of events, and the key there
        self._outer = {
            id(value): (key, name)
            for key, held in before.items()
            for name, value in held
            if name is not None and id(value) in before and stores.kind_of(value) is not None
        }
        self.own: set[Place] = set()
        # id of a function that stands in several places → it, and these
        self._several: dict[int, tuple[Any, list[Place]]] = {}
        # id of a container → how often the new registrations have each live function there
        self._counts = {key: self._count(held) for key, held in new.items()}
        self._find()

    def _find(self) -> None:
        for key, held in self._before.items():
            for index, (name, value) in enumerate(held):
                about = _about(name, value)
                if about is not None:
                    self._several.setdefault(id(about), (about, []))[1].append((key, index))
        self._several = {key: found for key, found in self._several.items() if len(found[1]) > 1}

    def _count(self, held: Entries) -> "Counter[int]":
        found: Counter[int] = Counter()
        for entry in held:
            # A list for an event that had none is new as a whole.
            for one in (entry, *self._inside(entry)):
                about = _about(*one)
                found[id(self._live_of(about))] += about is not None
        return found

    def divide(self, registrations: list[Registration]) -> None:
        """Finds the program's own entries among those that lead to definitions, and reports what is not sure."""
        live = {one for registration in registrations for one in registration.live}
        others = self._several.keys() - live
        for registration in registrations if self._several else ():
            self._divide_those_of(registration, others)

    def _divide_those_of(self, one: Registration, others: set[int]) -> None:
        edit = one.outcome.edit
        if edit["change"] == "removed" or (edit["change"] == "added" and not edit["scope"]):
            return
        for function in (one.live & self._several.keys()) | others:
            places = self._several[function][1]
            candidates = [place for place in places if place[0] in one.used and one.reaches(*self._entry(place))]
            families: dict[int, list[Place]] = {}
            for place in candidates:
                families.setdefault(self._family(place[0]), []).append(place)
            for family, inside in families.items():
                keys = [key for key in self._before if key in one.used and self._family(key) == family]
                count = sum(self._counts[key][function] for key in keys if key in self._counts)
                if len(inside) > max(count, 1):
                    self._divide(one, inside, count)

    def _entry(self, place: Place) -> tuple[Any, Any]:
        return self._before[place[0]][place[1]]

    def _family(self, key: int) -> int:
        """The lists of one table of events are filled for each other."""
        return self._outer.get(key, (key, None))[0]

    def _inside(self, entry: tuple[Any, Any]) -> Entries:
        value = entry[1]
        return stores.entries(value) if stores.kind_of(value) is not None and id(value) not in self._before else []

    def _divide(self, one: Registration, places: list[Place], count: int) -> None:
        former, is_called_alike = self._given(one)
        ranks = {place: self._rank(one, place, former) for place in places}
        ordered = sorted(places, key=lambda place: ranks[place])
        best = ranks[ordered[0]]
        is_sure = is_called_alike and count > 0
        # A text may give several keys.
        named = {text for place in places for text in self._texts(place, former)}
        alike = sum(rank == best for rank in ranks.values()) if best != _OTHER and not is_sure else 1
        wanted = max(count, len(named) if is_sure else alike)
        own = ordered[wanted:]
        self.own.update(own)
        if own and not is_sure:
            names = ", ".join(
                sorted({repr(name) for name in map(self._name, own) if objects.is_exactly(name, *_PLAIN)})
            )
            under = f" under {names}" if names else ""
            one.outcome.caveat(
                "HS0407",
                f"{one.outcome.edit['definition']} stays registered{under}: the program may have done that itself, "
                "or what decorated it before",
            )

    def _name(self, place: Place) -> Any:
        key, index = place
        name = self._before[key][index][0]
        return name if name is not None else self._outer.get(key, (key, None))[1]

    def _parts(self, place: Place) -> list[Any]:
        key, index = place
        name, value = self._before[key][index]
        parts = [name, self._outer.get(key, (key, None))[1]]
        for part in (name, value):
            parts += list(tuple.__iter__(part)) if type(part) is tuple else []
        return [part for part in parts if part is not None]

    def _texts(self, place: Place, former: list[Any]) -> set[str]:
        """Texts among the keys of an entry that the former text gives, each by itself or as one of several words."""
        words = {word for given in former if type(given) is str for word in (given, *re.split(r"[\s,;|]+", given))}
        return {part for part in self._parts(place) if type(part) is str and part in words}

    def _rank(self, one: Registration, place: Place, former: list[Any]) -> int:
        parts = self._parts(place)
        if any(_is_same(part, given) for part in parts for given in former) or self._texts(place, former):
            return _GIVEN
        texts = [part for part in parts if type(part) is str]
        if any(text in one.names for text in texts):
            return _NAMED
        known = [given for given in (*former, *one.names) if type(given) is str and given]
        return _PART if any(given.lower() in text.lower() for text in texts for given in known) else _OTHER

    def _given(self, one: Registration) -> tuple[list[Any], bool]:
        """What the former text gives to what registers a definition, and whether the new one calls that alike."""
        edit, path = one.outcome.edit, one.outcome.path
        first, last = edit.get("old_line"), edit.get("old_end_line")
        former = _parsed(textwrap.dedent(live_file(path).excerpt(first, last)) if first and last else "")
        run = edit.get("run")
        new = _parsed(join(run)) if run else former
        members: dict[str, Any] = {}
        for change in self._transaction.files:
            if any(outcome is one.outcome for outcome in change.outcomes):
                members = change.namespaces[0].globals if change.namespaces else {}
        is_alike = not former.body or [_shape(node) for node in _registering(former)] == [
            _shape(node) for node in _registering(new)
        ]
        return [value for node in _registering(former) for value in _values(node, members)], is_alike


def _about(name: Any, value: Any) -> Any:
    found = entries.function(value) if stores.kind_of(value) is None else None
    return found if found is not None else entries.function(name)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and objects.is_exactly(one, *_PLAIN) and entries.equal(one, other))


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _registering(tree: ast.AST) -> Iterator[ast.AST]:
    """What a statement gives to others: of a function its decorators, of a class also its bases and what it assigns."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(tree, ast.If) and isinstance(node, ast.Constant):
            # What is run of a block stands below an `if 1:`.
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from node.decorator_list
        elif isinstance(node, ast.ClassDef):
            yield from (*node.decorator_list, *node.bases, *node.keywords)
            yield from (one for one in node.body if isinstance(one, (ast.Assign, ast.AnnAssign)))
        elif isinstance(node, (ast.expr, ast.Assign, ast.AnnAssign)):
            yield node
        else:
            yield from _registering(node)


def _shape(node: ast.AST) -> Any:
    """An expression but for its values."""
    if isinstance(node, (ast.Constant, ast.Name, ast.Attribute)):
        return ast.Constant
    return type(node), [_shape(inner) for inner in ast.iter_child_nodes(node)]


def _values(tree: ast.AST, members: dict[str, Any]) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Name) and node.id in members:
            yield members[node.id]
