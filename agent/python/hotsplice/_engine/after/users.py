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

_NONE: frozenset[str] = frozenset()
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
    # Of each module the names that lead there: whose functions use them, and who has the module, is used by others in turn.
    leading_names: dict[int, set[str]] = {}
    has_more = True
    while has_more:
        has_more = False
        for path, module in loaded:
            names = set() if path in own else _leading(module, path, wanted, leading_names)
            known = leading_names.setdefault(id(module), set())
            if not names <= known:
                known |= names
                has_more = True
                found[path] = module
                wanted.update(map(id, reach.leading_to(lookup.members_of(module), names, wanted)))
    return list(found)


def _leading(module: ModuleType, path: str, wanted: set[int], leading_names: dict[int, set[str]]) -> set[str]:
    """Names in a module that lead to what is wanted: its own, and those of modules that it has (`tables.build`)."""
    found: set[str] = set()
    of_others: set[str] = set()
    for name, value in list(lookup.members_of(module).items()):
        if id(value) in wanted:
            found.add(name)
        elif value is not module:
            of_others |= leading_names.get(id(value), _NONE)
    if of_others:
        text = live_file(path).text
        found |= {name for name in of_others if name in text}
    return found


def _finds(path: str, members: dict[str, Any], parts: set[str]) -> bool:
    """Whether statements of a module may find one of these names in a module that they find by its name."""
    tools = (importlib, importlib.import_module, sys)
    if not any(value is tool for value in list(members.values()) for tool in tools):
        return False
    text = live_file(path).text
    return _FINDING.search(text) is not None and not parts.isdisjoint(_WORD.findall(text))
