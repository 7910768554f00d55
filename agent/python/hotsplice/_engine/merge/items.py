"""Items and attributes that a statement assigns: like names, each is kept, assigned again or preserved by itself."""

from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values
from ..evaluate.policy import UNKNOWN, Decision, decide
from ..evaluate.sorts import sort
from ..journal.writes import MISSING
from ..live import objects
from . import bindings, decisions, in_place, made_classes

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .merging import Merger


def take(merger: "Merger", outcome: "EditOutcome", owner: Any) -> None:
    """Runs what an edit of a statement touches; what it assigns holds what it did where that is the program's state."""
    edit, written = outcome.edit, merger.shadow.writes
    written.begin()
    has_run = bindings.take(merger, outcome, owner)
    if edit["change"] == "stale" or merger.options.get("run_statements"):
        return
    touched = written.touched()
    scope = tuple(edit["scope"])
    holder = objects.own(owner) if scope else merger.namespace.globals
    if has_run and edit["what"] == "block" and edit["change"] == "changed":
        changed_values.give_up_items(merger, outcome, holder, scope)
    given = changed_values.given_items(merger, edit, holder, scope) if touched else {}
    made: Any = None
    for place, held, new in touched:
        former = given.get(place.identity(), (UNKNOWN,))[-1]
        if held is MISSING or new is MISSING or held is new:
            continue
        if isinstance(held, type) and isinstance(new, type):
            made = changed_values.former_items(merger, edit, holder, scope) if made is None else made
            if made_classes.note(merger, outcome, held, new, made.get(place.identity(), MISSING)):
                written.keep(place)
                continue
        decision = decide(held, former, new, in_place.have_one_type(merger, held, new))
        if decision in (Decision.KEEP, Decision.PRESERVE):
            written.keep(place)
            if decision is Decision.PRESERVE:
                name = place.key if isinstance(place.key, str) else repr(place.key)
                decisions.report_preserved(outcome, [name], sort(held))
        elif decision is Decision.IN_PLACE:
            in_place.is_bound_in_place(merger, held, new)
