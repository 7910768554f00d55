"""Who uses what a patch has changed."""

import importlib
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, reach
from ..live.files import live_file
from ..merge import imports

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

# What finds a module by a text, or by a name that is computed.
_FINDING = re.compile(r"\bimport_module\b|\b__import__\b|\bsys\.modules\b")
_WORD = re.compile(r"\w+")
# `build` of `build().__call__`, `TABLE` of `TABLE[].fill`
_HEAD = re.compile(r"[.(\[]")


def of(files: "Sequence[FileChange]") -> list[str]:
    """Other files of the project whose modules name what runs edited code when it is called."""
    wanted: set[int] = set()
    for change in files:
        names = [*change.running, *change.decorating]
        for namespace in change.namespaces if names else ():
            heads = {_HEAD.split(name, maxsplit=1)[0] for name in names}
            wanted.update(id(namespace.globals[name]) for name in heads if name in namespace.globals)
            # `import pkg.tables` names the package, and leads to the module.
            parts = (namespace.name or "").split(".")
            packages = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
            wanted.update(id(sys.modules[name]) for name in packages if name in sys.modules)
    if not wanted:
        return []
    own = {change.path for change in files}
    loaded = lookup.project_modules()
    # What another module's `__getattr__` gave leads to nothing of it.
    dynamic = {namespace.name for change in files for namespace in change.namespaces if "__getattr__" in change.running}
    found: dict[str, ModuleType] = {
        path: module
        for path, module in (loaded if dynamic else ())
        if path not in own and not dynamic.isdisjoint(imports.sources(live_file(path).text, module.__dict__))
    }
    # Functions that import it by themselves: `from .tables import build` has `tables` for a name.
    modules = {str(namespace.name) for change in files for namespace in change.namespaces}
    modules |= {name.rpartition(".")[2] for name in modules}
    parts = {part for change in files for name in (*change.running, *change.decorating) for part in _WORD.findall(name)}
    for path, module in loaded:
        if path in own:
            continue
        members = lookup.members_of(module)
        leading = [*reach.importing(members, modules), *reach.finding(members, parts)]
        if leading or _finds(path, members, parts):
            found[path] = module
            wanted.update(map(id, leading))
            wanted.add(id(module))
    count = -1
    # Whose functions use it is used by others in turn.
    while count != len(found):
        count = len(found)
        for path, module in loaded:
            if path not in own and not wanted.isdisjoint(map(id, list(lookup.members_of(module).values()))):
                found.setdefault(path, module)
        for module in found.values():
            leading = reach.leading_to(lookup.members_of(module), wanted)
            wanted.update(map(id, leading))
            if leading:
                wanted.add(id(module))
    return list(found)


def _finds(path: str, members: dict[str, Any], parts: set[str]) -> bool:
    """Whether statements of a module may find one of these names in a module that they find by its name."""
    tools = (importlib, importlib.import_module, sys)
    if not any(value is tool for value in list(members.values()) for tool in tools):
        return False
    text = live_file(path).text
    return _FINDING.search(text) is not None and not parts.isdisjoint(_WORD.findall(text))
