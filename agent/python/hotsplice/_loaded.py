"""Which source files the program has loaded. It imports nothing: the agent's start asks it, too."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

_MODULE = type(sys)
# This package's own folder among them, wherever it was put.
_INSTALLED = ("/site-packages/", "/dist-packages/", "/lib/python3", __file__.rpartition("/")[0] + "/")
_installed: "dict[str, bool]" = {}


def members_of(module: "ModuleType") -> "dict[str, Any]":
    """A module's own namespace: asking a lazy module in the ordinary way would load it."""
    members: dict[str, Any] = _MODULE.__dict__["__dict__"].__get__(module)  # type: ignore[index]
    return members


def loaded_modules(
    is_wanted: "Callable[[str], bool]" = lambda filename: True,
) -> "Iterator[tuple[str, ModuleType]]":
    """Yields ``(path, module)`` for each module that was loaded from a source file of a wanted name.

    What stands in ``sys.modules`` need not be a module, whatever it says of itself.
    """
    for module in list(sys.modules.values()):
        if not issubclass(type(module), _MODULE):
            continue
        members = members_of(module)
        filename = members.get("__file__")
        if type(filename) is not str or not is_wanted(filename):
            continue
        if filename.endswith((".py", ".pyw")) or members.get("__name__") == "__main__":
            yield absolute(filename), module


def absolute(filename: str) -> str:
    """As ``os.path.abspath``, also where the working directory is gone."""
    if filename.startswith("/"):
        return os.path.normpath(filename)
    try:
        return os.path.abspath(filename)
    except OSError:
        return filename


def is_installed(path: str) -> bool:
    """Whether a file is of an installed package or the standard library, which do not import a project's modules."""
    known = _installed.get(path)
    if known is None:
        known = any(part in path for part in _INSTALLED)
        if len(_installed) < 10_000:
            _installed[path] = known
    return known


def project_files() -> "list[str]":
    """Paths of the files that are the program's own."""
    return [path for path, _ in loaded_modules() if not is_installed(path)]
