"""What statements bind: each name is kept, evaluated again or preserved by itself, whatever statement it stands in."""

import abc
import ast
import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values, former, syntax, turns
from ..evaluate.policy import MISSING, UNKNOWN, Decision, decide
from ..evaluate.reduction import Reduction
from ..evaluate.sandbox import run_in_class, run_in_module
from ..evaluate.sorts import Sort, sort
from ..live import lookup, objects
from ..live.code import join
from ..live.files import live_file
from . import classes, earlier, imports, in_place, lookers

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
        if scope and "locals()" in _former_text(merger, edit):
            _give_up_dynamic(merger, outcome, owner, set(seen))
        for name in names:
            if held(name) is MISSING and merger.deleted.goes(scope, name, edit["line"]):
                continue
            _decide(merger, outcome, name, scope, seen, held(name))
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
    """Names that a class's text gives it from a statement on, and not before: `size = size` reads the module's."""
    scope = tuple(edit["scope"])
    if scope not in merger.change.classes:
        return set()
    before: set[str] = set()
    after: set[str] = set()
    found = lookers.statement(merger, scope)
    for one in found.body if found is not None else ():
        (before if one.lineno < edit["line"] else after).update(syntax.bound(one))
    return {lookup.mangled(name, scope) for name in after - before}


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
    is_plain = type(owner) in (type, abc.ABCMeta) and "__dataclass_fields__" not in objects.own(owner)
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
    return Reduction(merger, edit, _former_text(merger, edit), held, things, executed)


def reducer(merger: "Merger", outcome: "EditOutcome", holder: Any) -> Callable[[str, str], Any]:
    """For a statement that runs once the patch is live: the tree of what is to run."""

    def rewritten(text: str, filename: str) -> Any:
        reduction = _reduction(merger, outcome.edit, holder)
        tree = reduction.reduced(ast.parse(text, filename))
        _report(merger, outcome, reduction)
        return tree

    return rewritten


def _former_text(merger: "Merger", edit: "Edit") -> str:
    if not edit.get("old_line"):
        return ""
    text: str = live_file(merger.change.path).excerpt(edit["old_line"], edit["old_end_line"])
    return text


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


def _decide(merger: "Merger", outcome: "EditOutcome", name: str, scope: tuple[str, ...], seen: Any, live: Any) -> None:
    edit = outcome.edit
    stored = lookup.mangled(name, scope)
    if dict.get(seen, stored, MISSING) is MISSING:
        return
    new = dict.get(seen, stored)
    text, live = _from_elsewhere(merger, name, live) if not scope else (None, live)
    decision = _decision(merger, outcome, name, scope, live, new, text)
    if text is not None and decision is Decision.IN_PLACE and in_place.is_bound_in_place(merger, live, new):
        seen[stored] = live
    if decision in (Decision.KEEP, Decision.PRESERVE):
        seen[stored] = live
        merger.evaluated.setdefault(scope, set()).discard(name)
        if decision is Decision.PRESERVE:
            merger.preserved.add((scope, name))
            # Of a name that only others make something else, they are told.
            if not edit.get("made_by_others", {}).get(name) or not _is_as_it_was(merger, edit):
                report_preserved(outcome, [name], sort(live))
    else:
        merger.evaluated.setdefault(scope, set()).add(name)
    merger.decisions[(scope, stored)] = decision
    if not scope:
        is_kept_value = decision in (Decision.KEEP, Decision.PRESERVE) and sort(live) is sort(new) is Sort.VALUE
        merger.written.pop(name, None)
        merger.written.update({name: new} if is_kept_value else {})
    if edit["what"] == "import" and not scope and decision is not Decision.REPLACE:
        imports.hand_over(merger, edit, name, new, live)
    if decision is Decision.IN_PLACE:
        given = merger.former(edit).once(name, live) if in_place.holds_classes(live) else MISSING
        merger.held_then.setdefault(id(live), (outcome, name, in_place.entries(live), given))
    if scope:
        merger.bound_in_class.setdefault(scope, {})[stored] = outcome
    elif edit["what"] != "annotation":
        merger.bound[name] = outcome


