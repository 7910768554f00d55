"""What was run in a notebook's cells or at a prompt, definition by definition.

A cell is a source file that is on no disk, known by the name under which it was compiled. Where a cell makes a function
or class that an earlier one has made, its statement is not run: the live one is patched to its text, by the way that an
editor's patch goes, so that objects, references and whoever registered it follow. What can't be patched is made as
Python makes it, and reported.
"""

from __future__ import annotations

import ast
import os
import sys
import weakref
from typing import Any

from . import _api

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MISSING = object()
# A definition is not where the former text says: it is made as if nothing had been there.
_NOT_THERE = ("HS0107", "HS0404")


class Cell:
    """One input that defines something: the text of it that is live, at its own lines."""

    def __init__(self, source: str, filename: str, namespace: dict[str, Any], name: str | None) -> None:
        self.path = os.path.abspath(filename)
        self.filename = filename
        self.text = _without_magics(source)
        self.namespace = namespace
        # What the client calls it.
        self.name = name
        # Changes whenever the text does, as if a file had been executed again.
        self.executed = 1

    def live_text(self) -> str:
        """The text without the definitions that are not live, or live elsewhere by now."""
        lines = self.text.split("\n")
        for node in _definitions(self.text):
            if _owner(self.namespace, node.name) is not self:
                first, end = _lines(node)
                lines[first - 1 : end] = [""] * (end - first + 1)
        return "\n".join(lines)

    def definitions(self) -> list[str]:
        """Names of its functions and classes that are live."""
        return [node.name for node in _definitions(self.text) if _owner(self.namespace, node.name) is self]


class Redefinition:
    """One definition of a cell on its way to another cell's text: a file of its own for the time of the patch."""

    def __init__(self, name: str, former: Cell, cell: Cell) -> None:
        self.path = f"{former.path}#{name}"
        self.text = _alone(former.text, name)
        self.namespace = cell.namespace
        # New code is of the new cell.
        self.filename = cell.filename
        self.former = former.filename
        self.name = None
        # The engine's own record of it.
        self.live: Any = None

    def definitions(self) -> list[str]:
        return []


class _Live:
    """Where a definition was made last, and what came of it."""

    def __init__(self, cell: Cell, value: Any) -> None:
        self.cell = cell
        try:
            self._reference: Any = weakref.ref(value)
        except TypeError:
            # Of what a decorator made only the identity is known.
            self._reference = None
            self._identity = id(value)

    def is_bound_to(self, value: Any) -> bool:
        return id(value) == self._identity if self._reference is None else self._reference() is value


class _Settings:
    def __init__(self) -> None:
        # Whether what is made once more is patched in place.
        self.patches = False


settings = _Settings()
# By path. Of those that have no live definition nothing is known any more.
cells: dict[str, Cell] = {}
# By path, while they are patched.
redefinitions: dict[str, Redefinition] = {}
# By the namespace's id and the name.
_live: dict[tuple[int, str], _Live] = {}
# Statements of inputs that run: (cell, definition, the cell that had made it).
_statements: dict[int, tuple[Cell, Definition, Cell | None]] = {}
_count = 0
# Statements that were never reached, or raised, are forgotten.
_STATEMENTS = 1000


def begin(source: str, filename: str, namespace: dict[str, Any], name: str | None = None) -> Cell:
    """An input is about to be compiled under this name."""
    return Cell(source, filename, namespace, name)


def weave(cell: Cell, body: list[ast.stmt]) -> None:
    """Has the definitions among an input's statements ask before they run, and say when they have."""
    global _count
    for index, node in enumerate(body):
        if not isinstance(node, _DEFINITIONS):
            continue
        _count += 1
        known = _live.get((id(cell.namespace), node.name))
        if len(_statements) >= _STATEMENTS:
            del _statements[next(iter(_statements))]
        _statements[_count] = (cell, node, known.cell if known is not None else None)
        made = ast.Expr(_call("made", _count, node))
        woven = ast.If(ast.UnaryOp(ast.Not(), _call("is_patched", _count, node)), [node, made], [])
        body[index] = ast.fix_missing_locations(ast.copy_location(woven, node))


