"""Who uses what a patch has changed."""

import dis
import importlib
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..live import lookup, objects
from ..live.files import live_file
from ..merge import imports
from ..native import native

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

_NONE: frozenset[str] = frozenset()
# Modules, or classes: so many are looked at before the program's threads may go on.
_AT_ONCE = 200
# What finds a module by a text, or by a name that is computed.
_FINDERS = frozenset(("import_module", "__import__", "modules"))
_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_WORD = re.compile(r"\w+")
# `build` of `build().__call__`, `TABLE` of `TABLE[].fill`
_HEAD = re.compile(r"[.(\[]")


def of(files: "Sequence[FileChange]", fresh: "Collection[str]") -> list[str]:
    """Other files of the project whose modules name what runs edited code when it is called.

    Those that the patch has loaded, which are ``fresh``, have called what is new.
    """
    wanted: set[int] = set()
    for change in files:
        names = [*change.running, *change.decorating]
        for namespace in change.namespaces if names else ():
            heads = {_HEAD.split(name, maxsplit=1)[0] for name in names}
            wanted |= _with_heirs(namespace.globals[name] for name in heads if name in namespace.globals)
            # What decorators of its made is known by them.
            wanted.add(id(namespace.globals))
            # `import pkg.tables` names the package, and leads to the module.
            parts = (namespace.name or "").split(".")
            packages = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
            wanted.update(id(sys.modules[name]) for name in packages if name in sys.modules)
    if not wanted:
        return []
    own = {*fresh, *(change.path for change in files)}
    loaded = lookup.project_modules()
    # What another module's `__getattr__` gave leads to nothing of it.
    dynamic = {namespace.name for change in files for namespace in change.namespaces if "__getattr__" in change.running}
    found: dict[str, ModuleType] = {
        path: module
        for path, module in (loaded if dynamic else ())
        if path not in own and not dynamic.isdisjoint(imports.sources(_text_of(path), module.__dict__))
    }
    # Functions that import it by themselves: `from .tables import build` has `tables` for a name.
    modules = {str(namespace.name) for change in files for namespace in change.namespaces}
    modules |= {name.rpartition(".")[2] for name in modules}
    parts = {part for change in files for name in (*change.running, *change.decorating) for part in _WORD.findall(name)}
    others = [(path, module) for path, module in loaded if path not in own]
    search = _Search(others)
    for place, leading in search.finding(modules, parts).items():
        path, module = others[place]
        found[path] = module
        wanted |= _with_heirs(leading)
        wanted.add(id(module))
    for path, module in others:
        if _finds(path, lookup.members_of(module), parts):
            found[path] = module
            wanted.add(id(module))
    search.follow(wanted)
    for path, module in search.found:
        found.setdefault(path, module)
    return list(found)


class _Search:
    """Modules whose names lead to objects: who uses such a name, and who has its module, is used by others in turn."""

    def __init__(self, loaded: list[tuple[str, ModuleType]]) -> None:
        self._loaded = loaded
        # Each object that has a name in a module, and who names what in code.
        self._naming = native.Naming()
        members = [lookup.members_of(module) for _, module in loaded]
        owned: dict[int, tuple[type, Mapping[str, Any], int]] = {}
        for first in range(0, len(members), _AT_ONCE):
            for value, place in self._naming.look(members[first : first + _AT_ONCE]):
                if objects.is_class(value) and objects.module_of(value) == members[place].get("__name__"):
                    owned[id(value)] = value, objects.members(value), place
        classes = list(owned.values())
        for first in range(0, len(classes), _AT_ONCE):
            self._naming.look_into(classes[first : first + _AT_ONCE])
        self._words: dict[int, set[str]] = {}
        self._leading: dict[int, set[str]] = {}
        # What is still to be followed.
        self._fresh: dict[int, set[str]] = {}

    @property
    def found(self) -> list[tuple[str, ModuleType]]:
        return [self._loaded[place] for place in self._leading]

    def finding(self, modules: set[str], names: set[str]) -> dict[int, list[Any]]:
        """Functions and classes whose code imports one of these modules, or finds modules and reads such a name."""
        found: dict[int, list[Any]] = {}
        for value, place, code in self._naming.naming([*modules, *_FINDERS]):
            named = code.co_names
            is_import = not modules.isdisjoint(named) and _IMPORT_NAME in code.co_code[::2]
            if is_import or not (_FINDERS.isdisjoint(named) or names.isdisjoint(named)):
                found.setdefault(place, []).append(value)
        return found

    def follow(self, wanted: set[int]) -> None:
        self._want(wanted)
        while self._fresh:
            fresh, self._fresh = self._fresh, {}
            every = {name for names in fresh.values() for name in names}
            leading = [
                value
                for value, place, code in self._naming.naming(list(every))
                if not fresh.get(place, _NONE).isdisjoint(code.co_names)
            ]
            new = _with_heirs(leading)
            for place, names in fresh.items():
                # `pkg.build` where another module has `pkg`.
                for holder, _ in self._naming.names_of(id(self._loaded[place][1])):
                    self._lead(holder, names & self._words_of(holder))
            self._want(new - wanted)
            wanted |= new

    def _want(self, ids: set[int]) -> None:
        for one in ids:
            for place, name in self._naming.names_of(one):
                self._lead(place, {name})

    def _lead(self, place: int, names: set[str]) -> None:
        fresh = names - self._leading.get(place, _NONE)
        if fresh:
            self._leading.setdefault(place, set()).update(fresh)
            self._fresh.setdefault(place, set()).update(fresh)

    def _words_of(self, place: int) -> set[str]:
        if place not in self._words:
            self._words[place] = set(_WORD.findall(_text_of(self._loaded[place][0])))
        return self._words[place]


def _text_of(path: str) -> str:
    """Nothing of a module without a text: what it has computed nobody can say."""
    try:
        return live_file(path).text
    except EngineError:
        return ""


def _with_heirs(values: Iterable[Any]) -> set[int]:
    """Ids of objects, and of classes that derive from one."""
    pending = list(values)
    found = set(map(id, pending))
    for value in pending:
        if objects.is_class(value):
            # As the interpreter keeps them: a metaclass may have its own idea.
            heirs = [heir for heir in type.__subclasses__(value) if id(heir) not in found]
            pending += heirs
            found.update(map(id, heirs))
    return found


def _finds(path: str, members: dict[str, Any], parts: set[str]) -> bool:
    """Whether statements of a module may find one of these names in a module that they find by its name."""
    tools = (importlib, importlib.import_module, sys)
    if not any(value is tool for value in list(members.values()) for tool in tools):
        return False
    try:
        file = live_file(path)
    except EngineError:
        return False
    return file.finds_modules() and not parts.isdisjoint(_WORD.findall(file.text))
