"""Running calls that give each other values through something between them: a queue, a channel, an object of both.

Where the new code puts values of another kind there and takes them as such, both have to go on in it at once: a call
that went on alone would put what the other one can't take, or take what the other one still puts.
"""

import gc
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from ..live import lookup, variables
from ..live.calls import SUSPENDABLE_TYPES, Call, frame_of
from ..live.code import tree
from ..native import native
from . import flows, reach, shapes

# How far is looked, and at how many objects: where there are more, two calls are taken to have one in common.
_DEPTH, _LIMIT, _ITEMS = 7, 3_000, 200
_CLOSED = (str, bytes, int, float, complex, bool, type(None), type, ModuleType, CodeType, FrameType)
# What leads to what can hold values, and does not itself.
_LEADING = (tuple, frozenset, CellType, MethodType, BuiltinFunctionType)
# What schedules calls, or is one, is common to all of them. Queues are not.
_SCHEDULING = ("_asyncio", "asyncio", "concurrent", "contextvars", "logging", "threading", "trio._core", "uvloop")
_QUEUES = ("asyncio.queues",)
_GIVING = {*flows.PUTTING, "send", "send_nowait"}
_HARMLESS = ("test", "argument", "other")

EXCHANGES = (
    "it exchanges values with another running call that are of another kind in the new code, and they can't both go on "
    "there at once"
)

# id of a code that stays → (that code, codes that exchange values with it).
_staying: dict[int, tuple["weakref.ref[CodeType]", list["weakref.ref[CodeType]"]]] = {}


class _Running:
    """A code that calls run, and the one in its place."""

    def __init__(self, old: CodeType, new: CodeType, globals: dict[str, Any]) -> None:
        self.old = old
        self.made, self.makes = shapes.Made(old, globals), shapes.Made(new, globals)
        before, after = shapes.count_reads(old), shapes.count_reads(new)
        self.changed = {*(before - after), *(after - before)}
        self._steps = flows.steps_of(old), flows.steps_of(new)
        self._puts = [flows.given_items(code, globals, _code_of, _GIVING) for code in (old, new)]

    def gives_otherwise(self, taker: "_Running") -> bool:
        """Whether the other one takes otherwise what this one makes otherwise."""
        ways = (self.made, self.makes), (self.makes, self.made)
        if any(one.serves(read, but=other) for read in taker.changed for one, other in ways):
            return True
        if self._other_classes and any(what == "attribute" for what, _ in taker.changed):
            return True
        # Who catches, or asks for, objects of a class.
        if not self._other_classes.isdisjoint(taker._other_classes):
            return True
        return self._puts_otherwise and taker.uses_otherwise

    @cached_property
    def _other_classes(self) -> set[int]:
        """The ids of classes that one of the codes names, and the other one does not."""
        return {*self.made.classes} ^ {*self.makes.classes}

    def makes_alike(self) -> bool:
        return self.made.kinds == self.makes.kinds and not self._other_classes and not self._puts_otherwise

    @cached_property
    def _puts_otherwise(self) -> bool:
        before, after = self._puts
        names = before.keys() & after.keys()
        return any(kind is not None for name in names for kind in before[name] ^ after[name])

    @cached_property
    def uses_otherwise(self) -> bool:
        """Whether it does with values what may fail, and what it did not do before, or not so often."""
        if any(what != "attribute" for what, _ in self.changed):
            return True
        old, new = self._steps
        names = {step.value for step in new if step.name == "LOAD_FAST"}
        return any(
            use.what not in _HARMLESS
            for name in names
            for use in flows.uses(new, "local", name).keys() ^ flows.uses(old, "local", name).keys()
        )


def _code_of(function: FunctionType) -> CodeType:
    return function.__code__


class Exchanges:
    """Which retired codes have running calls that exchange values of another kind in the new code."""

    def __init__(self) -> None:
        self._pairs: set[tuple[int, int]] = set()
        # The ids of all of them.
        self.codes: set[int] = set()

    def find(self, calls: Collection[Call], retired: dict[int, tuple[CodeType, CodeType, Any]]) -> None:
        of_code = {code: several for code, several in _by_code(calls).items() if code in retired}
        left = [code for code in of_code if code in _staying]
        self._pairs = set()
        if len(of_code) > 1 or left:
            with reach.Reading():
                running = {code: _Running(*retired[code][:2], of_code[code][0].globals) for code in of_code}
                pairs = [
                    (giver, taker)
                    for giver in running
                    for taker in running
                    if giver != taker and running[giver].gives_otherwise(running[taker])
                ]
                common = {code: _common(of_code[code]) for code in {code for pair in pairs for code in pair}}
                pairs = [pair for pair in pairs if _meet(common[pair[0]], common[pair[1]])]
                self._pairs.update(pair for pair in pairs if any(_apart(of_code[pair[0]], of_code[pair[1]])))
                # One that exchanges them with what an earlier patch has left in its code, and this one does not edit.
                self._pairs.update((code, code) for code in left if _is_left(running[code], running))
        self.codes = {code for pair in self._pairs for code in pair}

    def between(self, calls: Collection[Call]) -> list[tuple[Call, Call]]:
        """The pairs of calls that do; one beside itself does so with what stays."""
        of_code = _by_code(calls) if self._pairs else {}
        return [pair for one, other in self._pairs for pair in _apart(of_code.get(one, ()), of_code.get(other, ()))]


