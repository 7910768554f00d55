"""What the live text gave the attributes of a class that stands in another file, or in another scope, now.

In another file no statement has a former one: what the program has not changed is what the former class statement says.
"""

import ast
from typing import TYPE_CHECKING, Any

from ..evaluate import former, syntax
from ..evaluate.equality import equal
from ..evaluate.policy import MISSING, UNKNOWN
from ..evaluate.sorts import Sort, sort
from . import decisions

if TYPE_CHECKING:
    from .merging import Merger


def note(merger: "Merger", name: str, text: str, seen: dict[str, Any]) -> None:
    """Notes what a class statement of the live text gives, and the classes in it."""
    merger.moved_attributes[name], merger.moved_names[name] = {}, set()
    pending = _statements(text, name)
    for path, node in pending:
        merger.moved_attributes.setdefault(path, {}).update(_attributes(node, seen))
        names = merger.moved_names.setdefault(path, set())
        names.update(bound for statement in node.body for bound in syntax.bound(statement))


def edited(merger: "Merger", scope: tuple[str, ...], held: dict[str, Any]) -> set[str]:
    """The attributes of such a class that get what the new text says; what differs and is preserved is reported."""
    path = ".".join(scope)
    found: set[str] = set()
    for name, (value, former_text) in merger.moved_attributes.get(path, {}).items():
        live = held.get(name, MISSING)
        if value is not UNKNOWN:
            found.update((name,) if equal(live, value) else ())
        elif live is not MISSING and former_text not in _worded(merger, path, name):
            # Whether the program has changed it can't be told.
            if sort(live) is Sort.VALUE:
                found.add(name)
            else:
                decisions.report_preserved(merger.bound[scope[0]], [f"{path}.{name}"], sort(live))
    return found


def _worded(merger: "Merger", path: str, name: str) -> list[str]:
    """How the new text gives an attribute its value."""
    nodes = (node for one, node in _statements(merger.change.text, path.partition(".")[0]) if one == path)
    return [text for node in nodes for one, _, text in _assignments(node) if one == name]


def _statements(text: str, name: str) -> list[tuple[str, ast.ClassDef]]:
    """The class statements of a name and those in them, each with its path."""
    found = [(name, one) for one in ast.walk(ast.parse(text)) if isinstance(one, ast.ClassDef) and one.name == name]
    for path, node in found:
        found += [(f"{path}.{one.name}", one) for one in node.body if isinstance(one, ast.ClassDef)]
    return found


def _assignments(node: ast.ClassDef) -> "list[tuple[str, ast.stmt, str]]":
    """Each name that a class body gives a value, the statement, and the value as text."""
    found = []
    for statement in node.body:
        for one in syntax.elements(statement):
            value = one.value if isinstance(one, (ast.Assign, ast.AnnAssign)) else None
            names = [target.id for target in syntax.targets(one) if isinstance(target, ast.Name)]
            found += [(name, one, ast.dump(value)) for name in names if value is not None]
    return found


def _attributes(node: ast.ClassDef, seen: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """What a class statement gives its attributes (``UNKNOWN`` where telling would do something else), and its text."""
    found: dict[str, tuple[Any, str]] = {}
    for name, statement, text in _assignments(node):
        assignment: Any = statement
        value: Any = UNKNOWN
        if former.is_pure(statement, seen):
            try:
                value = eval(compile(ast.Expression(assignment.value), "<patch>", "eval"), dict(seen))
            except Exception:
                value = UNKNOWN
        found[name] = (value, text)
    return found
