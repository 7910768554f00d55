"""What the statements of a patch import: modules that are patched together, and those that only this patch loads."""

import builtins
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..._loaded import absolute
from ..live import files, lookup, objects
from ..native import native
from .world import World

if TYPE_CHECKING:
    from ..journal.views import Prepared

_BUILTINS = "__builtins__"


class Imports:
    """`__import__` for modules that are patched together: what one imports from another is evaluated first.

    A module that is loaded meanwhile imports in the same way: what it takes from a patched one may be new there, too.
    """

    def __init__(self, transaction: "Prepared", world: World, evaluate: Callable[[ModuleType | None], None]) -> None:
        shadows = world.shadows()
        transaction.undoing.append(self.unload)
        self._paths = transaction.loaded_files
        self._by_module = {id(one.namespace.module): one for one in shadows if one.namespace.module is not None}
        self._by_name = {name: one for one in shadows for name in (one.namespace.name, one.namespace.new_name)}
        self._evaluate: Any = evaluate
        self._thread = threading.get_ident()
        self._loaded: list[ModuleType] = []
        self._seen = {**builtins.__dict__, "__import__": self}
        self._of_loaded = {**self._seen, "__build_class__": world.build_class}
        for shadow in shadows:
            for name, value in list(shadow.globals.items()):
                other = self._by_module.get(id(value))
                if other is not None:
                    shadow.globals[name] = shadow.before[name] = other.module
        for shadow in shadows:
            shadow.globals[_BUILTINS] = self._seen

    def __call__(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        is_finding = bool(self._by_name) and self not in sys.meta_path and threading.get_ident() == self._thread
        if is_finding:
            sys.meta_path.insert(0, self)
        try:
            module = builtins.__import__(name, globals, locals, fromlist, level)
        finally:
            if is_finding:
                sys.meta_path.remove(self)
        for wanted in (f"{module.__name__}.{name}" for name in fromlist or ()) if self._by_name else ():
            if wanted in self._by_name:
                self._evaluate(self._by_name[wanted].namespace.module)
        other = self._by_module.get(id(module))
        if other is None:
            return module
        self._evaluate(module)
        return other.module

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As the program's own finders find it; a file of the project is executed so that it sees what is new."""
        if threading.get_ident() != self._thread:
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is None:
                continue
            if type(spec.loader) is SourceFileLoader and not lookup.is_installed(str(spec.origin)):
                spec.loader.exec_module = _Executed(spec.loader, self)  # type: ignore[method-assign]
            return spec
        return None

    def execute(self, loader: SourceFileLoader, module: ModuleType) -> None:
        module.__dict__.setdefault(_BUILTINS, self._of_loaded)
        self._loaded.append(module)
        self._paths.add(_path(module))
        loader.exec_module(module)

    def forget(self) -> list[Any]:
        """Imports as everybody's from now on. Gives the functions of loaded modules, which have other builtins.

        What it knew would be a cycle that keeps all that a patch has made.
        """
        spaces = (objects.attributes(module) for module in self._loaded)
        loaded = [space for space in spaces if space.get(_BUILTINS) is self._of_loaded]
        for namespace in loaded:
            namespace[_BUILTINS] = builtins.__dict__
        self._by_module, self._by_name, self._evaluate = {}, {}, None
        # Where the patch does not go live, functions of theirs keep these.
        self._of_loaded.update(builtins.__dict__)
        return native.functions_with_globals(*loaded) if loaded else []

    def unload(self) -> None:
        """Where the patch does not go live: what was loaded for it may hold what is new."""
        for module in self._loaded:
            name = objects.attributes(module)["__name__"]
            if sys.modules.get(name) is not module:
                continue
            del sys.modules[name]
            files.forget(_path(module))
            package, _, child = name.rpartition(".")
            parent = objects.attributes(sys.modules.get(package))
            if parent.get(child) is module:
                del parent[child]


def _path(module: ModuleType) -> str:
    return absolute(str(objects.attributes(module).get("__file__")))


class _Executed:
    """Stands in the place of a loader's `exec_module`, once."""

    def __init__(self, loader: SourceFileLoader, imports: Imports) -> None:
        self._loader, self._imports = loader, imports

    def __call__(self, module: ModuleType) -> None:
        del self._loader.exec_module
        self._imports.execute(self._loader, module)
