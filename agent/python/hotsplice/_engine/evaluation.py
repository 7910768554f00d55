"""Running what has to be run, file by file, in the order of the text, each module in its shadow."""

import builtins
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from . import frameworks
from .errors import Stop
from .evaluate import changed_values, order, turns
from .evaluate.beside import Beside
from .evaluate.copies import Copies
from .evaluate.foresight import Foresight
from .evaluate.former_code import FormerCodeWatch
from .evaluate.imports import Imports
from .evaluate.quiet import assigns_to_objects, is_quiet
from .evaluate.sandbox import Shadow, functions_of, made_in
from .evaluate.traces import Traces
from .evaluate.world import World
from .frameworks import arguments, observers, readers
from .frameworks.containers import Containers
from .journal.writes import Writes
from .live import objects
from .live.code import compile_excerpt, forget_trees, read_only
from .merge import (
    bound_names,
    caches,
    classes,
    deferred,
    functions,
    imports,
    in_place,
    instances,
    lambdas,
    layouts,
    lookers,
    made_below,
    merging,
    moved_functions,
    only_moved,
    pulled_up,
    rebuilding,
    references,
    relocations,
    removals,
    stars,
)

if TYPE_CHECKING:
    from .evaluate.sandbox import ClassNamespace
    from .journal.file_change import FileChange
    from .journal.plan import EditOutcome
    from .journal.views import Prepared
    from .live.lookup import Namespace
    from .live.messages import Edit, Options
    from .merge.merging import Merger


def evaluate(transaction: "Prepared") -> None:
    """Runs the edits that need it, file by file and in the order of the text, and plans what they bind."""
    try:
        _evaluate(transaction)
    finally:
        forget_trees()


