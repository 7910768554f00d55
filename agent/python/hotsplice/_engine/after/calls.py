"""Finding the calls that run given code objects: on a thread's stack, or suspended."""

import inspect
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any

from ..live import lookup
from ..native import native

SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | 0x100


class _Names:
    """What a kind of suspended call is called, and its attributes."""

    def __init__(self, prefix: str, place: str) -> None:
        self.place = place
        self.code, self.frame = f"{prefix}_code", f"{prefix}_frame"
        # An async generator says that it runs until it gives its next value, also while it awaits something.
        self.running = f"{prefix}_running" if prefix != "ag" else None


_SUSPENDED: dict[type, _Names] = {
    GeneratorType: _Names("gi", "generator"),
    CoroutineType: _Names("cr", "coroutine"),
    AsyncGeneratorType: _Names("ag", "async generator"),
}


class Call:
    """A call that runs a code object: where it stands, and how a person finds it."""

    __slots__ = ("builtins", "code", "globals", "is_earlier", "line", "moved", "offset", "place", "reason", "suspended")

    def __init__(self, frame: FrameType, place: str, suspended: Any = None) -> None:
        self.code: CodeType = frame.f_code
        self.line: int = frame.f_lineno or frame.f_code.co_firstlineno
        self.offset: int = frame.f_lasti
        self.globals: dict[str, Any] = frame.f_globals
        self.builtins: dict[str, Any] = frame.f_builtins
        self.place = place
        # The generator, coroutine or async generator, held weakly.
        self.suspended = None if suspended is None else weakref.ref(suspended)
        # What becomes of it: moved `now`, at the `next` iteration of its loop, or `behind` the statement that it is in;
        # else the reason why it stays.
        self.moved: str | None = None
        self.reason: str | None = None
        # Whether its code was retired by an earlier patch.
        self.is_earlier = False

    def frame(self) -> FrameType | None:
        """The frame of a suspended call, if it still is one."""
        item = None if self.suspended is None else self.suspended()
        if item is None:
            return None
        names = _SUSPENDED[type(item)]
        frame: FrameType | None = getattr(item, names.frame)
        return None if _runs(item, names) or frame is None or frame.f_code is not self.code else frame

    def __str__(self) -> str:
        return f"{self.place}, line {self.line}"


def running(codes: Collection[CodeType], heap: bool = True) -> list[Call]:
    """Every call that runs one of these code objects. What is suspended costs a pass over the heap, if they can be.

    A greenlet stands on no thread's stack while others run, whatever it calls: they are looked at always.
    """
    wanted = {id(code) for code in codes}
    if not wanted:
        return []
    frames: set[int] = set()
    found = list(on_stacks(lambda code: id(code) in wanted, frames))
    kinds = list(_SUSPENDED) if heap and any(code.co_flags & SUSPENDABLE for code in codes) else []
    greenlets = _greenlet_types()
    if kinds or greenlets:
        found.extend(_suspended(wanted, frames, kinds, greenlets))
    return found


def _runs(item: Any, names: _Names) -> bool:
    return names.running is not None and bool(getattr(item, names.running))


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
    while frame is not None:
        if wanted(frame.f_code):
            if frames is not None:
                frames.add(id(frame))
            yield Call(frame, place)
        frame = frame.f_back


def _suspended(wanted: set[int], frames: set[int], kinds: list[type], greenlets: list[type]) -> list[Call]:
    task_types = _task_types() if kinds else []
    tasks: list[Any] = []
    items: list[Any] = []
    found: list[Call] = []
    for item in native.objects_of_type(*kinds, *task_types, *greenlets):
        kind = type(item)
        if kind in task_types:
            tasks.append(item)
        elif kind in greenlets:
            found.extend(_on_stack(item.gr_frame, "greenlet", lambda code: id(code) in wanted))
        else:
            attributes = _SUSPENDED[kind]
            # The frame object of each of ten thousand is made only where it is wanted.
            code = getattr(item, attributes.code)
            if code is not None and id(code) in wanted and not _runs(item, attributes):
                items.append(item)
    names = {id(task.get_coro()): task.get_name() for task in tasks} if items else {}
    for item in items:
        attributes = _SUSPENDED[type(item)]
        frame = getattr(item, attributes.frame)
        if frame is not None and id(frame) not in frames:
            found.append(Call(frame, f"task {names[id(item)]}" if id(item) in names else attributes.place, item))
    return found


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
