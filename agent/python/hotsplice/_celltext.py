"""The text of a cell: its definitions, one of them alone, and others in their place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def definitions_of(text: str) -> dict[str, list[Definition]]:
    """The definitions of a cell by their names, in the order of the text."""
    try:
        return by_name(ast.parse(text).body)
    except (SyntaxError, ValueError):
        return {}


def by_name(body: list[ast.stmt]) -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for node in _nested(body):
        found.setdefault(node.name, []).append(node)
    return found


def bodies(node: ast.stmt) -> list[list[ast.stmt]]:
    """The statements inside of one that define names where it stands. What a loop defines, it makes again and again."""
    if isinstance(node, (*DEFINITIONS, ast.For, ast.AsyncFor, ast.While)):
        return []
    blocks = [getattr(node, field, []) for field in ("body", "orelse", "finalbody")]
    blocks += [inner.body for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ()))]
    return [block for block in blocks if block]


def certain(node: ast.stmt, within: list[set[str]]) -> set[str]:
    """Names that a statement surely defines, if its blocks define those."""
    if isinstance(node, ast.If) and node.orelse:
        return within[0] & within[1]
    # Whatever else happens, the body of the others begins.
    return within[0] if within and not isinstance(node, ast.If | ast.Match) else set()


def _nested(body: list[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield node
        for inner in bodies(node):
            yield from _nested(inner)


def lines_of(node: Definition) -> tuple[int, int]:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first, node.end_lineno or node.lineno


def alone(text: str, node: Definition) -> str:
    """One definition at its own lines and indentation, and nothing else."""
    first, end = lines_of(node)
    before = "\n" * (first - 1) if not node.col_offset else "\n" * (first - 2) + "if True:\n"
    return before + "\n".join(text.split("\n")[first - 1 : end]) + "\n"


def own_lines(alone: str) -> str:
    return alone.lstrip("\n").removesuffix("\n")


def with_definitions(text: str, changes: dict[Definition, str | None]) -> str:
    """A text with other definitions in the place of some, or with nothing."""
    lines = text.split("\n")
    for node in sorted(changes, key=lambda node: node.lineno, reverse=True):
        first, end = lines_of(node)
        new = changes[node]
        indentation = " " * node.col_offset
        if new is None:
            # A block needs a statement.
            replaced = [indentation + "pass" if indentation else "", *[""] * (end - first)]
        else:
            replaced = _indented(new, indentation)
        lines[first - 1 : end] = replaced
    return "\n".join(lines)


def _indented(definition: str, indentation: str) -> list[str]:
    """The lines of a definition, which may stand in a block of its own, where the indentation is another one."""
    lines = definition.split("\n")
    if lines[0] == "if True:":
        lines = lines[1:]
    own = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if own == indentation:
        return lines
    # Inside of a string a line's beginning belongs to the string.
    tree = ast.parse("if True:\n" + "\n".join(lines) if own else "\n".join(lines))
    within: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno:
            within.update(range(node.lineno + 1, node.end_lineno + 1))
    shift = 1 if own else 0
    return [
        line if number + shift in within or not line.strip() else indentation + line.removeprefix(own)
        for number, line in enumerate(lines, 1)
    ]


def without_magics(source: str) -> str:
    """IPython has made calls of magics: nothing that could be patched, and in an editor they look different."""
    if "get_ipython" not in source:
        return source
    lines = source.split("\n")
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return source
    for node in body:
        names = (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
        if not isinstance(node, DEFINITIONS) and "get_ipython" in names:
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = "#"
    return "\n".join(lines)
