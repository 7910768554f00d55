"""Items and attributes that a statement assigns: like names, each is kept, assigned again or preserved by itself."""

from typing import Any

from ..evaluate import changed_values
from ..evaluate.policy import UNKNOWN, Decision, decide, sort
from ..journal.writes import MISSING
from ..live import objects
from . import bindings


def take(merger: Any, outcome: Any, owner: Any) -> None:
    """Runs what an edit of a statement touches; what it assigns holds what it did where that is the program's state."""
    edit, written = outcome.edit, merger.shadow.writes
    written.begin()
    has_run = bindings.take(merger, outcome, owner)
    if edit["change"] == "stale" or merger.options.get("run_statements"):
        return
    touched = written.touched()
    # Of other blocks only parts run.
    is_loop = has_run and edit["change"] == "changed" and changed_values.is_loop(merger, edit)
    if not touched and not is_loop:
        return
    scope = tuple(edit["scope"])
    given = changed_values.given_items(merger, edit, objects.own(owner) if scope else merger.namespace.globals, scope)
    for place, held, new in touched:
        former = given.pop(place.identity(), (UNKNOWN,))[-1]
        if held is MISSING or new is MISSING or held is new:
            continue
        decision = decide(held, former, new, bindings.have_one_type(merger, held, new))
        if decision in (Decision.KEEP, Decision.PRESERVE):
            written.keep(place)
            if decision is Decision.PRESERVE:
                name = place.key if isinstance(place.key, str) else repr(place.key)
                bindings.report_preserved(outcome, [name], sort(held))
        elif decision is Decision.IN_PLACE:
            bindings.is_bound_in_place(merger, held, new)
    if is_loop:
        changed_values.give_up_items(merger, outcome, given.values())
