"""Which loaded modules have a name from which other one, as their texts say: ``from m import X``."""

import ast
import linecache
import re
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..evaluate.policy import MISSING
from ..evaluate.sorts import Sort, sort
from ..live import lookup, objects
from ..live.code import read_only
from ..live.files import live_file
from ..native import native

if TYPE_CHECKING:
    from ..evaluate.sandbox import Shadow
    from ..journal.plan import Plan
    from ..live.lookup import Namespace
    from ..live.messages import Edit
    from .merging import Merger

_FROM_IMPORT = re.compile(
    r"^[ \t]*from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]*(?:\((?P<listed>[^)]*)\)|(?P<rest>(?:\\\r?\n|[^\n;])*))",
    re.MULTILINE,
)


def followers(globals: dict[str, Any], name: str, value: Any) -> list[tuple[dict[str, Any], str]]:
    """``(globals, alias)`` of each module that imported a name from this namespace, at any remove, and still holds it.

    A value alone says little (small numbers, ``None`` and what several modules import from a third are one object in
    all of them), so the importing module's text decides.
    """
    holding: list[tuple[str | None, dict[str, Any], list[str]]] = []
    installed = lookup.is_installed(str(globals.get("__file__")))
    # Its own namespace may be large, and each of its names be asked for.
    others: list[tuple[str | None, dict[str, Any]]] = [
        (path, module.__dict__)
        for path, module in (lookup.loaded_modules() if installed else lookup.project_modules())
        if module.__dict__ is not globals
    ]
    prompt = _prompt()
    if prompt is not None and prompt is not globals:
        others.append((None, prompt))
    named: dict[int, list[str]] = {}
    for number, name_there in native.names_for([holder for _, holder in others], value):
        named.setdefault(number, []).append(name_there)
    holding += [(*others[number], aliases) for number, aliases in named.items()]
    sources, found = {(id(globals), name)}, []
    while holding:
        following = []
        for path, holder, aliases in holding:
            for alias in aliases:
                if (id(holder), alias) not in sources and _imports(path, holder, alias, sources):
                    following.append((holder, alias))
        if not following:
            break
        found += following
        sources.update((id(holder), alias) for holder, alias in following)
    return found


def _prompt() -> dict[str, Any] | None:
    """The namespace of an interactive session: Python's prompt, IPython, a notebook."""
    members = getattr(sys.modules.get("__main__"), "__dict__", None)
    return members if type(members) is dict and "__file__" not in members else None


def _typed(holder: dict[str, Any]) -> str | None:
    """What was typed at the prompt, where the interpreter or IPython keeps it."""
    cells = holder.get("In")
    if isinstance(cells, list) and all(isinstance(cell, str) for cell in cells):
        return "\n".join(cells)
    kept = [entry for name, entry in list(linecache.cache.items()) if str(name).startswith("<python-input")]
    lines = ["".join(entry[2]) for entry in kept if len(entry) == 4]
    return "\n".join(lines) if lines else None


def hand_over(merger: "Merger", edit: "Edit", name: str, made: Any, live: Any) -> None:
    """What a name holds on to moved to a file that the patch loads: its functions go on with the same object."""
    origins = {
        (name if alias.name == "*" else alias.name, (one.module or "").rpartition(".")[2])
        for one in ast.walk(read_only(edit["run"]))
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
        if (alias.asname or alias.name) in (name, "*")
    }
    for module_name, members in _loaded_meanwhile(merger):
        for origin, last in origins:
            if module_name.rpartition(".")[2] == last and members.get(origin, MISSING) is made and made is not live:
                merger.plan.set_name(members, origin, live)
    hand_on(merger, made, live)


def hand_on(merger: "Merger", made: Any, live: Any) -> None:
    """Other files that the patch loads have imported what goes on as another object: that is what they have then."""
    if made is live or sort(made) is Sort.VALUE:
        return
    places = [
        (members, name)
        for _, members in _loaded_meanwhile(merger)
        for name in [name for name, value in members.items() if value is made]
    ]
    for members, name in places:
        merger.plan.set_name(members, name, live)
    # What is as new as they are is nowhere but in what they have made: attributes of classes, defaults, containers.
    before = [one for name, one in list(sys.modules.items()) if name in merger.shadow.loaded]
    loaded_before = [objects.attributes(one) for one in before if objects.is_module(one)]
    if places and not any(True for _ in native.names_for(loaded_before, made)):
        merger.replaced.append((made, live))


