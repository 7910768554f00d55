"""Loads the engine, out of the program's way.

The engine needs modules of the standard library, such as ``ast``, that the program may not have imported, or of which
it has its own (``token.py`` beside the script). What is not there as the standard library has it is loaded for the
engine alone, from the standard library's own place, whatever ``sys.path`` holds; ``sys.modules`` stays as it was. What
the program has of the standard library is used as it is, for then an ``enum.Enum`` of the program is the engine's too.
Modules that are part of the interpreter are imported as usual: nothing of the program's can stand in for them, and a
second ``_collections`` would have a second ``deque``, which is none to the program.

A module that is loaded here imports through :func:`_import`, which stands in its ``__builtins__``.
"""

import _frozen_importlib
import _frozen_importlib_external
import _thread
import builtins
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    from collections.abc import Iterator
    from types import ModuleType
    from types import ModuleType as _MODULE
    from typing import Any
else:
    _MODULE = type(sys)

_LIBRARY = os.path.dirname(os.__file__)
_PATH = [_LIBRARY, os.path.join(_LIBRARY, "lib-dynload")]
_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_NATIVE_IMPORTERS = (_frozen_importlib.BuiltinImporter, _frozen_importlib.FrozenImporter)

# Modules of the standard library that were loaded for the engine alone, and what it has instead of others.
_own: "dict[str, Any]" = {}
_stand_ins: "dict[str, Any]" = {}
# Those that others of them use although the program has them.
_ALWAYS_OWN: "dict[str, Any]" = {}


class Unreadable(Exception):
    """The process can't read what the engine is loaded of: it has another user by now, or the package is gone."""

    code = "HS0011"

    def __init__(self, path: str) -> None:
        self.message = (
            f"the process (user {os.geteuid()}) can't read {path} any more, which its first patch needs: if it changed "
            "its user, install Python and Hotsplice where that user may read them"
        )
        super().__init__(self.message)


def engine() -> "ModuleType":
    """The engine's package, loaded if need be. Raises ``Unreadable``."""
    # Not while another thread loads something: what that begins with stays what it goes on with.
    with _frozen_importlib._ModuleLockManager("hotsplice._engine"):  # type: ignore[attr-defined]
        _refresh()
        try:
            module: ModuleType = _engine_module("hotsplice._engine")
        except (ImportError, OSError) as error:
            path = _find_unreadable()
            if path is None:
                raise
            raise Unreadable(path) from error
        return module


def _find_unreadable() -> "str | None":
    folder = os.path.join(_PACKAGE, "_engine")
    needed = [_LIBRARY, folder]
    for parent, folders, files in os.walk(folder):
        needed += [os.path.join(parent, name) for name in (*folders, *files)]
    return next((path for path in needed if not os.access(path, os.R_OK, effective_ids=True)), None)


def share(name: str) -> None:
    """Has the program import a module of the standard library whose state is to be the program's, too."""
    spec = None if name in sys.modules else _frozen_importlib_external.PathFinder.find_spec(name)
    if spec is not None and (spec.origin or "").startswith(_LIBRARY + os.sep):
        builtins.__import__(name)
        _refresh()


def by_type(value: "Any", kinds: "Any") -> bool:
    """What ``isinstance`` means in the engine: an object is what its type says.

    It is not asked: a proxy's ``__class__`` connects to something, raises outside of a request, or has side effects.
    """
    return issubclass(type(value), kinds)


def _import(
    name: str,
    globals: "Any" = None,
    locals: "Any" = None,
    fromlist: "Any" = (),
    level: int = 0,
    is_library: bool = False,
) -> "Any":
    """``__import__`` for the engine and for what is loaded for it."""
    if type(fromlist) is list:
        # C code imports like that, and looks into `sys.modules` afterwards.
        return builtins.__import__(name, globals, locals, fromlist, level)
    if level:
        package = globals["__package__"].rsplit(".", level - 1)[0]
        name = f"{package}.{name}" if name else package
    top = name.partition(".")[0]
    if top == "hotsplice":
        find = _engine_module
    elif is_library or top in sys.stdlib_module_names:
        find = _module_for_library if is_library else _library_module
    else:
        return builtins.__import__(name, globals, locals, fromlist, 0)
    module = find(name)
    if not fromlist:
        return find(top)
    for item in fromlist if "__path__" in module.__dict__ else ():
        if item != "*" and item not in module.__dict__:
            try:
                find(f"{name}.{item}")
            except ModuleNotFoundError:
                continue
    return module


def _module_for_library(name: str) -> "Any":
    """The same for what is loaded here: ``enum.global_enum`` looks for the module that it is used in."""
    return _library_module(name, _ALWAYS_OWN if name == "enum" else _own)


def _library_module(name: str, own: "dict[str, Any]" = _own) -> "Any":
    module = own.get(name) or (_shared(name) if own is _own else None)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    if own is _own and name in sys.builtin_module_names and name not in sys.modules:
        return builtins.__import__(name)
    stand_in = {"typing": _Typing, "threading": _Threading}.get(name)
    if stand_in is not None:
        return _stand_ins.setdefault(name, stand_in(name))
    with _frozen_importlib._ModuleLockManager("hotsplice._engine"):  # type: ignore[attr-defined]
        parent, _, tail = name.rpartition(".")
        outer = _library_module(parent) if parent else None
        module = own.get(name) or (_shared(name) or dict.get(_own_sys.modules, name) if own is _own else None)
        if module is not None:
            return module
        spec = _library_spec(name, _PATH if outer is None else outer.__path__)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        before = sys.modules.get(name)
        module = _frozen_importlib.module_from_spec(spec)
        module.__dict__["__builtins__"] = _LIBRARY_BUILTINS
        own[name] = module
        try:
            spec._initializing = True
            spec.loader.exec_module(module)
            # Some that are written in C put themselves there.
            if before is None and sys.modules.get(name) is module:
                del sys.modules[name]
        except BaseException:
            for loaded in [one for one in own if one == name or one.startswith(name + ".")]:
                del own[loaded]
            raise
        finally:
            spec._initializing = False
        # `sys.modules[__name__] = another`
        module = own[name] = dict.get(_own_sys.modules, name, module)
        if outer is not None and tail not in outer.__dict__:
            setattr(outer, tail, module)
        return module


