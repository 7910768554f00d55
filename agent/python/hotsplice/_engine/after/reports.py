"""What is reported of calls that began before a patch."""

import sys
from collections.abc import Iterator
from heapq import nsmallest
from typing import TYPE_CHECKING

from ..live import lookup
from ..live.calls import NAMED, Call
from ..live.code import executes_module
from . import running

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..live.files import LiveFile


def report(calls: list[Call], file: "LiveFile", change: "FileChange") -> list[Call]:
    """Each definition of a file whose former code is still run, with where; gives the calls of other files."""
    by_edit: dict[int, tuple[EditOutcome, list[Call]]] = {}
    by_code: dict[int, list[Call]] = {}
    others: list[Call] = []
    for call in calls:
        by_code.setdefault(id(call.code), []).append(call)
    for inside in by_code.values():
        call = inside[0]
        if not lookup.same_file(call.code.co_filename, change.path):
            others += inside
            continue
        is_module = executes_module(call.code)
        outcome = running.edited(call.code, change) if call.is_earlier or is_module else None
        outcome = outcome or change.outcome_of_old(call.line if is_module else call.code.co_firstlineno)
        if is_module:
            _note_statement(call, outcome, file)
        by_edit.setdefault(id(outcome), (outcome, []))[1].extend(inside)
        for call in inside:
            running.note_reason(call)
    for outcome, inside in by_edit.values():
        for number, message in of_calls(inside):
            # What a module's statement says is not live while that goes on as it was.
            is_new = number != "HS0306" or outcome.edit["what"] in ("function", "class")
            outcome.note("applied" if is_new else "caveat", number, message)
    return others


def _note_statement(call: Call, outcome: "EditOutcome", file: "LiveFile") -> None:
    """A statement that is being executed is not to be executed once more: it is what runs."""
    outcome.retract("HS0401", "this statement")
    edit = outcome.edit
    known = running.statement(call)
    lines = known[1] if known is not None else (edit["old_line"], edit["old_end_line"])
    running.remember(call.code, file.path, edit["definition"], file.version_of(edit["definition"]), lines)


def of_calls(calls: list[Call]) -> Iterator[tuple[str, str]]:
    """(code, message) for those that were moved and for those that stay."""
    now = [call for call in calls if call.moved == "now"]
    if now:
        yield (
            "HS0309",
            f"{_count(now, 'running call was', 'running calls were')} moved to the new code ({_places(now)})",
        )
    for how, when in (("next", "at the next iteration"), ("behind", "at one of the next statements")):
        coming = [call for call in calls if call.moved == how]
        if coming:
            text = _count(coming, "running call takes", "running calls take")
            yield "HS0309", f"{text} the new code {when} ({_places(coming)})"
    held = [call for call in calls if call.moved == "again"]
    if held:
        text = _count(held, "call that has failed and is held takes", "calls that have failed and are held take")
        yield "HS0309", f"{text} the new code when tried again ({_places(held)})"
    staying = [call for call in calls if call.moved in (None, "caught")]
    if staying:
        text = _count(staying, "call that began before still runs", "calls that began before still run")
        reasons = "; ".join(sorted({call.reason for call in staying if call.reason}))
        yield "HS0306", f"{text} the old code ({_places(staying)}){': ' if reasons else ''}{reasons}"


def held_frames() -> set[int]:
    """The ids of frames of calls that have failed and wait for an answer: however that is, they do not go on."""
    holds = sys.modules.get("hotsplice._failed.holds")
    return set() if holds is None else {id(frame) for frame in holds.held_frames()}


def begin_again() -> dict[int, str]:
    """What is to be known of the frames further up than a call that is held, by their ids."""
    holds = sys.modules.get("hotsplice._failed.holds")
    found = () if holds is None else holds.frames_above()
    return {
        id(frame): f"`hotsplice retry --frame {number}` begins it again with the new one" for frame, number in found
    }


def _count(calls: list[Call], one: str, many: str) -> str:
    count = sum(call.count for call in calls)
    return f"{count} {one if count == 1 else many}"


def _places(calls: list[Call]) -> str:
    named: set[str] = set()
    others = 0
    for call in calls:
        places = {f"{place}, line {call.line}" for place in call.places}
        # Generators at one place are called alike, tasks are not.
        others += call.count - NAMED if call.count > NAMED and len(places) > 1 else 0
        named |= places
    others += len(named) - NAMED if len(named) > NAMED else 0
    return ", ".join(nsmallest(NAMED, named)) + (f" and {others} more" if others else "")
