"""What a file does without modules that could not be imported when it was executed, and that are there by now.

``try: from fast import go`` has gone on in its ``except ImportError``, and ``find_spec("fast")`` has answered ``None``.
To import the module now would run what the program did not ask for: it is reported.
"""

import ast
import os
import sys
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live import objects
from ..live.files import live_file
from ..native import native

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

_WORDS = ("ImportError", "ModuleNotFoundError", "find_spec", "import_module", "__import__")
_LONGEST = max(map(len, _WORDS))
# Path → a text that has none of them: what it has in common with the next one is not searched again.
_without: dict[str, str] = {}
# What catches an import that fails.
_CATCHING = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))
_ASKING = frozenset(("find_spec", "import_module", "__import__"))


def report(change: "FileChange") -> None:
    text = change.text
    if not change.namespaces or not _may_wait(change):
        return
    executed = native.loaded(change.path)
    if executed is None:
        return
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return
    namespace = change.namespaces[0].globals
    package = namespace.get("__package__")
    if type(package) is not str:
        name = namespace.get("__name__")
        package = name.rpartition(".")[0] if type(name) is str else ""
    for statement in statements:
        for name in dict.fromkeys(_wanted(statement, package)):
            if name not in sys.modules and _has_come(name, executed[2]):
                change.report_beside(
                    _title(statement),
                    statement.lineno,
                    "HS0416",
                    f"the module {name} can be imported by now: what this gave without it stays until it is executed "
                    "again",
                )
                break


def _may_wait(change: "FileChange") -> bool:
    """Whether any of the words stands in the new text."""
    text, (before, after) = change.text, change.kept
    if _without.get(change.path) is live_file(change.path).text:
        searched = text[max(0, before - _LONGEST) : len(text) - max(0, after - _LONGEST)]
    else:
        searched = text
    if any(word in searched for word in _WORDS):
        return True
    _without[change.path] = text
    return False


def _title(statement: ast.stmt) -> str:
    names = [name for one in syntax.flattened([statement]) for name in syntax.bound(one)]
    return names[0] if names else ast.unparse(statement).split("\n")[0]


def _wanted(statement: ast.stmt, package: str) -> Iterator[str]:
    """The modules without which a statement would have gone on otherwise."""
    for node in syntax.run_at_once(statement):
        for inner in _tried(node):
            yield from _imported(inner, package)
        if isinstance(node, ast.Call) and _last(node.func) == "find_spec":
            yield from _named(node)


def _tried(node: Any) -> list[ast.stmt]:
    """The statements in it after which the program goes on if an import fails."""
    is_try = isinstance(node, syntax.TRIES) and any(map(_catches, node.handlers))
    is_suppressing = isinstance(node, ast.With) and any(map(_suppresses, node.items))
    return node.body if is_try or is_suppressing else []


def _imported(statement: ast.stmt, package: str) -> Iterator[str]:
    for node in syntax.run_at_once(statement):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            holder = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (holder, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and _last(node.func) in _ASKING:
            yield from _named(node)


def _named(call: ast.Call) -> Iterator[str]:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and type(first.value) is str and not first.value.startswith("."):
        yield first.value


def _catches(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [] if kind is None else [kind]
    return kind is None or any(_last(one) in _CATCHING for one in kinds)


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return (
        isinstance(call, ast.Call)
        and _last(call.func) == "suppress"
        and any(_last(one) in _CATCHING for one in call.args)
    )


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _has_come(name: str, since: float) -> bool:
    """Whether a file with such a module came, or changed, since then; nothing of the program is asked for that."""
    holder, _, last = name.rpartition(".")
    paths: Any
    if holder:
        package = sys.modules.get(holder)
        # The program may have put anything there.
        paths = objects.attributes(package).get("__path__") if package is not None else _folders(holder)
        if not objects.is_exactly(paths, list, tuple) and type(paths).__module__ != "_frozen_importlib_external":
            return False
    else:
        paths = sys.path
    for folder in list(paths):
        if type(folder) is not str:
            continue
        base = os.path.join(folder or os.getcwd(), last)
        for candidate in (*(f"{base}{suffix}" for suffix in all_suffixes()), os.path.join(base, "__init__.py")):
            try:
                found = os.stat(candidate)
            except (OSError, ValueError):
                continue
            # The first that is found is what an import takes.
            return max(found.st_ctime, found.st_mtime) > since
    return False


def _folders(package: str) -> list[str]:
    """Where a package is that has not been imported."""
    folders: list[Any] = list(sys.path)
    for part in package.split("."):
        folders = [os.path.join(folder or os.getcwd(), part) for folder in folders if type(folder) is str]
    return [folder for folder in folders if os.path.isdir(folder)]
