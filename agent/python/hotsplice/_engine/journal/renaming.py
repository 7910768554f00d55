"""A module whose file is renamed, or becomes a package, stays the module that it is and is found by its new name.

While a patch is evaluated, imports find it by that name, too: whoever imports it then gets what it gets afterwards.
"""

import _imp
import ast
import builtins
import dis
import os
import sys
from _frozen_importlib_external import spec_from_file_location
from collections.abc import Iterator
from functools import partial
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

from ..._loaded import absolute
from ..live import objects
from ..live.code import tree
from ..native import native
from .places import MISSING

if TYPE_CHECKING:
    from ..live.lookup import Namespace
    from .file_change import FileChange
    from .plan import EditOutcome, Plan

_PACKAGE = "__init__"
_SUSPENDED = ((GeneratorType, "gi_code"), (CoroutineType, "cr_code"), (AsyncGeneratorType, "ag_code"))


class Renaming:
    """The modules of a patch whose files it renames."""

    def __init__(self, files: "list[FileChange]") -> None:
        self._files = [change for change in files if change.is_renamed]
        renamed = [_Renamed(namespace, change) for change in self._files for namespace in change.namespaces]
        # A package comes before what is in it.
        self._renamed = sorted(renamed, key=lambda one: (one.name or "").count("."))
        # What takes back what is shown while the patch is evaluated.
        self._hiding: list[Any] = []
        self._loaded = frozenset(sys.modules) if renamed else frozenset[str]()

    def show(self, is_dry_run: bool) -> bool:
        """Has imports find the modules by their new names; whether they can."""
        for one in self._renamed:
            try:
                one.find(is_dry_run)
            except Exception as error:
                text = f"importing the package of {one.name} raised {type(error).__name__}: {error}"
                self._outcome_of(one).refused("HS0103", text)
                return False
            if one.is_named:
                self._put(sys.modules, one.name, one.module)
                if one.parent is not None:
                    self._put(objects.attributes(one.parent), one.last, one.module)
            if "__path__" in one.namespace.renamed:
                self._put(one.namespace.globals, "__path__", one.namespace.renamed["__path__"])
        return True

    def _put(self, holder: Any, key: Any, value: Any) -> None:
        held = holder.get(key, MISSING)
        holder[key] = value
        self._hiding.append(partial(_put_back, holder, key, value, held))

    def hide(self) -> None:
        while self._hiding:
            self._hiding.pop()()

    def forget(self) -> None:
        """What was loaded as a part of a package that there is not: the patch does not go live."""
        self.hide()
        for one in self._renamed:
            prefix = f"{one.name}."
            for name in [name for name in list(sys.modules) if name.startswith(prefix) and name not in self._loaded]:
                part = sys.modules.pop(name, None)
                if name.count(".") == prefix.count("."):
                    _put_back(one.namespace.globals, name.rpartition(".")[2], part, MISSING)

    def check(self) -> None:
        """Notes what becomes of each module."""
        for one in self._renamed:
            one.check(self._outcome_of(one))
        for change in self._files:
            is_named = any(one.is_named for one in self._renamed if one.namespace in change.namespaces)
            for name, line, said in _made_of_names(change.text, is_named):
                message = f"{name} is made of {said} when the module is executed: it stays as the former file gave it"
                change.report_beside(name, line, "HS0207", message)

    def _outcome_of(self, renamed: "_Renamed") -> "EditOutcome":
        return next(change.whole for change in self._files if renamed.namespace in change.namespaces)

    def plan(self, plan: "Plan", calls: Any) -> None:
        imported = {name for call in calls for name in _imported(call.code)} if self._renamed else set()
        for one in self._renamed:
            is_needed = one.is_named and one.former in imported
            one.plan(plan, is_needed)
            if is_needed:
                message = f"calls that began before import {one.former}: it goes on being found by that name, too"
                self._outcome_of(one).caveat("HS0207", message)
        names = {one.former: one.name for one in self._renamed if one.is_named}
        for function in native.objects_of_type(FunctionType) if names else ():
            name = function.__module__
            if type(name) is str and name in names:
                plan.function(function, module=names[name])
        for cls in objects.with_subclasses(object) if names else ():
            name = objects.members(cls).get("__module__")
            if type(name) is str and name in names and native.is_made_in_python(cls):
                plan.set_class_attribute(cls, "__module__", names[name])
        for one in self._renamed:
            for own in one.others():
                plan.set_name(own, "__module__", one.name)

    def follow(self, calls: Any) -> None:
        """The patch is live: code says where it stands now."""
        for change in self._files:
            filenames = {name for namespace in change.namespaces for name in namespace.filenames}
            filenames.discard(change.new_path)
            codes = [*_live_code(filenames), *change.holders, *(code for code, _ in change.retired)]
            for code in (*codes, *(call.code for call in calls)):
                if code.co_filename in filenames:
                    # As imports do with code that was compiled elsewhere.
                    _imp._fix_co_filename(code, change.new_path)  # type: ignore[attr-defined]
            for namespace in change.namespaces:
                namespace.path, namespace.filenames = change.new_path, (change.new_path,)
                namespace.name, namespace.renamed = namespace.new_name, {}
            change.path = change.new_path
            native.notify("module/loaded", {"path": change.new_path})


