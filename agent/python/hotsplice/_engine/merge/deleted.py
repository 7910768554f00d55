"""Names that a module's text binds and deletes again: helpers, imports for a moment, targets of loops."""

import ast
from typing import Any

from ..evaluate import syntax
from ..evaluate.former import is_pure
from ..evaluate.sandbox import run_in_module
from ..live.code import join

_DEFINITIONS = (ast.Import, ast.ImportFrom, *syntax.FUNCTIONS)


class Deleted:
    """Those of one patched file, by the line that deletes them."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, int] = {}
        self._statements: list[ast.stmt] = []
        self._text = text.split("\n")
        if "del " in text:
            self._read(text)

    def _read(self, text: str) -> None:
        try:
            self._statements = ast.parse(text).body
        except (SyntaxError, ValueError):
            return
        for statement in self._statements:
            gone = statement.targets if isinstance(statement, ast.Delete) else []
            self._lines.update({one.id: statement.lineno for one in gone if isinstance(one, ast.Name)})
            for name in syntax.bound(statement) if self._lines else ():
                self._lines.pop(name, None)

    def goes(self, name: str, line: int) -> bool:
        return self._lines.get(name, 0) > line

    def provide(self, merger: Any, edit: dict[str, Any]) -> None:
        """Has the sandbox hold what a statement reads and what is deleted further down, as it was when that ran."""
        if not self._lines or edit["scope"]:
            return
        seen = merger.shadow.globals
        nodes = [node for one in _parsed(edit["run"]) for node in syntax.run_at_once(one)]
        read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for name in sorted(read):
            if name in seen or not self.goes(name, edit["line"]):
                continue
            for one in self._statements:
                may_run = isinstance(one, _DEFINITIONS) or (isinstance(one, ast.Assign) and is_pure(one, seen))
                if one.lineno < edit["line"] and name in syntax.bound(one) and may_run:
                    lines = self._text[one.lineno - 1 : one.end_lineno]
                    run_in_module([{"line": one.lineno, "text": "\n".join(lines)}], merger.shadow)


def _parsed(excerpt: Any) -> list[ast.stmt]:
    try:
        return ast.parse(join(excerpt)).body
    except (SyntaxError, ValueError):
        return []
