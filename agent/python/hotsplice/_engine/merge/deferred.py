"""Statements that can't run before the patch is live."""

import ast
import functools
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values, syntax
from ..evaluate.equality import equal
from ..evaluate.policy import MISSING, UNKNOWN
from ..journal import writes
from ..live import lookup, objects
from ..live.code import as_part, compile_excerpt, join
from . import bindings, defaults, headers, imports

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger


def defer(merger: "Merger", outcome: "EditOutcome") -> None:
    """What reads that which is assigned after the commit can't run before."""
    edit = outcome.edit
    if _defer_member(merger, outcome):
        return
    if edit["scope"] or not (edit["what"] in ("assignment", "block") or _goes_on_with_new(merger, edit)):
        outcome.caveat("HS0401", "it reads what is assigned once the patch is live; it is not run again by itself")
        return
    if id(outcome) in merger.kept if edit.get("deferred") else is_kept(merger, outcome):
        return
    if _goes_on_with_others(merger, edit):
        outcome.caveat(
            "HS0401",
            "what this statement reads or calls is another one now; it is not run again: run it if you want",
        )
        return
    rewriter = None if edit.get("stops") else bindings.reducer(merger, outcome, merger.namespace.globals)
    code = compile_excerpt(edit["run"], merger.namespace.filename, rewriter)
    names = [*edit["binds"], *edit.get("updates", ())]
    assigned = map(writes.as_read, writes.targets(ast.parse(join(edit["run"]))))
    holder = merger.namespace.globals
    imported = [alias for name in names for _, alias in imports.followers(holder, name, holder.get(name, MISSING))]
    merger.shadow.writes.put_off([*names, *assigned, *imported], _run_live, code, merger.namespace.globals, names)
    outcome.applied()


def reads_later(merger: "Merger", edit: "Edit") -> bool:
    """Whether an edit reads what a deferred one assigns."""
    written = merger.shadow.writes
    read = edit.get("changed_reads", ())
    if written.are_put_off(read) or any(_reads_of_module(merger, name) for name in read):
        return True
    if not bindings.is_statement(edit) or not edit["binds"]:
        return False
    return written.are_changed_later(edit.get("reads") or ()) or _reads_members(merger, edit)


def _reads_of_module(merger: "Merger", name: str) -> bool:
    """Whether it is a deferred name of a module, read through that: `settings.LIMIT`."""
    holder, _, attribute = name.rpartition(".")
    if not holder or not merger.shadow.writes.are_put_off([attribute]):
        return False
    return objects.is_module(lookup.dotted(merger.namespace, ast.parse(holder, mode="eval").body))


def _reads_members(merger: "Merger", edit: "Edit") -> bool:
    """Whether a statement reads, through an object, an attribute that classes have otherwise once the patch is live."""
    names = {name for given in merger.shadow.patched_classes.values() for name in given if name[:2] != "__"}
    text = join(edit["run"]) if names else ""
    if edit["what"] != "assignment" or not any(name in text for name in names):
        return False
    pending: list[ast.AST] = [ast.parse(text)]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Lambda, *syntax.FUNCTIONS)):
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in names:
            held = lookup.dotted(merger.namespace, node.value)
            if not objects.is_class(held) and not objects.is_module(held):
                return True
    return False


def _defer_member(merger: "Merger", outcome: "EditOutcome") -> bool:
    """Defaults of functions, and what a statement gives a class; answers whether it is one of those."""
    edit, scope = outcome.edit, tuple(outcome.edit["scope"])
    owner: Any = lookup.find_class(merger.namespace, scope) if scope and "<locals>" not in scope else None
    if (scope and owner is None) or not edit.get("run"):
        return False
    names = [lookup.mangled(name, scope) for name in edit["binds"]]
    if edit["what"] == "function" and merger.is_bare(edit) and edit["parts"] == ["defaults"]:
        functions = headers.live_functions(merger, edit)
        run = _code(merger, edit, ast.parse(join(edit["run"])))
        merger.shadow.writes.put_off(names, _give_defaults, run, owner, names[0], functions, edit["fresh_defaults"])
        for function in functions:
            # Until then whoever calls it gets what it gave before.
            proxy = merger.world.proxy_of(function)
            merger.former_code.add((function if proxy is None else proxy).__code__)
    elif owner is not None and edit["what"] == "assignment" and not edit.get("stops"):
        members = objects.own(owner)
        if not all(bindings.is_plain_member(merger, owner, scope, name, members.get(name)) for name in names):
            return False
        changed = _changed_by_program(merger, edit, members)
        if changed:
            changed_values.say_kept(outcome, changed)
            return True
        rewritten = bindings.reducer(merger, outcome, members)
        run = _code(merger, edit, rewritten(join(edit["run"]), merger.namespace.filename))
        paths = [".".join((*scope, name)) for name in edit["binds"]]
        merger.shadow.writes.put_off(paths, _give_members, run, owner)
    else:
        return False
    outcome.applied()
    return True


