"""What was run in a notebook's cells or at a prompt, definition by definition.

A cell is a source file that is on no disk, known by the name under which it was compiled. Where a cell makes a function
or class that an earlier one has made, its statement is not run: the live one is patched to its text, by the way that an
editor's patch goes, so that objects, references and whoever registered it follow. What can't be patched is made as
Python makes it, and reported.
"""

from __future__ import annotations

import ast
import itertools
import os
import sys
import weakref
from time import time
from typing import Any

from . import _api
from ._celltext import (
    DEFINITIONS,
    Definition,
    alone,
    bodies,
    by_name,
    certain,
    definitions_of,
    own_lines,
    with_definitions,
    without_magics,
)

_MISSING = object()
# What was made of the definition is not found: it is made as if nothing had been there.
_NOT_THERE = ("HS0107", "HS0404")


class Cell:
    """One input that defines something: the text of it that is live, at its own lines."""

    def __init__(self, source: str, filename: str, namespace: dict[str, Any], name: str | None) -> None:
        self.path = os.path.abspath(filename)
        self.filename = filename
        self.text = without_magics(source)
        self.namespace = namespace
        # What the client calls it.
        self.name = name
        # Changes whenever the text does, as if a file had been executed again.
        self.executed = self.number = next(_executions)
        # What stood in the place of its definitions before they were patched, latest first: by name, for undo.
        self.formers: dict[str, list[Former]] = {}
        # Files of cells before it whose code its definitions may still run: what a patch left as it was.
        self.origins: dict[str, tuple[str, ...]] = {}

    def filenames(self) -> tuple[str, ...]:
        """All under which code of its live definitions may have been compiled."""
        origins = [filename for name in self.definitions() for filename in self.origins.get(name, ())]
        return (self.filename, *origins)

    def node(self, name: str) -> Definition | None:
        """The definition of a name that was made last: of several, as in the branches of an `if`, the one that ran."""
        found = definitions_of(self.text).get(name, [])
        known = _live.get((id(self.namespace), name))
        place = known.place if known is not None and known.cell is self else -1
        return found[place if place < len(found) else -1] if found else None

    def _others(self) -> dict[Definition, str | None]:
        """Definitions that are not live, or live elsewhere by now."""
        found = definitions_of(self.text).items()
        return {node: None for name, nodes in found if _owner(self.namespace, name) is not self for node in nodes}

    def live_text(self) -> str:
        """The text without the definitions that are not live."""
        return with_definitions(self.text, self._others())

    def former_texts(self) -> list[tuple[str, Former]]:
        """What its live text was before each run that patched its definitions, latest first, with the last patch."""
        nodes = {name: node for name in self.definitions() if (node := self.node(name)) is not None}
        chains = {name: self.formers.get(name, []) for name in nodes}
        changes = self._others()
        found = []
        for run in sorted({former.run for chain in chains.values() for former in chain}, reverse=True):
            there = [(name, former) for name, chain in chains.items() for former in chain if former.run == run]
            changes |= {nodes[name]: former.text for name, former in there}
            latest = max((former for _, former in there), key=lambda former: former.transaction)
            found.append((with_definitions(self.text, changes), latest))
        return found

    def definitions(self) -> list[str]:
        """Names of its functions and classes that are live."""
        return [name for name in definitions_of(self.text) if _owner(self.namespace, name) is self]


class Former:
    """A definition that was live until a cell's patch, as whole lines, and that patch as the engine recorded it."""

    def __init__(self, text: str, record: Any, run: int) -> None:
        self.text = text
        # What patched it, in the order in which cells ran.
        self.run = run
        self.label: str = record.label
        self.transaction: int = record.transaction
        self.replaced_at: float = record.replaced_at


class Redefinition:
    """One definition of a cell on its way to another cell's text: a file of its own for the time of the patch."""

    def __init__(self, name: str, former: Cell, cell: Cell) -> None:
        self.path = f"{former.path}#{name}"
        node = former.node(name)
        self.text = "" if node is None else alone(former.text, node)
        self.namespace = cell.namespace
        # New code is of the new cell.
        self.filename = cell.filename
        self.origins = (former.filename, *former.origins.get(name, ()))[:_ORIGINS]
        self.name = None
        # The engine's own record of it.
        self.live: Any = None

    def definitions(self) -> list[str]:
        return []

    def filenames(self) -> tuple[str, ...]:
        return (self.filename, *self.origins)


class _Live:
    """Where a definition was made last, and what came of it."""

    def __init__(self, cell: Cell, value: Any, place: int, node: Definition, former: _Live | None = None) -> None:
        self.cell = cell
        self.says = ast.dump(node)
        # What it said when its statement ran; how often it was patched since, and when.
        self.made, self.version, self.patched_at = self.says, 0, 0.0
        if former is not None:
            self.made, self.version, self.patched_at = former.made, former.version, former.patched_at
            if former.says != self.says:
                self.version, self.patched_at = self.version + 1, time()
        # Which of the cell's definitions of the name it is.
        self.place = place
        # What it is, and what an earlier definition of an input that runs has put in the place of the name.
        self.covered: tuple[Any, Any] | None = None
        try:
            self._reference: Any = weakref.ref(value)
        except TypeError:
            # Of what a decorator made only the identity is known.
            self._reference = None
            self._identity = id(value)

    def is_bound_to(self, value: Any) -> bool:
        return id(value) == self._identity if self._reference is None else self._reference() is value