def _evaluate(transaction: "Prepared") -> None:
    turns.leave_out_what_runs(transaction)
    turns.report_guarded(transaction)
    observers.mark(transaction)
    order.report(transaction)
    configured = [*_configure_again(transaction), *lambdas.follow(transaction), *arguments.kept(transaction)]
    wanted = [
        (change, outcome)
        for change in transaction.files
        for outcome in change.outcomes
        if outcome not in configured and turns.is_to_be_run(change, outcome, transaction.options)
    ]
    removed = any(outcome.edit["change"] == "removed" for change in transaction.files for outcome in change.outcomes)
    shadows: dict[int, Shadow] = {}
    patched_classes: dict[int, ClassNamespace] = {}
    writes = _writes(transaction, wanted)
    in_classes = any(change.classes for change in transaction.files)
    if not (wanted or removed or in_classes):
        instances.follow(transaction, shadows, [])
        return
    for change in transaction.files:
        for namespace in change.namespaces:
            shadows[id(namespace)] = Shadow(namespace, patched_classes, writes)
    world = World(
        transaction,
        {id(shadow.namespace.globals): shadow for shadow in shadows.values()},
        [outcome for _, outcome in wanted if len(shadows) > 1 or _may_run_code(outcome.edit)],
    )
    registries = frameworks.Registries(shadows.values())
    registries.forget(transaction)
    copies = Copies()
    containers = Containers(
        list(shadows.values()), registries.live(), copies, functools.partial(made_in, list(shadows.values()))
    )
    transaction.undoing.extend((writes.withdraw, containers.withdraw))
    if any(outcome.edit["what"] in ("function", "class", "block") for _, outcome in wanted) or removed or in_classes:
        containers.noted.note(transaction)
        copies.make(transaction, list(shadows.values()), *containers.noted.needed())
        containers.note_copies()
    evaluated: list[merging.Merger] = []
    replaced: list[tuple[Any, Any]] = []
    superseded: list[tuple[Any, Any]] = []
    layouts_wanted = layouts.Layouts()
    stand_ins = registries.stand_ins() | {
        id(made): live for shadow in shadows.values() for made, live in ((shadow.module, shadow.namespace.module),)
    }
    stand_ins |= {id(proxy): live for live, proxy in world.proxies.values()}
    stand_ins |= {id(made): live for made, live in copies.pairs()}
    # `globals()["NAME"] = value`
    stand_ins |= {id(shadow.globals): shadow.namespace.globals for shadow in shadows.values()}
    pending = _in_import_order([(change, namespace) for change in transaction.files for namespace in change.namespaces])

    def evaluate_next(wanted: ModuleType | None = None) -> None:
        """Runs the edits of one file; those of a file that it imports names from come first."""
        for position, (_, namespace) in enumerate(pending):
            if wanted is None or namespace.module is wanted:
                del pending[position]
                merger = mergers[id(namespace)]
                evaluated.append(merger)
                _run_edits(merger, transaction.options, configured, containers)
                references.show_to_others(merger, [*(shadows[id(other)] for _, other in pending), *world.between])
                return

    watch = FormerCodeWatch(world.former)
    read = [(change, outcome.edit) for change, outcome in wanted if _may_run_code(outcome.edit)]
    names = [(edit["scope"], (*(edit.get("reads") or ()), *(edit.get("registrars") or ()))) for _, edit in read]
    traces = Traces(transaction.files, [(change, *given) for (change, _), given in zip(read, names)])
    transaction.undoing.extend((watch.__exit__, functools.partial(traces.undo, transaction)))
    beside = Beside(traces)
    for shadow in shadows.values():
        shadow.thread_locals = traces.thread_locals
        for name, value in shadow.before.items():
            shadow.thread_locals.note(value, name)
    transaction.undoing.extend(functools.partial(_discard_classes, shadow, wanted) for shadow in shadows.values())
    mergers: dict[int, merging.Merger] = {}
    for change, namespace in pending:
        merger = mergers[id(namespace)] = merging.Merger(
            transaction, change, namespace, shadows[id(namespace)], replaced, superseded, layouts_wanted, containers
        )
        merger.stand_ins, merger.world, merger.former_code, merger.beside = stand_ins, world, watch, beside
    may_import = len(world.shadows()) > 1 or any(outcome.edit["what"] == "import" for _, outcome in wanted)
    importing = Imports(transaction, world, evaluate_next) if may_import else None
    made_elsewhere: list[FunctionType] = []
    try:
        try:
            with watch:
                for _, namespace in pending:
                    # What registers anew, in any file, may change what it was computed from.
                    deferred.note_kept(mergers[id(namespace)])
                while pending:
                    evaluate_next()
        finally:
            world.answering.end()
            if importing is not None:
                made_elsewhere = importing.forget()
            writes.withdraw()
            containers.withdraw(replaced)
            for shadow in shadows.values():
                shadow.forget_helpers()
            # What is left now is what nobody else takes back.
            traces.end()
        only_moved.retract(evaluated, [outcome for change in transaction.files for outcome in change.outcomes])
        relocations.find(evaluated)
        for merger in evaluated:
            for step in (bound_names.bind, removals.remove_names, bound_names.follow_equality):
                merger.change.first_outcome.attempt(step, merger)
        references.exchange(evaluated)
        moved_functions.follow(evaluated)
        replaced.extend(copies.pairs())
        bound = {id(merger.namespace.globals): set(merger.bound) for merger in evaluated}
        world.settle(replaced, bound)
        for function in made_elsewhere:
            transaction.plan.function(function, builtins=builtins.__dict__)
        copies.settle(transaction.plan, bound)
        for merger in evaluated:
            merger.finish()
        made: dict[int, list[FunctionType]] = {}
        for function in functions_of(shadows.values()):
            made.setdefault(id(function.__globals__), []).append(function)
        for merger in evaluated:
            functions.take_made(merger, made.get(id(merger.shadow.globals), []))
        # Nothing of ours may hold them.
        made.clear()
        registries.settle(transaction, replaced)
        live_of = frameworks.LiveOf(transaction, replaced, stand_ins)
        for merger in evaluated:
            in_place.plan_in_place(merger, live_of, are_containers=True)
        writes.settle(transaction.plan, live_of)
        containers.settle(transaction, replaced)
        made_below.report(evaluated)
        references.follow(evaluated)
        functions.follow_made_again(transaction)
        evaluated[0].change.first_outcome.attempt(layouts_wanted.settle, transaction.plan, replaced)
        instances.follow(transaction, shadows, [pair for merger in evaluated for pair in merger.in_place])
        instances.follow_moved(evaluated)
        # What the text says is newer than what a constructor gives every instance.
        for merger in evaluated:
            in_place.plan_in_place(merger, live_of, are_containers=False)
        readers.report(transaction, containers.observed)
    except Stop:
        return


def _discard_classes(shadow: Shadow, wanted: "list[tuple[FileChange, EditOutcome]]") -> None:
    """Bases do not list classes of a patch that does not go live."""
    for _, outcome in wanted:
        name = outcome.edit["definition"]
        made: Any = shadow.globals.get(name) if outcome.edit["what"] == "class" else None
        is_made = objects.is_class(made) and made is not shadow.before.get(name)
        if is_made and (objects.module_of(made), made.__qualname__) == (shadow.namespace.name, name):
            classes.discard(made)


def _writes(transaction: "Prepared", wanted: "list[tuple[FileChange, EditOutcome]]") -> Writes:
    are_read = any(_may_read(outcome.edit, change.namespaces) for change, outcome in wanted)
    return Writes(are_read, bool(transaction.options.get("dry_run")))


def _in_import_order(pending: "list[tuple[FileChange, Namespace]]") -> "list[tuple[FileChange, Namespace]]":
    """Modules that others got names from come first, as far as the live namespaces tell."""
    by_name = {namespace.name: (change, namespace) for change, namespace in pending}
    ordered: dict[int, tuple[FileChange, Namespace]] = {}
    for item in pending:
        _after_sources(item, by_name, ordered, set())
    return list(ordered.values())


