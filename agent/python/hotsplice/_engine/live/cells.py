"""Cells of notebooks and inputs of prompts: files that are on no disk. Nothing is loaded where there are none."""

import sys
from typing import Any


def _known() -> Any:
    return sys.modules.get("hotsplice._cells")


def find(path: str) -> Any:
    """The cell, or the definition on its way to another one, that a path stands for."""
    known = _known()
    if known is None:
        return None
    return known.redefinitions.get(path) or known.cells.get(path)


def is_redefinition(path: str) -> bool:
    known = _known()
    return known is not None and path in known.redefinitions


def names(cell: Any) -> tuple[str, ...]:
    """The names under which code of it may have been compiled."""
    found: tuple[str, ...] = cell.filenames()
    return found


def is_of(filename: str, path: str) -> bool:
    """Whether code that was compiled under a name is of what a path stands for."""
    known = _known()
    cell = None if known is None else find(path)
    return cell is not None and filename in names(cell)


def all_of_them() -> list[Any]:
    """The latest comes last."""
    known = _known()
    return [] if known is None else [*known.cells.values(), *known.redefinitions.values()]


def holds(cell: Any, definition: str) -> bool:
    """Whether what a cell has defined is live there still: another one may have defined it again."""
    return find(cell.path) is cell and definition.partition(".")[0] in cell.definitions()


def patched() -> list[dict[str, Any]]:
    """What cells define that was patched: by another cell, or from an editor."""
    known = _known()
    found: list[dict[str, Any]] = [] if known is None else known.patched()
    return found


def is_replaced(path: str, text: str) -> None:
    """Another text of a cell is live."""
    known = _known()
    if known is not None:
        known.is_replaced(path, text)
