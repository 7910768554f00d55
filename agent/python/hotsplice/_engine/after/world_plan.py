"""The world of a patch, worked out from its plan and the calls that run what it retires."""

import weakref
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..live import calls, lookup, objects
from ..live.calls import Call
from ..live.code import executes_module, tree
from ..native import native
from . import (
    begun,
    dispatch,
    former_values,
    held,
    lacking,
    lookups,
    nameless,
    onward,
    open_worlds,
    otherwise,
    plain_values,
    prepared_calls,
    reach,
    renames,
    running,
    worlds,
)
from .changes import Changes
from .dispatch import MISSING
from .formers import Formers, innermost
from .worlds import World

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared


def plan(transaction: "Prepared", changes: Changes) -> World | None:
    """The world that the calls running now need, complete but for what goes live with the commit."""
    earlier = [code for code in running.old_codes() if id(code) not in changes.retired]
    onward.prepare(transaction, earlier, changes.retired)
    transaction.calls_seen = native.thread_switches()
    transaction.copies = []
    transaction.retired = [weakref.ref(code) for code in changes.retired.values()]
    inside = calls.running([*changes.retired.values(), *earlier], seen=transaction.plan.seen)
    transaction.plan.seen.clear()
    transaction.calls_stand_at = {key: set() for key in changes.retired}
    for call in inside:
        if id(call.code) in changes.retired:
            transaction.calls_stand_at[id(call.code)].add(call.offset)
    modules = list(_module_calls(transaction))
    transaction.old_calls = running.of_patch(transaction, inside, changes.retired.keys())
    transaction.old_calls += [call for change, call in modules if _executing(change, call) is not None]
    formers = Formers(changes.functions, lambda *given: world.rewritten(*given))
    with reach.Reading():
        left = list(nameless.left_alone(changes, transaction.held_functions, formers))
    if not inside and not modules and not left:
        return None
    world = World(transaction.number, formers, changes.names)
    world.renames, world.renamed_attributes = renames.of(transaction)
    transaction.copies = world.copies
    try:
        with reach.Reading():
            _complete(world, changes, transaction, inside, modules, left)
    except BaseException:
        world.abandon()
        raise
    return world


def prepared_before(transaction: "Prepared", changes: Changes) -> "list[tuple[CodeType, str, str]]":
    """Calls that are still to come and do not fit what they call any more."""
    going = [*transaction.plan.operations]
    going += [before for names in changes.names.values() for before, after in names.values() if before is not after]
    going += [before for _, before, _ in changes.attributes.values()]
    edited = former_values.edited_functions(changes)
    found = [
        *begun.problems(transaction, changes),
        *former_values.problems(edited, changes),
        *lacking.problems(transaction, changes),
        *lacking.of_gone_classes(changes),
        *plain_values.problems(transaction, changes),
    ]
    transaction.taken_otherwise = former_values.taken_otherwise(edited)
    return found + prepared_calls.problems(list(changes.functions.values()), going, transaction.files)


def _module_calls(transaction: "Prepared") -> Iterator[tuple[Any, Call]]:
    """Modules of the patch whose own statements are being executed."""
    for change in transaction.files:
        # What only follows from other files runs the text that it did.
        if change.only_follows:
            continue
        for call in calls.on_stacks(executes_module):
            if lookup.same_file(call.code.co_filename, change.path):
                yield change, call


def _complete(
    world: World,
    changes: Changes,
    transaction: "Prepared",
    inside: list[Call],
    modules: list[Any],
    left: list[FunctionType],
) -> None:
    retired = changes.retired
    for code in retired.values():
        world.note_retired(code, keep=False)
    # What was edited alone is for all calls, as any edit is: who is edited with it may have relied on what it gave.
    is_together = any(not call.is_earlier or running.is_edited(call.code, transaction) for call in inside)
    is_together = is_together or any(_is_edited(change, call) for change, call in modules)
    renamed = {name for names in world.renames.values() for name in names}
    _ask_callers(world, changes, otherwise.giving(transaction, changes, renamed) if is_together else set())
    positions: dict[int, tuple[CodeType, set[int], Call, bool]] = {}
    for call in inside:
        entry = positions.setdefault(id(call.code), (call.code, set(), call, id(call.code) in retired))
        entry[1].add(call.offset)
    for change, call in modules:
        entry = positions.setdefault(id(call.code), (call.code, set(), call, _is_edited(change, call)))
        entry[1].add(call.offset)
    names = []
    old = {*retired, *map(id, running.old_codes())}
    executed = {id(call.code): _edited_lines(change, call) for change, call in modules}
    before = {id(call.code): known[1] for _, call in modules if (known := running.statement(call)) is not None}
    old |= before.keys()
    for code, offsets, call, is_edited in positions.values():
        if id(code) in executed and (is_edited or id(code) in old):
            world.note_module(code, [*executed[id(code)], *([before[id(code)]] if id(code) in before else [])])
        else:
            (world.note_retired if is_edited or id(code) in old else world.note_unedited)(code)
        world.namespaces.append(call.globals)
        names.append((code, world.aliases(code, call.globals, offsets, is_edited, is_edited or id(code) in old)))
        for nested in list(tree(code))[1:]:
            # What is nested and has not changed is live in functions that were made of it, too.
            is_old = id(nested) in old
            names.append((nested, world.aliases(nested, call.globals, None, id(nested) in retired, is_old)))
    codes: list[tuple[CodeType, set[int] | None]] = [(code, offsets) for code, offsets, _, _ in positions.values()]
    edited = [entry for entry in positions.values() if entry[3]]
    if edited:
        _check_slots(world, transaction, [*retired.values(), *(code for code, _, _, _ in edited)])
        _keep(world, transaction, [*retired.values(), *(code for code, _, _, _ in edited)])
    losses = held.losses(transaction.plan.operations)
    stand = [(code, offsets, call.globals) for code, offsets, call, _ in edited]
    world.problems += [
        worlds.met(code, what) for code, what in held.problems(world.formers, world.callers, losses, stand)
    ]
    world.problems += [worlds.met(code, what) for code, what in held.replaced(changes.attributes, stand)]
    _unpack(world, transaction, held.unpacked(changes.attributes, stand))
    lookups.follow(world, left, codes, names)
    lookups.follow_reached(world, codes, names)
    own = {id(code) for code, _, _, _ in edited} | {id(function.__code__) for function in left}
    lookups.keep_attributes(world, changes, transaction, codes, names, own)
    # A script is executed for as long as the program runs.
    keeps = world.keeps_for_unedited() or not world.is_empty(names)
    world.watch(code for code, _, _, edited in positions.values() if edited or id(code) in old or keeps)
    world.watch(function.__code__ for function in left)
    for call in inside:
        world.watch_suspended(call.suspended)
    if not world.is_empty(names):
        for code, aliases in names:
            world.give_names(code, aliases)
        world.look_again()
    transaction.plan.operations += world.renaming()
    open_worlds.detach(world.formers)
    for globals, name, _ in world.deferred:
        transaction.plan.operations[:] = [
            operation
            for operation in transaction.plan.operations
            if not (operation[0] == "dict-delete" and operation[1] is globals and operation[2] == name)
        ]


