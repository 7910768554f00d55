"""Calls that go on in the new code: a suspended one where it waits, one that runs at the next iteration of its loop.

The patch says which place of the former text is which of the new one. Here it is found in the bytecode of both; whether
the call's own variables and stack fit is checked natively, when it is moved (``agent/src/frames``).
"""

import builtins
import dis
import sys
import weakref
from collections.abc import Iterable
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..native import native
from . import calls as running_calls
from . import first_run, onward, reports, running, scripts
from .bytecode import Bytecode, Unknown, kinds, variables
from .calls import SUSPENDABLE, Call, coroutine_of
from .target import Target

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.messages import MovedPlace


class Refused(Exception):
    """A call stays in the old code; the words say why."""


class _Refusing:
    """Notes why a call stays. No generator: that would keep the whole patch alive, in a cycle through its traceback."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, Refused):
            self.call.reason = str(error)
        elif isinstance(error, (Unknown, ValueError, KeyError)):
            self.call.reason = "its bytecode is not understood"
        else:
            return False
        return True


class Moves:
    """What becomes of the calls that run the code which one patch retires."""

    def __init__(self) -> None:
        # id of a retired code → (code, the code in its place, the patch's map of places)
        self._retired: dict[int, tuple[CodeType, CodeType, list[MovedPlace]]] = {}
        self._bytecodes: dict[int, Bytecode] = {}
        # (id of a retired code, offset) → where a call waits that stands there, and its counterpart: for all that do.
        self._waiting_at: dict[tuple[int, int], tuple[int, Target] | None] = {}
        self._refusals: dict[int, str | None] = {}
        # id of a module's code → what it runs in, and the names that its new code gives a value.
        self._modules: dict[int, tuple[dict[str, Any], set[str]]] = {}
        # id of a retired code → offset at which a statement begins → where the new code goes on, what is rebound.
        self._statements: dict[int, dict[int, tuple[int, list[str]]]] = {}
        # (id of a retired code, offset) of calls that are moved behind their loops.
        self._left_from: set[tuple[int, int]] = set()
        # Code whose running calls are to be moved, with the targets by code unit.
        self._waiting: dict[int, tuple[CodeType, dict[int, Target]]] = {}

    def add(self, old: CodeType, new: CodeType, places: "list[MovedPlace]") -> None:
        self._retired.setdefault(id(old), (old, new, places))

    def add_module(self, before: Bytecode, call: Call, new: CodeType, places: "list[MovedPlace]") -> None:
        """``before`` has the places of the running code in the text before the patch."""
        self._bytecodes[id(call.code)] = before
        self.add(call.code, new, places)
        stored = (i.argval for i in dis.get_instructions(new) if i.opname == "STORE_NAME")
        self._modules[id(call.code)] = call.globals, {*stored}

    def _target(self, old: CodeType, new: CodeType, there: int, depth: int, rebound: list[str]) -> Target:
        needed = self._bytecode(new).needed(there)
        target = Target(old, new, there, depth, needed, rebound)
        if id(old) in self._modules:
            globals, stored = self._modules[id(old)]
            target.lacks = sorted(needed & stored - globals.keys() - builtins.__dict__.keys())
        return target

    def move(self, calls: list[Call]) -> list[Call]:
        """Moves calls, or has them moved when they come by; each says what becomes of it, or why it stays."""
        found: list[Call] = []
        held = reports.held_frames()
        for call in calls:
            place = None
            if call.frame in held:
                call.moved = "again"
                found.append(call)
                continue
            with _Refusing(call):
                place = self._prepare(call)
            found += [call] if place is None else self._move_suspended(call, *place)
        return found

    def _move_suspended(self, call: Call, here: int, target: Target) -> list[Call]:
        """Moves those that wait at one place. What becomes of them may differ: each answer is for some of them."""
        old, _, places = self._retired[id(call.code)]
        staying: dict[str | None, list[int]] = {}
        for index, reason in native.move_suspended(call.suspended, call.kind, old, here // 2, target):
            staying.setdefault(reason, []).append(index)
        others = {index for indices in staying.values() for index in indices}
        moved = call.part([index for index in range(call.count) if index not in others]) if others else call
        moved.moved = "now"
        found = [moved] if moved.suspended else []
        for reason, which in staying.items():
            part = call.part(which)
            with _Refusing(part):
                part.moved = self._move_running(part, places)
            if part.moved is None:
                part.reason = "it has gone on meanwhile" if reason is None else reason
            found.append(part)
        return found

    def _prepare(self, call: Call) -> tuple[int, Target] | None:
        """Where a suspended call goes on; any other is to be moved when it comes by."""
        if not native.can_move_suspended():
            raise Refused(f"calls can't be moved in Python {sys.version_info[0]}.{sys.version_info[1]}")
        if id(call.code) not in self._retired:
            raise Refused("it runs code from before an earlier patch" if call.is_earlier else "its function is gone")
        old, new, places = self._retired[id(call.code)]
        if id(old) not in self._refusals:
            self._refusals[id(old)] = _refusal(old, new)
        if (refusal := self._refusals[id(old)]) is not None:
            raise Refused(refusal)
        found = self._waits(call, places) if call.suspended else None
        if found is None:
            call.moved = self._move_running(call, places)
            return None
        try:
            _check_needed(new, found[1])
            return found
        except Refused as refused:
            # What it takes along may fit at the next iteration.
            try:
                call.moved = self._move_running(call, places)
            except Refused:
                raise refused from None
        return None

    def _bytecode(self, code: CodeType) -> Bytecode:
        found = self._bytecodes.get(id(code))
        if found is None:
            found = self._bytecodes[id(code)] = Bytecode(code)
        return found

    def _waits(self, call: Call, places: "list[MovedPlace]") -> tuple[int, Target] | None:
        """The offset at which a suspended call waits, and its counterpart in the new code."""
        key = id(call.code), call.offset
        if key not in self._waiting_at:
            self._waiting_at[key] = self._wait_at(call, places)
        return self._waiting_at[key]

    def _wait_at(self, call: Call, places: "list[MovedPlace]") -> tuple[int, Target] | None:
        old, new, _ = self._retired[id(call.code)]
        before, after = self._bytecode(old), self._bytecode(new)
        for place in places:
            here = next(iter(_here(before, place)), None) if place["what"] == "wait" else None
            if here is None or not here <= call.offset <= here + 4:
                continue
            there = after.suspension(place["new"])
            if there is None or before.depths[here] != after.depths[there]:
                return None
            # The value that is yielded has left the stack.
            return here, self._target(old, new, there, after.depths[there] - 1, place.get("rebound", []))
        return None

    def _move_running(self, call: Call, places: "list[MovedPlace]") -> str:
        if not native.can_move() and call.suspended:
            raise Refused(f"line {call.line} has no counterpart in the new code")
        if not native.can_move():
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            raise Refused(f"Python {version} can move what is suspended, and nothing that runs")
        try:
            return self._move_loop(call, places)
        except Refused as refused:
            try:
                return self._move_behind(call, places)
            except Refused:
                raise refused from None

    def _move_loop(self, call: Call, places: "list[MovedPlace]") -> str:
        old, new, _ = self._retired[id(call.code)]
        known = self._waiting.get(id(old))
        if known is None:
            known = self._waiting[id(old)] = old, self._loops(old, new, places)
        targets = known[1]
        if not targets and call.suspended:
            raise Refused(f"line {call.line} has no counterpart in the new code")
        if not targets:
            raise Refused("it is in no loop that the new code has, too")
        reached = self._bytecode(old).reached(call.offset)
        found = [unit for unit in targets if 2 * unit in reached]
        if not found:
            raise Refused(f"it comes to no further iteration after line {call.line}")
        _check_target(old, new, targets[found[0]])
        self._add_ways_out(call, places)
        return "next"

    def _add_ways_out(self, call: Call, places: "list[MovedPlace]") -> None:
        """There may be no further iteration: then a call is moved behind its loop."""
        key = id(call.code), call.offset
        if key in self._left_from:
            return
        self._left_from.add(key)
        old, new, _ = self._retired[id(call.code)]
        before, targets = self._bytecode(old), self._waiting[id(old)][1]
        loops = before.leading_to({2 * unit for unit, target in targets.items() if target.is_loop})
        pairs = self._pairs(old, new, places)
        outside = {here: pair for here, pair in pairs.items() if here not in loops}
        for here in before.reached(call.offset, outside) & outside.keys():
            try:
                targets.setdefault(here // 2, self._behind(old, new, *outside[here]))
            except Refused:
                continue

    def _move_behind(self, call: Call, places: "list[MovedPlace]") -> str:
        """Has a call moved where the statement that it is in has been carried out, if the new code has that, too."""
        old, new, _ = self._retired[id(call.code)]
        pairs = self._pairs(old, new, places)
        found = self._bytecode(old).reached(call.offset, pairs) & pairs.keys()
        if not found:
            raise Refused(f"nothing of what follows line {call.line} has a counterpart in the new code")
        targets = {here // 2: self._behind(old, new, *pairs[here]) for here in found}
        self._waiting.setdefault(id(old), (old, {}))[1].update(targets)
        return "behind"

    def _behind(self, old: CodeType, new: CodeType, there: int, rebound: list[str]) -> Target:
        after = self._bytecode(new)
        target = self._target(old, new, there, after.depths[there], rebound)
        _check_target(old, new, target)
        return target

    def _pairs(self, old: CodeType, new: CodeType, places: "list[MovedPlace]") -> dict[int, tuple[int, list[str]]]:
        if id(old) in self._statements:
            return self._statements[id(old)]
        before, after = self._bytecode(old), self._bytecode(new)
        pairs = self._statements[id(old)] = {}
        # Where a loop comes round nothing begins that the new code has: it would begin with its first iteration.
        rounds = before.rounds()
        for place in places:
            if place["what"] == "statement":
                here = next(iter(_here(before, place)), None)
                there = after.first_in(place["new"][0], place["new"][2])
                if here is None or there is None or here in rounds:
                    continue
                if before.depths[here] == after.depths[there]:
                    pairs[here] = there, place.get("rebound", [])
        return pairs

    def _loops(self, old: CodeType, new: CodeType, places: "list[MovedPlace]") -> dict[int, Target]:
        before, after = self._bytecode(old), self._bytecode(new)
        targets = {}
        for place in places:
            if place["what"] not in ("loop", "test"):
                continue
            there = after.first_in(place["new"][0], place["new"][2])
            if there is None:
                continue
            rebound = place.get("rebound", [])
            for here in _here(before, place):
                if before.depths[here] == after.depths[there]:
                    targets[here // 2] = self._target(old, new, there, after.depths[there], rebound)
                    targets[here // 2].is_loop = True
        return targets

    def add_earlier(self, old: CodeType) -> CodeType | None:
        """Code that an earlier patch has retired: its calls go on where they were to go on in what is retired now."""
        between = onward.live_before(old)
        known = None if between is None else self._retired.get(id(between))
        if known is None or known[0] is not between:
            return None
        _, new, since = known
        self.add(old, new, onward.places(old, new, since, self._bytecode(between)))
        return between

    def remember(self, calls: Iterable[Call]) -> None:
        """Notes for the next patch where calls that have not moved would go on."""
        staying = {id(call.code): call.code for call in calls if call.moved != "now"}
        for old in staying.values() if native.can_move_suspended() else ():
            known = self._retired.get(id(old))
            if known is not None:
                _, new, places = known
                onward.remember(self._bytecode(old), self._bytecode(new), places, id(old) in self._modules)

    def begin(self) -> None:
        """Has the calls that run moved when they come to the next iteration."""
        for old, known in self._waiting.values():
            targets = {unit: target for unit, target in known.items() if not target.rebound and not target.lacks}
            if targets and first_run.watch_lines(old, native.arrive):
                first_run.hand_on_events(old, self._retired[id(old)][1])
                native.plan_moves(old, targets, running.note_refused)
                ended: Any = weakref.finalize(old, native.forget_moves, id(old))
                ended.atexit = False


def carry_out(transaction: "Prepared") -> None:
    """Right after the commit: what can go on in the new code does."""
    planned = Moves()
    if transaction.old_calls:
        _move(transaction, planned)
    planned.remember(transaction.old_calls)


def _move(transaction: "Prepared", planned: Moves) -> None:
    for change in transaction.files:
        for code_change in (item for items in change.code_changes.values() for item in items):
            places = code_change.unit.get("places") or [] if code_change.namespace.lines_known else []
            for old, new in code_change.pairs.values():
                planned.add(old, new, places)
    for call in list(transaction.old_calls):
        if call.code.co_name == "<module>" and scripts.add(planned, transaction, call):
            # An earlier patch is undone: what it runs is live again.
            running.forget(call.code)
            transaction.old_calls.remove(call)
    earlier = {id(call.code): call.code for call in transaction.old_calls if call.is_earlier}
    between = [code for old in earlier.values() if (code := planned.add_earlier(old)) is not None]
    transaction.old_calls = planned.move(transaction.old_calls)
    planned.begin()
    # Calls that came by meanwhile have gone on in what was live until now.
    if late := running_calls.running(between, heap=False):
        transaction.old_calls += planned.move(late)
        planned.begin()
    _retract(transaction)


def _retract(transaction: "Prepared") -> None:
    """What a name holds is not as the former code made it where that goes on in the new code: a generator, a task."""
    waited = [call for call in transaction.old_calls if call.moved == "now"]
    edited = {outcome.edit["definition"] for change in transaction.files for outcome in change.outcomes}
    for change in transaction.files if waited else ():
        for outcome in change.outcomes:
            edit = outcome.edit
            if edit["change"] != "derived" or edit["scope"] or edit.get("changed_reads"):
                continue
            values = [namespace.globals.get(edit["definition"]) for namespace in change.namespaces]
            coroutines = {id(coroutine_of(value)) for value in values}
            moved = {id(item): call.code for call in waited for item in call.items() if id(item) in coroutines}
            codes = [moved.get(id(coroutine_of(value))) for value in values]
            # Only if nothing else that it was made of is edited.
            made_of = edited.intersection(edit.get("reads", ()))
            if codes and all(code is not None and made_of == {code.co_name} for code in codes):
                outcome.retract("HS0403")


def _here(before: Bytecode, place: "MovedPlace") -> list[int]:
    """The offsets of a place in the code that calls run."""
    return place["here"] if "here" in place else before.place(place["what"], place["old"])


def _check_target(old: CodeType, new: CodeType, target: Target) -> None:
    _check_needed(new, target)
    if old.co_flags & SUSPENDABLE and not target.fits():
        raise Refused("the new code needs more room than a generator or coroutine has")


def _check_needed(new: CodeType, target: Target) -> None:
    if target.rebound:
        raise Refused(f"the new code gives {target.rebound[0]} something else before it comes there")
    lacking = (variables(new)[index] for index in target.needed if target.locals[index] is None)
    for name in (*lacking, *target.lacks):
        raise Refused(f"the new code reads {name} there, which the old code has given no value")


def _refusal(old: CodeType, new: CodeType) -> str | None:
    """Why no call of a code can go on in another."""
    before, after = kinds(old), kinds(new)
    for name, kind in after.items():
        if "around" in (kind, before.get(name)) and before.get(name) != kind:
            return f"{name} is shared with other functions in another way"
    generator = 0x20 | 0x80 | 0x100 | 0x200
    if (old.co_flags ^ new.co_flags) & generator:
        return "what a call gives is another kind of thing now"
    return None
