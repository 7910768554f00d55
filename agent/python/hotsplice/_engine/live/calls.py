"""Finding the calls that run given code objects: on a thread's stack, or suspended."""

import inspect
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any

from ..native import native
from . import lookup
from .line_tables import line_of

SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | 0x100


class Kind:
    """A kind of suspended call: what it is called, and its attributes, as the native half takes it."""

    def __init__(self, kind: type, prefix: str, place: str) -> None:
        self.kind = kind
        self.place = place
        self.code, self.frame = f"{prefix}_code", f"{prefix}_frame"
        # An async generator says that it runs until it gives its next value, also while it awaits something.
        self.running = f"{prefix}_running" if prefix != "ag" else None


_KINDS: dict[type, Kind] = {
    GeneratorType: Kind(GeneratorType, "gi", "generator"),
    CoroutineType: Kind(CoroutineType, "cr", "coroutine"),
    AsyncGeneratorType: Kind(AsyncGeneratorType, "ag", "async generator"),
}
SUSPENDABLE_TYPES = tuple(_KINDS)
# How many of those that are suspended at one place are named.
NAMED = 4


class Call:
    """A call that runs a code object: where it stands, and how a person finds it.

    Those that are suspended at one place of one code are one, until something else becomes of some of them.
    """

    __slots__ = (
        *("below", "code", "frame", "globals", "is_earlier", "kind", "line"),
        *("moved", "offset", "places", "reason", "suspended", "waiting"),
    )

    def __init__(
        self,
        frame: FrameType,
        places: list[str],
        kind: Kind | None = None,
        suspended: "list[weakref.ref[Any]] | None" = None,
    ) -> None:
        self.code: CodeType = frame.f_code
        self.line: int = line_of(frame)
        self.offset: int = frame.f_lasti
        # Its id: a frame has one object for as long as it lives. Of many at one place it is that of one of them.
        self.frame: int = id(frame)
        self.globals: dict[str, Any] = frame.f_globals
        self.kind = kind
        # The generators, coroutines or async generators, held weakly; nothing for a call on a stack.
        self.suspended = suspended or []
        # What it is called; of many at one place, what some are.
        self.places = places
        # What becomes of it: moved `now`, at the `next` iteration of its loop, `behind` the statement that it is in, or
        # when it begins `again`, having failed; else why it stays: if that is `caught`, until it catches an error.
        self.moved: str | None = None
        self.reason: str | None = None
        # Whether its code was retired by an earlier patch.
        self.is_earlier = False
        # The code of the calls around it on its stack, and the nearest of them that is such a call, too.
        self.below: tuple[CodeType, ...] = ()
        self.waiting: Call | None = None

    @property
    def count(self) -> int:
        return len(self.suspended) or 1

    def items(self) -> list[Any]:
        return [item for reference in self.suspended if (item := reference()) is not None]

    def has_ended(self, index: int) -> bool:
        """Whether one of those at one place has come to its end since it was found there."""
        item = self.suspended[index]()
        return item is None or self.kind is None or getattr(item, self.kind.frame) is None

    def part(self, indices: Iterable[int]) -> "Call":
        """Some of those at one place, of which something else becomes than of others."""
        part = object.__new__(Call)
        for name in self.__slots__:
            setattr(part, name, getattr(self, name))
        part.suspended = list(map(self.suspended.__getitem__, indices))
        return part


class Seen:
    """What a pass over the heap has found suspended in some codes: it holds until another thread has run."""

    def __init__(self, codes: Iterable[CodeType], groups: list[Any], switches: int | None) -> None:
        self.codes = {id(code) for code in codes}
        self.groups = groups
        self._switches = switches

    @property
    def holds(self) -> bool:
        return self._switches is not None and self._switches == native.thread_switches()


