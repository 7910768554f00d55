"""References that were feared to stay with something former: those that nobody holds any more are not reported."""

import gc
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..merge import holders
from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared


def retract(transaction: "Prepared") -> None:
    """Nobody holds any more what it was feared that others go on with: what held it went with the patch."""
    plan = transaction.plan
    left = [one for one in plan.left if any(code == "HS0303" for code, _ in one[0].notes)]
    # These are carried out, and hold what was there before.
    plan.left.clear()
    plan.operations.clear()
    plan.afterwards.clear()
    if not left:
        return
    values = list({id(value): value for _, value, _ in left}.values())
    exchanged = {id(value) for _, value, others in left if others is None}
    known = {id(one) for _, _, others in left for one in others or ()}
    known |= {id(left), id(values), *map(id, left), *(id(others) for _, _, others in left)}
    # What holds another one of them, and nobody holds that, goes with it.
    within = {id(value): set(map(id, gc.get_referents(value))) for value in values}
    held: set[int] = set()
    for holder in native.referrers(values):
        if id(holder) not in known and id(holder) not in within:
            inside = {key for key in map(id, gc.get_referents(holder)) if key in within}
            held |= inside if holders.may_hold(holder) else inside & exchanged if _may_keep(holder) else set()
    pending = list(held)
    while pending:
        inside = within[pending.pop()] & within.keys() - held
        held |= inside
        pending += inside
    for outcome in {id(outcome): outcome for outcome, _, _ in left}.values():
        if not any(id(value) in held for one, value, _ in left if one is outcome):
            outcome.retract("HS0303", " to the old ")


def _may_keep(holder: Any) -> bool:
    """Whether it goes on with what was to be exchanged; frames do until they end, and are reported themselves."""
    return not isinstance(holder, (FrameType, ModuleType, FunctionType, CodeType)) and not holders.is_engines(holder)
