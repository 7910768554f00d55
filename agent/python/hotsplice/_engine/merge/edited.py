"""What the edits of a class statement are about."""

from typing import TYPE_CHECKING

from ..live import lookup

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger


def names(merger: "Merger", scope: tuple[str, ...]) -> set[str]:
    return {
        lookup.mangled(name, scope)
        for outcome in merger.change.outcomes_in(scope)
        if _is_given(outcome.edit)
        for name in outcome.edit["binds"]
    }


def _is_given(edit: "Edit") -> bool:
    """Whether an edit gives names something: a statement that only moved does not."""
    is_moved = edit["kind"] == "lines" and edit["what"] != "function"
    return edit["change"] != "removed" and not is_moved


def member(merger: "Merger", scope: tuple[str, ...], name: str) -> "EditOutcome | None":
    """The outcome of the edit that binds a name in a class; the last one, if there are several."""
    own = (outcome for outcome in reversed(merger.change.outcomes_in(scope)) if _is_given(outcome.edit))
    return next((one for one in own if name in (lookup.mangled(bound, scope) for bound in one.edit["binds"])), None)


def removed_names(merger: "Merger", scope: tuple[str, ...]) -> set[str]:
    return {
        lookup.mangled(name, scope)
        for outcome in merger.change.outcomes_in(scope)
        if outcome.edit["change"] == "removed"
        for name in outcome.edit["binds"]
    }


def is_made_again(merger: "Merger", cls: type) -> bool:
    """Whether a class's own statement is edited, so that it has the bases which that gives it."""
    edits = [outcome.edit for change in merger.files for outcome in change.outcomes]
    headers = (edit for edit in edits if edit["what"] == "class" and edit["change"] != "removed" and edit.get("run"))
    return any(edit["definition"] == cls.__qualname__ for edit in headers)


def caveat(merger: "Merger", scope: tuple[str, ...], code: str, message: str) -> None:
    """Says it at the class statement's own edit, or at the first one inside."""
    for outcome in merger.change.outcomes:
        paths = [
            (*outcome.edit["scope"], name)
            for name in (outcome.edit["definition"].rpartition(".")[2], *outcome.edit["binds"])
        ]
        if any(path[: len(scope)] == scope for path in paths):
            outcome.caveat(code, message)
            return
