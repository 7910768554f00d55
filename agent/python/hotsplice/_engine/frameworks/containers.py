"""Containers of the program in which decorators and base classes keep what they are given.

Decorators and class statements that run while a patch is prepared register what they make there and then, in place of
what the former version had registered, as in a process that starts with the new text. All that is taken back as soon as
everything has been run, and goes in with the commit, where the former version stood: a registry neither doubles nor
keeps the old entry, and a patch that is refused leaves it as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from . import Gap, LiveOf, entries, filled, readers, registers_anew, registries_of, stores
from .entries import Entries
from .registration import Registration, decorators, defines, definitions_in

if TYPE_CHECKING:
    pass
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.lookup import Namespace

# Items in all that are looked through.
_LIMIT_OF_ALL = 50_000
# What runs tests knows every one of them, plugins and all: no decorator of theirs fills it.
_RUNNERS = ("_pytest", "pluggy")
# How far from a decorator its containers are looked for.
_REACH = 3


class Containers:
    """What the containers that this patch may register in held before, for one transaction."""

    def __init__(self, shadows: Any, excluded: set[int], copies: Any):
        # id → (container, its entries)
        self._before: dict[int, tuple[Any, Entries]] = {}
        # Ids of those and of the objects that have them: what an entry holds of its registry says nothing of the entry.
        self._registries: set[int] = set()
        # How many items those have.
        self._noted = 0
        # id → (container, entries that were registered)
        self._taken: dict[int, tuple[Any, Entries]] = {}
        self._registrations: list[Registration] = []
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
        # What is to be forgotten once entries have changed: `singledispatch` remembers what it found.
        self._caches: list[Any] = []
        self._excluded = excluded
        self._shadows = shadows
        # What is filled instead of the program's containers, where that can be.
        self._copies = copies
        # Ids of containers that are filled by what has no copy to fill.
        self._others: set[int] = set()
        # Ids of containers that decorators of classes may use, which may be made again.
        self._used_by_classes: set[int] = set()
        # Ids of functions and objects that decorators use, by a name of the module.
        self._holders: set[int] = set()
        # id of a container that has a copy → what else became of that: entries that are gone, entries that came
        self._beside: dict[int, tuple[Entries, Entries]] = {}
        self._withdrawn = False

    def note(self, transaction: "Prepared") -> None:
        """Notes what the containers hold that the transaction's decorators and classes may use."""
        for shadow in self._shadows:
            for value in list(shadow.namespace.globals.values()):
                self._note(value, 1)
        for change in transaction.files:
            for namespace in change.namespaces:
                for outcome in change.outcomes:
                    self._note_edit(transaction, namespace, outcome, change.text)
                for scope in change.classes:
                    owner = lookup.find_class(namespace, scope)
                    if owner is not None:
                        self._note_class(owner, self._others)
                        for name in decorators(change.classes[scope], scope):
                            self._note_registrar(namespace, {"scope": scope[:-1]}, name, self._used_by_classes)

    def _note_edit(self, transaction: "Prepared", namespace: "Namespace", outcome: "EditOutcome", text: str) -> None:
        edit = outcome.edit
        if edit["what"] == "block" and not edit["scope"]:
            self._note_block(namespace, outcome, text)
        if edit["what"] not in ("function", "class"):
            return
        for name in edit["reads"]:
            for one in entries.leads_to(namespace, edit, name)[:1]:
                self._note(one, 2)
                for container in registries_of(one) if stores.is_a(one, FunctionType) else ():
                    self._note(container, 1)
        is_class = edit["what"] == "class" and edit["change"] in ("changed", "derived")
        if is_class or registers_anew(edit, transaction.options):
            used: set[int] = set()
            for name in edit["registrars"]:
                self._note_registrar(namespace, edit, name, used)
            name = edit["binds"][0] if edit["binds"] else edit["definition"].rpartition(".")[2]
            if not edit["binds"] and defines(text, name):
                name = ""
            value = lookup.bound_value(namespace, edit["scope"], name)
            if stores.is_a(value, type) and (is_class or edit["change"] == "removed"):
                self._note_class(value, used)
                self._note_class(value, self._others)
            live = entries.live_functions(namespace, edit)
            self._registrations.append(
                Registration(outcome, used, live, entries.called(namespace, edit), self._registries)
            )

    def _note_block(self, namespace: "Namespace", outcome: "EditOutcome", text: str) -> None:
        """What the definitions in a compound statement that is gone, or runs as a whole, have registered."""
        for name, registrars in definitions_in(outcome.path, outcome.edit).items():
            value, used = namespace.globals.get(name), set[int]()
            if outcome.edit["change"] == "removed" and defines(text, name):
                # It only stands elsewhere.
                continue
            if not (stores.is_a(value, FunctionType) or stores.is_a(value, type)) or value.__module__ != namespace.name:
                continue
            for registrar in registrars:
                self._note_registrar(namespace, outcome.edit, registrar, used)
            if stores.is_a(value, type):
                self._note_class(value, used)
                self._note_class(value, self._others)
            self._registrations.append(Registration(outcome, used, {id(value)}, {name}, self._registries))

    def _note_registrar(self, namespace: "Namespace", edit: Any, name: str, used: set[int]) -> None:
        """Notes what a decorator may register in, and whether it can do that in a copy."""
        for one in entries.leads_to(namespace, edit, name):
            self._note(one, _REACH, used)
            is_named = one is namespace.globals.get(name.partition(".")[0]) and id(one) not in self._excluded
            if is_named and self._copies.may_have_one(one, namespace):
                self._holders.add(id(one))
                self._registries.update({id(one)} if type(one) is not FunctionType else ())
            else:
                self._note(one, _REACH, self._others)
            if stores.is_a(one, FunctionType):
                for container in registries_of(one):
                    self._note(container, 1, used)
                    self._note(container, 1, self._others)

    def note_rebuilt(self, outcome: "EditOutcome", cls: type, registrars: list[Any]) -> None:
        """Notes what a class may be registered in that is made again because of an edit inside of it."""
        used: set[int] = set()
        for registrar in registrars:
            self._note(registrar, _REACH, used)
            if stores.is_a(registrar, FunctionType):
                for container in registries_of(registrar):
                    self._note(container, 1, used)
        self._note_class(cls, used)
        self._registrations.append(Registration(outcome, used, {id(cls)}, set(), self._registries))

    def hide_class(self, cls: type) -> bool:
        """Has what a class is registered in not hold it while the class is made again; answers whether anything did."""
        found = False
        for one in self._registrations:
            for container in self._used(one) if id(cls) in one.live else ():
                found = self._hide_in(container, one) or found
        return found

    def _note_class(self, cls: Any, used: set[int]) -> None:
        """What bases and a metaclass may register a class in when it is made."""
        for base in cls.__mro__[1:]:
            if native.is_made_in_python(base):
                self._note(base, 1, used)
                made = base.__dict__.get("__init_subclass__")
                self._note(getattr(made, "__func__", None), 2, used)
        for name in ("__new__", "__init__", "__call__"):
            for meta in type(cls).__mro__:
                made = meta.__dict__.get(name) if native.is_made_in_python(meta) else None
                self._note(getattr(made, "__func__", made), 2, used)

    def _note(self, value: Any, depth: int, used: "set[int] | None" = None) -> None:
        """Notes the containers that a value is, or leads to."""
        if id(value) in self._excluded or str(type(value).__module__).partition(".")[0] in _RUNNERS:
            return
        if stores.kind_of(value) is not None:
            self._note_container(value, used)
            # `handlers["start"]`, and no deeper: what lies below is data.
            for _, one in stores.entries(value) if id(value) in self._before else ():
                if stores.kind_of(one) is not None:
                    self._note_container(one, used)
            return
        if depth == 0:
            return
        if stores.is_a(value, FunctionType):
            if used is not None and "_clear_cache" in value.__dict__:
                self._caches.append(value.__dict__["_clear_cache"])
            names = {name for code in tree(value.__code__) for name in code.co_names}
            inner = [value.__globals__[name] for name in names if name in value.__globals__]
            inner = [one for one in (*inner, *entries.cells(value)) if not stores.is_a(one, ModuleType)]
            if value.__module__ == "functools":
                # Remembered results of `singledispatch`, which are dropped.
                inner = [one for one in inner if type(one).__name__ != "WeakKeyDictionary"]
        elif stores.is_a(value, MethodType):
            inner = [value.__func__, value.__self__]
        elif stores.is_a(value, type) and not objects.is_class(value):
            return
        elif stores.is_a(value, type):
            made = [cls for cls in value.__mro__ if native.is_made_in_python(cls)]
            inner = [one for cls in made for one in cls.__dict__.values() if stores.kind_of(one) is not None]
        elif stores.is_a(value, (ModuleType, str, int, float, bytes)) or value is None:
            return
        else:
            inner = stores.attributes(value)
        for one in inner:
            self._note(one, depth - 1, used)

    def _note_container(self, container: Any, used: "set[int] | None") -> None:
        if id(container) not in self._before:
            count = stores.size(container)
            self._noted += count
            is_namespace = type(container) is dict and "__builtins__" in container
            if count > entries.LIMIT or self._noted > _LIMIT_OF_ALL or is_namespace:
                return
            self._before[id(container)] = (container, stores.entries(container))
            self._registries.add(id(container))
        if used is not None:
            used.add(id(container))

    def hide(self, outcome: "EditOutcome") -> None:
        """Before a definition's decorators run again: what it had registered is not there, as for a fresh process.

        A registry that refuses a name that is taken, or keeps what it has, takes the new one then.
        """
        for one in self._registrations:
            if one.outcome is outcome and outcome.edit["what"] == "function":
                for container in self._used(one):
                    # Keys that run code of the program would see a registry without what is in it.
                    if stores.has_plain_keys(container):
                        self._hide_in(container, one)

    def _hide_in(self, container: Any, one: Registration) -> bool:
        hidden: Entries = []

        def without(held: Entries) -> Entries:
            hidden[:] = [entry for entry in held if one.made(*entry)]
            return [entry for entry in held if not one.made(*entry)]

        self._copies.change(container, without)
        self._hidden.setdefault(id(container), []).extend(hidden)
        return bool(hidden)

    def note_copies(self) -> None:
        """A registry's copy is a registry, too."""
        self._registries.update(id(made) for made, live in self._copies.pairs() if type(live) is not FunctionType)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The program's containers hold what is the program's for as long as this lasts."""
        parked = []
        for key, (container, before) in self._before.items():
            now = stores.entries(container)
            if self._withdrawn or self._copies.is_copied(container) or entries.same(now, before):
                continue
            new = [entry for entry in entries.without(now, before) if self._is_own(key, entry)]
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

    def _is_own(self, key: int, entry: tuple[Any, Any]) -> bool:
        made: set[int] = set().union(*(shadow.made() for shadow in self._shadows))
        users = (one for one in self._registrations if key in one.used)
        return entries.reaches(entry, made, self._registries) or any(one.names_it(*entry) for one in users)

    def _own_state(self, key: int, before: Entries, now: Entries, new: Entries) -> Entries:
        """What a container holds without what was registered in it, and with what that took the place of."""
        taken = self._hidden.get(key, [])
        gone = [
            entry
            for entry in entries.without(entries.without(before, taken), now)
            if entry[0] is None or not any(entries.equal(entry[0], name) for name, _ in new)
        ]
        return [*entries.without(before, gone), *entries.without(entries.without(now, before), new)]

    def needed(self) -> tuple[dict[int, tuple[Any, Entries]], set[int], set[int], set[int]]:
        """What was noted, by id; what of it decorators fill that run again, through what; what is filled otherwise."""
        used = self._used_by_classes.union(*(one.used for one in self._registrations))
        return self._before, used, self._holders, self._others

    def _used(self, registration: Registration) -> list[Any]:
        return [self._before[key][0] for key in registration.used]

    def withdraw(self, replaced: Any = ()) -> None:
        """Takes out what was registered while evaluating; once that is done, it is done.

        ``replaced`` are pairs of what was made and what is live.
        """
        if self._withdrawn:
            return
        self._withdrawn = True
        made: set[int] = set().union(*(shadow.made() for shadow in self._shadows))
        made.update(id(one) for one, live in replaced if stores.is_a(one, type) and one is not live)
        self._new = made
        for key, (container, before) in self._before.items():
            is_copied = self._copies.is_copied(container)
            if is_copied:
                # The program's own may hold something else by now.
                before = self._copies.begun(container)
            now = self._copies.entries(container)
            if key not in self._hidden and entries.same(now, before):
                continue
            base = entries.without(before, self._hidden.get(key, []))
            new, left = self._divided(key, entries.without(now, base), before, made)
            if new:
                self._taken[key] = (container, new)
            # What is gone though nothing hid it, and no other one stands under its key.
            gone = [
                entry
                for entry in entries.without(base, now)
                if not any(entries.equal(entry[0], name) for name, _ in new if name is not None)
            ]
            if is_copied:
                self._beside[key] = gone, left
            elif new or key in self._hidden or key in self._gone:
                kept = [*entries.without(before, [*gone, *self._gone.get(key, [])]), *left]
                stores.exchange(container, partial(_moved, now, kept))
                self._put_back[key] = kept
            if left or gone:
                self._say_left(key)

    def _divided(self, key: int, added: Entries, before: Entries, made: set[int]) -> tuple[Entries, Entries]:
        """What is new in a container: what a definition of the patch registered, and what somebody else did."""
        users = [one for one in self._registrations if key in one.used and one.outcome.edit["change"] != "removed"]
        new: Entries = []
        left: Entries = []
        for entry in added:
            is_own = entries.reaches(entry, made, self._registries) or any(one.names_it(*entry) for one in users)
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
        for one in self._registrations:
            if key in one.used and one.outcome.edit["change"] != "removed":
                one.outcome.caveat(
                    "HS0407",
                    f"what decorates or makes {one.outcome.edit['definition']} was run again, and what that did "
                    "besides registering it may have been done twice",
                )

    def settle(self, transaction: "Prepared", replaced: Any) -> None:
        """Plans what the containers get with the commit."""
        live_of = LiveOf(transaction, replaced, {})
        self._made = {id(made): made for made, _ in replaced}
        touched = dict(self._taken) | {
            key: (self._before[key][0], []) for key in self._beside.keys() - self._taken.keys()
        }
        for one in self._registrations:
            for key in one.used:
                touched.setdefault(key, (self._before[key][0], []))
        changed: dict[int, str] = {}
        # A list for one event comes before the table of events.
        inner_first = sorted(touched.items(), key=lambda item: stores.kind_of(item[1][0]) is dict)
        for key, (container, new) in inner_first:
            before = stores.entries(container)
            settle = self._settled_items if stores.kind_of(container) is dict else self._settled
            wanted = settle(key, before, self._expected(key, before, new, live_of), live_of)
            wanted = entries.with_others(wanted, *self._beside.get(key, ([], [])))
            if stores.plan(transaction.plan, container, before, wanted):
                observed = (one.outcome.edit for one in self._registrations if key in one.used)
                found = next((edit["definition"] for edit in observed if edit.get("observed")), None)
                if found is not None:
                    changed[key] = found
            if before and not wanted:
                self._emptied.add(key)
        if self._taken or self._emptied:
            transaction.plan.afterwards.extend(self._caches)
        readers.report(transaction, changed)

    def _expected(self, key: int, now: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        """Without what the program has taken out of its registry while the patch was prepared: that is not put back."""
        if not new:
            return new
        gone = [*entries.without(self._put_back.get(key, self._before[key][1]), now), *self._gone.get(key, [])]
        held = [(key, entries.function(value)) for key, value in gone]
        return [
            (name, value)
            for name, value in new
            if not any(
                live_of(entries.function(value)) is function if function is not None else entries.equal(name, former)
                for former, function in held
            )
        ]

    def _is_former(self, key: int, entry: tuple[Any, Any], new: Entries, live_of: "LiveOf") -> bool:
        """Whether an entry is what the former version of something had registered."""
        users = [one for one in self._registrations if key in one.used]
        if any(one.outcome.edit["change"] == "removed" and one.made(*entry) for one in users):
            return True
        for one in users:
            comes_again = one.is_kept_by_itself() or any(self._is_about(one, other, live_of) for other in new)
            if comes_again and one.made(*entry):
                return True
        if id(entry[1]) in self._emptied:
            # A list of the functions for an event goes with the last of them.
            return True
        if stores.kind_of(entry[1]) is not None:
            return any(live_of(name) is entry[0] is not name for name, _ in new if entry[0] is not None)
        held = {id(one) for one in (entry[0], entries.function(entry[1])) if one is not None}
        made = [one for name, value in new for one in (name, entries.function(value)) if one is not None]
        return any(live_of(one) is not one and id(live_of(one)) in held for one in made)

    def _settled(self, key: int, before: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        items = [one for _, one in before]
        gaps = []
        for index, entry in enumerate(before):
            if self._is_former(key, entry, new, live_of):
                items[index] = Gap(entries.function(entry[1]))
                gaps.append(items[index])
        self._say_unbalanced(key, new, gaps, live_of)
        added = [one for _, one in new]
        unnamed = [one for one in added if entries.function(one) is None]
        for gap, one in zip((gap for gap in gaps if gap.key is None), unnamed):
            # What is no function stands where the one before it stood.
            items[items.index(gap)] = one
            added = [other for other in added if other is not one]
        items = filled([*items, *added], entries.function, live_of, [one for _, one in before])
        return [(None, self._live(one, live_of)) for one in items]

    def _settled_items(self, key: int, before: Entries, new: Entries, live_of: "LiveOf") -> Entries:
        given = [(self._live(name, live_of), self._live(value, live_of)) for name, value in new]
        former = [entry for entry in before if self._is_former(key, entry, new, live_of)]
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
        return [*wanted, *fresh]

    def _live(self, value: Any, live_of: "LiveOf") -> Any:
        """What stands for something in a container; in one that is new itself, that of all that it holds."""
        if stores.kind_of(value) is not None and id(value) not in self._before:
            held = stores.entries(value)
            stores.keep(value, [(self._live(name, live_of), self._live(one, live_of)) for name, one in held])
            return value
        return stores.live_entry(value, live_of, self._made)

    def _state_or(self, key: int, held: Any, new: Any) -> Any:
        """What a registry counts or gathers under a name stays."""
        if entries.is_state(held, new, self._new.union(self._made)):
            return held
        if objects.is_exactly(held, int, float) and objects.is_exactly(new, int, float) and held != new:
            self._say_left(key)
            return held
        return new

    def _say_unbalanced(self, key: int, new: Entries, former: Any, live_of: "LiveOf") -> None:
        """A definition that registers once more where nothing of its former version was found."""
        if len(new) <= len(former):
            return
        for one in self._registrations:
            if key not in one.used or one.outcome.edit["change"] not in ("changed", "derived"):
                continue
            if one.outcome.edit.get("observed") and any(self._is_about(one, entry, live_of) for entry in new):
                self._say_left(key)

    @staticmethod
    def _is_about(one: Registration, entry: tuple[Any, Any], live_of: "LiveOf") -> bool:
        function = entries.function(entry[1])
        own = function is not None and id(live_of(function)) in one.live
        return own or function is None or one.names_it(*entry)


def _moved(seen: Entries, wanted: Entries, held: Entries) -> Entries:
    """What is wanted in place of what was seen; what came since stays, and what went is gone."""
    if entries.same(seen, held):
        return wanted
    return [*entries.without(wanted, entries.without(seen, held)), *entries.without(held, seen)]