def _code(merger: "Merger", edit: "Edit", tree: ast.Module) -> Callable[[dict[str, Any]], None]:
    """What runs the statements of a scope in a copy of it."""
    module = ast.Module(syntax.body_of(tree, tuple(edit["scope"])), [])
    code = as_part(compile(module, merger.namespace.filename, "exec", dont_inherit=True))
    return functools.partial(exec, code, merger.namespace.globals)


def _give_defaults(
    run: Callable[[dict[str, Any]], None], owner: Any, name: str, functions: list[FunctionType], fresh: list[str]
) -> None:
    seen = {} if owner is None else dict(objects.own(owner))
    run(seen)
    for function in functions:
        function.__defaults__, function.__kwdefaults__ = defaults.merged(function, seen[name], fresh)


def _give_members(run: Callable[[dict[str, Any]], None], owner: Any) -> None:
    before = dict(objects.own(owner))
    seen = dict(before)
    run(seen)
    for name, value in seen.items():
        if before.get(name, MISSING) is not value and name != "__annotations__":
            type.__setattr__(owner, name, value)


def note_kept(merger: "Merger") -> None:
    """Notes which of a file's assignments are left alone, because the program changed their values."""
    outcomes = (one for one in merger.change.outcomes if one.edit.get("deferred") and not one.edit["scope"])
    merger.kept = {id(outcome) for outcome in outcomes if is_kept(merger, outcome)}


def _goes_on_with_new(merger: "Merger", edit: "Edit") -> bool:
    """Whether a statement only adds to what the text gives anew: `TABLE.update(…)`."""
    updated, fresh = edit.get("updates", ()), merger.evaluated.get((), set())
    are_new = all(name in fresh or merger.shadow.writes.are_put_off([name]) for name in updated)
    return (
        edit["what"] == "statement" and edit["change"] in ("added", "changed", "derived") and bool(updated) and are_new
    )


def _goes_on_with_others(merger: "Merger", edit: "Edit") -> bool:
    """Whether a statement adds to what the text does not give anew: it has done that already."""
    if not edit.get("stops") or merger.options.get("run_statements"):
        return False
    stops = {tuple(stop) for stop in edit["stops"]}
    nodes = ast.walk(ast.parse(join(edit["run"])))
    names = [
        syntax.updated(one) for one in nodes if isinstance(one, ast.stmt) and (one.lineno, one.col_offset) in stops
    ]
    fresh = merger.evaluated.get((), set())
    return not all(name is None or name in fresh or merger.shadow.writes.are_put_off([name]) for name in names)


def is_kept(merger: "Merger", outcome: "EditOutcome") -> bool:
    """Whether an assignment is left alone, because the program changed its value: reported."""
    changed = _changed_by_program(merger, outcome.edit, merger.namespace.globals)
    if changed:
        changed_values.say_kept(outcome, changed)
    return bool(changed)


def _changed_by_program(merger: "Merger", edit: "Edit", holder: Any) -> list[str]:
    """Names that hold something else than what the live text gave them, as far as that can be told."""
    scope = tuple(edit["scope"])
    changed = changed_values.has_other_items(merger, edit, holder, scope)
    for name in edit["binds"]:
        live = holder.get(lookup.mangled(name, scope), MISSING)
        if live is MISSING:
            continue
        text = merger.former(edit)
        given = text.value(name, live)
        if given is not UNKNOWN and given is not MISSING and not equal(given, live, text.is_loose):
            changed.append(name)
    return changed


def _run_live(code: Any, namespace: dict[str, Any], names: list[str]) -> None:
    """Runs a statement once the patch is live; other modules' copies of the names that it binds follow."""
    before = {name: namespace[name] for name in names if name in namespace}
    exec(code, namespace)
    for name, value in before.items():
        new = namespace.get(name, value)
        if new is value:
            continue
        if type(new) is type(value) and objects.is_exactly(value, dict, list, set):
            _fill(value, new)
            namespace[name] = value
            continue
        for holder, alias in imports.followers(namespace, name, value):
            holder[alias] = new


def _fill(live: Any, new: Any) -> None:
    """A plain container gets what another one holds: all holders follow."""
    if type(live) is list:
        live[:] = new
        return
    for gone in [key for key in live if key not in new]:
        live.pop(gone) if type(live) is dict else live.discard(gone)
    if type(live) is dict and list(live) != list(new)[: len(live)]:
        live.clear()
    live.update(new)
