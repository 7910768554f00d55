"""Cells that ran before anybody noted what they define: what `%load_ext hotsplice` finds in a notebook.

A definition is known again by where its code says that it stands. What does not say so stays unknown.
"""

from __future__ import annotations

import linecache
import sys
from types import FunctionType
from typing import Any

from . import _cells
from ._celltext import Definition, definitions_of, lines_of


def adopt(shell: Any) -> None:
    """Takes what the shell's cells have defined so far for theirs."""
    numbers: dict[str, int] = getattr(shell.compile, "_filename_map", {})
    for filename in sorted(numbers, key=lambda name: numbers[name]):
        entry = linecache.cache.get(filename)
        if entry is not None and len(entry) == 4:
            _adopt_cell("".join(entry[2]), filename, shell.user_ns)


def _adopt_cell(source: str, filename: str, namespace: dict[str, Any]) -> None:
    cell = _cells.begin(source, filename, namespace)
    for name, nodes in definitions_of(cell.text).items():
        if name in namespace and name.strip("_"):
            places = [place for place, node in enumerate(nodes) if _is_of(namespace[name], filename, node)]
            if places:
                _cells.take_for_live(cell, name, places[-1])


def _is_of(value: Any, filename: str, node: Definition) -> bool:
    """Whether a statement of a cell has made it."""
    while type(value) is not FunctionType:
        if issubclass(type(value), type):
            return _is_class_of(value, filename, node)
        members = getattr(type(value), "__dict__", {})
        value = value.__dict__.get("__wrapped__") if "__dict__" in members else None
        if value is None:
            return False
    inner = value.__dict__.get("__wrapped__")
    if inner is not None:
        return _is_of(inner, filename, node)
    return bool(value.__code__.co_filename == filename and value.__code__.co_firstlineno == lines_of(node)[0])


def _is_class_of(value: type, filename: str, node: Definition) -> bool:
    own: dict[str, Any] = type.__dict__["__dict__"].__get__(value)  # type: ignore[index]
    first, end = lines_of(node)
    functions = [one for one in own.values() if type(one) is FunctionType and one.__module__ == own.get("__module__")]
    inside = [one for one in functions if one.__code__.co_filename == filename]
    if functions:
        return any(first <= one.__code__.co_firstlineno <= end for one in inside)
    if sys.version_info >= (3, 13):
        return bool(own.get("__firstlineno__") == first and own.get("__module__") == "__main__")
    return bool(own.get("__module__") == "__main__" and own.get("__qualname__", value.__name__) == node.name)