class _Renamed:
    """One module of a renamed file."""

    def __init__(self, namespace: "Namespace", change: "FileChange") -> None:
        self.namespace = namespace
        self.former = namespace.name
        self.name: Any = _new_name(namespace, change)
        self.module: Any = sys.modules.get(self.former or "", namespace.module)
        # Whether it has another name, and not only another file.
        self.is_named = self.name != self.former
        self.last = (self.name or "").rpartition(".")[2]
        # The package that it is in now.
        self.parent: Any = None
        namespace.new_name = self.name
        namespace.renamed = self._attributes(change.new_path)

    def _attributes(self, path: str) -> dict[str, Any]:
        """What a module of this file says of itself, but for its name."""
        members, is_package = self.namespace.globals, _is_package(path)
        found: dict[str, Any] = {"__file__": path}
        if self.name == "__main__" or members.get("__spec__") is None:
            return found
        locations = [os.path.dirname(path)] if is_package else None
        spec: Any = spec_from_file_location(self.name, path, submodule_search_locations=locations)
        if spec is not None:
            stated = {"spec": spec, "loader": spec.loader, "cached": spec.cached, "package": spec.parent}
            found |= {f"__{name}__": value for name, value in stated.items() if f"__{name}__" in members}
        return found | ({"__path__": locations} if is_package else {})

    def find(self, is_dry_run: bool) -> None:
        """Looks for the package that it is in now, which is loaded if it is not."""
        package = (self.name or "").rpartition(".")[0]
        if package and package not in sys.modules and not is_dry_run:
            native.run_program(partial(builtins.__import__, package))
        self.parent = sys.modules.get(package)

    def check(self, outcome: "EditOutcome") -> None:
        if self.name is None:
            outcome.refused("HS0207", f"{self.former} can't be imported from there: it is in no folder of sys.path")
        elif self.is_named and sys.modules.get(self.name, self.module) is not self.module:
            outcome.refused("HS0207", f"the process has another module {self.name} already")
        elif getattr(self.namespace.globals.get("__spec__"), "_initializing", False) is True:
            outcome.refused("HS0207", f"{self.former} is still being imported; try again when that is done")
        else:
            outcome.note("applied", "HS0206", self._described())

    def _described(self) -> str:
        was, is_package = "__path__" in self.namespace.globals, "__path__" in self.namespace.renamed
        if self.is_named:
            return f"{self.former} is {self.name} now: the module, all that is of it and its state went along"
        if was is not is_package:
            kind = "package" if is_package else "module"
            return f"{self.former} is a {kind} now: all that is of it and its state went along"
        return f"{self.former} stands in another file now"

    def plan(self, plan: "Plan", is_needed: bool) -> None:
        members = self.namespace.globals
        stated = {**self.namespace.renamed, "__name__": self.name} if self.is_named else self.namespace.renamed
        for name, value in stated.items():
            plan.set_name(members, name, value)
        if "__path__" in members and "__path__" not in stated and "__spec__" in stated:
            plan.delete_name(members, "__path__")
            self._leave_parts(plan)
        if not self.is_named or sys.modules.get(self.former or "", MISSING) is not self.module:
            return
        plan.set_name(sys.modules, self.name, self.module)
        if not is_needed:
            plan.delete_name(sys.modules, self.former)
        package, _, last = (self.former or "").rpartition(".")
        former_parent = objects.attributes(sys.modules.get(package))
        if package and former_parent.get(last) is self.module:
            plan.delete_name(former_parent, last)
        if self.parent is not None:
            plan.set_name(objects.attributes(self.parent), self.last, self.module)

    def _leave_parts(self, plan: "Plan") -> None:
        """A module that is a package no more has no parts: whoever makes it one again loads them."""
        for name, part in list(sys.modules.items()):
            package, _, last = name.rpartition(".")
            if name.startswith(f"{self.former}."):
                plan.delete_name(sys.modules, name)
                if package == self.former and self.namespace.globals.get(last) is part:
                    plan.delete_name(self.namespace.globals, last)

    def others(self) -> Iterator[dict[str, Any]]:
        """Attributes of what else says that it is of the module: a cached function, a type variable."""
        values = list(self.namespace.globals.values()) if self.is_named else []
        own = [one for one in values if objects.is_class(one) and objects.module_of(one) == self.former]
        values += [value for one in own for value in list(objects.members(one).values())]
        for value in {id(value): value for value in values}.values():
            if type(value) is not FunctionType and not issubclass(type(value), (type, type(sys))):
                attributes = objects.dictionary(value)
                if attributes is not None and attributes.get("__module__", MISSING) == self.former:
                    yield attributes