def _decision(
    merger: "Merger",
    outcome: "EditOutcome",
    name: str,
    scope: tuple[str, ...],
    live: Any,
    new: Any,
    text: former.Former | None = None,
) -> Decision:
    edit = outcome.edit
    if edit["change"] == "stale":
        return Decision.IN_PLACE if _fits(live, new) else Decision.REPLACE
    if live is MISSING or live is new or edit["what"] == "annotation":
        return Decision.REPLACE
    is_known = text is not None and edit["change"] == "added"
    if is_known and text is not None and text.says(join(edit["run"]), name, merger.shadow.globals):
        return Decision.KEEP
    text = text or merger.former(edit)
    given = text.value(name, live)
    is_untold = given is UNKNOWN or given is MISSING
    by_others = is_untold and not scope and former.is_assigned_by_functions(merger.namespace, name)
    # A loop that counts may still be executed.
    by_others = by_others or (name in edit.get("made_by_others", ()) and not merger.options.get("run_statements"))
    one_type = in_place.have_one_type(merger, live, new)
    decision = decide(live, given, new, one_type, by_others, text.is_loose, edit["what"] == "import")
    is_last = name not in merger.later.get(id(outcome), ())
    if decision is Decision.KEEP and not is_last:
        return Decision.IN_PLACE
    if decision is Decision.PRESERVE and merger.options.get("run_statements") and sort(live) in in_place.THINGS:
        return Decision.REPLACE
    return decision


def _from_elsewhere(merger: "Merger", name: str, live: Any) -> tuple[former.Former | None, Any]:
    """The live text of a binding that comes from another file of the patch, which has it no more, and what it holds."""
    for change in merger.files:
        for edit in (one.edit for one in change.outcomes if change is not merger.change):
            if edit["scope"] or name not in edit["binds"]:
                continue
            ranges = [(edit["old_line"], edit["old_end_line"])] if edit["change"] == "removed" else edit.get("former")
            for namespace in change.namespaces if ranges and (edit["change"] == "removed" or _imports(edit)) else ():
                held = namespace.globals.get(name, MISSING)
                if held is MISSING or (live is not MISSING and held is not live):
                    continue
                beside = SimpleNamespace(
                    namespace=namespace, change=change, shadow=merger.shadow, former_code=merger.former_code
                )
                text = former.Former(beside, {"scope": [], "former": ranges}, namespace.globals)
                if text.assigns(name):
                    return text, held
    return None, live


def _is_worded_alike(merger: "Merger", edit: "Edit", name: str) -> bool:
    """Whether a statement only stands elsewhere: what it gives a name, and all that it reads, is what it was."""
    if edit["change"] not in ("added", "changed") or edit.get("changed_reads"):
        return False
    return bool(merger.former(edit).says(join(edit["run"]), name, merger.shadow.globals))


def _is_as_it_was(merger: "Merger", edit: "Edit") -> bool:
    lines = merger.change.text.replace("\r\n", "\n").split("\n")[edit["line"] - 1 : edit["end_line"]]
    return "\n".join(lines) == _former_text(merger, edit)


def _imports(edit: "Edit") -> bool:
    return bool(edit["what"] == "import" and edit["change"] in ("added", "changed"))


def take_member(
    merger: "Merger",
    outcome: "EditOutcome",
    scope: tuple[str, ...],
    name: str,
    live: Any,
    new: Any,
    text: former.Former | None = None,
) -> bool:
    """Decides for a name in a class that was made again; answers whether what the name holds stays there."""
    if any(hasattr(type(value), hook) for value in (live, new) for hook in ("__get__", "__set_name__")):
        # A metaclass or a decorator may have made it of what the statement gave.
        return False
    decision = _decision(merger, outcome, name, scope, live, new, text)
    if decision is Decision.PRESERVE:
        report_preserved(outcome, [name], sort(live))
    elif decision is Decision.IN_PLACE:
        return in_place.have_one_type(merger, live, new) and in_place.is_bound_in_place(merger, live, new)
    return decision in (Decision.KEEP, Decision.PRESERVE)


def _fits(live: Any, new: Any) -> bool:
    return live is not MISSING and type(live) is type(new) and sort(live) is Sort.CONTAINER


def report_preserved(outcome: "EditOutcome", names: list[str], held: Sort, made_again: bool = False) -> None:
    """What a name holds stays though the text says something else."""
    if held is Sort.VALUE or (held is Sort.CONTAINER and not made_again):
        changed_values.say_kept(outcome, names)
        return
    what = "something that acts" if held is Sort.ACTING else "an object with state of its own"
    outcome.caveat(
        "HS0408", f"{', '.join(names)} holds {what}: it is preserved and was not made again; make it again if you want"
    )


def _report(merger: "Merger", outcome: "EditOutcome", reduction: Reduction) -> None:
    things: dict[Sort, list[str]] = {}
    for name in reduction.preserved:
        if _is_worded_alike(merger, outcome.edit, name):
            continue
        things.setdefault(sort(reduction.held(name)), []).append(name)
    for held, names in things.items():
        report_preserved(outcome, names, held, made_again=True)
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
