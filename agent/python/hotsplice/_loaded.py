"""Which source files the program has loaded. It imports nothing: the agent's start asks it, too."""

import os
import sys
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

    _ref = ref[ModuleType]
else:
    _ref = ref

_MODULE = type(sys)
_MEMBERS = _MODULE.__dict__["__dict__"].__get__  # type: ignore[index]
_ENDINGS = (".py", ".pyw")
_INSTALLED = ("/site-packages/", "/dist-packages/", "/lib/python3")
# The standard library, and this package, wherever they were put.
_FOLDERS = (os.path.dirname(os.__file__) + "/", os.path.dirname(__file__) + "/", "<frozen ")
_installed: "dict[str, bool]" = {}
_normal: "dict[str, str]" = {}
# As `__file__` names it → what `_place` says of it.
_places: "dict[str, tuple[str, bool]]" = {}


def members_of(module: "ModuleType") -> "dict[str, Any]":
    """A module's own namespace: asking a lazy module in the ordinary way would load it."""
    members: dict[str, Any] = _MEMBERS(module)
    return members


def loaded_modules() -> "Sequence[tuple[str, ModuleType]]":
    """``(path, module)`` for each module that was loaded from a source file.

    What stands in ``sys.modules`` need not be a module, whatever it says of itself.
    """
    placed = [(_placed(module), module) for module in list(sys.modules.values())]
    return [(place[0], module) for place, module in placed if place is not None and place[0]]


def project_modules() -> "Sequence[tuple[str, ModuleType]]":
    """Those of the program's own files."""
    return _found().own


def modules_of(path: str) -> "list[ModuleType]":
    """Those of one file: a script may be imported too, and a file be executed under several names."""
    if is_installed(path):
        return [module for known, module in loaded_modules() if known == path]
    return _found().by_path.get(path, [])


class Remembered:
    """While a request is served, `sys.modules` is not gone through again as long as it holds the same:
    a program may have thousands of modules."""

    count = 0
    found: "_Found | None" = None
    # What else was found out of these modules: of nothing that lives, for that would be found where it is looked for.
    notes: "dict[str, Any]" = {}

    def __enter__(self) -> None:
        Remembered.count += 1
        self._forget()

    def __exit__(self, *_exception: object) -> None:
        Remembered.count -= 1
        self._forget()

    @staticmethod
    def _forget() -> None:
        Remembered.found, Remembered.notes = None, {}


class _Found:
    """The program's own of what `sys.modules` held at one moment."""

    def __init__(self, modules: "list[Any]") -> None:
        self.modules = modules
        self.own: list[tuple[str, ModuleType]] = []
        self.by_path: dict[str, list[ModuleType]] = {}


def _found() -> _Found:
    found = Remembered.found
    agent = sys.modules.get("hotsplice._agent") if found is not None else None
    if found is not None and agent is not None and agent.holds_same(sys.modules, found.modules):
        return found
    found = _Found(list(sys.modules.values()))
    Remembered.notes = {}
    for module in [module for module in found.modules if id(module) not in _others]:
        place = _placed(module)
        if place is None:
            # It may say later what it was loaded from.
            continue
        path, is_own = place
        if is_own:
            found.own.append((path, module))
            found.by_path.setdefault(path, []).append(module)
        else:
            _others[id(module)] = _Other(module, _forget_other)
    if Remembered.count:
        Remembered.found = found
    return found


class _Other(_ref):
    """An installed file's module, which is not looked at again: most are such, and it takes longer than all else."""

    __slots__ = ("key",)

    def __init__(self, module: "ModuleType", _forget: "Any") -> None:
        self.key = id(module)


# By their ids, as long as they live.
_others: "dict[int, _Other]" = {}


def _forget_other(gone: "Any", forget: "Any" = _others.pop) -> None:
    # Bound above: it may be called while the interpreter ends.
    forget(gone.key, None)


def _placed(module: "Any") -> "tuple[str, bool] | None":
    """What `_place` says of the file that a module says it was loaded from."""
    if type(module) is not _MODULE and not issubclass(type(module), _MODULE):
        return None
    members = _MEMBERS(module)
    filename = members.get("__file__")
    if type(filename) is not str:
        return None
    known = _places.get(filename)
    if known is None or members.get("__name__") == "__main__":
        known = _place(filename, members.get("__name__") == "__main__")
    return known


def _place(filename: str, is_main: bool) -> "tuple[str, bool]":
    """The path of a source file, and whether it is the program's own; no path for what is none."""
    if not is_main and not filename.endswith(_ENDINGS):
        place = "", False
    else:
        path = absolute(filename)
        place = path, not is_installed(path)
    # Where a relative name leads may change.
    if not is_main and filename.startswith("/") and len(_places) < 10_000:
        _places[filename] = place
    return place


def absolute(filename: str) -> str:
    """As ``os.path.abspath``, also where the working directory is gone."""
    known = _normal.get(filename)
    if known is not None:
        return known
    if not filename.startswith("/"):
        try:
            return os.path.abspath(filename)
        except OSError:
            return filename
    known = os.path.normpath(filename)
    if len(_normal) < 10_000:
        _normal[filename] = known
    return known


def is_installed(path: str) -> bool:
    """Whether a file is of an installed package or the standard library, which do not import a project's modules."""
    known = _installed.get(path)
    if known is None:
        known = path.startswith(_FOLDERS) or any(part in path for part in _INSTALLED) or _is_listed(path)
        if len(_installed) < 10_000:
            _installed[path] = known
    return known


def _is_listed(path: str) -> bool:
    """Whether pip has installed a file elsewhere (`pip install --target`), as what an editor brings along is."""
    agent = sys.modules.get("hotsplice._agent")
    return agent is not None and bool(agent.is_listed(path))


def project_files() -> "list[str]":
    """Paths of the files that are the program's own."""
    return [path for path, _ in project_modules()]
