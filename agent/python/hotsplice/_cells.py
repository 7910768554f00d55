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

from ._celltext import Definition, alone, definitions_of, with_definitions, without_magics

MISSING = object()


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
        known = live_definitions.get((id(self.namespace), name))
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


class Live:
    """Where a definition was made last, and what came of it."""

    def __init__(self, cell: Cell, value: Any, place: int, node: Definition, former: Live | None = None) -> None:
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
live_definitions: dict[tuple[int, str], Live] = {}
_executions = itertools.count(1)
# In so many other texts a cell may have been run with a definition that stays as it is.
_ORIGINS = 200
# So many former texts of a definition are kept, as of a file.
FORMERS = 20


def begin(source: str, filename: str, namespace: dict[str, Any], name: str | None = None) -> Cell:
    """An input is about to be compiled under this name."""
    return Cell(source, filename, namespace, name)


def has_changed(cell: Cell) -> None:
    """What is known of its text elsewhere is not so any more."""
    cell.executed = next(_executions)
    if not cell.definitions() and cells.get(cell.path) is cell:
        del cells[cell.path]
    sys.modules["hotsplice._agent"].notify("module/loaded", {"path": cell.path})


def take_for_live(cell: Cell, name: str, place: int) -> None:
    """A cell that ran before anybody noted it has made what the name holds."""
    key = (id(cell.namespace), name)
    known = live_definitions.get(key)
    if known is None or not known.is_bound_to(cell.namespace[name]):
        live_definitions[key] = Live(cell, cell.namespace[name], place, definitions_of(cell.text)[name][place])
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
            known = live_definitions.get((id(cell.namespace), name))
            place = -1 if known is None else known.place
            node = nodes[place if place < len(nodes) else -1]
            live_definitions[id(cell.namespace), name] = Live(cell, cell.namespace[name], place, node, known)


def patched() -> list[dict[str, Any]]:
    """Definitions that say something else by now than when their statement ran, as a status has them."""
    found = []
    for (_, name), live in list(live_definitions.items()):
        cell = live.cell
        if cells.get(cell.path) is not cell or live.says == live.made:
            continue
        node = cell.node(name)
        # A name that is deleted holds as little as a function that is gone.
        if node is not None and live.is_bound_to(cell.namespace.get(name, MISSING)):
            details = {"line": node.lineno, "version": live.version, "patched_at": live.patched_at, "ran": None}
            found.append({"path": cell.path, "definition": name, **details})
    return found


def _owner(namespace: dict[str, Any], name: str) -> Cell | None:
    known = live_definitions.get((id(namespace), name))
    return known.cell if known is not None else None
