"""Right after a commit: calls of what it retired go on in the new code, as far as they can (``moving``)."""

import contextlib
import os
import sys
from collections.abc import Collection, Iterator
from types import CodeType
from typing import TYPE_CHECKING

from ..live import calls as running_calls
from ..live.calls import Call, coroutine_of
from ..live.code import executes_module
from ..native import native
from . import begun_statements, former_values, running, scripts
from .moving import Moves

if TYPE_CHECKING:
    from ..journal.views import Prepared


# How often it is planned anew, because calls have gone on meanwhile.
_ATTEMPTS = 4
# How long threads waited for the GIL before they wait longer, while they do.
_shorter: float | None = None


def carry_out(transaction: "Prepared") -> None:
    """Right after the commit: what can go on in the new code does."""
    planned = _move(transaction) if transaction.old_calls else Moves()
    planned.remember(transaction.old_calls)


def _move(transaction: "Prepared") -> Moves:
    for attempt in range(_ATTEMPTS):
        with _undisturbed() if attempt else contextlib.nullcontext():
            switches = _look_again(transaction)
            planned, between = _plan(transaction)
            # Where one call gives what another takes, both are moved before any other thread runs.
            are_together = planned.are_together(transaction.old_calls)
            found = planned.move(transaction.old_calls, switches if are_together else None)
        if found is not None:
            transaction.old_calls = found
            break
    else:
        planned, between = _plan(transaction)
        for call in transaction.old_calls:
            call.moved, call.reason = None, "it went on whenever it was looked at"
    planned.begin()
    # Calls that came by meanwhile have gone on in what was live until now.
    if late := running_calls.running(between, heap=False):
        transaction.old_calls += planned.move(late) or ()
        planned.begin()
    former_values.say_taken(transaction)
    _retract(transaction)
    begun_statements.retract(transaction)
    return planned


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Has other threads wait for as long as looking for calls takes where much lives."""
    global _shorter
    before = _shorter = sys.getswitchinterval()
    longer = max(before, 0.5)
    # CPython cuts off what is beyond whole microseconds.
    sys.setswitchinterval(longer + 5e-7)
    try:
        yield
    finally:
        _shorter = None
        # What the program has set meanwhile is kept.
        if abs(sys.getswitchinterval() - longer) < 1e-6:
            sys.setswitchinterval(before + 5e-7)


def _before_fork() -> None:
    """A child has what was there before: nothing in it would end the wait."""
    if _shorter is not None:
        sys.setswitchinterval(_shorter + 5e-7)


os.register_at_fork(before=_before_fork)


def _look_again(transaction: "Prepared") -> int | None:
    """Finds the calls anew if they may have gone on since; gives how often threads had switched before."""
    before = native.thread_switches()
    if before is not None and before != transaction.calls_seen:
        transaction.calls_seen = before
        modules = [call for call in transaction.old_calls if executes_module(call.code)]
        references = [*transaction.retired, *(reference for reference, _ in transaction.copies)]
        retired = [code for reference in references if (code := reference()) is not None]
        transaction.old_calls = _find(transaction, retired) + modules
    return before


def _find(transaction: "Prepared", retired: Collection[CodeType]) -> list[Call]:
    known = set(map(id, retired))
    earlier = [code for code in running.old_codes() if id(code) not in known]
    return running.of_patch(transaction, running_calls.running([*retired, *earlier]), known)


def _plan(transaction: "Prepared") -> tuple[Moves, list[CodeType]]:
    """Where calls of retired code go on; and codes of earlier patches whose calls do."""
    planned = Moves()
    copies: dict[int, list[CodeType]] = {}
    for reference, former in transaction.copies:
        if (copy := reference()) is not None:
            copies.setdefault(former, []).append(copy)
    for change in transaction.files:
        for code_change in (item for items in change.code_changes.values() for item in items):
            unit = code_change.unit
            places = unit.get("places") or [] if code_change.namespace.lines_known else []
            for old, new in code_change.pairs.values():
                # Calls in former code that went on since the commit have called copies of former code.
                for code in (old, *copies.get(id(old), ())):
                    planned.add(code, new, places, unit.get("gives_otherwise", False), code_change.lacked_by)
    for call in list(transaction.old_calls):
        if executes_module(call.code) and scripts.add(planned, transaction, call):
            # An earlier patch is undone: what it runs is live again.
            running.forget(call.code)
            transaction.old_calls.remove(call)
    earlier = {id(call.code): call.code for call in transaction.old_calls if call.is_earlier}
    between = [code for old in earlier.values() if (code := planned.add_earlier(old)) is not None]
    return planned, between


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