def runners(codes: list[CodeType]) -> tuple[list[list[FunctionType]], Counter[int], list[Any] | None]:
    """The functions of each code; how many suspended calls refer to each, by its id; and those, as `Seen` has them.

    Before 3.12 a suspended call has more than one reference to its code, and none are counted.
    """
    if sys.version_info < (3, 12):
        return native.functions_of(codes), Counter(), None
    functions, counts, groups = native.runners_of(codes, list(_KINDS.values()), _task_types(), NAMED)
    return functions, Counter(dict(zip(map(id, codes), counts))), groups


def running(
    codes: Collection[CodeType], heap: bool = True, named: int = NAMED, seen: Iterable[Seen] = ()
) -> list[Call]:
    """Every call that runs one of these code objects. What is suspended costs a pass over the heap, if they can be.

    A greenlet stands on no thread's stack while others run, whatever it calls: they are looked at always.
    """
    wanted = {id(code) for code in codes}
    if not wanted:
        return []
    frames: set[int] = set()
    found = list(on_stacks(lambda code: id(code) in wanted, frames))
    if heap:
        found.extend(_suspended([code for code in codes if code.co_flags & SUSPENDABLE], frames, named, seen))
    if greenlets := _greenlet_types():
        found.extend(_in_greenlets(wanted, greenlets))
    return found


def on_stacks(wanted: Callable[[CodeType], bool], frames: set[int] | None = None) -> Iterator[Call]:
    """Those that threads run; their frames' ids are put into the set."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    for ident, frame in native.current_frames().items():
        if ident == own:
            # The agent's thread.
            continue
        yield from _on_stack(frame, names.get(ident, str(ident)), wanted, frames)


def _on_stack(
    frame: FrameType | None, place: str, wanted: Callable[[CodeType], bool], frames: set[int] | None = None
) -> Iterator[Call]:
    found: list[Call] = []
    stack: list[CodeType] = []
    heights: list[int] = []
    while frame is not None:
        if wanted(frame.f_code):
            if frames is not None:
                frames.add(id(frame))
            found.append(Call(frame, [place]))
            if len(found) > 1:
                found[-2].waiting = found[-1]
            heights.append(len(stack) + 1)
        stack.append(frame.f_code)
        frame = frame.f_back
    for call, height in zip(found, heights):
        call.below = tuple(stack[height:])
    yield from found


def _suspended(wanted: Collection[CodeType], frames: set[int], named: int, seen: Iterable[Seen]) -> Iterator[Call]:
    known = [one for one in seen if one.holds]
    keys = {id(code) for code in wanted}
    groups = [group for one in known for group in one.groups if id(group[1].f_code) in keys]
    left = [code for code in wanted if not any(id(code) in one.codes for one in known)]
    if left:
        groups += native.suspended_calls(left, list(_KINDS.values()), frames, _task_types(), named)
    for which, frame, references, names in groups:
        kind = _KINDS[which]
        yield Call(frame, [kind.place if name is None else f"task {name}" for name in names], kind, references)


def frame_of(item: Any) -> FrameType | None:
    """The frame of a generator, a coroutine or an async generator, if that has not ended."""
    frame: FrameType | None = getattr(item, _KINDS[type(item)].frame)
    return frame


def _in_greenlets(wanted: set[int], types: list[type]) -> Iterator[Call]:
    for item in native.objects_of_type(*types):
        yield from _on_stack(item.gr_frame, "greenlet", lambda code: id(code) in wanted)


def _task_types() -> list[type]:
    module = sys.modules.get("_asyncio")
    task = getattr(module, "Task", None)
    return [task] if isinstance(task, type) else []


def coroutine_of(value: Any) -> Any:
    """What a task runs; the value itself where it is none."""
    return value.get_coro() if type(value) in _task_types() else value


def _greenlet_types() -> list[type]:
    module = sys.modules.get("greenlet")
    base = getattr(module, "greenlet", None)
    return list(lookup.with_subclasses(base)) if isinstance(base, type) else []
