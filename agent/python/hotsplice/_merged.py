"""A module's text with the statements of another one: what both name is the other's, what is new comes along."""

from __future__ import annotations

import ast
import io

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
# From this line (from 0) up to that one there stands what then.
_Change = tuple[int, int, list[str]]


class Shared(ValueError):
    """A statement that is another one stands on a line with others."""


class _Statement:
    """Its lines (from 0), decorators included, and what tells it from others of its block."""

    def __init__(self, node: ast.stmt, lines: list[str]) -> None:
        self.node = node
        decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
        self.first = min([node.lineno, *(one.lineno for one in decorators)]) - 1
        self.end = node.end_lineno or node.lineno
        self.text = [line.rstrip("\r\n") for line in lines[self.first : self.end]]
        self.name = _name(node)
        self.key = self.name or ast.dump(node)

    def content(self, column: int) -> list[str]:
        """Its lines, as far indented."""
        own = self.node.col_offset
        moved = (
            self.text if own == column else [" " * column + line[own:] if line.strip() else "" for line in self.text]
        )
        return [f"{line}\n" for line in moved]


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, _DEFINITIONS):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _block(body: list[ast.stmt], lines: list[str]) -> list[_Statement]:
    return [_Statement(node, lines) for node in body]


def _module(text: str) -> list[_Statement] | None:
    """Nothing where the text does not parse."""
    try:
        return _block(ast.parse(text.removeprefix("\ufeff")).body, _lines(text))
    except (SyntaxError, ValueError):
        return None


def _is_docstring(statement: _Statement) -> bool:
    return isinstance(statement.node, ast.Expr) and isinstance(statement.node.value, ast.Constant)


def merged(text: str, source: str, name: str, keeps_own: bool = False) -> str:
    """`text` with the statements of `source`, which is about the definition of this name.

    Imports come first, the others before or behind the definition, as in the source. `keeps_own`: the definition itself
    stays as it is. A source that does not parse is given back: the process says what is wrong with it.
    """
    known, new = _module(text), _module(source)
    if known is None or new is None:
        return source
    lines = _lines(text)
    changes: list[_Change] = []
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    _merge(known, new, name.split("."), keeps_own, (lines, _lines(source)), changes)
    # From the end, so that lines before it keep their numbers; what comes to one place stays in its order.
    for start, end, content in sorted(changes, key=lambda change: change[:2])[::-1]:
        lines[start:end] = content
    return "".join(lines)


def _merge(
    known: list[_Statement],
    new: list[_Statement],
    path: list[str],
    keeps_own: bool,
    lines: tuple[list[str], list[str]],
    changes: list[_Change],
) -> None:
    there = {statement.key: statement for statement in known}
    # In whose place it would stand if it is not there.
    own = there.get(path[0], known[-1])
    column = known[0].node.col_offset
    gap = ["\n"] * (1 if column else 2)
    imports = [one.end for one in known if isinstance(one.node, _IMPORTS) or _is_docstring(one)]
    first = max((end for end in imports if end <= own.first), default=known[0].first)
    is_before = own.key == path[0] and any(statement.key == path[0] for statement in new)
    for statement in new:
        is_own = statement.key == path[0]
        is_before = is_before and not is_own
        former = there.get(statement.key)
        content = statement.content(column)
        if former is not None:
            both = former.node, statement.node
            if is_own and len(path) > 1 and isinstance(both[0], ast.ClassDef) and isinstance(both[1], ast.ClassDef):
                inner = _block(both[0].body, lines[0]), _block(both[1].body, lines[1])
                _merge(*inner, path[1:], keeps_own, lines, changes)
                continue
            if ast.dump(statement.node) != ast.dump(former.node) and not (is_own and keeps_own):
                _check_alone(former, known)
                changes.append((former.first, former.end, content))
        elif _is_docstring(statement):
            continue
        elif isinstance(statement.node, _IMPORTS):
            changes.append((first, first, content))
        else:
            gap_here = gap if isinstance(statement.node, _DEFINITIONS) else gap[:1]
            before, behind = (own.first, own.first, content + gap_here), (own.end, own.end, gap_here + content)
            changes.append(before if is_before else behind)


def _check_alone(statement: _Statement, block: list[_Statement]) -> None:
    for other in block:
        if other is not statement and other.first < statement.end and statement.first < other.end:
            raise Shared(f"{statement.name or 'a statement'} stands on a line with another statement")


def changed_since(before: str, disk: str, source: str, name: str) -> str | None:
    """What the source names besides the definition, and is another one on the disk than before it was patched."""
    was = {statement.key: statement.text for statement in _module(before) or ()}
    there = {statement.key: statement.text for statement in _module(disk) or ()}
    own = name.partition(".")[0]
    for statement in _module(source) or ():
        if statement.name not in (None, own) and was.get(statement.key) != there.get(statement.key):
            return statement.name
    return None