def _ask_callers(world: World, changes: Changes, giving_otherwise: set[int]) -> None:
    """Functions that do not fit the calls that run any more, however these come by them."""
    formers = world.formers
    for function, _ in list(changes.functions.values()):
        gives_otherwise = id(function.__code__) in giving_otherwise
        is_unfit = gives_otherwise or formers.is_incompatible(function, function)
        former = formers.of(function) if is_unfit else function
        if former is not function:
            world.callers.ask(function, former, gives_otherwise)
    # What a class keeps elsewhere than where it can be told who looks it up.
    for _, before, after in changes.attributes.values():
        old, new = innermost(before), innermost(after)
        are_functions = type(old) is FunctionType and type(new) is FunctionType and old is not new
        if are_functions and formers.is_incompatible(before, after):
            world.callers.ask(new, formers.of(old))


def _check_slots(world: World, transaction: "Prepared", codes: list[CodeType]) -> None:
    """What such calls keep in an object must have a place in it."""
    for cls, name in held.lost_slots(transaction.plan.operations):
        users = (code for code in codes if name in reach.attributes(code) or name in reach.stored(code))
        for code in users:
            what = f"uses {name} in {code.co_qualname if hasattr(code, 'co_qualname') else code.co_name}"
            if not native.can_move():
                message = f"a running call {what}, for which objects of {cls.__qualname__} would have no place any more"
                raise EngineError("HS0627", f"{message}: let it end, or start the process again")
            world.problems.append(worlds.met(code, f"{what}, for which {cls.__qualname__} has no place any more"))
            break


def _unpack(world: World, transaction: "Prepared", unpacked: Iterable[tuple[Any, ...]]) -> None:
    """Such calls unpack as many fields as there were."""
    done = set()
    for code, line, owner, before, after in unpacked:
        if issubclass(owner, tuple) and set(before) <= set(after):
            if owner not in done and "__iter__" not in objects.members(owner):
                former = held.of_former_fields(before, after)
                place = dispatch.attribute(owner, "__iter__", former, MISSING, world.is_retired, False)
                lookups.put(world, transaction, place)
            done.add(owner)
        else:
            what = f"unpacks {len(before)} values in line {line} and may come by a {owner.__qualname__} of {len(after)}"
            world.problems.append(worlds.met(code, what))


def _keep(world: World, transaction: "Prepared", codes: list[CodeType]) -> None:
    """Keys and attributes that such calls may ask for stay where they are until they have ended."""
    for target, key, code in held.keep(transaction.plan.operations, codes):
        world.deferred.append((target, key, dict.__getitem__(target, key)))
        what = f"{key!r} stays in a dictionary, or an object, until the calls have ended that ask for it"
        world.problems.append((code, "HS0626", what))


def _executing(change: "FileChange", call: Call) -> Any:
    """The outcome of the edited statement of a module that is being executed."""
    if (known := running.statement(call)) is not None:
        # Its code may have the lines of an earlier text.
        named = next((outcome for outcome in change.outcomes if outcome.edit["definition"] == known[0]), None)
        if named is not None or change.line_now is None:
            return named
    for outcome in change.outcomes:
        edit = outcome.edit
        own = edit["change"] == "changed" and edit["what"] in ("statement", "block") and not edit["scope"]
        if own and edit.get("old_line") and edit["old_line"] <= call.line <= edit["old_end_line"]:
            return outcome
    return None


def _edited_lines(change: "FileChange", call: Call) -> list[tuple[int, int]]:
    """Where the statements of a module stand that are edited: the one that is being executed, and those after it."""
    return [
        (edit["old_line"], edit["old_end_line"])
        for edit in change.edits
        if edit["change"] == "changed" and edit["what"] not in ("function", "class") and not edit["scope"]
        if edit.get("old_end_line") and edit["old_end_line"] >= call.line
    ]


def _is_edited(change: "FileChange", call: Call) -> bool:
    return bool(_edited_lines(change, call))