def text_behind(merger: "Merger", name: str) -> tuple[str, dict[str, Any]] | None:
    """The text that gives an imported name its value in a file that the patch loads, with what is bound there."""
    for _, members in _loaded_meanwhile(merger):
        path = members.get("__file__")
        if name not in members or type(path) is not str or lookup.is_installed(path):
            continue
        try:
            text: str = live_file(path).text
        except EngineError:
            continue
        if re.search(rf"^\s*{re.escape(name)}\b[^=\n]*=", text, re.MULTILINE) is not None:
            return text, members
    return None


def _loaded_meanwhile(merger: "Merger") -> list[tuple[str, dict[str, Any]]]:
    loaded = [(name, module) for name, module in list(sys.modules.items()) if name not in merger.shadow.loaded]
    return [(name, objects.attributes(module)) for name, module in loaded if objects.is_module(module)]


def sources(text: str, globals: dict[str, Any]) -> list[str | None]:
    """The names of the loaded modules that a text imports names from."""
    found = (_module(match["module"], globals) for match in _FROM_IMPORT.finditer(text))
    return [objects.attributes(module).get("__name__") for module in found if module is not None]


def star_source(text: str, globals: dict[str, Any]) -> ModuleType | None:
    """The module of the first `from module import *` in a text."""
    return next(iter(star_sources(text, globals)), None)


def star_sources(text: str, globals: dict[str, Any]) -> list[ModuleType]:
    found = []
    for match in _FROM_IMPORT.finditer(text):
        if "*" in (match["rest"] or "").partition("#")[0]:
            module = _module(match["module"], globals)
            if module is not None:
                found.append(module)
    return found


def exported(module: ModuleType) -> list[str]:
    """What `from module import *` gives."""
    members = objects.attributes(module)
    names = members.get("__all__")
    return [name for name in (members if names is None else names) if name in members and (names or name[0] != "_")]


def no_longer_given(text: str, namespace: "Namespace", sandboxes: "Iterable[Shadow]", plan: "Plan") -> list[str]:
    """Names that a namespace has from `from module import *` alone, and that the module exports no more."""
    holder = namespace.globals
    sources = star_sources(text, holder)
    given = {name for source in sources for name in _exported_at_commit(source, sandboxes, plan)}
    return [
        name
        for source in sources
        for name in exported(source)
        if name not in given and holder.get(name, given) is source.__dict__[name] and not names(text, name)
    ]


def _exported_at_commit(module: ModuleType, sandboxes: "Iterable[Shadow]", plan: "Plan") -> list[str]:
    sandbox = next((one for one in sandboxes if one.namespace.module is module), None)
    if sandbox is None:
        return exported(module)
    deleted = {one[2] for one in plan.operations if one[0] == "dict-delete" and one[1] is module.__dict__}
    return [name for name in exported(sandbox.module) if name not in deleted]


def names(text: str, name: str) -> bool:
    """Whether a text imports a name by itself."""
    pattern = rf"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import\b[^\n]*\b{re.escape(name)}\b"
    return re.search(pattern, text, re.MULTILINE) is not None


def _imports(path: str | None, holder: dict[str, Any], alias: str, sources: set[tuple[int, str]]) -> bool:
    try:
        text = _typed(holder) if path is None else live_file(path).text
    except EngineError:
        return False
    if text is None:
        # What was typed is not known: a name that a module has with this value came from there.
        return any(name == alias for _, name in sources)
    for match in _FROM_IMPORT.finditer(text) if "import" in text else ():
        listed = re.sub(r"#[^\n]*|\\\r?\n", " ", match["listed"] or match["rest"] or "")
        for item in listed.split(","):
            name, _, renamed = item.strip().partition(" as ")
            name = alias if name == "*" else name.strip()
            if (renamed.strip() or name) == alias and _is_source(match["module"], holder, name, sources):
                return True
    return False


def _is_source(imported: str, holder: dict[str, Any], name: str, sources: set[tuple[int, str]]) -> bool:
    module = _module(imported, holder)
    return module is not None and (id(objects.attributes(module)), name) in sources


def _module(imported: str, globals: dict[str, Any]) -> ModuleType | None:
    """The loaded module that a namespace knows by this name, relative or not."""
    stripped = imported.lstrip(".")
    level = len(imported) - len(stripped)
    if level:
        package = globals.get("__package__") or ""
        parts = package.split(".")[: len(package.split(".")) - level + 1]
        imported = ".".join([*parts, stripped] if stripped else parts)
    return sys.modules.get(imported)


def gives_same(merger: "Merger", name: str) -> bool:
    """Whether a name is imported now and is what it was: what moved to another file goes on there."""
    edits = (one.edit for one in merger.change.outcomes if one.edit["what"] == "import")
    held = merger.shadow.globals.get(name, MISSING)
    is_same = held is not MISSING and held is merger.shadow.before.get(name)
    return is_same and any(name in edit["binds"] and edit["change"] in ("added", "changed") for edit in edits)
