"""Calls that began before a patch and still run the old code.

Old code objects are held weakly: nothing here keeps one alive that the end of its last frame should free.
"""

import sys
from collections.abc import Collection
from types import CodeType
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..live import calls, lookup
from ..native import native
from . import open_worlds

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.line_tables import LineMap


class _Old(ref[CodeType]):
    """A code object that is not live any more, and what it was of."""

    __slots__ = ("key", "path", "definition", "version", "lines", "is_told")

    path: str
    definition: str
    version: int

    def __init__(self, code: CodeType, _gone: Any) -> None:
        self.key = id(code)
        # Most are gone with the patch itself: nobody has been told of those.
        self.is_told = False
        # Of a module only the statement that is being executed is old: from which line of its code to which.
        self.lines: tuple[int, int] | None = None


# By the id of the code object.
_old: dict[int, _Old] = {}

# id of an old code object → id of a call's frame, nothing for what is suspended → what is known of why it runs that
# code, and whether it takes the new one when it comes by.
_reasons: dict[int, dict[int | None, tuple[str, bool]]] = {}
_WHEN = {
    "next": "takes the new code at the next iteration",
    "behind": "takes the new code at one of the next statements",
    "again": "has failed and is held, and takes the new code when it is tried again",
}

# Codes that calls were inside of when it was looked last; nothing while nobody looks.
_inside: set[tuple[str, str, int]] | None = None
FIRST_LOOK, LAST_LOOK = 250, 8000


def remember(code: CodeType, path: str, definition: str, version: int, lines: tuple[int, int] | None = None) -> None:
    """Notes that ``code`` is not live any more; of a module's, these lines of it."""
    entry = _old[id(code)] = _Old(code, _gone)
    entry.path, entry.definition, entry.version, entry.lines = path, definition, version, lines


def _gone(entry: Any) -> None:
    _reasons.pop(entry.key, None)
    if _old.pop(entry.key, None) is not None and entry.is_told:
        _say_left(entry.path, entry.definition, entry.version)


def forget(code: CodeType) -> None:
    """``code`` is live again."""
    _old.pop(id(code), None)
    _reasons.pop(id(code), None)


def old_codes() -> list[CodeType]:
    """Those of functions: what of a module is old is looked for at each patch."""
    return [code for entry in list(_old.values()) if entry.lines is None and (code := entry()) is not None]


def _is_old(call: calls.Call) -> bool:
    entry = _old.get(id(call.code))
    return entry is not None and (entry.lines is None or entry.lines[0] <= call.line <= entry.lines[1])


def statement(call: calls.Call) -> tuple[str, tuple[int, int]] | None:
    """What a call of a module executes, if an earlier patch has edited it: the statement, and its lines."""
    entry = _old.get(id(call.code))
    return (entry.definition, entry.lines) if entry is not None and entry.lines and _is_old(call) else None


def follow_lines(code: CodeType, lines: "LineMap") -> None:
    """The statement of a module that is being executed stands elsewhere in the text that is live now."""
    entry = _old.get(id(code))
    if entry is not None and entry.lines is not None:
        entry.lines = lines(entry.lines[0]), lines(entry.lines[1])


def note_reason(call: calls.Call) -> None:
    """What became of a call at a patch is what is known of it afterwards."""
    if id(call.code) in _old:
        reason, is_taken = (_WHEN[call.moved], True) if call.moved in _WHEN else (call.reason, False)
        if reason is not None:
            _reasons.setdefault(id(call.code), {})[None if call.suspended else call.frame] = reason, is_taken


def note_refused() -> None:
    """Calls that were to be moved came by, and could not."""
    for code, frame, reason in native.refused_moves():
        if code in _old:
            of_code = _reasons.setdefault(code, {})
            of_code[frame if frame in of_code else None] = reason, False
            entry = _old[code]
            about = {"path": entry.path, "definition": entry.definition, "version": entry.version}
            native.notify("code/move-refused", about)


def edited(code: CodeType, change: "FileChange") -> Any:
    """The outcome of a patch's edit of the definition that a retired code is a former version of."""
    entry = _old.get(id(code))
    if entry is None or not lookup.same_file(entry.path, change.path):
        return None
    return next((outcome for outcome in change.outcomes if outcome.edit["definition"] == entry.definition), None)


def is_edited(code: CodeType, transaction: "Prepared") -> bool:
    return any(edited(code, change) is not None for change in transaction.files)


def of_patch(transaction: "Prepared", inside: list[calls.Call], retired: Collection[int]) -> list[calls.Call]:
    """The calls that a patch is about: of what it retires, and of what it edits and an earlier one has retired."""
    for call in inside:
        call.is_earlier = id(call.code) not in retired
    return [call for call in inside if not call.is_earlier or is_edited(call.code, transaction)]


def _say_left(path: str, definition: str, version: int) -> None:
    native.notify("code/old-left", {"path": path, "definition": definition, "version": version})


def watch() -> None:
    """Reports when the last call has left an old code that something keeps, as a running module does."""
    global _inside
    for entry in list(_old.values()):
        entry.is_told = True
    now = _calls()
    if _inside is not None:
        _inside |= now
    elif now:
        _inside = now
        native.call_later(FIRST_LOOK, lambda: _look(FIRST_LOOK))


def _calls() -> set[tuple[str, str, int]]:
    """On the stacks alone: what is suspended ends with its code."""
    inside = calls.running(_codes(), heap=False)
    entries = (_old[id(call.code)] for call in inside if _is_old(call))
    return {(entry.path, entry.definition, entry.version) for entry in entries}


def _look(waited: int) -> None:
    global _inside
    now = _calls()
    for left in (_inside or set()) - now:
        _say_left(*left)
    open_worlds.look()
    _inside = now or None
    if _inside:
        wait = min(2 * waited, LAST_LOOK)
        native.call_later(wait, lambda: _look(wait))


def are_inside(codes: Collection[CodeType]) -> bool:
    """Whether a call, or a suspended generator or coroutine, is inside of one of these codes."""
    return bool(calls.running(codes))


def _codes() -> list[CodeType]:
    return [code for entry in list(_old.values()) if (code := entry()) is not None]


def still_running() -> list[dict[str, Any]]:
    """Every call inside old code, with where it is."""
    found: list[dict[str, Any]] = []
    for call in calls.running(_codes(), named=sys.maxsize):
        entry = _old.get(id(call.code))
        if entry is not None and _is_old(call):
            thread = "" if call.suspended else "thread "
            known = _reasons.get(id(call.code), {})
            reason, is_planned = known.get(None if call.suspended else call.frame, (None, False))
            about = {"path": entry.path, "definition": entry.definition, "version": entry.version, "line": call.line}
            about |= {"reason": reason, "is_planned": is_planned}
            found.extend({**about, "place": f"{thread}{place}"} for place in call.places)
    return found
