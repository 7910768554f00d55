"""What running statements change besides what they bind: a patch that does not go live leaves no trace of it.

What a statement calls may count, list and remember: a base's ``__init_subclass__``, a decorator, a constructor. Before
anything is run, what that can reach is noted: items of containers, attributes, global variables. If the patch is
refused or its commit fails, they get back what they held.

Other threads may change the same things meanwhile. Only if none of them has had the GIL is a difference surely the
statements' own. Else what is another is left, and said.
"""

import os
import sys
from _thread import _local
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..._loaded import is_installed
from ..errors import Refusal
from ..frameworks import entries, stores
from ..frameworks.entries import Entries
from ..journal.places import MISSING, ClassAttribute, Item, Place, Slot
from ..live import lookup, objects
from ..live.code import compile_excerpt, tree
from ..native import native
from . import ambient, contents
from .thread_locals import ThreadLocals

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.lookup import Namespace

# How far from what a statement names it is looked, and at how many objects and items in all.
_DEPTH = 12
_OBJECTS = 2_000
_ITEMS = 50_000
# How much is copied for the case that a patch is refused.
_COPIED = 4_000_000
_VALUES = (str, int, float, complex, bytes, bool, type(None), tuple, frozenset)
# How often it is looked again where another thread ran while it was.
_ATTEMPTS = 3
# What `os.environ` holds; other programs that are started get what the system has.
_VARIABLES = os.environ._data  # type: ignore[attr-defined]
# What CPython 3.14 and later put into a class once its annotations are asked for.
_OF_INTERPRETER = {"__annotate_func__", "__annotations_cache__", "__annotations__"}
# How many places a message names.
_SHOWN = 5


# The statements of a file by the scope that they stand in, and the names that they read.
Wanted = tuple[Any, Sequence[str], Collection[str]]


