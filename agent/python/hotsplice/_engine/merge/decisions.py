"""What becomes of what a name holds that a statement binds: it is kept, preserved, updated in place or replaced."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values, former, policy
from ..evaluate.policy import MISSING, UNKNOWN, Decision
from ..evaluate.sorts import Sort, sort
from ..live import lookup
from ..live.code import join
from ..live.files import live_file
from . import imports, in_place

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger


def former_text(merger: "Merger", edit: "Edit") -> str:
    if not edit.get("old_line"):
        return ""
    text: str = live_file(merger.change.path).excerpt(edit["old_line"], edit["old_end_line"])
    return text


def decide(merger: "Merger", outcome: "EditOutcome", name: str, scope: tuple[str, ...], seen: Any, live: Any) -> None:
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
            is_told = edit.get("made_by_others", {}).get(name) and _is_as_it_was(merger, edit)
            if not is_told and not (sort(live) in in_place.THINGS and is_worded_alike(merger, edit, name)):
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
    decision = policy.decide(live, given, new, one_type, by_others, text.is_loose, edit["what"] == "import")
    is_last = name not in merger.later.get(id(outcome), ())
    if decision is Decision.KEEP and not is_last:
        return Decision.IN_PLACE
    if decision is Decision.PRESERVE and merger.options.get("run_statements") and sort(live) in in_place.THINGS:
        return Decision.REPLACE
    return decision


def _from_elsewhere(merger: "Merger", name: str, live: Any) -> tuple[former.Former | None, Any]:
    """The live text of a binding that comes from another file of the patch, which has it no more, and what it holds."""
    for change, edit in merger.world.binding(name):
        if change is merger.change:
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


def is_worded_alike(merger: "Merger", edit: "Edit", name: str) -> bool:
    """Whether a statement only stands elsewhere: what it gives a name, and all that it reads, is what it was."""
    if edit["change"] not in ("added", "changed") or edit.get("changed_reads"):
        return False
    live, text = merger.namespace.globals.get(name, MISSING), None
    is_thing = not edit["scope"] and sort(live) in in_place.THINGS
    if is_thing:
        text, _ = _from_elsewhere(merger, name, live)
    said, seen = join(edit["run"]), merger.shadow.globals
    if edit["what"] == "import" and not edit["scope"]:
        said, seen = imports.text_behind(merger, name) or (said, seen)
    return bool((text or merger.former(edit)).says(said, name, seen, is_thing))


def _is_as_it_was(merger: "Merger", edit: "Edit") -> bool:
    lines = merger.change.text.replace("\r\n", "\n").split("\n")[edit["line"] - 1 : edit["end_line"]]
    return "\n".join(lines) == former_text(merger, edit)


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