def _after_sources(
    item: "tuple[FileChange, Namespace]",
    by_name: "dict[str | None, tuple[FileChange, Namespace]]",
    ordered: "dict[int, tuple[FileChange, Namespace]]",
    visited: set[int],
) -> None:
    namespace = item[1]
    if id(namespace) in ordered or id(namespace) in visited:
        return
    visited.add(id(namespace))
    names = [objects.module_of(value) for value in list(namespace.globals.values())] if len(by_name) > 1 else []
    for name in [*names, *(imports.sources(item[0].text, namespace.globals) if len(by_name) > 1 else ())]:
        if name is not None and name in by_name and name != namespace.name:
            _after_sources(by_name[name], by_name, ordered, visited)
    ordered[id(namespace)] = item


def _configure_again(transaction: "Prepared") -> "list[EditOutcome]":
    """Statements that configure something from a value that is another one now run again, after the commit."""
    found = []
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            if edit["change"] != "derived" or not edit.get("offered") or edit["scope"]:
                continue
            for namespace in change.namespaces:
                if frameworks.configures(edit, namespace):
                    code = compile_excerpt(edit["run"], namespace.filename)
                    action = functools.partial(exec, code, namespace.globals)
                    transaction.plan.afterwards.append(functools.partial(_carry_out, transaction, action))
                    outcome.applied()
                    found.append(outcome)
    return found


def _carry_out(transaction: "Prepared", action: Callable[..., Any]) -> None:
    try:
        action()
    except Exception as error:
        message = f"the patch is live, but configuring again failed: {type(error).__name__}: {error}"
        transaction.say_afterwards("HS0602", message)


def _run_edits(merger: "Merger", options: "Options", done: "list[EditOutcome]", containers: Containers) -> None:
    foresight = Foresight(merger.shadow.globals) if options.get("dry_run") else None
    for outcome in merger.change.outcomes:
        if outcome.edit["change"] == "removed":
            changed_values.give_up(merger, outcome)
    rebuilt = rebuilding.wanted(merger)
    for scope, (owner, outcomes) in rebuilt.items():
        registrars = lookers.decorators(merger, scope)
        merger.containers.noted.note_rebuilt(outcomes[0], owner, registrars)
    wanted = [
        one for one in merger.change.outcomes if one not in done and turns.is_to_be_run(merger.change, one, options)
    ]
    merger.note_later(wanted)
    for outcome in wanted:
        while rebuilt and merger.change.classes[next(iter(rebuilt))]["line"] <= outcome.edit["line"]:
            scope = next(iter(rebuilt))
            rebuilding.rebuild(merger, scope, *rebuilt.pop(scope))
        if foresight is not None and not foresight.may_run(outcome.edit):
            outcome.unforeseen()
            continue
        sizes = merger.beside.sizes()
        containers.hide(outcome)
        with _undisturbed(merger, outcome, containers):
            outcome.attempt(merger.take, outcome)
        is_cache = functools.partial(caches.is_kept_in, merger.namespace.globals)
        merger.beside.report(outcome, sizes, set(containers.noted.before), merger.shadow, is_cache)
    for scope, (owner, outcomes) in rebuilt.items():
        rebuilding.rebuild(merger, scope, owner, outcomes)
    merger.change.first_outcome.attempt(stars.follow, merger)
    pulled_up.follow(merger)


@contextmanager
def _undisturbed(merger: "Merger", outcome: "EditOutcome", containers: Containers) -> Iterator[None]:
    """What takes its time and looks at nothing of the patch runs while the program sees nothing of that either."""
    edit = outcome.edit
    if edit["what"] != "assignment" or not is_quiet(edit, [merger.namespace]):
        yield
    elif assigns_to_objects(edit):
        with containers.suspended():
            yield
    else:
        with containers.suspended(), merger.shadow.writes.withdrawn():
            yield


def _may_run_code(edit: "Edit") -> bool:
    """Whether running an edit may run code that the patch changes."""
    try:
        return edit["what"] != "assignment" or changed_values.calls(read_only(edit["run"]))
    except (SyntaxError, ValueError):
        return False


def _may_read(edit: "Edit", namespaces: "list[Namespace]") -> bool:
    """Whether running an edit may read what other statements of the patch change, by itself or by what it calls."""
    is_plain = edit["what"] in ("assignment", "function") and not edit.get("changed_reads")
    try:
        may = not is_plain or changed_values.calls(read_only(edit["run"]))
    except (SyntaxError, ValueError):
        # It is refused when it is compiled.
        return True
    return may and not (is_plain and is_quiet(edit, namespaces))
