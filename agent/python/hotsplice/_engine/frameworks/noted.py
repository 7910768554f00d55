"""What containers of the program a patch may register in, found before anything of it is run."""

from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from . import entries, holders, registers_anew, registries_of, stores
from .entries import Entries
from .registration import Registration, decorators, defines, definitions_in, former_definitions_in, loops

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.lookup import Namespace

# Items in all that are looked through.
_LIMIT_OF_ALL = 50_000
# What runs tests knows every one of them, plugins and all: no decorator of theirs fills it.
_RUNNERS = ("_pytest", "pluggy")
# How far from a decorator its containers are looked for.
_REACH = 3


class Noted:
    """The containers that decorators and base classes of one transaction may fill, and who of it does."""

    def __init__(self, shadows: Any, excluded: set[int], copies: Any):
        # id → (container, its entries)
        self.before: dict[int, tuple[Any, Entries]] = {}
        # Ids of those and of the objects that have them: what an entry holds of its registry says nothing of the entry.
        self.registries: set[int] = set()
        self.registrations: list[Registration] = []
        # Module, name and what was made for it: definitions in compound statements that run as a whole.
        self._in_blocks: list[tuple[Namespace, str, list[Any]]] = []
        # What is to be forgotten once entries have changed: `singledispatch` remembers what it found.
        self.caches: list[Any] = []
        # How many items the containers have.
        self._count = 0
        self._shadows = shadows
        self._excluded = excluded
        # What is filled instead of the program's containers, where that can be.
        self._copies = copies
        # Ids of containers that are filled by what has no copy to fill.
        self._others: set[int] = set()
        # Ids of containers that decorators of classes may use, which may be made again.
        self._used_by_classes: set[int] = set()
        # id of an object in one of them → what it is, where that is a registry, too
        self.holders: dict[int, holders.Holder] = {}
        # Ids of functions and objects that decorators use, by a name of the module.
        self._holders: set[int] = set()
        # id of a container → decorators and hooks that lead to it
        self.fillers: dict[int, list[Any]] = {}

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
            for one in entries.leads_to(namespace, edit["scope"], name)[:1]:
                self._note(one, 2)
                for container in registries_of(one) if stores.is_a(one, FunctionType) else ():
                    self._note(container, 1)
        if edit["change"] == "added" or "decorators" in edit["parts"]:
            for name in (one for names in definitions_in(outcome.path, edit).values() for one in names):
                self._note_registrar(namespace, edit, name, set())
        if edit["change"] == "added":
            reached: set[int] = set()
            for name in edit["reads"]:
                for one in entries.leads_to(namespace, edit["scope"], name)[:1]:
                    self._note(one, 2, reached)
            for key in reached:
                for _, value in self.before[key][1]:
                    other = holders.like(value, self.registries) if id(value) not in self.holders else None
                    if other is not None:
                        self._note_holder(value, other, set())
        runs = not edit.get("offered") or bool(transaction.options.get("run_statements"))
        is_class = edit["what"] == "class" and edit["change"] in ("changed", "derived") and runs
        if is_class or registers_anew(edit, transaction.options):
            used: set[int] = set()
            registrars: list[Any] = []
            for name in edit["registrars"]:
                registrars += self._note_registrar(namespace, edit, name, used)
            name = edit["binds"][0] if edit["binds"] else edit["definition"].rpartition(".")[2]
            if not edit["binds"] and defines(text, name):
                name = ""
            value = lookup.bound_value(namespace, edit["scope"], name)
            if stores.is_a(value, type) and (is_class or edit["change"] == "removed"):
                self._note_class(value, used)
                self._note_class(value, self._others)
            live = entries.live_functions(namespace, edit, outcome.path)
            called = entries.called(namespace, edit)
            self._note_holders(used, live, registrars)
            # A name may hold what several definitions are registered in.
            live.difference_update(self.holders)
            self.registrations.append(
                Registration(outcome, used, live, called, self.registries, registrars=registrars, holders=self.holders)
            )

    def _note_block(self, namespace: "Namespace", outcome: "EditOutcome", text: str) -> None:
        """What the definitions in a compound statement that is gone, or runs as a whole, have registered."""
        found = definitions_in(outcome.path, outcome.edit)
        # What something else than a definition gives now.
        former = former_definitions_in(outcome.path, outcome.edit) if outcome.edit["change"] == "changed" else {}
        gone = {name: former[name] for name in former.keys() - found.keys() if not defines(text, name)}
        for name, registrars in (found | gone).items():
            value, used = namespace.globals.get(name), set[int]()
            if outcome.edit["change"] == "added":
                for registrar in registrars:
                    self._note_registrar(namespace, outcome.edit, registrar, used)
            if outcome.edit["change"] == "removed" and defines(text, name):
                # It only stands elsewhere.
                continue
            goes = name in gone or outcome.edit["change"] == "removed"
            live = _made_for(namespace, name, value) or ([] if goes else [value])
            made = live[-1] if live else None
            if not (stores.is_a(made, FunctionType) or stores.is_a(made, type)) or made.__module__ != namespace.name:
                continue
            for registrar in registrars:
                self._note_registrar(namespace, outcome.edit, registrar, used)
            if stores.is_a(value, type):
                self._note_class(value, used)
                self._note_class(value, self._others)
            is_gone = name in gone
            self._in_blocks.append((namespace, name, list(live)))
            if used and type(made) is FunctionType and loops(outcome.path, outcome.edit):
                # Each round has registered one.
                live = [*live, *native.functions_of([made.__code__])[0]]
            self.registrations.append(Registration(outcome, used, set(map(id, live)), {name}, self.registries, is_gone))

    def _note_registrar(self, namespace: "Namespace", edit: Any, name: str, used: set[int]) -> list[Any]:
        """Notes what a decorator may register in, and whether it can do that in a copy; gives what it is."""
        found = entries.leads_to(namespace, edit["scope"], name)
        reached: set[int] = set()
        for one in found:
            self._note(one, _REACH, reached)
            is_named = one is namespace.globals.get(name.partition(".")[0]) and id(one) not in self._excluded
            if is_named and self._copies.may_have_one(one, namespace):
                self._holders.add(id(one))
                self.registries.update({id(one)} if type(one) is not FunctionType else ())
            else:
                self._note(one, _REACH, self._others)
            if stores.is_a(one, FunctionType):
                for container in registries_of(one):
                    self._note(container, 1, reached)
                    self._note(container, 1, self._others)
        used.update(reached)
        for key in reached:
            self.fillers.setdefault(key, []).extend(found)
        return found

    def note_rebuilt(self, outcome: "EditOutcome", cls: type, registrars: list[Any]) -> None:
        """Notes what a class may be registered in that is made again because of an edit inside of it."""
        used: set[int] = set()
        for registrar in registrars:
            self._note(registrar, _REACH, used)
            if stores.is_a(registrar, FunctionType):
                for container in registries_of(registrar):
                    self._note(container, 1, used)
        self._note_class(cls, used)
        self.registrations.append(Registration(outcome, used, {id(cls)}, set(), self.registries))

    def _note_class(self, cls: Any, used: set[int]) -> None:
        """What bases and a metaclass may register a class in when it is made."""
        reached: set[int] = set()
        hooks = []
        for base in cls.__mro__[1:]:
            if native.is_made_in_python(base):
                self._note(base, 1, reached)
                made = base.__dict__.get("__init_subclass__")
                hooks.append(getattr(made, "__func__", None))
        for name in ("__new__", "__init__", "__call__"):
            for meta in type(cls).__mro__:
                made = meta.__dict__.get(name) if native.is_made_in_python(meta) else None
                hooks.append(getattr(made, "__func__", made))
        for hook in hooks:
            self._note(hook, 2, reached)
        used.update(reached)
        for key in reached:
            self.fillers.setdefault(key, []).extend(hooks)

    def _note(self, value: Any, depth: int, used: "set[int] | None" = None) -> None:
        """Notes the containers that a value is, or leads to."""
        if id(value) in self._excluded or str(type(value).__module__).partition(".")[0] in _RUNNERS:
            return
        if stores.kind_of(value) is not None:
            self._note_container(value, used)
            # `handlers["start"]`, and no deeper: what lies below is data.
            for _, one in stores.entries(value) if id(value) in self.before else ():
                if stores.kind_of(one) is not None:
                    self._note_container(one, used)
            return
        if depth == 0:
            return
        if stores.is_a(value, FunctionType):
            if used is not None and "_clear_cache" in value.__dict__:
                self.caches.append(value.__dict__["_clear_cache"])
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
        if id(container) not in self.before:
            count = stores.size(container)
            self._count += count
            is_namespace = type(container) is dict and "__builtins__" in container
            if count > entries.LIMIT or self._count > _LIMIT_OF_ALL or is_namespace:
                return
            self.before[id(container)] = (container, stores.entries(container))
            self.registries.add(id(container))
        if used is not None:
            used.add(id(container))

    def _note_holders(self, used: set[int], live: set[int], registrars: list[Any]) -> None:
        """Notes objects in registries that hold a definition beside others: only what they hold is exchanged."""
        pending = list(used)
        for key in pending:
            for _, value in self.before[key][1]:
                holder = self.holders.get(id(value)) or holders.found(value, live, used, self.registries, registrars)
                if holder is None:
                    continue
                self.registries.add(id(value))
                pending += self._note_holder(value, holder, used)
        for key in list(used):
            # What is registered elsewhere now comes to another of them.
            for _, value in self.before[key][1] if self.holders else ():
                other = holders.like(value, self.registries) if id(value) not in self.holders else None
                if other is not None:
                    self._note_holder(value, other, set())

    def _note_holder(self, value: Any, holder: holders.Holder, used: set[int]) -> list[int]:
        self.holders[id(value)] = holder
        noted = []
        for container in holder.containers:
            # No copy of it can be filled: the object leads to this one.
            self._note_container(container, self._others)
            if id(container) in self.before and id(container) not in used:
                used.add(id(container))
                noted.append(id(container))
        return noted

    def needed(self) -> tuple[dict[int, tuple[Any, Entries]], set[int], set[int], set[int]]:
        """What was noted, by id; what of it decorators fill that run again, through what; what is filled otherwise."""
        used = self._used_by_classes.union(*(one.used for one in self.registrations))
        return self.before, used, self._holders, self._others

    def successors(self) -> dict[int, Any]:
        """By the id of a function or class that a compound statement has made: the one in whose place it comes."""
        found: dict[int, Any] = {}
        for namespace, name, former in self._in_blocks:
            for shadow in self._shadows:
                made = shadow.globals.get(name) if shadow.namespace is namespace else None
                if made is None or made is former[0]:
                    continue
                pairs = zip(_made_for(namespace, name, made), former)
                functions = ((entries.function(new), entries.function(old)) for new, old in pairs)
                found.update((id(new), old) for new, old in functions if new is not None and old is not None)
        return found

    def users(self, key: int) -> list[Registration]:
        return [one for one in self.registrations if key in one.used]

    def used(self, registration: Registration) -> list[Any]:
        return [self.before[key][0] for key in registration.used]


def _made_for(namespace: "Namespace", name: str, value: Any) -> list[Any]:
    """What a name holds, and the definition that its decorators made that of."""

    def is_own(one: Any) -> bool:
        # `functools.wraps` gives a wrapper the name.
        is_defined = stores.is_a(one, FunctionType) and one.__module__ == namespace.name
        return is_defined and one.__code__.co_name == name

    found = value if stores.is_a(value, type) else lookup.search(value, is_own)
    return [] if found is None else [value, found]
