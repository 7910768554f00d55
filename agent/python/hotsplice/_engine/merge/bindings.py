"""What statements bind: each name is kept, evaluated again or preserved by itself, whatever statement it stands in."""

import abc
import ast
import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values, former, syntax, turns
from ..evaluate.policy import MISSING
from ..evaluate.reduction import Reduction
from ..evaluate.sandbox import run_in_class, run_in_module
from ..evaluate.sorts import Sort, sort
from ..live import lookup, objects
from ..live.code import join
from . import classes, decisions, earlier, edited, lookers

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger

_STATEMENTS = ("assignment", "import", "block", "statement", "annotation")


def is_statement(edit: "Edit") -> bool:
    """Whether an edit is of a statement whose names are decided one by one."""
    return edit["what"] in _STATEMENTS


def take(merger: "Merger", outcome: "EditOutcome", owner: Any) -> bool:
    """Runs what an edit of a statement touches, and decides for each name that it binds.

    Answers whether all of it ran that is to run.
    """
    edit = outcome.edit
    scope = tuple(edit["scope"])
    holder = objects.own(owner) if scope else merger.namespace.globals
    if _is_about_preserved(merger, edit, scope):
        outcome.unneeded(None, "what it is done to is what it was")
        return False
    others = changed_values.has_other_items(merger, edit, holder, scope)
    if others and (name := _replaced_definition(merger, edit, scope)) is not None:
        outcome.caveat(
            "HS0402",
            f"the program changed {', '.join(others)} since the import, and {name} is something else now: that has "
            "what this statement gives it",
        )
    elif others:
        if changed_values.gives_the_same(edit):
            outcome.unneeded(None, "what it gives is what it was, and what the program made of it stays")
        else:
            changed_values.say_kept(outcome, others)
        if not edit["binds"]:
            return False
    changed_values.give_up(merger, outcome)

    if _goes_on(merger, outcome, owner):
        return True
    merger.deleted.provide(merger, edit, owner)
    reduction = _reduction(merger, edit, holder)
    held = reduction.held
    before = dict(merger.shadow.globals)
    known = set(merger.shadow.classes.get(scope, ()))
    if scope:
        later = functools.partial(bound_later, merger, edit)
        with _as_written(merger, edit), earlier.provided(merger, edit, owner):
            seen: dict[str, Any] = run_in_class(edit["run"], scope, owner, merger.shadow, reduction.reduced, later)
        known.update(name for name in seen if name.startswith("__"))
    else:
        beside = (
            classes.beside(map(merger.namespace.globals.get, edit["binds"])) if edit["what"] == "assignment" else ()
        )
        with merger.bases(edit), _as_written(merger, edit), earlier.provided(merger, edit, None):
            run_in_module(edit["run"], merger.shadow, reduction.reduced)
        seen = merger.shadow.globals
        merger.given.update(name for name in edit["binds"] if id(seen.get(name)) in beside)
    if edit.get("superseded"):
        # A definition further down, which is live already, has the last word.
        for name in reduction.bound:
            _put_back(seen, lookup.mangled(name, scope), before.get(name, MISSING) if not scope else MISSING)
    else:
        # `locals()[name] = …` in a class.
        dynamic = [name for name in seen if name not in known and name not in reduction.bound] if scope else []
        names = merger.names(reduction.bound) if not scope else [*reduction.bound, *dynamic]
        if scope and "locals()" in decisions.former_text(merger, edit):
            _give_up_dynamic(merger, outcome, owner, set(seen))
        for name in names:
            if held(name) is MISSING and merger.deleted.goes(scope, name, edit["line"]):
                continue
            decisions.decide(merger, outcome, name, scope, seen, held(name))
        if edit["what"] == "assignment":
            for name in edit["binds"]:
                _keep(merger, outcome, name, scope, seen, held(name))
    merger.preserved.update((scope, name) for name in reduction.preserved)
    merger.loops += [(scope, lines) for lines in reduction.loops]
    _report(merger, outcome, reduction)
    return not reduction.reached


