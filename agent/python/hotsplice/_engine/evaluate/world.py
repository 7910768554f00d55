"""The world in which the statements of a patch run: what it changes is new in every module through which it is reached.

Files of one patch see each other, whichever way they import. A function that is not edited itself, but calls one that
is or reads an edited constant, gets a proxy too, and so does a class with such methods; modules between the patched
ones get sandboxes that only pass on what is new.
"""

import builtins
import dis
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import fingerprint, tree
from . import proxies, syntax
from .answering import Answering
from .sandbox import Shadow, functions_of

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Definition, Edit, Excerpt

MISSING = object()
_CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
# Members of a class that are its own and no other's.
_OWN = {"__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__slots__", "__classcell__"}
# What `class_proxy` and `type` itself put into a class.
_MADE = {"__init_subclass__", "__static_attributes__", "__firstlineno__", "__annotations__", "__annotations_cache__"}


class World:
    def __init__(self, transaction: "Prepared", shadows: dict[int, Any], wanted: list[Any]) -> None:
        self._transaction = transaction
        self._shadows = shadows
        # id of a live function or class → (live, proxy)
        self.proxies: dict[int, tuple[Any, Any]] = {}
        # Sandboxes of modules that are no part of the patch.
        self.between: list[Shadow] = []
        # Code that must not run while the patch is evaluated, by id.
        self.former: dict[int, CodeType] = {}
        # Ids of live functions that get other defaults.
        self._headers: set[int] = set()
        # id of a module's namespace → names in it that mean something else once the patch is live
        self._names: dict[int, set[str]] = {}
        self._modules: dict[int, Any] = {}
        # id of a class's proxy → what it was made with
        self._given: dict[int, dict[str, Any]] = {}
        # Name → the edits of modules' own statements that bind it, once somebody wanted to know.
        self._binding: dict[str, list[tuple[FileChange, Edit]]] | None = None
        # Classes that statements made again.
        self.answering = Answering()
        if wanted:
            self._note_changes()
            self._spread()
            self._make()
            self._show()

    def shadows(self) -> list[Any]:
        return [*self._shadows.values(), *self.between]

    # What changes

    def binding(self, name: str) -> "list[tuple[FileChange, Edit]]":
        """The edits of modules' own statements that bind a name, each with its file."""
        if self._binding is None:
            self._binding = {}
            for change in self._transaction.files:
                for edit in (one.edit for one in change.outcomes if not one.edit["scope"]):
                    for bound in dict.fromkeys(edit["binds"]):
                        self._binding.setdefault(bound, []).append((change, edit))
        return self._binding.get(name, [])

    def _note_changes(self) -> None:
        renewed = (function.__code__ for function, _ in self._transaction.renewed_lambdas)
        self.former.update((id(code), code) for code in renewed)
        for change in self._transaction.files:
            for namespace in change.namespaces:
                key = id(namespace.globals)
                self._modules[key] = namespace
                names = self._names.setdefault(key, set())
                for outcome in change.outcomes:
                    edit = outcome.edit
                    if not edit["scope"] and not edit.get("offered"):
                        names.update(edit["binds"])
                    elif edit["scope"] and "<locals>" not in edit["scope"]:
                        names.add(edit["scope"][0])
                    if edit["what"] == "function" and "defaults" in edit["parts"] and edit.get("old_line"):
                        name = edit["definition"].rpartition(".")[2]
                        unit: Definition = {"scope": edit["scope"], "name": name, "old_line": edit["old_line"]}
                        self._headers.update(map(id, lookup.find_unit(namespace, unit)))
                for code_change in change.code_changes.get(id(namespace), ()):
                    unit = code_change.unit
                    names.add((*unit["scope"], unit["name"])[0])
                    for old, new in code_change.pairs.values():
                        if fingerprint(old) != fingerprint(new):
                            self.former[id(old)] = old

    def _spread(self) -> None:
        """Finds the modules between, and everything in them and in the patched ones that leads to what changes."""
        others = [
            lookup.Namespace(module.__dict__, module, path)
            for path, module in lookup.project_modules()
            if id(module.__dict__) not in self._modules
        ]
        count = -1
        while count != sum(map(len, self._names.values())):
            count = sum(map(len, self._names.values()))
            known = self._objects()
            for namespace in list(others):
                names = {name for name, value in list(namespace.globals.items()) if id(value) in known}
                if names:
                    others.remove(namespace)
                    self._modules[id(namespace.globals)] = namespace
                    self._names[id(namespace.globals)] = set()
            for key, namespace in self._modules.items():
                names = self._names[key]
                names.update(name for name, value in list(namespace.globals.items()) if id(value) in known)
                for name, value in list(namespace.globals.items()):
                    if name not in names and self._reaches(value, namespace, names):
                        names.add(name)

    def _objects(self) -> set[int]:
        """The ids of functions and classes that are others once the patch is live, and of modules that have such."""
        found = set()
        for key, namespace in self._modules.items():
            if self._names[key] and namespace.module is not None:
                found.add(id(namespace.module))
            for name in self._names[key]:
                value = namespace.globals.get(name)
                if (type(value) is FunctionType or _is_class(value)) and value.__module__ == namespace.name:
                    found.add(id(value))
        return found

    def _reaches(self, value: Any, namespace: "Namespace", names: set[str]) -> bool:
        if type(value) is FunctionType and value.__globals__ is namespace.globals:
            return _reads(value.__code__, names)
        if _is_class(value) and value.__module__ == namespace.name:
            bases = (base for base in value.__mro__[1:] if base.__name__ in names)
            if any(namespace.globals.get(base.__name__) is base for base in bases):
                return True
            functions = [one for member in list(value.__dict__.values()) for one in proxies.functions_in(member)]
            return any(one.__globals__ is namespace.globals and _reads(one.__code__, names) for one in functions)
        return False

    # Proxies

    def _make(self) -> None:
        new_code = {
            id(function): code
            for function, code in self._transaction.renewed_lambdas
            if function.__code__.co_freevars == code.co_freevars
        }
        for change in self._transaction.files:
            for namespace in change.namespaces:
                for code_change in change.code_changes.get(id(namespace), ()):
                    for function in code_change.functions:
                        if function.__code__.co_freevars == code_change.new_code.co_freevars:
                            new_code[id(function)] = code_change.new_code
        for key, namespace in self._modules.items():
            shadow = self._shadows.get(key)
            if shadow is None:
                shadow = Shadow(namespace, {}, next(iter(self._shadows.values())).writes)
                self.between.append(shadow)
            for name in self._names[key]:
                value = namespace.globals.get(name)
                if type(value) is FunctionType and value.__globals__ is namespace.globals:
                    self._function(value, shadow, new_code)
        found = [
            (value, key)
            for key, namespace in self._modules.items()
            for value in (namespace.globals.get(name) for name in self._names[key])
            if _is_class(value) and value.__module__ == namespace.name and id(value) not in self.proxies
        ]
        by_key = {id(shadow.namespace.globals): shadow for shadow in self.shadows()}
        # Bases come first.
        for live, key in sorted(found, key=lambda item: len(item[0].__mro__)):
            self._class(live, by_key[key], new_code)

    def _function(self, live: FunctionType, shadow: "Shadow", new_code: dict[int, CodeType]) -> FunctionType | None:
        if id(live) in self.proxies:
            proxy: FunctionType = self.proxies[id(live)][1]
            return proxy
        code = new_code.get(id(live))
        if code is None:
            names = self._names.get(id(live.__globals__))
            if live.__globals__ is not shadow.namespace.globals or not names:
                return None
            if id(live) not in self._headers and not _reads(live.__code__, names):
                return None
            self.former.setdefault(id(live.__code__), live.__code__)
            # A code of its own: what the live function runs can be told from what its proxy does.
            code = live.__code__.replace()
        proxy = proxies.function_proxy(live, code, shadow.globals)
        self.proxies[id(live)] = (live, proxy)
        return proxy

    def _class(self, live: type, shadow: "Shadow", new_code: dict[int, CodeType]) -> None:
        members = {}
        for name, member in list(live.__dict__.items()):
            made = None
            if name not in _OWN:
                made = proxies.with_proxies(member, lambda one: self._function(one, shadow, new_code))
            if made is not None:
                members[name] = made
        order = []
        for cls in live.__mro__:
            known = self.proxies.get(id(cls))
            order += [known[1], cls] if known is not None else [cls]
        if not self._is_edited(live, shadow.namespace) and not members and len(order) == len(live.__mro__):
            return
        proxy = proxies.class_proxy(live, members, order)
        if proxy is not None:
            self.proxies[id(live)] = (live, proxy)
            self._given[id(proxy)] = members

    def _is_edited(self, live: type, namespace: "Namespace") -> bool:
        return any(
            outcome.edit["scope"] and outcome.edit["scope"][0] == live.__qualname__.partition(".")[0]
            for change in self._transaction.files
            if namespace in change.namespaces
            for outcome in change.outcomes
        )

    def _show(self) -> None:
        """Every name in the sandboxes means what is new."""
        by_module = {id(one.namespace.module): one for one in self.shadows() if one.namespace.module is not None}
        for shadow in self.shadows():
            for name, value in list(shadow.globals.items()):
                proxy = self.proxies.get(id(value))
                if proxy is not None:
                    shadow.globals[name] = shadow.before[name] = proxy[1]
                elif id(value) in by_module:
                    shadow.globals[name] = shadow.before[name] = by_module[id(value)].module

    def proxy_of(self, live: Any) -> Any:
        found = self.proxies.get(id(live))
        return None if found is None else found[1]

    def runs_changed(self, called: Any) -> bool:
        """Whether a call of a function or of a class runs what does something else once the patch is live."""
        if not _is_class(called):
            return type(called) is FunctionType and id(called) in self.proxies
        pending, seen = list(_CONSTRUCTORS), set[str]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            for member in (objects.members(cls).get(name) for cls in objects.order(called)):
                for function in proxies.functions_in(member):
                    if id(function) in self.proxies:
                        return True
                    pending += [one for code in tree(function.__code__) for one in code.co_names]
        return False

    def given_to(self, live: type) -> dict[str, Any]:
        """The members that a class's proxy has and the live one has not."""
        found = self.proxies.get(id(live))
        return {} if found is None else self._given[id(found[1])]

    def live_classes(self, shadow: "Shadow", run: "Excerpt") -> "LiveClasses":
        """While a class statement runs, its bases are the live ones."""
        return LiveClasses(self, shadow, syntax.called_with_in_classes(run))

    def build_class(self, body: Any, name: str, /, *bases: Any, **keywords: Any) -> Any:
        """`__build_class__` with the live classes for their proxies, and the hooks that the patch gives them."""
        live = {id(proxy): one for one, proxy in self.proxies.values() if _is_class(one)}
        bases = tuple(live.get(id(base), base) for base in bases)
        with self.answering.suspended(bases):
            return self._derive(body, name, bases, keywords)

    def _derive(self, body: Any, name: str, bases: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        hook = self._new_hook(bases)
        if hook is None or "metaclass" in keywords:
            return builtins.__build_class__(body, name, *bases, **keywords)
        made = proxies.class_without_hook(body, name, bases)
        if made is None:
            return builtins.__build_class__(body, name, *bases, **keywords)
        hook.__get__(None, made)(**keywords)
        return made

    def _new_hook(self, bases: tuple[Any, ...]) -> Any:
        """The ``__init_subclass__`` that a class of these bases runs, if the patch changes it."""
        for base in bases:
            for cls in base.__mro__ if isinstance(base, type) else ():
                given = self.given_to(cls)
                if "__init_subclass__" in given:
                    return given["__init_subclass__"]
                if "__init_subclass__" in cls.__dict__ and cls is not object:
                    return None
        return None

    def give(self, owner: type, members: dict[str, Any]) -> None:
        """What statements of a class bound is there for those that follow."""
        proxy = self.proxy_of(owner)
        if proxy is None:
            return
        for name, value in members.items():
            if name not in _OWN:
                type.__setattr__(proxy, name, value)
                self._given[id(proxy)][name] = value

    # Afterwards

    def settle(self, replaced: list[tuple[Any, Any]], bound: dict[int, set[str]]) -> None:
        """What was made of proxies is made of the live ones at commit; what their code assigned is assigned then."""
        plan = self._transaction.plan
        for live, proxy in self.proxies.values():
            replaced.append((proxy, live))
            if _is_class(live):
                given = self._given[id(proxy)]
                for name, value in list(proxy.__dict__.items()):
                    is_made = name in _MADE or name.startswith("_abc_") or given.get(name, MISSING) is value
                    if name not in _OWN and not is_made:
                        plan.set_class_attribute(live, name, value)
        assigned = self._assigned()
        for shadow in self.shadows():
            key = id(shadow.namespace.globals)
            for name in assigned.get(id(shadow.globals), set()) - bound.get(key, set()):
                value = shadow.globals.get(name, MISSING)
                if value is not MISSING and value is not shadow.before.get(name, MISSING):
                    plan.set_name(shadow.namespace.globals, name, value)
        for shadow in self.between:
            replaced.append((shadow.module, shadow.namespace.module))
        live_globals = {id(shadow.globals): shadow.namespace.globals for shadow in self.between}
        for function in functions_of(self.between):
            plan.function(function, globals=live_globals[id(function.__globals__)])

    def _assigned(self) -> dict[int, set[str]]:
        """Names that code of the proxies assigns as globals, by the ids of these."""
        found: dict[int, set[str]] = {}
        for live, proxy in self.proxies.values():
            members = proxy.__dict__.values() if _is_class(live) else [proxy]
            for function in (one for member in list(members) for one in proxies.functions_in(member)):
                for code in tree(function.__code__):
                    if _STORE_GLOBAL in code.co_code[::2]:
                        found.setdefault(id(function.__globals__), set()).update(_stored(code))
        return found


class LiveClasses:
    """Class statements derive from live classes; hooks of their bases that the patch changes are new all the same."""

    def __init__(self, world: World, shadow: "Shadow", computed_with: set[str]) -> None:
        self._shadow = shadow
        self._world = world
        # What its attributes are made by is new.
        self._new = computed_with
        self._pairs = {id(proxy): live for live, proxy in world.proxies.values() if _is_class(live)}
        self._changed: list[tuple[str, Any, Any]] = []
        self._given: dict[str, Any] | None = None

    def __enter__(self) -> None:
        names = self._shadow.globals
        for name, value in list(names.items()) if self._pairs else ():
            live = self._pairs.get(id(value))
            if live is not None and name not in self._new:
                names[name] = live
                self._changed.append((name, value, live))
        self._builtins = names.get("__builtins__", builtins)
        if self._pairs or self._world.answering:
            known = self._builtins.__dict__ if isinstance(self._builtins, ModuleType) else self._builtins
            names["__builtins__"] = self._given = {**known, "__build_class__": self._world.build_class}

    def __exit__(self, *_error: Any) -> None:
        if self._given is not None:
            self._shadow.globals["__builtins__"] = self._builtins
            # Functions that were made meanwhile have these for good.
            self._given["__build_class__"] = builtins.__build_class__
        for name, proxy, live in self._changed:
            if self._shadow.globals.get(name) is live:
                self._shadow.globals[name] = proxy


def _is_class(value: Any) -> bool:
    """By its type alone: an object may say anything of its class."""
    return objects.is_class(value)


def _reads(code: CodeType, names: set[str]) -> bool:
    return any(not names.isdisjoint(one.co_names) for one in tree(code))


def _stored(code: CodeType) -> list[str]:
    return [one.argval for one in dis.get_instructions(code) if one.opname == "STORE_GLOBAL"]
