"""Which statement has the last word on a name, where one of them is ``from module import *``.

What such a statement binds stands in no text: one that comes, goes or moves gives names that others give, too, and
takes the word from these or leaves it to them.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import Unforeseen
from ..evaluate import syntax
from ..evaluate.policy import MISSING
from ..evaluate.sandbox import run_in_module
from ..live import objects
from ..live.code import join
from ..live.files import live_file
from . import imports

if TYPE_CHECKING:
    from types import ModuleType

    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger

_RUN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)


def follow(merger: "Merger") -> None:
    """Has each name hold what the last statement of the new text gives it that gives it anything."""
    edited = [outcome for outcome in merger.change.outcomes if _is_edited_star(outcome)]
    if not edited:
        return
    texts = live_file(merger.change.path).text, merger.change.text
    try:
        before, after = (_Givers(text, merger.namespace.globals) for text in texts)
    except SyntaxError:
        return
    own_edits = {
        one.edit["line"] for one in merger.change.outcomes if one.edit["change"] != "removed" and not one.edit["scope"]
    }
    for name in dict.fromkeys((*before.imported, *after.imported)):
        was, now = before.last(name), after.last(name)
        if now is None or (isinstance(now, ast.stmt) and _first_line(now) in own_edits):
            continue
        is_same = was is now if not isinstance(now, ast.stmt) else isinstance(was, ast.stmt)
        held = merger.shadow.before.get(name, MISSING)
        if is_same and held is not MISSING:
            merger.restore(merger.shadow.globals, name, held)
            merger.bound.pop(name, None)
        elif not isinstance(now, ast.stmt):
            merger.shadow.globals[name] = _value(merger, now, name)
            merger.bound.setdefault(name, edited[0])
            edited[0].applied()
        elif isinstance(now, _RUN) and not _acts(now):
            if merger.shadow.writes.is_dry_run:
                raise Unforeseen
            _run(merger, edited[0], now, name)
        else:
            edited[0].caveat("HS0401", f"what gives {name} now is not run by itself: {name} is what it was")


def follow_later(merger: "Merger", edit: "Edit") -> None:
    """What another module exports may be computed only once the patch is live: its new names come then."""
    written = merger.shadow.writes
    if "*" not in edit["binds"] or edit["scope"] or not written.are_put_off(["__all__"]):
        return
    holder = merger.namespace.globals
    for module in imports.star_sources(join(edit["run"]), holder):
        written.put_off((), _take_new, module, holder)


def _take_new(module: "ModuleType", holder: dict[str, Any]) -> None:
    members = objects.attributes(module)
    holder.update({name: members[name] for name in imports.exported(module) if name not in holder})


def _is_edited_star(outcome: "EditOutcome") -> bool:
    edit = outcome.edit
    return edit["what"] == "import" and "*" in edit["binds"] and edit["change"] != "derived" and not edit["scope"]


class _Givers:
    """The statements of a module's text, and what those give that import all of another module."""

    def __init__(self, text: str, globals: dict[str, Any]) -> None:
        self._givers: list[tuple[Any, set[str]]] = []
        self.imported: list[str] = []
        for statement in ast.parse(text).body:
            for one in _stars(statement):
                module = imports.star_source(ast.unparse(one), globals)
                names = imports.exported(module) if module is not None else []
                self.imported += names
                self._givers.append((module, set(names)))
            bound = set(syntax.bound(statement)) - {"*"}
            if bound:
                self._givers.append((statement, bound))

    def last(self, name: str) -> "ast.stmt | ModuleType | None":
        """A statement, or the module from which all is imported."""
        found: ast.stmt | ModuleType | None = next(
            (giver for giver, names in reversed(self._givers) if name in names), None
        )
        return found


def _stars(statement: ast.stmt) -> Iterator[ast.ImportFrom]:
    for one in ast.walk(statement):
        if isinstance(one, ast.ImportFrom) and one.names[0].name == "*":
            yield one


def _value(merger: "Merger", module: "ModuleType", name: str) -> Any:
    sandbox = next((one for one in merger.world.shadows() if one.namespace.module is module), None)
    members = objects.attributes(module) if sandbox is None else sandbox.globals
    return members.get(name, objects.attributes(module)[name])


def _run(merger: "Merger", outcome: "EditOutcome", statement: ast.stmt, name: str) -> None:
    first, last = _first_line(statement), statement.end_lineno
    lines = merger.change.text.split("\n")[first - 1 : last]
    held = {one: merger.shadow.globals.get(one, MISSING) for one in syntax.bound(statement)}
    run_in_module([{"line": first, "text": "\n".join(lines)}], merger.shadow)
    for one, value in held.items():
        if one == name:
            merger.bound.setdefault(name, outcome)
            outcome.applied()
        else:
            merger.restore(merger.shadow.globals, one, value)


def _acts(statement: ast.stmt) -> bool:
    """Whether it may do something else than give a name something: start a thread, register a function once more."""
    calls = (isinstance(one, (ast.Call, ast.Await)) for one in syntax.run_at_once(statement))
    return bool(getattr(statement, "decorator_list", ())) or any(calls)


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])