@contextmanager
def _as_written(merger: "Merger", edit: "Edit") -> Iterator[None]:
    """What a statement computes of plain values is what the text gives those, whatever they are by now."""
    names = merger.shadow.globals
    given = {name: value for name, value in merger.written.items() if name in edit["reads"] and name in names}
    if given:
        statements = syntax.body_of(ast.parse(join(edit["run"])), tuple(edit["scope"]))
        # What it calls goes on with what is live.
        given = given if all(former.is_pure(one, names) for one in statements) else {}
    held = {name: names[name] for name in given}
    names.update(given)
    try:
        yield
    finally:
        names.update((name, held[name]) for name, value in given.items() if names.get(name) is value)


def bound_later(merger: "Merger", edit: "Edit") -> set[str]:
    """Names that a class's text gives it from a statement on, and not before: `size = size` reads the module's.

    So it is with those that the text gives it no more.
    """
    scope = tuple(edit["scope"])
    gone = edited.removed_names(merger, scope)
    if scope not in merger.change.classes and not gone:
        return set()
    before: set[str] = set()
    after: set[str] = set()
    is_unit = scope in merger.change.classes
    found = lookers.statement(merger, scope) if is_unit else merger.class_statements.find(merger.change.text, scope)
    for one in found.body if found is not None else ():
        (before if one.lineno < edit["line"] else after).update(syntax.bound(one))
    given = {lookup.mangled(name, scope) for name in before}
    return ({lookup.mangled(name, scope) for name in after} | gone) - given


def _goes_on(merger: "Merger", outcome: "EditOutcome", owner: Any) -> bool:
    """What a name held that has another one in the whole text now goes on as that; only its annotation is evaluated."""
    edit = outcome.edit
    scope, former_name = tuple(edit["scope"]), edit.get("renamed_from")
    if former_name is None or "<locals>" in scope:
        return False
    name, former_name = lookup.mangled(edit["binds"][0], scope), lookup.mangled(former_name, scope)
    holder = objects.own(owner) if scope else merger.namespace.globals
    held = objects.live(holder.get(former_name, MISSING), MISSING)
    if held is MISSING or name in holder or (scope and not is_plain_member(merger, owner, scope, name, held)):
        return False
    if scope:
        seen: Any = run_in_class(edit["run"], scope, owner, merger.shadow, _only_annotated)
        merger.bound_in_class.setdefault(scope, {})[name] = outcome
    else:
        run_in_module(edit["run"], merger.shadow, _only_annotated)
        seen = merger.shadow.globals
        merger.bound[name] = outcome
    seen[name] = held
    merger.evaluated.setdefault(scope, set()).add(edit["binds"][0])
    outcome.carries = former_name
    outcome.applied()
    return True


def is_plain_member(merger: Any, owner: Any, scope: tuple[str, ...], name: str, held: Any) -> bool:
    """Whether a class has nothing to do with what an attribute of it is called."""
    is_special = name.startswith("__") and name.endswith("__")
    is_plain = objects.is_exactly(owner, type, abc.ABCMeta) and "__dataclass_fields__" not in objects.own(owner)
    is_told = any(hasattr(type(held), hook) for hook in ("__get__", "__set__", "__set_name__"))
    return is_plain and not is_special and not is_told and scope not in merger.rebuilt


def _only_annotated(tree: Any) -> Any:
    """Statements without what they give a value, in classes too."""
    tree.body = [bare for one in tree.body for bare in _bare(one)]
    return tree


def _bare(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.ClassDef):
        statement.body = [bare for one in statement.body for bare in _bare(one)] or [ast.Pass()]
        return [ast.fix_missing_locations(statement)]
    if not isinstance(statement, ast.AnnAssign):
        return []
    bare = ast.AnnAssign(statement.target, statement.annotation, None, statement.simple)
    return [ast.copy_location(bare, statement)]


def _give_up_dynamic(merger: "Merger", outcome: "EditOutcome", owner: Any, now: set[str]) -> None:
    """Names that a statement in a class bound by other means than its text, and binds no more."""
    before = changed_values.bound_before(merger, outcome.edit, objects.own(owner), tuple(outcome.edit["scope"]))
    gone = [name for name in before if name not in now and name in owner.__dict__]
    for name in gone:
        merger.plan.delete_class_attribute(owner, name)
    if gone:
        outcome.note("applied", "HS0405", f"{', '.join(gone)} is gone; references to it go on")


