"""Containers of the program in which decorators and base classes keep what they are given.

Decorators and class statements that run while a patch is prepared register what they make there and then, in place of
what the former version had registered, as in a process that starts with the new text. All that is taken back as soon as
everything has been run, and goes in with the commit, where the former version stood: a registry neither doubles nor
keeps the old entry, and a patch that is refused leaves it as it was.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live import objects
from . import LiveOf, entries, ordering, stores
from .attributed import Attributed
from .entries import Entries
from .gaps import Gap, filled, in_order
from .gathering import only_computes
from .noted import Noted
from .registration import Registration

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared


class Containers:
    """What the containers that this patch may register in held before, for one transaction."""

    def __init__(self, shadows: Any, excluded: set[int], copies: Any, made: Callable[[], set[int]]):
        """``made``: the ids of functions and classes that were made while evaluating, as far as it has come."""
        self.noted = Noted(shadows, excluded, copies)
        self._made_so_far = made
        self._copies = copies
        # id → (container, entries that were registered)
        self._taken: dict[int, tuple[Any, Entries]] = {}
        # id → all that it held when everything had been registered
        self._landed: dict[int, Entries] = {}
        # id → entries that are hidden while decorators run again
        self._hidden: dict[int, Entries] = {}
        # id → what a container was left with once everything had been run
        self._put_back: dict[int, Entries] = {}
        # id → what the program took out of a container while that was its own again
        self._gone: dict[int, Entries] = {}
        # Ids of those that hold nothing once the patch is live.
        self._emptied: set[int] = set()
        # Functions and classes that were made while evaluating and stand for live ones, by id.
        self._made: dict[int, Any] = {}
        # The ids of all that were made then.
        self._new: set[int] = set()
        # id of a container that has a copy → what else became of that: entries that are gone, entries that came
        self._beside: dict[int, tuple[Entries, Entries]] = {}
        self._withdrawn = False
        # Indices of what the program itself has registered, in the container that is settled.
        self._own: set[int] = set()
        # id of a container → a definition that is registered there otherwise: a decorator reads of it what has changed.
        self.observed: dict[int, str] = {}

    def hide_class(self, cls: type) -> bool:
        """Has what a class is registered in not hold it while the class is made again; answers whether anything did."""
        found = False
        for one in self.noted.registrations:
            for container in self.noted.used(one) if id(cls) in one.live else ():
                found = self._hide_in(container, one) or found
        return found

    def hide(self, outcome: "EditOutcome") -> None:
        """Before a definition's decorators run again: what it had registered is not there, as for a fresh process.

        A registry that refuses a name that is taken, or keeps what it has, takes the new one then.
        """
        for one in self.noted.registrations:
            if one.outcome is outcome and outcome.edit["what"] in ("function", "block"):
                for container in self.noted.used(one):
                    # Keys that run code of the program would see a registry without what is in it.
                    if stores.has_plain_keys(container):
                        self._hide_in(container, one)

    def _hide_in(self, container: Any, one: Registration) -> bool:
        hidden: Entries = []
        # Not what another definition of the patch has registered meanwhile, perhaps under the same name.
        before = self._copies.begun(container) if self._copies.is_copied(container) else self._before(container)
        known = {entries.identity(entry) for entry in before}

        def without(held: Entries) -> Entries:
            hidden[:] = [entry for entry in held if entries.identity(entry) in known and one.made(*entry)]
            gone = {id(entry) for entry in hidden}
            return [entry for entry in held if id(entry) not in gone]

        self._copies.change(container, without)
        self._hidden.setdefault(id(container), []).extend(hidden)
        return bool(hidden)

    def _before(self, container: Any) -> Entries:
        return self.noted.before[id(container)][1] if id(container) in self.noted.before else []

    def note_copies(self) -> None:
        """A registry's copy is a registry, too."""
        self.noted.registries.update(id(made) for made, live in self._copies.pairs() if type(live) is not FunctionType)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The program's containers hold what is the program's for as long as this lasts."""
        parked = []
        made: set[int] | None = None
        for key, (container, before) in self.noted.before.items():
            now = stores.entries(container)
            if self._withdrawn or self._copies.is_copied(container) or entries.same(now, before):
                continue
            # All that lives is looked at for it: once, and where something has come.
            made = self._made_so_far() if made is None else made
            new = [entry for entry in entries.without(now, before) if self._is_own(key, entry, made)]
            if not new and key not in self._hidden:
                # All that is another is so by the program.
                continue
            own = self._own_state(key, before, now, new)
            parked.append((key, container, own, now))
            stores.exchange(container, partial(_moved, now, own))
        try:
            yield
        finally:
            for key, container, own, now in parked:
                self._gone.setdefault(key, []).extend(entries.without(own, stores.entries(container)))
                stores.exchange(container, partial(_moved, own, now))

    def _is_own(self, key: int, entry: tuple[Any, Any], made: set[int]) -> bool:
        is_named = any(one.names_it(*entry) for one in self.noted.users(key))
        return is_named or entries.reaches(entry, made, self.noted.registries)

    def _own_state(self, key: int, before: Entries, now: Entries, new: Entries) -> Entries:
        """What a container holds without what was registered in it, and with what that took the place of."""
        taken = self._hidden.get(key, [])
        gone = [
            entry
            for entry in entries.without(entries.without(before, taken), now)
            if entry[0] is None or not any(entries.equal(entry[0], name) for name, _ in new)
        ]
        return [*entries.without(before, gone), *entries.without(entries.without(now, before), new)]

    def withdraw(self, replaced: Any = ()) -> None:
        """Takes out what was registered while evaluating; once that is done, it is done.

        ``replaced`` are pairs of what was made and what is live.
        """
        if self._withdrawn:
            return
        self._withdrawn = True
        made = self._made_so_far()
        made.update(id(one) for one, live in replaced if stores.is_a(one, type) and one is not live)
        self._new = made
        for key, (container, before) in self.noted.before.items():
            is_copied = self._copies.is_copied(container)
            if is_copied:
                # The program's own may hold something else by now.
                before = self._copies.begun(container)
            now = self._copies.entries(container)
            if key not in self._hidden and entries.same(now, before):
                continue
            base = entries.without(before, self._hidden.get(key, []))
            added = entries.without(now, base)
            new, left = self._divided(key, added, before, made)
            if new:
                self._taken[key], self._landed[key] = (container, new), now
            # What is gone though nothing hid it, and no other one stands under its key.
            gone = [
                entry
                for entry in entries.without(base, now)
                if not any(entries.equal(entry[0], name) for name, _ in new if name is not None)
            ]
            if is_copied:
                self._beside[key] = gone, left
            elif len(added) > len(left) or key in self._hidden or key in self._gone:
                kept = [*entries.without(before, [*gone, *self._gone.get(key, [])]), *left]
                stores.exchange(container, partial(_moved, now, kept))
                self._put_back[key] = kept
            if left or gone:
                self._say_left(key)

    def _divided(self, key: int, added: Entries, before: Entries, made: set[int]) -> tuple[Entries, Entries]:
        """What is new in a container: what a definition of the patch registered, and what somebody else did."""
        users = [one for one in self.noted.users(key) if one.outcome.edit["change"] != "removed"]
        new: Entries = []
        left: Entries = []
        for entry in added:
            is_own = entries.reaches(entry, made, self.noted.registries) or any(one.names_it(*entry) for one in users)
            # Under a key that was there: what one registration exchanges, the new one does.
            is_own = is_own or (bool(users) and self._replaces(entry, before))
            if not is_own and users and entry[0] is None and any(entries.equal(entry[1], one) for _, one in before):
                # The same as before: what describes the registration has not changed.
                continue
            (new if is_own else left).append(entry)
        return new, left

    @staticmethod
    def _replaces(entry: tuple[Any, Any], before: Entries) -> bool:
        if entry[0] is None:
            return False
        former = next((value for name, value in before if entries.equal(name, entry[0])), stores.MISSING)
        return type(former) is type(entry[1]) and not stores.is_a(former, (int, float))

    def _say_left(self, key: int) -> None:
        for one in self.noted.users(key):
            if one.outcome.edit["change"] != "removed":
                one.outcome.caveat(
                    "HS0407",
                    f"what decorates or makes {one.outcome.edit['definition']} was run again, and what that did "
                    "besides registering it may have been done twice",
                )

    def settle(self, transaction: "Prepared", replaced: Any) -> None:
        """Plans what the containers get with the commit."""
        live_of = LiveOf(transaction, replaced, self.noted.successors())
        self._live_of = LiveOf(transaction, replaced, {})
        self._made = {id(made): made for made, _ in replaced}
        touched = dict(self._taken) | {
            key: (self.noted.before[key][0], []) for key in self._beside.keys() - self._taken.keys()
        }
        for one in self.noted.registrations:
            for key in one.used:
                touched.setdefault(key, (self.noted.before[key][0], []))
        changed: dict[int, str] = {}
        held = {key: stores.entries(container) for key, (container, _) in touched.items()}
        attributed = Attributed(transaction, live_of, held, {key: new for key, (_, new) in touched.items()})
        attributed.divide(self.noted.registrations)
        # A list for one event comes before the table of events.
        inner = {id(one) for holder in self.noted.holders.values() for one in holder.containers}
        inner_first = sorted(
            touched.items(), key=lambda item: (item[0] not in inner, stores.kind_of(item[1][0]) is dict)
        )
        for key, (container, new) in inner_first:
            before = held[key]
            self._own = {index for other, index in attributed.own if other == key}
            settle = self._settled_items if stores.kind_of(container) is dict else self._settled
            wanted = settle(key, before, self._expected(key, before, new, live_of), live_of)
            wanted = entries.with_others(wanted, *self._beside.get(key, ([], [])))
            if stores.plan(transaction.plan, container, before, wanted):
                observed = (one.outcome.edit for one in self.noted.users(key))
                found = next((edit["definition"] for edit in observed if edit.get("observed")), None)
                if found is not None:
                    changed[key] = found
            if before and not wanted:
                self._emptied.add(key)
        if self._taken or self._emptied:
            transaction.plan.afterwards.extend(self.noted.caches)
        self.observed = changed

    def _expected(self, key: int, now: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        """Without what the program has taken out of its registry while the patch was prepared: that is not put back."""
        if not new:
            return new
        gone = [*entries.without(self._put_back.get(key, self.noted.before[key][1]), now), *self._gone.get(key, [])]
        held = [(key, entries.function(value)) for key, value in gone]
        return [
            (name, value)
            for name, value in new
            if not any(
                live_of(entries.function(value)) is function if function is not None else entries.equal(name, former)
                for former, function in held
            )
        ]

    def _coming_again(self, key: int, new: Entries, live_of: "LiveOf") -> list[tuple[Registration, bool]]:
        """Who has registered something in a container, and whether any of what is new in it is about that."""
        about = [(entry, entries.function(entry[1])) for entry in new]
        live = {id(live_of(function)) for _, function in about if function is not None}
        is_of_all = any(function is None for _, function in about)
        return [
            (one, is_of_all or not live.isdisjoint(one.live) or any(one.names_it(*entry) for entry, _ in about))
            for one in self.noted.users(key)
        ]

    def _former(self, key: int, before: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        users = self._coming_again(key, new, live_of)
        made = [one for name, value in new for one in (name, entries.function(value)) if one is not None]
        others = [entry for index, entry in enumerate(before) if index not in self._own]
        return [entry for entry in others if self._is_former(entry, new, users, made, live_of)]

    def _is_former(
        self,
        entry: tuple[Any, Any],
        new: Entries,
        users: list[tuple[Registration, bool]],
        made: list[Any],
        live_of: "LiveOf",
    ) -> bool:
        """Whether an entry is what the former version of something had registered."""
        if any(one.outcome.edit["change"] == "removed" and one.made(*entry) for one, _ in users):
            return True
        for one, comes_again in users:
            goes = comes_again or (one.is_kept_by_itself() and not one.may_be_of_calls(*entry))
            if goes and one.made(*entry):
                return True
        holder = self.noted.holders.get(id(entry[1]))
        if holder is not None:
            return holder.goes and all(id(one) in self._emptied for one in holder.containers)
        if id(entry[1]) in self._emptied:
            # A list of the functions for an event goes with the last of them.
            return True
        if stores.kind_of(entry[1]) is not None:
            return any(live_of(name) is entry[0] is not name for name, _ in new if entry[0] is not None)
        held = {id(one) for one in (entry[0], entries.function(entry[1])) if one is not None}
        return any(live_of(one) is not one and id(live_of(one)) in held for one in made)

    def _settled(self, key: int, before: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        items = [one for _, one in before]
        gaps = []
        gone = {id(entry) for entry in self._former(key, before, new, live_of)}
        for index, entry in enumerate(before):
            if id(entry) in gone:
                items[index] = Gap(entries.function(entry[1]))
                gaps.append(items[index])
        self._say_unbalanced(key, new, gaps, live_of)
        added = [one for _, one in new]
        unnamed = [one for one in added if entries.function(one) is None]
        for gap, one in zip((gap for gap in gaps if gap.key is None), unnamed):
            # What is no function stands where the one before it stood.
            items[items.index(gap)] = one
            added = [other for other in added if other is not one]
        items = filled([*items, *added], entries.function, live_of, [one for _, one in before], len(before))
        items = in_order(items, [one for _, one in new], lambda one: live_of.place(entries.function(one)))
        if key in self._landed and ordering.sorts(self.noted.fillers.get(key, ())):
            items = ordering.as_landed(items, self._landed[key])
        return [(None, self._live(one)) for one in items]

    def _settled_items(self, key: int, before: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        given = [(self._live(name), self._live(value)) for name, value in new]
        former = self._former(key, before, new, live_of)
        gone = {id(entry) for entry in former}
        stays = [entry for entry in before if id(entry) not in gone]
        fresh = [entry for entry in given if not any(entries.equal(entry[0], name) for name, _ in before)]
        self._say_unbalanced(key, fresh, former, live_of)
        wanted = []
        for name, value in before:
            same = next((entry for entry in given if entries.equal(entry[0], name)), None)
            if same is not None:
                wanted.append((name, self._state_or(key, value, same[1])))
            elif any(name is entry[0] for entry in stays):
                wanted.append((name, value))
            elif fresh:
                # Under another key now, in its place.
                wanted.append(fresh.pop(0))
        places = [live_of.place(entries.function(value)) for _, value in wanted] if fresh else []
        for name, value in fresh:
            # Before what the same file defines further down.
            file, line = live_of.place(entries.function(value))
            later = (index for index, place in enumerate(places) if file and place[0] == file and place[1] > line)
            at = next(later, len(wanted))
            wanted.insert(at, (name, value))
            places.insert(at, (file, line))
        found = [live_of.place(entries.function(value)) for _, value in given]
        counts = Counter(found)
        several = [name for (name, _), place in zip(given, found) if place[0] and counts[place] > 1]
        registered = [one for name in several for one in wanted if entries.equal(one[0], name)]
        return in_order(wanted, registered, lambda entry: live_of.place(entries.function(entry[1])))

    def _live(self, value: Any) -> Any:
        """What something is once it is live: itself or what it is merged into; of a new one, its items."""
        if stores.kind_of(value) is not None and id(value) not in self.noted.before:
            held = stores.entries(value)
            stores.keep(value, [(self._live(name), self._live(one)) for name, one in held])
            return value
        return stores.live_entry(value, self._live_of, self._made)

    def _state_or(self, key: int, held: Any, new: Any) -> Any:
        """What a registry counts or gathers under a name stays."""
        if entries.is_state(held, new, self._new.union(self._made)) and not self._is_computed(key, held):
            return held
        if objects.is_exactly(held, int, float) and objects.is_exactly(new, int, float) and held != new:
            self._say_left(key)
            return held
        return new

    def _is_computed(self, key: int, held: Any) -> bool:
        """Whether a decorator computes the containers that it keeps in this one, and leaves none empty to be filled."""
        # One that makes what is missing has it filled.
        kind = stores.kind_of(held)
        may_be = kind is not None and type(self.noted.before[key][0]) in (dict, OrderedDict)
        users = self.noted.users(key) if may_be else []
        return bool(users) and all(only_computes(one.registrars, kind) for one in users)

    def _say_unbalanced(self, key: int, new: Entries, former: Any, live_of: "LiveOf") -> None:
        """A definition that registers once more where nothing of its former version was found."""
        if len(new) <= len(former):
            return
        for one in self.noted.users(key):
            if one.outcome.edit["change"] not in ("changed", "derived"):
                continue
            if one.outcome.edit.get("observed") and any(one.is_about(entry, live_of) for entry in new):
                self._say_left(key)


def _moved(seen: Entries, wanted: Entries, held: Entries) -> Entries:
    """What is wanted in place of what was seen; what came since stays, and what went is gone."""
    if entries.same(seen, held):
        return wanted
    return [*entries.without(wanted, entries.without(seen, held)), *entries.without(held, seen)]