class _Statement:
    """A definition of an input that runs: whether one was known before, and whether it is the last of its name."""

    def __init__(self, cell: Cell, node: Definition, is_again: bool, is_last: bool, place: int) -> None:
        self.cell = cell
        self.node = node
        self.is_again = is_again
        self.is_last = is_last
        # Which of the cell's definitions of the name it is.
        self.place = place


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
# Statements of inputs that run.
_statements: dict[int, _Statement] = {}
_count = 0
_executions = itertools.count(1)
# In so many other texts a cell may have been run with a definition that stays as it is.
_ORIGINS = 200
# So many former texts of a definition are kept, as of a file.
_FORMERS = 20
# Statements that were never reached, or raised, are forgotten.
_STATEMENTS = 1000


def begin(source: str, filename: str, namespace: dict[str, Any], name: str | None = None) -> Cell:
    """An input is about to be compiled under this name."""
    return Cell(source, filename, namespace, name)


def weave(cell: Cell, body: list[ast.stmt]) -> None:
    """Has the definitions among an input's statements ask before they run, and say when they have."""
    if any(isinstance(node, ast.ImportFrom) for node in body):
        from . import _stars

        _stars.note(body, cell.namespace)
    _weave(cell, body, set(), {node: place for nodes in by_name(body).values() for place, node in enumerate(nodes)})


def _weave(cell: Cell, body: list[ast.stmt], later: set[str], places: dict[Definition, int]) -> set[str]:
    """`later` are names that the input surely defines again afterwards; gives those that it does from here on."""
    global _count
    for index in reversed(range(len(body))):
        node = body[index]
        # The branches of an `if` are followed by the same.
        within = [_weave(cell, inner, later, places) for inner in bodies(node)]
        later = later | certain(node, within)
        # `_` is what nobody asks for by that name: each is another one.
        if not isinstance(node, DEFINITIONS) or not node.name.strip("_"):
            continue
        _count += 1
        known = _live.get((id(cell.namespace), node.name))
        if len(_statements) >= _STATEMENTS:
            del _statements[next(iter(_statements))]
        _statements[_count] = _Statement(cell, node, known is not None, node.name not in later, places[node])
        later = later | {node.name}
        made = ast.Expr(_call("made", _count, node))
        woven = ast.If(ast.UnaryOp(ast.Not(), _call("is_patched", _count, node)), [node, made], [])
        body[index] = ast.fix_missing_locations(ast.copy_location(woven, node))
    return later


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
    statement = _statements.get(number)
    if statement is None or not statement.is_again or not settings.patches:
        return False
    cell, node = statement.cell, statement.node
    known = _live.get((id(cell.namespace), node.name))
    value = cell.namespace.get(node.name, _MISSING)
    if known is None:
        return False
    former = known.cell
    earlier = value
    if not known.is_bound_to(value):
        # An earlier definition of the cell has the name, as overloads have until the implementation comes.
        if known.covered is None or known.covered[1] is not value:
            return False
        value = known.covered[0]
    if not statement.is_last:
        # It is the last that the name stands for. What this one is made for, it is made for again.
        known.covered = (value, _MISSING)
        return False
    if known.covered is not None and node.decorator_list:
        # Several of one name that register somewhere, with each its own place there: they have done so again.
        return False
    if _is_another(former, cell, node):
        _report(node.name, None, "the one of another cell has other decorators or parameters")
        return False
    change = Redefinition(node.name, former, cell)
    if not change.text:
        return False
    cell.namespace[node.name] = value
    if not _stays(former, node) and not _patch(change, cell, node):
        cell.namespace[node.name] = earlier
        return False
    chain = former.formers.get(node.name, [])
    if change.live is not None and change.live.history:
        chain = [Former(own_lines(change.text), change.live.history[0], cell.number), *chain][:_FORMERS]
    cell.formers[node.name] = chain
    cell.origins[node.name] = tuple(dict.fromkeys(change.origins))
    _is_live_in(statement, number, known)
    return True


def _patch(change: Redefinition, cell: Cell, node: Definition) -> bool:
    """Whether the live definition has the new text now. If not, that is reported."""
    redefinitions[change.path] = change
    try:
        report = _api.patch_anew(change.path, alone(cell.text, node))
    except _api.PatchError as error:
        _report(node.name, error.code, str(error).partition(": ")[2])
        return False
    finally:
        del redefinitions[change.path]
    lost = [edit for edit in report.edits if edit.code in _NOT_THERE]
    if not report or lost:
        for edit in [one for one in (*report.refused, *lost) if one.code not in (None, "HS0105")][:1]:
            # What raises raises once more when the statement runs.
            if edit.code != "HS0103":
                _report(node.name, edit.code, edit.message)
        return False
    for edit in report.caveats:
        sys.stderr.write(f"hotsplice: {edit.definition}: {edit.code}: {edit.message}\n")
    return True


