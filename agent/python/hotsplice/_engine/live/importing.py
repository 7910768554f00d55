"""Modules whose statements are still being executed: an import that has not ended, a script that is not there yet."""

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..native import native
from . import lookup
from .line_tables import line_of

if TYPE_CHECKING:
    from .messages import Edit, FilePatch

# Nanoseconds that a patch waits for an import to end, and seconds between two looks.
_PATIENCE = 5 * 10**9
_STEP = 0.01


# Files whose imports did not end in that time: a server that runs while it is imported.
_endless: set[str] = set()


def wait(files: "Iterable[FilePatch]") -> None:
    """Waits for imports to end, for a while, that have not come to what is edited."""
    deadline = native.monotonic_ns() + _PATIENCE
    for file in files:
        path = file.get("was") or file["path"]
        while path not in _endless and _is_being_imported(path) and _unreached(path, file["edits"]):
            if native.monotonic_ns() > deadline:
                _endless.add(path)
            native.sleep(_STEP)


def _is_being_imported(path: str) -> bool:
    return any(map(_is_initializing, lookup.modules_of(path)))


def _is_initializing(module: ModuleType) -> bool:
    spec = object.__getattribute__(module, "__dict__").get("__spec__")
    return getattr(spec, "_initializing", False) is True


def unreached(change: Any) -> list[Any]:
    """Outcomes of edits to what the file's statements have not come to: the former text is going to be executed."""
    edits = _unreached(change.path, change.edits)
    return [outcome for outcome in change.outcomes if any(outcome.edit is edit for edit in edits)]


def _unreached(path: str, edits: "list[Edit]") -> "list[Edit]":
    frame = lookup.running_module(path)
    if frame is None:
        return []
    line = line_of(frame) if frame.f_lineno else sys.maxsize
    # What is new has no former text that could be executed.
    seen = ("changed", "removed", "stale")
    return [edit for edit in edits if edit["change"] in seen and (edit.get("old_line") or 0) > line]


def report_unreached(change: Any) -> None:
    """A script that is not there yet."""
    # What is run again as it is, is asked for: it has its turn.
    for outcome in (one for one in unreached(change) if one.edit["change"] != "stale"):
        message = "the script has not come to this line: when it does, the former text is executed; patch it again then"
        outcome.caveat("HS0413", message)


def refuse_unreached(change: Any) -> bool:
    """An import that goes on after all: what it comes to later would be of the former text again."""
    if not _is_being_imported(change.path):
        return False
    outcomes = unreached(change)
    for outcome in outcomes:
        message = "the module is still being imported and has not come to this line; try again when that is done"
        outcome.refused("HS0413", message)
    return bool(outcomes)
