"""Calls that go on in the new code: a suspended one where it waits, one that runs at the next iteration of its loop.

The patch says which place of the former text is which of the new one. Here it is found in the bytecode of both; whether
the call's own variables and stack fit is checked natively, when it is moved (``agent/src/frames``).
"""

import builtins
import contextlib
import dis
import sys
import weakref
from collections.abc import Collection, Iterable
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..live.calls import Call
from ..native import native
from . import exchanges, first_run, onward, reports, running, together
from .bytecode import Bytecode
from .refusing import Refused, Refusing, check_needed, check_target, refusal
from .target import Target

if TYPE_CHECKING:
    from ..live.messages import MovedPlace


class Moves:
    """What becomes of the calls that run the code which one patch retires."""

    def __init__(self) -> None:
        # id of a retired code → (code, the code in its place, the patch's map of places)
        self._retired: dict[int, tuple[CodeType, CodeType, list[MovedPlace]]] = {}
        # id of a retired code → functions inside of it that live on with their former code.
        self._keeping: dict[int, Collection[str]] = {}
        # Those whose calls give something of another kind in the new code.
        self._give_otherwise: set[int] = set()
        self._exchanges = exchanges.Exchanges()
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
        # (id of a retired code, offset, whether it is suspended) → how a call that stands there is moved, or why not.
        self._coming: dict[tuple[int, int, bool], tuple[str | None, str]] = {}
        # Code whose running calls are to be moved, with the targets by code unit.
        self._waiting: dict[int, tuple[CodeType, dict[int, Target]]] = {}

    def add(
        self,
        old: CodeType,
        new: CodeType,
        places: "list[MovedPlace]",
        gives_otherwise: bool = False,
        keeping: Collection[str] = (),
    ) -> None:
        self._keeping[id(old)] = keeping
        self._retired.setdefault(id(old), (old, new, places))
        if gives_otherwise:
            self._give_otherwise.add(id(old))

    def add_module(self, before: Bytecode, call: Call, new: CodeType, places: "list[MovedPlace]") -> None:
        """``before`` has the places of the running code in the text before the patch."""
        self._bytecodes[id(call.code)] = before
        self.add(call.code, new, places)
        stored = (i.argval for i in dis.get_instructions(new) if i.opname == "STORE_NAME")
        self._modules[id(call.code)] = call.globals, {*stored}

    def _target(self, old: CodeType, new: CodeType, there: int, depth: int, rebound: list[str]) -> Target:
        needed = self._bytecode(new).needed(there)
        target = Target(old, new, there, depth, needed, rebound)
        target.former = sorted(needed.intersection(self._keeping.get(id(old), ())))
        if id(old) in self._modules:
            globals, stored = self._modules[id(old)]
            target.lacks = sorted(needed & stored - globals.keys() - builtins.__dict__.keys())
        return target

    def are_together(self, calls: list[Call]) -> bool:
        """Whether some calls go on in the new code at once, or not at all."""
        self._exchanges.find(calls, self._retired)
        return bool(self._give_otherwise or self._exchanges.codes)

    def _is_bound(self, call: Call) -> bool:
        return id(call.code) in self._give_otherwise or id(call.code) in self._exchanges.codes

    def move(self, calls: list[Call], switches: int | None = None) -> list[Call] | None:
        """Moves calls, or has them moved when they come by; each says what becomes of it, or why it stays.

        ``switches``: nothing is done, and there is no answer, if another thread has run since there were so many.
        """
        found: list[Call] = []
        held = reports.held_frames()
        ways: dict[int, tuple[int, Target]] = {}
        for call in calls:
            if call.frame in held:
                call.moved = "again"
                continue
            with Refusing(call):
                place = self._prepare(call)
                if place is not None:
                    ways[id(call)] = place
        self._keep_together(calls, ways)
        # Those that give first: what takes from one that stays does, too.
        going = sorted(calls, key=lambda call: not self._is_bound(call))
        while going:
            found += [call for call in going if id(call) not in ways]
            going = [call for call in going if id(call) in ways]
            wanted = [self._wanted(call, *ways[id(call)]) for call in going]
            answers = native.move_suspended(wanted, switches) if wanted else []
            if answers is None:
                return None
            switches = None
            for call, answer in zip(going, answers):
                del ways[id(call)]
                parts = self._parts(call, answer)
                staying = [part for part in parts if part.moved != "now"]
                if staying and self._is_bound(call):
                    for part in staying:
                        self._stay(part, together.TAKEN)
                    self._keep_together([one for one in calls if one is call or one.moved != "now"], ways)
                found += parts
            del going[: len(answers)]
        above = reports.begin_again()
        for call in found:
            if call.moved is None and call.frame in above:
                call.reason = above[call.frame]
        return found

    def _stay(self, call: Call, reason: str) -> None:
        if call.moved is not None:
            self._waiting.pop(id(call.code), None)
            self._coming = {key: how for key, how in self._coming.items() if key[0] != id(call.code)}
            self._left_from = {key for key in self._left_from if key[0] != id(call.code)}
            call.moved, call.reason = None, reason
        call.reason = call.reason or reason

    def _keep_together(self, calls: list[Call], ways: dict[int, tuple[int, Target]]) -> None:
        """What one call gives another takes: both in the new code, or both in the old."""
        if not any(map(self._is_bound, calls)):
            return

        def moves_now(call: Call) -> bool:
            return id(call) in ways and ways[id(call)][1].fits()

        def goes_on(call: Call) -> bool:
            if id(call) in ways:
                return moves_now(call)
            if call.moved == "next":
                before, targets = self._bytecode(call.code), self._waiting[id(call.code)][1]
                loops = [2 * unit for unit, target in targets.items() if target.is_loop]
                return all(together.begins_with_next(before, offset) for offset in loops)
            return call.moved == "again"

        giving = {id(call) for call in calls if id(call.code) in self._give_otherwise}
        exchanging = self._exchanges.between(calls)
        reasons = together.staying(calls, lambda call: id(call) in giving, moves_now, goes_on, exchanging)
        exchanges.note_staying(one for one in exchanging if id(one[0]) in reasons)
        for call in calls:
            if id(call) in reasons:
                ways.pop(id(call), None)
                self._stay(call, reasons[id(call)])

    def _wanted(self, call: Call, here: int, target: Target) -> tuple[Any, ...]:
        """Those that wait at one place, as they are moved."""
        old, _, _ = self._retired[id(call.code)]
        return call.suspended, call.kind, old, here // 2, target, self._is_bound(call)

    def _parts(self, call: Call, answer: list[tuple[int, str | None]]) -> list[Call]:
        """What has become of them may differ: each part is some of them."""
        _, _, places = self._retired[id(call.code)]
        staying: dict[str | None, list[int]] = {}
        others = set()
        for index, reason in answer:
            others.add(index)
            if reason is not None or not call.has_ended(index):
                staying.setdefault(reason, []).append(index)
        moved = call.part([index for index in range(call.count) if index not in others]) if others else call
        moved.moved = "now"
        found = [moved] if moved.suspended else []
        for reason, which in staying.items():
            part = call.part(which)
            with Refusing(part):
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
            self._refusals[id(old)] = refusal(old, new)
        if (reason := self._refusals[id(old)]) is not None:
            raise Refused(reason)
        found = self._waits(call, places) if call.suspended else None
        if found is None:
            call.moved = self._move_running(call, places)
            return None
        try:
            check_needed(new, found[1])
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
        """Many threads stand at one place: what becomes of one becomes of all."""
        key = id(call.code), call.offset, bool(call.suspended)
        if key not in self._coming:
            try:
                self._coming[key] = self._has_moved(call, places), ""
            except Refused as refused:
                self._coming[key] = None, str(refused)
        how, reason = self._coming[key]
        if how is None:
            raise Refused(reason)
        if how == "caught":
            call.reason = "it comes to what the new code has, too, only if it catches an exception"
        return how

    def _has_moved(self, call: Call, places: "list[MovedPlace]") -> str:
        if not native.can_move() and call.suspended:
            raise Refused(f"line {call.line} has no counterpart in the new code")
        if not native.can_move():
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            raise Refused(f"Python {version} can move what is suspended, and nothing that runs")
        try:
            how = self._move_loop(call, places)
        except Refused as refused:
            try:
                return self._move_behind(call, places)
            except Refused:
                raise refused from None
        if how == "caught":
            with contextlib.suppress(Refused):
                return self._move_behind(call, places)
        return how

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
        before = self._bytecode(old)
        reached = before.reached(call.offset)
        found = [unit for unit, target in targets.items() if target.is_loop and 2 * unit in reached]
        if not found:
            raise Refused(f"it comes to no further iteration after line {call.line}")
        check_target(old, new, targets[found[0]])
        self._add_ways_out(call, places)
        straight = before.reached(call.offset, caught=False)
        return "next" if any(2 * unit in straight for unit in found) else "caught"

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
        straight = self._bytecode(old).reached(call.offset, pairs, caught=False)
        return "caught" if straight.isdisjoint(found) else "behind"

    def _behind(self, old: CodeType, new: CodeType, there: int, rebound: list[str]) -> Target:
        after = self._bytecode(new)
        target = self._target(old, new, there, after.depths[there], rebound)
        check_target(old, new, target)
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
        places = onward.places(old, new, since, self._bytecode(between))
        self.add(old, new, places, id(between) in self._give_otherwise, self._keeping.get(id(between), ()))
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
            targets = {unit: target for unit, target in known.items() if target.is_possible()}
            if targets and first_run.watch_lines(old, native.arrive):
                first_run.hand_on_events(old, self._retired[id(old)][1])
                native.plan_moves(old, targets, running.note_refused)
                ended: Any = weakref.finalize(old, native.forget_moves, id(old))
                ended.atexit = False


def _here(before: Bytecode, place: "MovedPlace") -> list[int]:
    """The offsets of a place in the code that calls run."""
    return place["here"] if "here" in place else before.place(place["what"], place["old"])