class Traces:
    """What a patch's statements may change, as it was before."""

    def __init__(self, files: "list[FileChange]", wanted: list[Wanted]) -> None:
        self._files = files
        # id → (container, how it is reached, its entries)
        self._containers: dict[int, tuple[Any, str, Entries]] = {}
        # (id of the holder, name) → (place, how it is reached, what it held)
        self._places: dict[tuple[int, Any], tuple[Place, str, Any]] = {}
        # id → (attributes of an object or a class, how it is reached, their names, which place a name is)
        self._names: dict[int, tuple[Any, str, set[str], Callable[[str], Place]]] = {}
        # id → (object written in C whose content is no reference, how it is reached, what it held)
        self._contents: dict[int, tuple[Any, str, Any]] = {}
        # Every `threading.local` that they can reach.
        self.thread_locals = ThreadLocals()
        self._seen: set[int] = set()
        self._items = self._copied = 0
        namespaces = [namespace for change in files for namespace in change.namespaces]
        self._roots = tuple({_root(namespace) for namespace in namespaces})
        self._pending: list[tuple[Any, str, int]] = []
        # What the process has once.
        self._settings: dict[str, tuple[Any, Callable[[], Any]]] = {}
        self._folder = ambient.folder() if wanted else None
        # What is to be undone, once everything has been run.
        self._undoing: list[Callable[[], None]] | None = None
        # What containers held before and after, for that.
        self._kept: list[Entries] = []
        # Where other threads may have made the difference.
        self._left: list[str] = []
        self._new_code = list(_new_code(files)) if wanted else []
        for _ in range(_ATTEMPTS):
            self._switches = native.thread_switches()
            self._look(wanted)
            if self._switches is not None and self._switches == native.thread_switches():
                break
        self._new_code.clear()

    def containers(self) -> Iterator[tuple[Any, str]]:
        """Those that can be reached, each with how."""
        return ((container, label) for container, label, _ in self._containers.values())

    def _look(self, wanted: list[Wanted]) -> None:
        self._containers.clear()
        self._places.clear()
        self._names.clear()
        self._contents.clear()
        self._settings = ambient.settings() if wanted else {}
        # What was imported stays so: there is no telling what else holds it.
        self._seen = {id(sys.modules)}
        self._items = self._copied = 0
        for change, scope, names in wanted:
            for namespace in change.namespaces:
                for name in names:
                    for one in entries.leads_to(namespace, scope, name):
                        self._reach(one, name, _DEPTH)
        for namespace, code in self._new_code:
            for one, label in self._of_code(code, namespace.globals):
                self._reach(one, label, _DEPTH)
        for change in self._files:
            for namespace in change.namespaces:
                for scope in change.classes:
                    self._reach(lookup.find_class(namespace, scope), ".".join(scope), _DEPTH)
        self._look_around()

    def _reach(self, value: Any, label: str, depth: int) -> None:
        kind = type(value)
        if value is MISSING or depth <= 0 or objects.is_exactly(value, *_VALUES) or id(value) in self._seen:
            return
        if len(self._seen) < _OBJECTS and kind is not ModuleType and not self._is_of_library(value):
            self._seen.add(id(value))
            self.thread_locals.note(value, label)
            self._pending.append((value, label, depth))

    def _look_around(self) -> None:
        """The nearest first, since there is an end to it."""
        position = 0
        while position < len(self._pending):
            value, label, depth = self._pending[position]
            position += 1
            for inner, name in self._inside(value, label):
                self._reach(inner, name, depth - 1)
        # They are to hold nothing alive that the program lets go.
        self._pending.clear()

    def _inside(self, value: Any, label: str) -> Iterator[tuple[Any, str]]:
        if stores.is_a(value, FunctionType):
            yield from self._of_function(value, label)
        elif objects.is_exactly(value, MethodType, staticmethod, classmethod):
            yield value.__func__, label
            yield getattr(value, "__self__", None), label.rpartition(".")[0] or label
        elif stores.is_a(value, property):
            yield from ((one, label) for one in (value.fget, value.fset, value.fdel))
        elif stores.is_a(value, partial):
            yield from ((one, label) for one in (value.func, *value.args, *value.keywords.values()))
        elif stores.kind_of(value) is not None:
            yield from self._of_container(value, label)
        elif objects.is_class(value):
            yield from self._of_class(value, label)
        elif not stores.is_a(value, type):
            self._note_content(value, label)
            yield from self._of_object(value, label)

    def _note_content(self, value: Any, label: str) -> None:
        size = contents.size(value)
        if size is not None and self._copied + size <= _COPIED:
            self._copied += size
            self._contents[id(value)] = (value, label, contents.read(value))

    def _is_of_library(self, value: Any) -> bool:
        """Whether it belongs to a package from elsewhere: half of what hangs together undone is worse than nothing."""
        kind = value if stores.is_a(value, type) else type(value)
        name = objects.module_of(kind) or ""
        if name.partition(".")[0] in sys.stdlib_module_names or kind is FunctionType:
            return False
        module = sys.modules.get(name)
        return module is not None and not self._is_of_project(objects.attributes(module))

    def _is_of_project(self, members: Any) -> bool:
        path = members.get("__file__")
        return type(path) is not str or (not is_installed(path) and path.startswith(self._roots))

    def _of_function(self, function: FunctionType, label: str) -> Iterator[tuple[Any, str]]:
        yield from ((one, label) for one in entries.cells(function))
        yield from ((one, label) for one in function.__defaults__ or ())
        yield objects.attributes(function).get("__wrapped__"), label
        yield from self._of_code(function.__code__, function.__globals__)

    def _of_code(self, root: CodeType, members: dict[str, Any]) -> Iterator[tuple[Any, str]]:
        if not self._is_of_project(members):
            return
        names = {name for code in tree(root) for name in code.co_names}
        # What generates functions gives them a namespace of no file, with what is its own.
        is_own = type(members.get("__file__")) is str or "__name__" in members
        for name in names:
            if not is_own and stores.is_a(members.get(name), _local):
                continue
            held = self._note_item(members, name, name)
            if not objects.is_module(held):
                yield held, name
            elif self._is_of_project(objects.attributes(held)):
                for inner in names:
                    yield self._note_item(objects.attributes(held), inner, f"{name}.{inner}"), f"{name}.{inner}"
            else:
                for inner in names & objects.attributes(held).keys():
                    if stores.is_a(objects.attributes(held)[inner], _local):
                        # A library's own.
                        continue
                    yield objects.attributes(held)[inner], f"{name}.{inner}"

    def _of_container(self, container: Any, label: str) -> Iterator[tuple[Any, str]]:
        count = stores.size(container)
        self._items += count
        if count > entries.LIMIT or self._items > _ITEMS:
            return
        held = stores.entries(container)
        self._containers[id(container)] = (container, label, held)
        yield from ((one, f"{label}[…]") for _, one in held)

    def _of_class(self, cls: type, label: str) -> Iterator[tuple[Any, str]]:
        yield type(cls), label
        for base in objects.order(cls):
            if native.is_made_in_python(base) and not self._is_of_library(base):
                members = objects.members(base)
                self._names[id(base)] = (members, base.__name__, set(members), partial(ClassAttribute, base))
                for name, held in list(objects.members(base).items()):
                    if not self._is_of_library(held):
                        label = f"{base.__name__}.{name}"
                        yield self._note(ClassAttribute(base, name), label), label

    def _of_object(self, value: Any, label: str) -> Iterator[tuple[Any, str]]:
        kind = type(value)
        if native.is_made_in_python(kind):
            yield kind, kind.__name__
        if any(map(self._is_of_library, objects.order(kind))):
            return
        own = objects.dictionary(value)
        if own is not None:
            self._names[id(own)] = (own, label, set(own), partial(_item_of, own))
        for name in list(own) if own is not None else ():
            yield self._note_item(own, name, f"{label}.{name}"), f"{label}.{name}"
        for cls in objects.order(kind)[:-1]:
            for name, member in objects.members(cls).items():
                if type(member) is MemberDescriptorType and native.is_made_in_python(cls):
                    yield self._note(Slot(value, name, member), f"{label}.{name}"), f"{label}.{name}"

    def _note_item(self, members: Any, name: Any, label: str) -> Any:
        return self._note(Item(members, name, members), label)

    def _note(self, place: Place, label: str) -> Any:
        held = place.held()
        self._places.setdefault(place.identity(), (place, label, held))
        return held

    def end(self) -> None:
        """Everything has been run: what is another now is what it did, if no other thread has run."""
        if self._undoing is not None:
            return
        undoing: list[Callable[[], None]] = []
        labels: list[str] = []
        for container, label, before in self._containers.values():
            now = stores.entries(container)
            if not entries.same(before, now):
                if container is _VARIABLES:
                    undoing.append(partial(_tell_system, before, now))
                undoing.append(partial(stores.exchange, container, partial(_without_traces, before, now)))
                self._kept += (before, now)
                labels.append(label)
        for members, label, names, place_of in self._names.values():
            for name in [one for one in list(members) if one not in names and one not in _OF_INTERPRETER]:
                self._places[id(members), name] = (place_of(name), f"{label}.{name}", MISSING)
        for place, label, before in self._places.values():
            now = place.held()
            if now is not before:
                undoing.append(partial(_put_back, place, before, now))
                labels.append(label)
        for value, label, before in self._contents.values():
            if (now := contents.read(value)) != before:
                undoing.append(partial(contents.put_back, value, before, now))
                labels.append(label)
        now_set = ambient.settings() if self._settings else {}
        for label, put in ambient.undoing(self._settings, now_set):
            undoing.append(put)
            labels.append(label)
        self._settings.clear()
        self._containers.clear()
        self._places.clear()
        self._names.clear()
        self._contents.clear()
        self._undoing = undoing
        is_own = self._switches is not None and self._switches == native.thread_switches()
        if self._folder is not None and (folder := ambient.folder()) is not None and folder != self._folder:
            undoing.append(partial(ambient.put_folder_back, self._folder, folder))
            labels.append("the working directory")
        if undoing and not is_own:
            self._undoing = []
            self._kept.clear()
            self._left = sorted(set(labels))

    def own(self) -> set[int]:
        """Ids of what holds on to what there was before in order to put it back: the program has none of it."""
        found = {id(entry) for held in self._kept for entry in (held, *held)}
        for one in self._undoing or ():
            if type(one) is partial:
                found |= {id(one), id(one.args)}
                found.update(id(inner.args) for inner in one.args if type(inner) is partial)
        return found

    def take_back(self) -> None:
        """What was run has not been, as far as that can be told."""
        self.end()
        while self._undoing:
            self._undoing.pop()()

    def undo(self, transaction: "Prepared") -> None:
        """What was run for a patch that does not go live has not been."""
        self.take_back()
        if self._left:
            shown = ", ".join(self._left[:_SHOWN]) + (" and more" if len(self._left) > _SHOWN else "")
            transaction.say_afterwards(
                "HS0111",
                f"what was run for the refused patch may have changed {shown}: other threads ran meanwhile, so that it "
                "was left as it is",
            )
            self._left = []


