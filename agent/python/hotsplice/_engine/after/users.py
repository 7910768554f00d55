"""Who uses what a patch has changed."""

import importlib
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..live import lookup, objects, reach
from ..live.files import live_file
from ..merge import imports

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

_NONE: frozenset[str] = frozenset()
# How many items of a container are looked at.
_LOOKED_INTO = 20
# What finds a module by a text, or by a name that is computed.
_FINDING = re.compile(r"\bimport_module\b|\b__import__\b|\bsys\.modules\b")
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
    for path, module in loaded:
        if path in own:
            continue
        members = lookup.members_of(module)
        leading = reach.finding(members, modules, parts)
        if leading or _finds(path, members, parts):
            found[path] = module
            wanted |= _with_heirs(leading)
            wanted.add(id(module))
    search = _Search([(path, module) for path, module in loaded if path not in own])
    search.follow(wanted)
    for path, module in search.found:
        found.setdefault(path, module)
    return list(found)


class _Search:
    """Modules whose names lead to objects: who uses such a name, and who has its module, is used by others in turn."""

    def __init__(self, loaded: list[tuple[str, ModuleType]]) -> None:
        self._loaded = loaded
        # Each object that has a name in a module: in which, and the name.
        self._named: dict[int, list[tuple[int, str]]] = {}
        for place, (_, module) in enumerate(loaded):
            for name, value in list(lookup.members_of(module).items()):
                if value is not module:
                    self._named.setdefault(id(value), []).append((place, name))
                    for kind in _kinds(value):
                        self._named.setdefault(id(kind), []).append((place, name))
        self._words: dict[int, set[str]] = {}
        self._leading: dict[int, set[str]] = {}
        # What is still to be followed.
        self._fresh: dict[int, set[str]] = {}

    @property
    def found(self) -> list[tuple[str, ModuleType]]:
        return [self._loaded[place] for place in self._leading]

    def follow(self, wanted: set[int]) -> None:
        self._want(wanted)
        while self._fresh:
            fresh, self._fresh = self._fresh, {}
            new: set[int] = set()
            for place, names in fresh.items():
                module = self._loaded[place][1]
                new |= _with_heirs(reach.naming(lookup.members_of(module), names))
                # `pkg.build` where another module has `pkg`.
                for holder, _ in self._named.get(id(module), ()):
                    self._lead(holder, names & self._words_of(holder))
            self._want(new - wanted)
            wanted |= new

    def _want(self, ids: set[int]) -> None:
        for one in ids:
            for place, name in self._named.get(one, ()):
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


def _kinds(value: Any) -> Iterable[object]:
    """The class of what a name holds, or of what is in a small container; of a wrapper the names around it."""
    kind = type(value)
    if kind is FunctionType:
        return (value.__globals__,) if value.__closure__ else ()
    if kind in (list, tuple, set, frozenset):
        return {type(item) for item in islice(value, _LOOKED_INTO)}
    if kind is dict:
        return {type(item) for item in islice(value.values(), _LOOKED_INTO)}
    return (kind,)


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
    text = _text_of(path)
    return _FINDING.search(text) is not None and not parts.isdisjoint(_WORD.findall(text))
