"""Right after a commit: calls of what it retired go on in the new code, as far as they can (``moving``)."""

from typing import TYPE_CHECKING

from ..live import calls as running_calls
from ..live.calls import coroutine_of
from . import former_values, running, scripts
from .moving import Moves

if TYPE_CHECKING:
    from ..journal.views import Prepared


def carry_out(transaction: "Prepared") -> None:
    """Right after the commit: what can go on in the new code does."""
    planned = Moves()
    if transaction.old_calls:
        _move(transaction, planned)
    planned.remember(transaction.old_calls)


def _move(transaction: "Prepared", planned: Moves) -> None:
    for change in transaction.files:
        for code_change in (item for items in change.code_changes.values() for item in items):
            unit = code_change.unit
            places = unit.get("places") or [] if code_change.namespace.lines_known else []
            for old, new in code_change.pairs.values():
                planned.add(old, new, places, unit.get("gives_otherwise", False), code_change.lacked_by)
    for call in list(transaction.old_calls):
        if call.code.co_name == "<module>" and scripts.add(planned, transaction, call):
            # An earlier patch is undone: what it runs is live again.
            running.forget(call.code)
            transaction.old_calls.remove(call)
    earlier = {id(call.code): call.code for call in transaction.old_calls if call.is_earlier}
    between = [code for old in earlier.values() if (code := planned.add_earlier(old)) is not None]
    transaction.old_calls = planned.move(transaction.old_calls)
    planned.begin()
    # Calls that came by meanwhile have gone on in what was live until now.
    if late := running_calls.running(between, heap=False):
        transaction.old_calls += planned.move(late)
        planned.begin()
    former_values.say_taken(transaction)
    _retract(transaction)


def _retract(transaction: "Prepared") -> None:
    """What a name holds is not as the former code made it where that goes on in the new code: a generator, a task."""
    waited = [call for call in transaction.old_calls if call.moved == "now"]
    edited = {outcome.edit["definition"] for change in transaction.files for outcome in change.outcomes}
    for change in transaction.files if waited else ():
        for outcome in change.outcomes:
            edit = outcome.edit
            if edit["change"] != "derived" or edit["scope"] or edit.get("changed_reads"):
                continue
            values = [namespace.globals.get(edit["definition"]) for namespace in change.namespaces]
            coroutines = {id(coroutine_of(value)) for value in values}
            moved = {id(item): call.code for call in waited for item in call.items() if id(item) in coroutines}
            codes = [moved.get(id(coroutine_of(value))) for value in values]
            # Only if nothing else that it was made of is edited.
            made_of = edited.intersection(edit.get("reads", ()))
            if codes and all(code is not None and made_of == {code.co_name} for code in codes):
                outcome.retract("HS0403")