def _stays(former: Cell, node: Definition) -> bool:
    """Whether it is a function of the same text, of which nothing is evaluated when it is made."""
    known = former.node(node.name)
    if isinstance(node, ast.ClassDef) or node.decorator_list or getattr(node, "type_params", None) or known is None:
        return False
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    evaluated = [*arguments.defaults, *arguments.kw_defaults, node.returns]
    evaluated += [argument.annotation for argument in every if argument is not None]
    return not any(evaluated) and ast.dump(known) == ast.dump(node)


def _is_another(former: Cell, cell: Cell, node: Definition) -> bool:
    """Whether it only has the name of one in another cell of the notebook, beside which it registers."""
    if not node.decorator_list or None in (former.name, cell.name) or former.name == cell.name:
        return False
    known = former.node(node.name)
    return known is None or _signature(known) != _signature(node)


def _signature(node: Definition) -> list[str]:
    arguments = [] if isinstance(node, ast.ClassDef) else [node.args]
    return [ast.dump(part) for part in (*node.decorator_list, *arguments)]


def made(number: int) -> None:
    """A statement has run."""
    statement = _statements.get(number)
    if statement is None:
        return
    cell, node = statement.cell, statement.node
    known = _live.get((id(cell.namespace), node.name))
    if known is not None and known.covered is not None and not statement.is_last:
        known.covered = (known.covered[0], cell.namespace.get(node.name))
        del _statements[number]
        return
    _is_live_in(statement, number)


def _is_live_in(statement: _Statement, number: int, patched: _Live | None = None) -> None:
    del _statements[number]
    cell, node = statement.cell, statement.node
    key = (id(cell.namespace), node.name)
    former = _live.get(key)
    _live[key] = _Live(cell, cell.namespace.get(node.name), statement.place, node, patched)
    # The latest comes last.
    cells.pop(cell.path, None)
    cells[cell.path] = cell
    _has_changed(cell)
    if former is not None and former.cell is not cell:
        _has_changed(former.cell)


def _has_changed(cell: Cell) -> None:
    """What is known of its text elsewhere is not so any more."""
    cell.executed = next(_executions)
    if not cell.definitions() and cells.get(cell.path) is cell:
        del cells[cell.path]
    sys.modules["hotsplice._agent"].notify("module/loaded", {"path": cell.path})


def take_for_live(cell: Cell, name: str, place: int) -> None:
    """A cell that ran before anybody noted it has made what the name holds."""
    key = (id(cell.namespace), name)
    known = _live.get(key)
    if known is None or not known.is_bound_to(cell.namespace[name]):
        _live[key] = _Live(cell, cell.namespace[name], place, definitions_of(cell.text)[name][place])
        cells[cell.path] = cell


def path_of(namespace: dict[str, Any], name: str) -> str | None:
    """The cell that has the live definition of a name."""
    cell = _owner(namespace, name)
    return cell.path if cell is not None and cells.get(cell.path) is cell else None


def is_replaced(path: str, text: str) -> None:
    """An editor's patch has made another text live."""
    cell = cells.get(path)
    if cell is None:
        return
    cell.text = text
    for name, nodes in definitions_of(text).items():
        if name in cell.namespace and _owner(cell.namespace, name) in (None, cell):
            known = _live.get((id(cell.namespace), name))
            place = -1 if known is None else known.place
            node = nodes[place if place < len(nodes) else -1]
            _live[id(cell.namespace), name] = _Live(cell, cell.namespace[name], place, node, known)


def patched() -> list[dict[str, Any]]:
    """Definitions that say something else by now than when their statement ran, as a status has them."""
    found = []
    for (_, name), live in list(_live.items()):
        cell = live.cell
        if cells.get(cell.path) is not cell or live.says == live.made:
            continue
        node = cell.node(name)
        # A name that is deleted holds as little as a function that is gone.
        if node is not None and live.is_bound_to(cell.namespace.get(name, _MISSING)):
            details = {"line": node.lineno, "version": live.version, "patched_at": live.patched_at, "ran": None}
            found.append({"path": cell.path, "definition": name, **details})
    return found


def _report(name: str, code: str | None, message: str | None) -> None:
    reason = message if code is None else f"{code}: {message}"
    sys.stderr.write(f"hotsplice: HS0650: {name} is a new one, what was made of the former stays with it: {reason}\n")


def _owner(namespace: dict[str, Any], name: str) -> Cell | None:
    known = _live.get((id(namespace), name))
    return known.cell if known is not None else None
