"""What the edits of a class statement are about."""

from ..live import lookup


def names(merger, scope):
    return {
        lookup.mangled(name, scope)
        for outcome in merger.change.outcomes
        if tuple(outcome.edit["scope"]) == scope and outcome.edit["change"] != "removed"
        for name in outcome.edit["binds"]
    }


def removed_names(merger, scope):
    return {
        lookup.mangled(name, scope)
        for outcome in merger.change.outcomes
        if tuple(outcome.edit["scope"]) == scope and outcome.edit["change"] == "removed"
        for name in outcome.edit["binds"]
    }


def caveat(merger, scope, code, message):
    """Says it at the class statement's own edit, or at the first one inside."""
    for outcome in merger.change.outcomes:
        paths = [
            (*outcome.edit["scope"], name)
            for name in (outcome.edit["definition"].rpartition(".")[2], *outcome.edit["binds"])
        ]
        if any(path[: len(scope)] == scope for path in paths):
            outcome.caveat(code, message)
            return