def _new_code(files: "list[FileChange]") -> "Iterator[tuple[Namespace, CodeType]]":
    """What edited and new definitions may do when a statement calls them."""
    for change in files:
        for code_change in (item for items in change.code_changes.values() for item in items):
            yield code_change.namespace, code_change.new_code
        for edit in change.edits:
            if edit["change"] == "added" and edit["what"] in ("function", "class"):
                with suppress(Refusal):
                    for namespace in change.namespaces:
                        yield namespace, compile_excerpt(edit["run"], namespace.filename)


def _root(namespace: "Namespace") -> str:
    """The folder of a module, or of the package that it is in."""
    folder = namespace.path
    for _ in range((namespace.name or "").count(".") + 1):
        folder = os.path.dirname(folder)
    if os.path.basename(namespace.path) == "__init__.py":
        folder = os.path.dirname(folder)
    return f"{folder}{os.sep}"


def _without_traces(before: Entries, after: Entries, held: Entries) -> Entries:
    """What a container holds without what came, and with what went, while it held first one thing and then another."""
    if entries.same(after, held):
        return before
    came, went = entries.without(after, before), entries.without(before, after)
    extra = entries.without(held, before)
    missing = entries.without(before, held)
    still_there = entries.without(extra, entries.without(extra, came))
    still_gone = entries.without(missing, entries.without(missing, went))
    return entries.with_others(held, still_there, still_gone)


def _tell_system(before: Entries, after: Entries) -> None:
    """The system has the environment's variables too."""
    former: dict[Any, Any] = dict(before)
    for name, _ in entries.without(after, before):
        if name not in former:
            os.unsetenv(name)
    for name, value in entries.without(before, after):
        os.putenv(name, value)


def _item_of(members: dict[str, Any], name: str) -> Place:
    return Item(members, name, members)


def _put_back(place: Place, before: Any, after: Any) -> None:
    if place.held() is after:
        place.put(before)
