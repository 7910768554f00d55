"""Copies of the program's registries, with which decorators and statements work while a patch is prepared.

A registry that is a plain container of a patched module, and that only functions of the module fill, has a copy in the
sandbox: functions that use it run there too, so nothing is seen in the program before the commit, and whatever the
program does with its registry meanwhile is its own. A container that can be reached in any other way (through a method,
a class, another module, a closure) has none: nobody may be shown half of what is registered.
"""

import dis
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..frameworks import entries, stores
from ..frameworks.entries import Entries
from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from .proxies import function_proxy, functions_in

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from .sandbox import Shadow

_VALUES = (bool, int, float, complex, str, bytes, type(None))
_EXACT = (list, dict, set, deque, OrderedDict, defaultdict)


class Copies:
    """The copies of one transaction."""

    def __init__(self) -> None:
        # id of a live container or function → (live, copy)
        self._copies: dict[int, tuple[Any, Any]] = {}
        # id of a container that has a copy → what that held at first
        self._begun: dict[int, Entries] = {}
        # id of a copy → live
        self._live: dict[int, Any] = {}
        # (live object, copy, what the copy had at first)
        self._attributes: list[tuple[Any, Any, dict[str, Any]]] = []
        # (sandbox, names that functions assign which run in it)
        self._assigned: list[tuple[Any, set[str]]] = []

    @staticmethod
    def may_have_one(value: Any, namespace: "Namespace") -> bool:
        """Whether a copy of a function or an object is as good as itself, for what a decorator does."""
        is_own = type(value) is FunctionType and value.__globals__ is namespace.globals
        return is_own or _is_plain_object(value)

    def make(
        self,
        transaction: "Prepared",
        shadows: "list[Shadow]",
        noted: dict[int, tuple[Any, Any]],
        used: set[int],
        holders: set[int],
        pinned: set[int],
    ) -> None:
        """Copies what of the noted containers decorators use, but for those that can be reached otherwise."""
        if not used:
            return
        reached = {id(one) for one in _others(transaction, shadows, holders, used)}
        others = self._with_contents(pinned | reached, noted)
        patched = {id(shadow.namespace.globals) for shadow in shadows}
        for _, module in lookup.project_modules():
            members = lookup.members_of(module)
            if id(members) not in patched:
                others.update(map(id, list(members.values())))
        free = {key for key in used - others if key in noted and objects.is_exactly(noted[key][0], *_EXACT)}
        for shadow in shadows:
            for name, value in list(shadow.globals.items()):
                if id(value) in free and self._is_whole(value, noted, free):
                    shadow.globals[name] = shadow.before[name] = self._container(value, noted)
            for name, value in list(shadow.globals.items()):
                if id(value) in holders - others and _is_plain_object(value):
                    held = [one for one in stores.attributes(value) if id(one) in used]
                    if held and all(id(one) in free and self._is_whole(one, noted, free) for one in held):
                        shadow.globals[name] = shadow.before[name] = self._object(value, noted)
        for shadow in shadows if self._copies else ():
            self._functions(shadow)

    @staticmethod
    def _with_contents(others: set[int], noted: dict[int, tuple[Any, Any]]) -> set[int]:
        """Also what containers hold."""
        inside = {id(value) for key in others & noted.keys() for _, value in noted[key][1]}
        return others | inside

    @staticmethod
    def _is_whole(container: Any, noted: dict[int, tuple[Any, Any]], free: set[int]) -> bool:
        """Whether the containers in it may be copied too: a table of lists."""
        inner = [one for _, one in noted[id(container)][1] if stores.kind_of(one) is not None]
        return stores.has_plain_keys(container) and all(id(one) in free and id(one) in noted for one in inner)

    def _container(self, live: Any, noted: dict[int, tuple[Any, Any]]) -> Any:
        known = self._copies.get(id(live))
        if known is not None:
            return known[1]
        made = live.copy()
        self._add(live, made)
        self._begun[id(live)] = stores.entries(made)
        if stores.kind_of(live) is dict:
            for key, value in list(made.items()):
                if id(value) in noted:
                    made[key] = self._container(value, noted)
        elif stores.kind_of(live) in (list, deque):
            for index, value in enumerate(list(made)):
                if id(value) in noted:
                    made[index] = self._container(value, noted)
        return made

    def _object(self, live: Any, noted: dict[int, tuple[Any, Any]]) -> Any:
        known = self._copies.get(id(live))
        if known is not None:
            return known[1]
        made = object.__new__(type(live))
        own, held = objects.attributes(made), objects.attributes(live)
        for name, value in list(held.items()):
            own[name] = self._container(value, noted) if id(value) in noted else value
        self._add(live, made)
        self._attributes.append((live, made, dict(own)))
        return made

    def _add(self, live: Any, made: Any) -> None:
        self._copies[id(live)] = (live, made)
        self._live[id(made)] = live

    def _functions(self, shadow: "Shadow") -> None:
        """Functions of a module that use a copied container, or call one that does, run in the sandbox."""
        names = {name for name, value in shadow.globals.items() if id(value) in self._live}
        functions = {
            name: value
            for name, value in shadow.globals.items()
            if type(value) is FunctionType and value.__globals__ is shadow.namespace.globals
        }
        wanted: set[str] = set()
        count = -1
        while count != len(wanted):
            count = len(wanted)
            for name, function in functions.items():
                if any(not names.isdisjoint(code.co_names) for code in tree(function.__code__)):
                    wanted.add(name)
                    names.add(name)
        assigned: set[str] = set()
        for name in wanted:
            live = functions[name]
            if id(live) not in self._copies:
                self._add(live, function_proxy(live, live.__code__, shadow.globals))
            shadow.globals[name] = shadow.before[name] = self._copies[id(live)][1]
            assigned.update(_assigned(live.__code__))
        if assigned:
            self._assigned.append((shadow, assigned))

    def of(self, live: Any) -> Any:
        """The container that is filled while a patch is prepared."""
        known = self._copies.get(id(live))
        return live if known is None else known[1]

    def is_copied(self, live: Any) -> bool:
        return id(live) in self._copies

    def begun(self, live: Any) -> Entries:
        """What the copy held at first."""
        return self._begun[id(live)]

    def entries(self, live: Any) -> Entries:
        """What the program's container holds in the sandbox; what is copied itself is named as the live one."""
        held = stores.entries(self.of(live))
        return [(key, self._live.get(id(value), value)) for key, value in held]

    def change(self, live: Any, wanted_of: Callable[[Entries], Entries]) -> None:
        """Gives a container, or the copy of it, other entries than it has."""
        if not self.is_copied(live):
            stores.exchange(live, wanted_of)
            return
        stores.keep(self.of(live), [(key, self.of(value)) for key, value in wanted_of(self.entries(live))])

    def pairs(self) -> list[tuple[Any, Any]]:
        """What was copied, and what it is a copy of."""
        return [(made, live) for live, made in self._copies.values()]

    def settle(self, plan: "Plan", bound: dict[int, set[str]]) -> None:
        """Plans what functions assigned to names of their module, and to attributes."""
        for live, made, begun in self._attributes:
            held, own = objects.attributes(live), objects.attributes(made)
            for name, value in own.items():
                if begun.get(name, stores.MISSING) is not value:
                    plan.set_name(held, name, self._live.get(id(value), value))
            for name in begun.keys() - own.keys():
                plan.delete_name(held, name)
        for shadow, names in self._assigned:
            for name in names - bound.get(id(shadow.namespace.globals), set()):
                value = shadow.globals.get(name, stores.MISSING)
                if value is not stores.MISSING and value is not shadow.before.get(name, stores.MISSING):
                    plan.set_name(shadow.namespace.globals, name, self._live.get(id(value), value))


