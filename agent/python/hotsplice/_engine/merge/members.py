"""Statements of a class body: each goes into the live class, or the class is made again around it."""

import functools
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..evaluate.policy import MISSING
from ..evaluate.sandbox import run_in_class
from ..live import lookup
from . import bindings, earlier, headers, items, keepers, lookers, rebuilding

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .merging import Merger


def take(merger: "Merger", outcome: "EditOutcome") -> None:
    """Runs one edit in a class."""
    edit = outcome.edit
    scope = tuple(edit["scope"])
    if "<locals>" in scope:
        return
    owner = lookup.find_class(merger.namespace, scope)
    if owner is None:
        _report_missing(merger, outcome, scope)
        return
    keeper = frameworks.keeper(owner)
    is_bare = merger.is_bare(edit)
    if keeper is not None and edit["what"] != "class" and not is_bare:
        keepers.take(merger, keeper, outcome, scope, owner)
        return
    if scope in merger.rebuilt and not is_bare:
        outcome.applied()
        return
    if edit["kind"] == "lines":
        outcome.unneeded(None, "only its place in the class is another one")
        return
    if bindings.is_statement(edit):
        items.take(merger, outcome, owner)
        bound: dict[str, Any] = merger.shadow.classes.get(scope, {})
        names = [lookup.mangled(name, scope) for name in edit["binds"]]
        merger.world.give(owner, {name: bound[name] for name in names if name in bound})
        return
    with earlier.provided(merger, edit, owner):
        later = functools.partial(bindings.bound_later, merger, edit)
        seen = run_in_class(edit["run"], scope, owner, merger.shadow, bound_later=later)
    names = [lookup.mangled(name, scope) for name in edit["binds"]]
    if is_bare:
        headers.transfer(merger, outcome, seen.pop(names[0]))
        return
    is_collected = edit["what"] == "function" and lookers.is_collected(owner, seen.get(names[0]))
    if scope in merger.change.classes and (is_collected or any(lookers.has_hook(seen.get(name)) for name in names)):
        for name in names:
            seen.pop(name, None)
        rebuilding.run_statement(merger, scope, owner)
        outcome.applied()
        return
    if edit.get("superseded"):
        for name in names:
            seen.pop(name, None)
    for name in names:
        if name in seen:
            merger.bound_in_class.setdefault(scope, {})[name] = outcome
    merger.world.give(owner, {name: seen[name] for name in names if name in seen})
    outcome.applied()


def _report_missing(merger: "Merger", outcome: "EditOutcome", scope: tuple[str, ...]) -> None:
    if any(scope[:depth] in merger.rebuilt for depth in range(1, len(scope))):
        # Who made the class around took it out.
        outcome.applied()
    elif lookup.bound_value(merger.namespace, scope[:-1], scope[-1], MISSING) is MISSING:
        outcome.unneeded("HS0404", f"class {'.'.join(scope)} is not live in this process")
    else:
        outcome.caveat("HS0107", f"{'.'.join(scope)} holds no class of this file: its members are left alone")
