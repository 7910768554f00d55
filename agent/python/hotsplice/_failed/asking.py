"""Holding a failed call in its own thread, or its task in its event loop, until somebody has answered."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from . import around, debugging, holds, places, supervisors, terminal, watched
from .answers import Answer, decide_to_raise, is_decided, set_trace, trace_of
from .holds import Hold

# How often it is looked whether anybody still watches, in seconds.
_LOOK = 0.2
# Threads that look at a failed call: what fails meanwhile in them is not held.
_busy: set[int] = set()


def ask(
    function: Callable[..., Any],
    error: Exception,
    frame: FrameType | None = None,
    guarded: FrameType | None = None,
    note: str = "",
    caller: FrameType | None = None,
) -> Answer | None:
    """Holds a failed call until it is known what to do; nothing if the exception is to go its way.

    ``frame`` is where it was raised, if the call has not been left yet, and ``guarded`` the call itself; else the
    calls around it begin at ``caller``, if any of them may begin again.
    """
    thread = _thread.get_ident()
    native = sys.modules.get("hotsplice._agent")
    is_patching = native is not None and native.is_job()
    if thread in _busy or is_patching or is_decided(error) or not watched.is_watched():
        return None
    _busy.add(thread)
    try:
        hold = _begin(function, error, frame)
        hold.note = note
        hold.stops_loop = _running_loop() is not None
        if frame is not None and guarded is not None:
            hold.guarded = guarded
            hold.around = around.calls(error, frame, guarded)
            hold.blocks = places.blocks(frame, guarded)
        else:
            _look_around_left(hold, caller)
        return _until_answered(hold)
    finally:
        _busy.discard(thread)


def wait_for(hold: Hold) -> Answer | None:
    """The answer to what is no call, and waits: a test."""
    thread = _thread.get_ident()
    _busy.add(thread)
    try:
        return _until_answered(hold)
    finally:
        _busy.discard(thread)


def _look_around_left(hold: Hold, caller: FrameType | None) -> None:
    own = None if caller is None else around.left_call(hold.error)
    if own is not None:
        hold.left = own.frame
        hold.around = [own, *around.calls(hold.error, caller)]


async def ask_in_loop(
    function: Callable[..., Any], error: Exception, note: str = "", caller: FrameType | None = None
) -> Answer | None:
    """The same for a task: its event loop goes on where no terminal is to be read."""
    if _running_loop() is None or terminal.is_there():
        return ask(function, error, note=note, caller=caller)
    if is_decided(error) or not watched.is_watched():
        return None
    from asyncio import sleep

    hold = _begin(function, error, None)
    hold.note = note
    _look_around_left(hold, caller)
    _tell(hold)
    try:
        while not hold.answered.acquire(blocking=False):
            if holds.is_over(hold) and holds.waiting.pop(hold.number, None) is not None:
                return None
            # The loop stands still for as long as a debugger does there.
            debugging.attend(hold)
            await sleep(_LOOK / 4)
        return hold.answer
    finally:
        _end(hold)


def _begin(function: Callable[..., Any], error: Exception, frame: FrameType | None) -> Hold:
    import traceback

    trace = places.without_own(trace_of(error))
    try:
        what = traceback.format_exception_only(type(error), error)
        whole = traceback.format_exception(type(error), error, trace)
    except Exception:
        # Its text is made by code of the program.
        what = [f"{type(error).__name__}\n"]
        whole = ["Traceback (most recent call last):\n", *traceback.format_tb(trace), *what]
    if frame is None:
        at, line = places.failing_place(error)
        shown = whole
    else:
        # The call has not been left: its frames are not in the traceback yet.
        stack: list[tuple[FrameType, int]] = []
        step: FrameType | None = frame
        while step is not None and (not stack or stack[-1][0].f_code is not function.__code__):
            stack.append((step, step.f_lineno))
            step = step.f_back
        at, line = next((place for place in stack if not places.is_installed(place[0].f_code.co_filename)), stack[0])
        lines = traceback.StackSummary.extract(iter(stack[::-1])).format()
        shown = ["Traceback (most recent call last):\n", *lines, *what]
    return Hold(function.__qualname__, error, at, line, "".join(shown))


def _tell(hold: Hold) -> None:
    told = hold.describe()
    holds.waiting[hold.number] = (hold, told)
    _notify("hold/began", told)


def _end(hold: Hold) -> None:
    holds.waiting.pop(hold.number, None)
    if hold.answer is None:
        decide_to_raise(hold.error)
    _notify("hold/ended", {"hold": hold.number, "how": hold.how})


def _until_answered(hold: Hold) -> Answer | None:
    _tell(hold)
    question: terminal.Question | None = None
    show_life = supervisors.found_above()
    try:
        while True:
            show_life()
            if question is None and terminal.is_there():
                question = terminal.begin(hold)
            if question is not None:
                if hold.answered.acquire(blocking=False):
                    question.answered()
                    break
                question.read(_LOOK)
            elif hold.answered.acquire(timeout=_LOOK):
                break
            if holds.is_over(hold) and holds.waiting.pop(hold.number, None) is not None:
                if question is not None:
                    question.over()
                return None
            if debugging.attend(hold) and question is not None:
                question.ask_again()
        _let_clients_be_told()
        if hold.answer is not None and not hold.answer.is_value and not hold.is_patched:
            hold.make_saved_live()
        return hold.answer
    except KeyboardInterrupt as interrupt:
        # Whoever ends it so is to see what had failed, too.
        if trace_of(hold.error) is None:
            set_trace(hold.error, TracebackType(None, hold.frame, hold.frame.f_lasti, hold.line))
        interrupt.__context__ = hold.error
        raise
    finally:
        if question is not None:
            question.end()
        _end(hold)


def _let_clients_be_told() -> None:
    """Who has answered learns of it, though the program may end at once."""
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.wait_until_told()


def _running_loop() -> object:
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def _notify(method: str, params: dict[str, Any]) -> None:
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.notify(method, params)
