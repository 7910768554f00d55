"""New names of modules that an input has imported everything of: ``from shop import *`` in a cell or at a prompt.

In a file such an import is a statement that is run again; an input is not, so what comes is put where it would be.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Any

from . import _cells, _hooks
from ._loaded import members_of

_MODULE = type(sys)
# By the namespace's id: it, and the names of the modules.
_imported: dict[int, tuple[dict[str, Any], set[str]]] = {}


def note(body: list[ast.stmt], namespace: dict[str, Any]) -> None:
    """An input is about to run."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.names[0].name == "*":
            _imported.setdefault(id(namespace), (namespace, set()))[1].add(node.module)
            if _follow not in _hooks.updating:
                _hooks.updating.append(_follow)


def _follow(patch: Any) -> None:
    if not _cells.settings.patches:
        return
    changed = {os.path.abspath(path): definitions for path, definitions in patch.files.items()}
    for namespace, modules in _imported.values():
        for name in modules:
            module = sys.modules.get(name)
            members = members_of(module) if module is not None and issubclass(type(module), _MODULE) else {}
            path = members.get("__file__")
            names = changed.get(os.path.abspath(path), []) if type(path) is str else []
            exported = members.get("__all__")
            for added in {part for definition in names for part in definition.split(", ")}:
                is_public = not added.startswith("_") if exported is None else added in exported
                if is_public and added in members and added not in namespace:
                    namespace[added] = members[added]