def _library_spec(name: str, path: "Any") -> "Any":
    for importer in _NATIVE_IMPORTERS:
        spec = importer.find_spec(name)
        if spec is not None:
            return spec
    return _frozen_importlib_external.PathFinder.find_spec(name, path)


def _shared(name: str) -> "Any":
    """A module of the standard library that the program has imported; one of its own of that name is none."""
    module = sys.modules.get(name)
    if type(module) is not _MODULE:
        return None
    members = module.__dict__
    file = members.get("__file__")
    if type(file) is str:
        if not file.startswith(_LIBRARY + os.sep) or "-packages" in file:
            return None
    elif members.get("__loader__") not in _NATIVE_IMPORTERS:
        return None
    if getattr(members.get("__spec__"), "_initializing", False):
        # Another thread is importing it.
        _frozen_importlib._lock_unlock_module(name)  # type: ignore[attr-defined]
    return module


def _engine_module(name: str) -> "Any":
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    with _frozen_importlib._ModuleLockManager("hotsplice._engine"):  # type: ignore[attr-defined]
        module = sys.modules.get(name)
        if module is not None:
            return module
        parent, _, tail = name.rpartition(".")
        outer = _engine_module(parent)
        place = os.path.join(_PACKAGE, *name.split(".")[1:])
        is_package = os.path.isdir(place)
        file = os.path.join(place, "__init__.py") if is_package else place + ".py"
        if not os.path.exists(file):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        spec: Any = _frozen_importlib_external.spec_from_file_location(
            name, file, submodule_search_locations=[place] if is_package else None
        )
        module = _frozen_importlib.module_from_spec(spec)
        module.__dict__["__builtins__"] = _ENGINE_BUILTINS
        spec._initializing = True
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        finally:
            spec._initializing = False
        setattr(outer, tail, module)
        return module


def _refresh() -> None:
    """What the program has imported since is used instead of the engine's own: its types are the program's."""
    for name, module in [*_own.items(), *_stand_ins.items()]:
        found = _shared(name)
        if found is None or found is module:
            continue
        _own.pop(name, None)
        _stand_ins.pop(name, None)
        for other, one in list(sys.modules.items()):
            if other.startswith("hotsplice._engine"):
                for key, value in list(one.__dict__.items()):
                    if value is module:
                        one.__dict__[key] = found


class _Modules(dict[str, "Any"]):
    """``sys.modules`` as modules see it that are loaded for the engine: with themselves in it."""

    def __missing__(self, name: str) -> "Any":
        return _own[name] if name in _own else sys.modules[name]

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in _own or name in sys.modules

    def get(self, name: str, default: "Any" = None) -> "Any":
        try:
            return self[name]
        except KeyError:
            return default

    def copy(self) -> "dict[str, Any]":
        return {**sys.modules, **_own, **dict(dict.items(self))}

    def items(self) -> "Any":
        return self.copy().items()

    def values(self) -> "Any":
        return self.copy().values()

    def __iter__(self) -> "Iterator[str]":
        return iter(self.copy())


class _Typing(_MODULE):
    """``typing`` for a program that has not imported it, and has no class that comes of it: for annotations alone.

    The real one can't be loaded out of the way: C code looks for it in ``sys.modules``.
    """

    TYPE_CHECKING = False

    class Any:
        """Anything."""

    class Generic:
        """No class of the program derives from it."""

    class Protocol:
        """The same."""

    @staticmethod
    def cast(_kind: "typing.Any", value: "typing.Any") -> "typing.Any":
        return value

    @staticmethod
    def is_typeddict(_kind: "typing.Any") -> bool:
        return False

    def __getattr__(self, name: str) -> "typing.Any":
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(builtins.__import__("typing"), name)


class _Threading(_MODULE):
    """``threading`` for a program that has not imported it: whoever imports it first says what the main thread is."""

    get_ident = staticmethod(_thread.get_ident)

    @staticmethod
    def enumerate() -> "list[ModuleType]":
        session = sys.modules.get("hotsplice._session")
        known = session.__dict__.get("_main_ident") if session is not None else None
        # Another request may be served by a thread of its own at the same time.
        others = [ident for ident in sys._current_frames() if ident != _thread.get_ident()]
        main: Any = _MODULE("MainThread")
        main.ident = known if known is not None else others[0] if len(others) == 1 else None
        main.name = "MainThread"
        return [main]


def _own_view_of_sys() -> "Any":
    view: Any = _MODULE("sys")
    view.__dict__.update(sys.__dict__)
    view.modules = _Modules()
    return view


_own_sys = _own_view_of_sys()


def _import_in_library(
    name: str, globals: "Any" = None, locals: "Any" = None, fromlist: "Any" = (), level: int = 0
) -> "Any":
    return _own_sys if name == "sys" and not level else _import(name, globals, locals, fromlist, level, True)


_ENGINE_BUILTINS = {**builtins.__dict__, "__import__": _import, "isinstance": by_type}
_LIBRARY_BUILTINS = {**builtins.__dict__, "__import__": _import_in_library}
# What the native half needs, and would have to import.
gc = _library_module("gc")
ordered_dict = _library_module("_collections").OrderedDict
deque = _library_module("_collections").deque