def _by_code(calls: Iterable[Call]) -> dict[int, list[Call]]:
    found: dict[int, list[Call]] = {}
    for call in calls:
        found.setdefault(id(call.code), []).append(call)
    return found


def _apart(calls: Iterable[Call], others: Collection[Call]) -> Iterator[tuple[Call, Call]]:
    """Pairs of calls that go on side by side: one that waits for the other is given what that one returns."""
    for call in calls:
        for other in others:
            if call is other or not (_waits_for(call, other) or _waits_for(other, call)):
                yield call, other


def _waits_for(call: Call, other: Call) -> bool:
    waiting = other.waiting
    while waiting is not None and waiting is not call:
        waiting = waiting.waiting
    return waiting is not None


def _is_left(one: _Running, running: Collection[int]) -> bool:
    old, partners = _staying[id(one.old)]
    others = [code for code in (partner() for partner in partners) if code is not None and id(code) not in running]
    return old() is one.old and bool(others) and not one.makes_alike()


def note_staying(pairs: Iterable[tuple[Call, Call]]) -> None:
    """Notes for later patches that calls of these exchange values, and go on in their former code."""
    for one, other in pairs:
        for here, there in ((one.code, other.code), (other.code, one.code)):
            entry = _staying.get(id(here))
            if entry is None or entry[0]() is not here:
                entry = _staying[id(here)] = weakref.ref(here, _forget(id(here))), []
            if here is not there and all(known() is not there for known in entry[1]):
                entry[1].append(weakref.ref(there))


def _forget(key: int) -> Callable[[object], None]:
    return lambda _: _staying.pop(key, None) and None


def _meet(one: dict[int, Any] | None, other: dict[int, Any] | None) -> bool:
    return one is None or other is None or not one.keys().isdisjoint(other)


def _common(calls: Iterable[Call]) -> dict[int, Any] | None:
    """What can hold values and is within reach of these calls, by its id; nothing where that is too much."""
    pending: deque[tuple[Any, int]] = deque()
    for call in calls:
        pending.extend((value, 0) for value in _named(call.code, call.globals))
        for item in call.items()[:_ITEMS]:
            pending.extend((value, 0) for value in gc.get_referents(item))
        if not call.suspended:
            pending.extend((value, 0) for value in _variables(call))
    seen: dict[int, Any] = {}
    holding: dict[int, Any] = {}
    while pending:
        value, depth = pending.popleft()
        if id(value) in seen or isinstance(value, _CLOSED) or _schedules(type(value)):
            continue
        if len(seen) > _LIMIT:
            return None
        seen[id(value)] = value
        if isinstance(value, FunctionType):
            inner: list[Any] = [*(value.__closure__ or ()), *_named(value.__code__, value.__globals__)]
        elif isinstance(value, SUSPENDABLE_TYPES):
            # What a loop goes through may have it.
            frame = frame_of(value)
            inner = [] if frame is None else [*gc.get_referents(value), *_named(frame.f_code, frame.f_globals)]
        elif isinstance(value, dict) and "__builtins__" in value:
            continue
        else:
            inner = gc.get_referents(value)[:_ITEMS]
            if not isinstance(value, _LEADING):
                holding[id(value)] = value
        if depth < _DEPTH:
            pending.extend((item, depth + 1) for item in inner)
    return holding


def _named(code: CodeType, globals: dict[str, Any]) -> list[Any]:
    """What the names of a module hold that a code of the program uses."""
    if lookup.is_installed(code.co_filename):
        return []
    names = {name for one in tree(code) for name in one.co_names}
    return [globals[name] for name in names if name in globals]


def _schedules(kind: type) -> bool:
    module = kind.__dict__.get("__module__")
    module = module if type(module) is str else "builtins"
    return module.startswith(_SCHEDULING) and module not in _QUEUES


def _variables(call: Call) -> list[Any]:
    for top in native.current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            if id(frame) == call.frame:
                return list(variables.of(frame, True).values())
            frame = frame.f_back
    return []