def _is_plain_object(value: Any) -> bool:
    """Whether an object is its attributes and nothing else, and those lead nowhere that it can be reached from."""
    kind = type(value)
    made_here = [cls for cls in objects.order(kind) if cls is not object]
    if not made_here or type(kind) is not type or not all(map(native.is_made_in_python, made_here)):
        return False
    if any({"__del__", "__slots__", "__setattr__"} & objects.members(cls).keys() for cls in made_here):
        return False
    own = objects.dictionary(value)
    return own is not None and all(_is_plain(one) for one in list(own.values()))


def _is_plain(value: Any) -> bool:
    return objects.is_exactly(value, *_EXACT, *_VALUES, FunctionType, ModuleType) or stores.is_a(value, type)


def _others(transaction: "Prepared", shadows: "list[Shadow]", holders: set[int], used: set[int]) -> Iterator[Any]:
    """What uses the containers of patched modules in other ways than a plain function of theirs does."""
    for shadow in shadows:
        names: dict[str, Any] = shadow.namespace.globals
        asked = {name: value for name, value in list(names.items()) if id(value) in used or id(value) in holders}
        for change in transaction.files:
            if shadow.namespace not in change.namespaces:
                continue
            for outcome in change.outcomes:
                edit = outcome.edit
                if not edit["scope"]:
                    # It is another one itself, or is assigned to.
                    yield from (names[name] for name in (*edit["binds"], *edit.get("updates", ())) if name in names)
        for value in list(names.values()):
            if stores.is_a(value, type):
                members = list(objects.members(value).values())
                yield from members
                yield from _read([function for one in members for function in functions_in(one)], asked)
            elif type(value) is FunctionType:
                yield from entries.cells(value)
            elif id(value) in holders and _is_plain_object(value):
                continue
            elif not stores.is_a(value, (ModuleType, str, int, float, bytes)) and stores.kind_of(value) is None:
                yield from stores.attributes(value)


def _read(functions: list[FunctionType], names: dict[str, Any]) -> Iterator[Any]:
    """Which of these names of a module functions read."""
    for function in functions:
        for code in tree(function.__code__):
            if not names.keys().isdisjoint(code.co_names):
                read = (one for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
                yield from (names[one.argval] for one in read if one.argval in names)


def _assigned(code: CodeType) -> set[str]:
    return {one.argval for part in tree(code) for one in dis.get_instructions(part) if one.opname == "STORE_GLOBAL"}
