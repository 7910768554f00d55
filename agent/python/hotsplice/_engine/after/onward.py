"""Calls that were to go on in code that has been retired since: blocked ones come by after any number of patches.

A patch says which places of the text before it are which of its own. Of code that calls stay in it is kept where its
places are in the code that is live, by offset, for lines change; with the next patch they are those of its code.
"""

import weakref
from collections.abc import Container, Iterable
from types import CodeType
from typing import TYPE_CHECKING

from ..live.line_tables import positions_of, relined
from ..native import native
from .bytecode import Bytecode, variables

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.messages import MovedPlace


class _Way:
    """From old code to the live one: the places of one, each with its offset in the other."""

    __slots__ = ("code", "kept", "live", "places")

    def __init__(
        self, code: weakref.ref[CodeType], live: CodeType, keep: bool, places: "list[tuple[MovedPlace, int]]"
    ) -> None:
        self.code = code
        self.live = weakref.ref(live)
        # That of a module nothing else holds.
        self.kept = live if keep else None
        self.places = places


# By the id of the old code.
_ways: dict[int, _Way] = {}


def remember(before: Bytecode, after: Bytecode, places: "Iterable[MovedPlace]", keep: bool) -> None:
    """Notes how the old code, which calls stay in, goes on in the live one; ``keep`` it, if nothing else does."""
    found: list[tuple[MovedPlace, int]] = []
    for place in places:
        what, span = place["what"], place["new"]
        here = place["here"] if "here" in place else before.place(what, place["old"])
        there = after.suspension(span) if what == "wait" else after.first_in(span[0], span[2])
        if here and there is not None:
            found.append(({**place, "here": here}, there))
    key = id(before.code)

    def gone(reference: weakref.ref[CodeType]) -> None:
        # Something else may have the id by now.
        if key in _ways and _ways[key].code is reference:
            del _ways[key]

    _ways[key] = _Way(weakref.ref(before.code, gone), after.code, keep, found)


def live_before(old: CodeType) -> CodeType | None:
    """The code in which calls of old code were to go on until now."""
    way = _ways.get(id(old))
    return None if way is None or way.code() is not old else way.kept or way.live()


def prepare(transaction: "Prepared", earlier: Iterable[CodeType], retired: Container[int]) -> None:
    """Before the look at calls: those of earlier code do not come into what goes, whose names go with it.

    Where they go on instead is planned after the commit.
    """
    for code in earlier:
        if id(live_before(code)) in retired:
            native.forget_moves(id(code))
    _follow_lines(transaction)


def _follow_lines(transaction: "Prepared") -> None:
    """What a script's code is to go on in stands, as that, in other lines of the new text."""
    for change in transaction.files:
        between = live_before(change.executed_at[0]) if change.executed_at is not None else None
        if between is None or change.line_now is None:
            continue
        change.goes_on_at = between, positions_of(between)
        table = relined(between, change.line_now)
        if table is not None and table != between.co_linetable:
            transaction.plan.add("line-table", between, table)


def places(old: CodeType, new: CodeType, since: "Iterable[MovedPlace]", between: Bytecode) -> "list[MovedPlace]":
    """Those of old code in the new one; ``since`` has those of the code between, which was live until now."""
    at = {(place["what"], offset): place for place in since for offset in between.place(place["what"], place["old"])}
    # The code between had no such variable: what the old one gave it is not what the new one means.
    lost = {*variables(old)}.intersection(variables(new)).difference(variables(between.code))
    found: list[MovedPlace] = []
    for place, offset in _ways[id(old)].places:
        onward = at.get((place["what"], offset))
        if onward is not None:
            rebound = sorted({*place.get("rebound", ()), *onward.get("rebound", ()), *lost})
            found.append({**place, "new": onward["new"], "rebound": rebound})
    return found
