"""What a file's text defines and its live module has not: it came into the file after the module was executed."""

import ast
from typing import Any

from . import lookup

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def without(path: str, text: str) -> str:
    """The text with blank lines in place of such definitions and assignments: what is live, as far as can be told."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return text
    holders = [namespace.globals for namespace in lookup.namespaces(path)]
    if not holders or any("__getattr__" in holder for holder in holders):
        return text
    targets = [target for one in ast.walk(tree) if isinstance(one, ast.Delete) for target in one.targets]
    deleted = {target.id for target in targets if isinstance(target, ast.Name)}
    gone = _missing(tree.body, holders, deleted)
    if not gone:
        return text
    lines = text.splitlines(keepends=True)
    for node in gone:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        for index in range(first - 1, node.end_lineno or first):
            line = lines[index]
            lines[index] = line[len(line.rstrip("\r\n")) :]
    return "".join(lines)


def _missing(statements: list[ast.stmt], holders: list[Any], deleted: set[str]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for position, node in enumerate(statements):
        names = _bound(node)
        if names and not any(name in holder or name in deleted for name in names for holder in holders):
            if _stands_alone(node, statements, position):
                found.append(node)
        elif isinstance(node, ast.ClassDef):
            owners = [holder[node.name] for holder in holders if node.name in holder]
            if owners and all(type(owner) is type for owner in owners):
                inner = _missing(node.body, [owner.__dict__ for owner in owners], deleted)
                found += inner if len(inner) < len(node.body) else []
    return found


def _bound(node: ast.stmt) -> list[str]:
    """Names that a statement certainly gives a value, as they stand in a namespace."""
    if isinstance(node, _DEFINITIONS):
        # Private names of classes are stored otherwise.
        return [] if node.name.startswith("__") and not node.name.endswith("__") else [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", None) != "__future__":
        names = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        return [] if "*" in names else names
    return []


def _stands_alone(node: ast.stmt, statements: list[ast.stmt], position: int) -> bool:
    before = statements[position - 1].end_lineno if position else 0
    after = statements[position + 1].lineno if position + 1 < len(statements) else None
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return (before or 0) < first and (after is None or after > (node.end_lineno or first))
