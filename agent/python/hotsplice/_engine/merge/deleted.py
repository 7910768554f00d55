"""Names that a module's or a class's text binds and deletes again: helpers, imports for a moment, targets of loops.

And what that text binds more than once.
"""

import ast
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..evaluate.former import is_pure
from ..evaluate.sandbox import run_in_class, run_in_module
from ..live.code import join

if TYPE_CHECKING:
    from ..live.messages import Edit, Excerpt
    from .merging import Merger

_DEFINITIONS = (ast.Import, ast.ImportFrom, *syntax.FUNCTIONS)


class Deleted:
    """Those of one patched file, by the line that deletes them."""

    def __init__(self, text: str) -> None:
        # (class path, name) → line
        self._lines: dict[tuple[tuple[str, ...], str], int] = {}
        self._statements: dict[tuple[str, ...], list[ast.stmt]] = {}
        self._text = text.split("\n")
        self._several: dict[tuple[str, ...], set[str]] | None = None
        if "del " in text:
            self._read_all()

    def _read_all(self) -> None:
        try:
            self._read(ast.parse("\n".join(self._text)).body, ())
        except (SyntaxError, ValueError):
            return

    def statements(self, scope: tuple[str, ...]) -> list[ast.stmt]:
        return self._statements.get(scope, [])

    def bound_again(self, scope: tuple[str, ...]) -> set[str]:
        """Names that a scope's statements bind more than once; its docstring binds one."""
        if self._several is None:
            if not self._statements:
                self._read_all()
            self._several = {}
            for inside, statements in self._statements.items():
                counts = Counter(name for one in statements for name in {*syntax.bound(one)})
                several = {name for name, count in counts.items() if count > 1}
                is_said_again = "__doc__" in counts and bool(statements) and syntax.is_text(statements[0])
                self._several[inside] = several | ({"__doc__"} if is_said_again else set())
        return self._several.get(scope, set())

    def _read(self, statements: list[ast.stmt], scope: tuple[str, ...]) -> None:
        self._statements[scope] = statements
        for statement in statements:
            gone = statement.targets if isinstance(statement, ast.Delete) else []
            self._lines.update({(scope, one.id): statement.lineno for one in gone if isinstance(one, ast.Name)})
            for name in syntax.bound(statement) if self._lines else ():
                self._lines.pop((scope, name), None)
            if isinstance(statement, ast.ClassDef):
                self._read(statement.body, (*scope, statement.name))

    def goes(self, scope: tuple[str, ...], name: str, line: int) -> bool:
        return self._lines.get((scope, name), 0) > line

    def provide(self, merger: "Merger", edit: "Edit", owner: Any) -> None:
        """Has the sandbox hold what a statement reads and what is deleted further down, as it was when that ran."""
        scope = tuple(edit["scope"])
        if not any(known == scope for known, _ in self._lines):
            return
        seen = merger.shadow.globals if not scope else {**merger.shadow.globals, **owner.__dict__}
        seen = {**seen, **merger.shadow.classes.get(scope, {})} if scope else seen
        nodes = [node for one in _parsed(edit["run"], scope) for node in syntax.run_at_once(one)]
        read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for name in sorted(read):
            if name in seen or not self.goes(scope, name, edit["line"]):
                continue
            for one in self._statements[scope]:
                may_run = isinstance(one, _DEFINITIONS) or (isinstance(one, ast.Assign) and is_pure(one, seen))
                if one.lineno >= edit["line"] or name not in syntax.bound(one) or not may_run:
                    continue
                lines = self._text[one.lineno - 1 : one.end_lineno]
                if not scope:
                    run_in_module([{"line": one.lineno, "text": "\n".join(lines)}], merger.shadow)
                    continue
                headers: Excerpt = [
                    {"line": place + 1, "text": " " * place + f"class {part}:"} for place, part in enumerate(scope)
                ]
                indented = textwrap.indent(textwrap.dedent("\n".join(lines)), " " * len(scope))
                run_in_class([*headers, {"line": one.lineno, "text": indented}], scope, owner, merger.shadow)


def _parsed(excerpt: Any, scope: tuple[str, ...]) -> list[ast.stmt]:
    try:
        return syntax.body_of(ast.parse(join(excerpt)), scope)
    except (SyntaxError, ValueError):
        return []