def _new_name(namespace: "Namespace", change: "FileChange") -> str | None:
    """What the file's module is called: as it was, if its folders say nothing of that."""
    name = namespace.name
    if name is None or name == "__main__" or name not in sys.modules:
        return name
    former, new, own = _parts(change.path), _parts(change.new_path), name.split(".")
    root = former[: -len(own)]
    roots = [root] if former[-len(own) :] == own else []
    entries = [absolute(entry).strip("/").split("/") for entry in sys.path if type(entry) is str]
    roots += sorted(entries, key=len, reverse=True)
    return next((".".join(new[len(one) :]) for one in roots if new[: len(one)] == one and len(new) > len(one)), None)


def _made_of_names(text: str, is_named: bool) -> Iterator[tuple[str, int, str]]:
    """Statements of a module or its classes that read its name or file: what they bind, their lines, what they read."""
    says = {"__file__", "__path__", "__package__", "__spec__", *(("__name__",) if is_named else ())}
    pending: list[ast.AST] = list(ast.parse(text).body) if any(name in text for name in says) else []
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.ClassDef):
            pending += node.body
        elif isinstance(node, ast.stmt) and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If)):
            inside = list(ast.walk(node))
            names = [one for one in inside if isinstance(one, ast.Name)]
            read = [one.id for one in names if one.id in says and isinstance(one.ctx, ast.Load)]
            if read:
                bound = [one.id for one in names if isinstance(one.ctx, ast.Store)]
                yield (bound or ["<module>"])[0], node.lineno, read[0]


def _imported(code: CodeType) -> Iterator[str]:
    for part in tree(code):
        yield from (one.argval for one in dis.get_instructions(part) if one.opname == "IMPORT_NAME")


def _parts(path: str) -> list[str]:
    parts = os.path.splitext(path)[0].strip("/").split("/")
    return parts[:-1] if parts[-1] == _PACKAGE else parts


def _is_package(path: str) -> bool:
    return os.path.splitext(os.path.basename(path))[0] == _PACKAGE


def _put_back(holder: Any, key: Any, value: Any, held: Any) -> None:
    if holder.get(key) is value:
        if held is MISSING:
            del holder[key]
        else:
            holder[key] = held


def _live_code(filenames: set[str]) -> Iterator[CodeType]:
    """Code of functions and of calls."""
    for filename in filenames:
        yield from (function.__code__ for function in native.functions_of_file(filename))
    for kind, name in _SUSPENDED:
        yield from (getattr(one, name) for one in native.objects_of_type(kind))
    for frame in native.current_frames().values():
        inner: Any = frame
        while inner is not None:
            yield inner.f_code
            inner = inner.f_back
