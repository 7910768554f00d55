"""Class statements that are run again as a whole, so that those who looked at the class look again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..errors import Refusal, Stop, Unforeseen
from ..evaluate.sandbox import run_in_class, run_in_module
from ..live import lookup
from . import classes, keepers, lookers

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .merging import Merger


def run_statement(merger: "Merger", scope: tuple[str, ...], owner: Any) -> None:
    """Runs the whole class statement: its metaclass and decorators make what depends on its members."""
    if scope in merger.rebuilt:
        return
    if merger.shadow.writes.is_dry_run:
        raise Unforeseen
    keepers.check(owner)
    unit = merger.change.classes[scope]
    outer = lookup.find_class(merger.namespace, scope[:-1]) if len(scope) > 1 else None

    def run() -> Any:
        if outer is None:
            with merger.world.live_classes(merger.shadow, unit["run"]):
                run_in_module(unit["run"], merger.shadow)
            return merger.shadow.globals[scope[0]]
        with merger.world.answering.suspended():
            inside = run_in_class(unit["run"], scope[:-1], outer, merger.shadow)
        return inside.pop(lookup.mangled(scope[-1], scope[:-1]))

    made = lookers.inner(beside(merger, owner, run), owner)
    merger.rebuilt.add(scope)
    if made is None:
        raise Refusal("HS0103", f"no class was found in what its decorators make of {'.'.join(scope)}")
    classes.merge(merger, owner, made, scope)
    merger.world.answering.answer_for(owner, made)
    _retract_made_again(merger, scope, owner, made)


def _retract_made_again(merger: "Merger", scope: tuple[str, ...], owner: Any, made: Any) -> None:
    """What was to stay as former code made it was made again with the class: no attribute holds what there was."""
    for outcome in merger.change.outcomes:
        edit = outcome.edit
        if edit["change"] != "derived" or not edit.get("offered"):
            continue
        is_inside = tuple(edit["scope"]) == scope and edit["what"] == "assignment"
        is_consumed = is_inside and not any(name in owner.__dict__ or name in made.__dict__ for name in edit["binds"])
        is_class = (*edit["scope"], *edit["binds"]) == scope and edit["parts"] == ["bases"]
        if is_consumed or is_class:
            outcome.retract("HS0403")


def beside(merger: "Merger", owner: Any, run: Callable[[], Any]) -> Any:
    """Runs a class statement while the live class exists: a registry may refuse a second one of its name."""
    try:
        return run()
    except Refusal:
        if not merger.containers.hide_class(owner):
            raise
        return run()


def wanted(merger: "Merger") -> "dict[tuple[str, ...], tuple[Any, list[EditOutcome]]]":
    """Classes of which someone saw what is edited, and the edits: the outermost only."""
    found: dict[tuple[str, ...], tuple[Any, list[EditOutcome]]] = {}
    headers = [outcome.edit for outcome in merger.change.outcomes if outcome.edit["what"] == "class"]
    # Those are run anyway.
    whole = {(*edit["scope"], *edit["binds"]) for edit in headers if edit.get("run") and not edit.get("offered")}
    for outcome in merger.change.outcomes:
        scope = tuple(outcome.edit["scope"]) if "failed" not in outcome.edit else ()
        for depth in range(1, len(scope) + 1):
            around = scope[:depth]
            owner = lookup.find_class(merger.namespace, around) if around in merger.change.classes else None
            if around in whole:
                break
            is_made = owner is not None and frameworks.keeper(owner) is None
            if is_made and lookers.is_seen(merger, owner, around, outcome.edit):
                found.setdefault(around, (owner, []))[1].append(outcome)
                break
    return dict(sorted(found.items(), key=lambda item: merger.change.classes[item[0]]["line"]))


def rebuild(merger: "Merger", scope: tuple[str, ...], owner: Any, outcomes: "list[EditOutcome]") -> None:
    """Has those who looked at a class look again; where it can't be made again, it is said, or the edit refused."""
    try:
        run_statement(merger, scope, owner)
        for outcome in outcomes:
            if outcome.edit["change"] != "removed":
                outcome.applied()
    except Refusal as refusal:
        merger.rebuilt.discard(scope)
        is_failure = refusal.code == "HS0103"
        unable = [
            one for one in outcomes if not is_failure or not lookers.can_do_without(merger, owner, scope, one.edit)
        ]
        for outcome in unable:
            if outcome is unable[0] or outcome.edit["change"] == "derived":
                outcome.refused(refusal.code, refusal.message)
        if unable:
            raise Stop from None
        for outcome in outcomes:
            outcome.caveat(
                "HS0403",
                f"the class can't be made again ({refusal.message}): this is new, what its metaclass, a base or "
                "its decorators make of it is not",
            )
