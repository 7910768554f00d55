"""Which loaded modules have a name from which other one, as their texts say: ``from m import X``."""

import re
import sys

from ..errors import EngineError
from ..live import lookup, objects
from ..live.files import live_file

_FROM_IMPORT = re.compile(
    r"^[ \t]*from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]*(?:\((?P<listed>[^)]*)\)|(?P<rest>(?:\\\r?\n|[^\n;])*))",
    re.MULTILINE,
)


def followers(globals, name, value):
    """``(globals, alias)`` of each module that imported a name from this namespace, at any remove, and still holds it.

    A value alone says little (small numbers, ``None`` and what several modules import from a third are one object in
    all of them), so the importing module's text decides.
    """
    holding = []
    installed = lookup.is_installed(str(globals.get("__file__")))
    for path, module in lookup.loaded_modules(lambda filename: installed or not lookup.is_installed(filename)):
        aliases = [alias for alias, held in list(module.__dict__.items()) if held is value]
        if aliases and module.__dict__ is not globals:
            holding.append((path, module.__dict__, aliases))
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


def star_source(text, globals):
    """The module of the first `from module import *` in a text."""
    return next(iter(star_sources(text, globals)), None)


def star_sources(text, globals):
    found = []
    for match in _FROM_IMPORT.finditer(text):
        if "*" in (match["rest"] or "").partition("#")[0]:
            module = _module(match["module"], globals)
            if module is not None:
                found.append(module)
    return found


def exported(module):
    """What `from module import *` gives."""
    members = objects.attributes(module)
    names = members.get("__all__")
    return [name for name in (members if names is None else names) if name in members and (names or name[0] != "_")]


def names(text, name):
    """Whether a text imports a name by itself."""
    pattern = rf"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import\b[^\n]*\b{re.escape(name)}\b"
    return re.search(pattern, text, re.MULTILINE) is not None


def _imports(path, holder, alias, sources):
    try:
        text = live_file(path).text
    except EngineError:
        return False
    for match in _FROM_IMPORT.finditer(text) if "import" in text else ():
        listed = re.sub(r"#[^\n]*|\\\r?\n", " ", match["listed"] or match["rest"] or "")
        for item in listed.split(","):
            name, _, renamed = item.strip().partition(" as ")
            name = alias if name == "*" else name.strip()
            if (renamed.strip() or name) == alias and _is_source(match["module"], holder, name, sources):
                return True
    return False


def _is_source(imported, holder, name, sources):
    module = _module(imported, holder)
    return module is not None and (id(objects.attributes(module)), name) in sources


def _module(imported, globals):
    """The loaded module that a namespace knows by this name, relative or not."""
    stripped = imported.lstrip(".")
    level = len(imported) - len(stripped)
    if level:
        package = globals.get("__package__") or ""
        parts = package.split(".")[: len(package.split(".")) - level + 1]
        imported = ".".join([*parts, stripped] if stripped else parts)
    return sys.modules.get(imported)
