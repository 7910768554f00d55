"""Classes that a framework registers by their names: they are not made again, it is told of their new members."""

from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..errors import Refusal
from ..evaluate.sandbox import guarded, run_in_class
from ..live import lookup
from . import annotations, bindings

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .merging import Merger


def check(live: Any) -> None:
    """Refuses to make such a class again."""
    if issubclass(type(live), type) and frameworks.keeper(live) is not None:
        raise Refusal("HS0106", f"{live.__qualname__} is registered by its name and can't be made again")


def take(merger: "Merger", keeper: Any, outcome: "EditOutcome", scope: tuple[str, ...], owner: Any) -> None:
    """Runs a member's statement and hands on what it gives."""
    edit = outcome.edit
    seen = run_in_class(edit["run"], scope, owner, merger.shadow)
    notes = annotations.of_statements(seen)
    later = bindings.bound_later(merger, edit)
    outcome.applied()
    for name in edit["binds"]:
        stored = lookup.mangled(name, scope)
        if stored in seen and isinstance(seen[stored], FunctionType):
            merger.bound_in_class.setdefault(scope, {})[stored] = outcome
        elif stored in seen or stored in notes:
            member = (name, seen.get(stored), notes.get(stored))
            guarded(partial(keeper.add_member, owner, *member, later, outcome, merger.plan), merger.shadow)
