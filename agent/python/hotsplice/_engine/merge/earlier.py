"""What a statement reads of a name to which its scope's text gives something else further down.

``__doc__ = "…"`` above a property of that name; ``first = [size]`` between ``size = 3`` and ``size = 5``.
"""

import ast
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..evaluate.former import is_pure
from ..evaluate.policy import MISSING
from ..evaluate.sandbox import run_in_class, run_in_module
from ..live import lookup

if TYPE_CHECKING:
    from ..live.messages import Edit, Excerpt
    from .merging import Merger


@contextmanager
def provided(merger: "Merger", edit: "Edit", owner: Any) -> Iterator[None]:
    """Has the sandbox hold what the text gives such names before the statement, while that runs."""
    scope = tuple(edit["scope"])
    again = merger.deleted.bound_again(scope)
    wanted = _wanted(merger, edit, scope, owner) if not again.isdisjoint(edit.get("reads", ())) else {}
    if not wanted:
        yield
        return
    before = {name: dict.get(_seen(merger, scope), name, MISSING) for name in wanted}
    for one in wanted.values():
        _run(merger, one, scope, owner)
    try:
        yield
    finally:
        own = {lookup.mangled(name, scope) for name in edit["binds"]}
        for name in wanted.keys() - own:
            merger.restore(_seen(merger, scope), name, before[name])


def _begins(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def _wanted(merger: "Merger", edit: "Edit", scope: tuple[str, ...], owner: Any) -> dict[str, ast.stmt]:
    """Names that a statement reads, bound above and again from it on, with what binds each above if that is plain."""
    statements, line = merger.deleted.statements(scope), edit["line"]
    place = next((at for at, one in enumerate(statements) if _begins(one) <= line <= (one.end_lineno or 0)), None)
    if place is None:
        return {}
    read = _read(statements[place]) & merger.deleted.bound_again(scope)
    later = {name for one in statements[place:] for name in syntax.bound(one)} if read else set()
    found = {}
    for name in sorted(read & later):
        given = [one for number, one in enumerate(statements[:place]) if name in _bound(one, number)]
        if given and _is_plain(given[-1], merger, owner, scope):
            found[lookup.mangled(name, scope)] = given[-1]
    return found


def _read(statement: ast.stmt) -> set[str]:
    nodes = (node for node in syntax.run_at_once(statement) if isinstance(node, ast.Name))
    return {node.id for node in nodes if isinstance(node.ctx, ast.Load)}


def _bound(statement: ast.stmt, number: int) -> list[str]:
    return ["__doc__"] if number == 0 and syntax.is_text(statement) else syntax.bound(statement)


def _is_plain(statement: ast.stmt, merger: "Merger", owner: Any, scope: tuple[str, ...]) -> bool:
    """Whether running it again gives the same as before, and does nothing else."""
    if syntax.is_text(statement):
        return True
    if not isinstance(statement, ast.Assign) or any(not isinstance(one, ast.Name) for one in statement.targets):
        return False
    seen = merger.shadow.globals if not scope else {**merger.shadow.globals, **owner.__dict__}
    return is_pure(statement, seen) and _read(statement).isdisjoint(merger.deleted.bound_again(scope))


def _seen(merger: "Merger", scope: tuple[str, ...]) -> dict[str, Any]:
    return merger.shadow.classes.get(scope, {}) if scope else merger.shadow.globals


def _run(merger: "Merger", statement: ast.stmt, scope: tuple[str, ...], owner: Any) -> None:
    lines = merger.change.text.replace("\r\n", "\n").split("\n")[statement.lineno - 1 : statement.end_lineno]
    if not scope:
        run_in_module([{"line": statement.lineno, "text": "\n".join(lines)}], merger.shadow)
        return
    excerpt: Excerpt = [{"line": place + 1, "text": " " * place + f"class {part}:"} for place, part in enumerate(scope)]
    text = textwrap.indent(textwrap.dedent("\n".join(lines)), " " * len(scope))
    run_in_class([*excerpt, {"line": statement.lineno, "text": text}], scope, owner, merger.shadow)