def _is_about_preserved(merger: "Merger", edit: "Edit", scope: tuple[str, ...]) -> bool:
    """Whether a statement that stands as it did is done to objects that stay: `worker.paused = False`."""
    names = {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())}
    is_derived = edit["change"] == "derived" and edit["what"] == "assignment" and not edit["binds"]
    return is_derived and bool(names) and all((scope, name) in merger.preserved for name in names)


def _replaced_definition(merger: "Merger", edit: "Edit", scope: tuple[str, ...]) -> str | None:
    """The name of a function or class that a statement is done to, if the name is given something that does not take
    its place: `run.calls = 0` where `run` is another function now that was there before.
    """
    for name in {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())} if not scope else ():
        live, new = merger.namespace.globals.get(name), merger.shadow.globals.get(name)
        is_definition = issubclass(type(live), (FunctionType, type))
        if is_definition and new is not live and (type(new) is not type(live) or not merger.is_new(new)):
            return name
    return None


def _reduction(merger: "Merger", edit: "Edit", holder: Any) -> Reduction:
    scope = tuple(edit["scope"])
    things = edit["change"] == "stale" or bool(merger.options.get("run_statements"))
    held = functools.partial(former.held, holder, scope=scope)
    executed = turns.line_executed(merger.change.path, edit)
    return Reduction(merger, edit, decisions.former_text(merger, edit), held, things, executed)


def reducer(merger: "Merger", outcome: "EditOutcome", holder: Any) -> Callable[[str, str], Any]:
    """For a statement that runs once the patch is live: the tree of what is to run."""

    def rewritten(text: str, filename: str) -> Any:
        reduction = _reduction(merger, outcome.edit, holder)
        tree = reduction.reduced(ast.parse(text, filename))
        _report(merger, outcome, reduction)
        return tree

    return rewritten


def _put_back(seen: Any, name: str, value: Any) -> None:
    if value is MISSING:
        seen.pop(name, None)
    else:
        seen[name] = value


def _keep(merger: "Merger", outcome: "EditOutcome", name: str, scope: tuple[str, ...], seen: Any, live: Any) -> None:
    """A name that the statement binds and that was not evaluated again."""
    stored = lookup.mangled(name, scope)
    bound = merger.bound_in_class.setdefault(scope, {}) if scope else merger.bound
    if live is not MISSING and stored not in bound:
        bound[stored] = outcome
        if scope:
            seen.setdefault(stored, live)


def _report(merger: "Merger", outcome: "EditOutcome", reduction: Reduction) -> None:
    things: dict[Sort, list[str]] = {}
    for name in reduction.preserved:
        if decisions.is_worded_alike(merger, outcome.edit, name):
            continue
        things.setdefault(sort(reduction.held(name)), []).append(name)
    for held, names in things.items():
        decisions.report_preserved(outcome, names, held, made_again=True)
    if reduction.made_before:
        containers = ", ".join(reduction.made_before)
        outcome.caveat("HS0403", f"what stays in {containers} was made by calling code that is edited now")
    if reduction.in_progress is not None:
        outcome.caveat(
            "HS0401",
            f"the statement on line {reduction.in_progress} runs at this moment, as it was before; "
            "run it again when it has ended",
        )
    if reduction.reached:
        is_whole = reduction.reached[0] == outcome.edit["line"]
        where = "this statement" if is_whole else f"the statement on line {reduction.reached[0]}"
        if reduction.is_running:
            outcome.caveat("HS0401", f"{where} stands before what runs at this moment, and is not run by itself")
        elif outcome.edit["change"] == "derived":
            outcome.caveat(
                "HS0401", f"what {where} reads or calls is another one now; it is not run again: run it if you want"
            )
        else:
            outcome.caveat("HS0401", f"{where} is not run by itself; run it in the process if you want its effect")
    elif reduction.is_empty and not things and not outcome.notes:
        # What becomes of a call that runs is reported once the patch is live.
        is_reported = reduction.is_running and outcome.edit["change"] == "changed"
        outcome.unneeded(None, None if is_reported else "what it binds is what it was")
    else:
        outcome.applied()