def _call(function: str, number: int, node: ast.stmt) -> ast.expr:
    """Leaves no name in the namespace, and works where `hotsplice` is another name."""
    text = f"__import__('sys').modules['hotsplice._cells'].{function}({number})"
    call = ast.parse(text, mode="eval").body
    for part in ast.walk(call):
        if isinstance(part, ast.expr):
            ast.copy_location(part, node)
    return call


def is_patched(number: int) -> bool:
    """Patches the live definition to the statement that is about to run. If that can't be, the statement runs."""
    cell, node, former = _statements.get(number, (None, None, None))
    if cell is None or node is None or former is None or not settings.patches:
        return False
    known = _live.get((id(cell.namespace), node.name))
    value = cell.namespace.get(node.name, _MISSING)
    if known is None or not known.is_bound_to(value):
        return False
    change = Redefinition(node.name, former, cell)
    if not change.text:
        return False
    redefinitions[change.path] = change
    try:
        report = _api.patch_anew(change.path, _alone(cell.text, node.name))
    except _api.PatchError as error:
        _report(node.name, error.code, str(error).partition(": ")[2])
        return False
    finally:
        del redefinitions[change.path]
    if not report or any(edit.code in _NOT_THERE for edit in report.edits):
        for edit in [one for one in report.refused if one.code not in (None, "HS0105")][:1]:
            # What raises raises once more when the statement runs.
            if edit.code != "HS0103":
                _report(node.name, edit.code, edit.message)
        return False
    for edit in report.caveats:
        sys.stderr.write(f"hotsplice: {edit.definition}: {edit.code}: {edit.message}\n")
    _is_live_in(cell, node, number)
    return True


def made(number: int) -> None:
    """A statement has run."""
    if number not in _statements:
        return
    cell, node, _ = _statements[number]
    _is_live_in(cell, node, number)


def _is_live_in(cell: Cell, node: Definition, number: int) -> None:
    del _statements[number]
    key = (id(cell.namespace), node.name)
    former = _live.get(key)
    _live[key] = _Live(cell, cell.namespace.get(node.name))
    # The latest comes last.
    cells.pop(cell.path, None)
    cells[cell.path] = cell
    _has_changed(cell)
    if former is not None and former.cell is not cell:
        _has_changed(former.cell)


def _has_changed(cell: Cell) -> None:
    """What is known of its text elsewhere is not so any more."""
    cell.executed += 1
    if not cell.definitions() and cells.get(cell.path) is cell:
        del cells[cell.path]
    sys.modules["hotsplice._agent"].notify("module/loaded", {"path": cell.path})


def is_replaced(path: str, text: str) -> None:
    """An editor's patch has made another text live."""
    cell = cells.get(path)
    if cell is None:
        return
    cell.text = text
    for node in _definitions(text):
        if node.name in cell.namespace and _owner(cell.namespace, node.name) in (None, cell):
            _live[id(cell.namespace), node.name] = _Live(cell, cell.namespace[node.name])


def _report(name: str, code: str | None, message: str | None) -> None:
    sys.stderr.write(
        f"hotsplice: HS0650: {name} is a new one, what was made of the former stays with it: {code}: {message}\n"
    )


def _owner(namespace: dict[str, Any], name: str) -> Cell | None:
    known = _live.get((id(namespace), name))
    return known.cell if known is not None else None


def _definitions(text: str) -> list[Definition]:
    """The definitions of a cell, each by the last statement of its name."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return []
    return list({node.name: node for node in body if isinstance(node, _DEFINITIONS)}.values())


def _lines(node: Definition) -> tuple[int, int]:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first, node.end_lineno or node.lineno


def _alone(text: str, name: str) -> str:
    """One definition at its own lines, and nothing else; nothing where there is none."""
    found = [node for node in _definitions(text) if node.name == name]
    if not found:
        return ""
    first, end = _lines(found[-1])
    return "\n" * (first - 1) + "\n".join(text.split("\n")[first - 1 : end]) + "\n"


def _without_magics(source: str) -> str:
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
        if not isinstance(node, _DEFINITIONS) and "get_ipython" in names:
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = "#"
    return "\n".join(lines)
