"""Calls that have failed and wait for an answer: from the terminal, or from a client that watches.

A call is held in its own thread, which lets the GIL go while it waits. Nothing is held that nobody watches, unless it
was asked to be held for a time. Ctrl-C, the end of that time and the end of the last client end a hold: the exception
goes its way.
"""

from __future__ import annotations

import _thread
import itertools
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from types import FrameType
from typing import Any

from . import _debugging, _terminal

# What decides about an exception is marked with it: guarded calls further up let it pass.
_DECIDED = "__hotsplice_decided__"
# How often it is looked whether anybody still watches, in seconds.
_LOOK = 0.2
_MOST_VARIABLES = 30

_LIBRARY = os.path.dirname(os.__file__)
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


class Answer:
    """A value that the call is to return, or that it is to be tried again: the guarded one, or another one above it."""

    def __init__(self, is_value: bool, value: Any = None, frame: FrameType | None = None) -> None:
        self.is_value = is_value
        self.value = value
        self.frame = frame


class Hold:
    """A call that waits."""

    def __init__(self, function: str, error: BaseException, frame: FrameType, line: int, shown: str) -> None:
        self.number = next(_numbers)
        self.function = function
        self.error = error
        self.frame = frame
        self.path = os.path.abspath(frame.f_code.co_filename)
        self.line = line
        # As a traceback shows it.
        self.shown = shown
        self.since = time.time()
        self.until = self.since + settings.hold_for if settings.hold_for else None
        self.stops_loop = False
        self.is_patched = False
        # Set free by whoever answers.
        self.answered = _thread.allocate_lock()
        self.answered.acquire()
        self.answer: Answer | None = None
        self.how = "its exception goes its way"
        # The calls that can begin again, the innermost first, and the guarded one.
        self.frames: list[FrameType] = []
        self.guarded: FrameType | None = None
        # The blocks that the call stands in: they are left before it begins again, or gives a value.
        self.blocks: list[str] = []
        # What clients want of this thread, pdb's prompt where one asks, and whether an editor's debugger is to come.
        self.wishes: list[_debugging.Wish] = []
        self.prompt: _debugging.Prompt | None = None
        self.awaits_debugger = False

    def is_waiting(self) -> bool:
        return self.number in _held and not _is_over(self)

    def decide(self, answer: Answer | None, how: str) -> bool:
        """The first answer counts; false for any other."""
        if _held.pop(self.number, None) is None:
            return False
        self.answer, self.how = answer, how
        self.answered.release()
        return True

    @property
    def summary(self) -> str:
        """The exception in one line."""
        shown = self.shown.rstrip()
        return shown.splitlines()[-1] if shown else type(self.error).__name__

    @property
    def introduction(self) -> str:
        """What a terminal shows above the question."""
        return _terminal.introduction(self.shown, self.function, self.blocks)

    @property
    def help(self) -> str:
        return _terminal.HELP

    def also(self, choice: str) -> bool:
        """Whether it is answered by a choice of its own at the terminal."""
        return False

    def calls(self) -> list[dict[str, Any]]:
        """What can begin again, as it is shown."""
        return [
            {
                "function": getattr(frame.f_code, "co_qualname", frame.f_code.co_name),
                "path": os.path.abspath(frame.f_code.co_filename),
                "line": frame.f_lineno,
                "guarded": frame is self.guarded,
            }
            for frame in self.frames
        ]

    def evaluate(self, expression: str) -> Any:
        """The value that is to be returned."""
        return eval(expression or "None", self.names())

    def make_saved_live(self) -> None:
        make_saved_live(sys.stderr)

    def call(self, which: int) -> FrameType:
        """One of the calls that can begin again."""
        if not 0 <= which < len(self.frames):
            raise IndexError(f"{self.function} lies in {len(self.frames)} calls that can begin again, from 0")
        return self.frames[which]

    def tried_again(self, frame: FrameType | None) -> str:
        other = frame is not None and frame is not self.guarded
        return f"is tried again from {frame.f_code.co_name}" if frame is not None and other else "is tried again"

    def names(self) -> dict[str, Any]:
        """What an expression sees."""
        return {**self.frame.f_globals, **self.frame.f_locals}

    def describe(self) -> dict[str, Any]:
        return {
            "hold": self.number,
            "function": self.function,
            "path": self.path,
            "line": self.line,
            "error": self.summary,
            "thread": _thread_name(),
            "traceback": self.shown + _terminal.leaving(self.blocks),
            "variables": _variables(self.frame),
            "since": self.since,
            "stops_loop": self.stops_loop,
            "frames": self.calls(),
        }


class _Settings:
    # Seconds for which a call is held also while nobody watches.
    hold_for: float | None = None


settings = _Settings()
# Number → what waits, and what was told of it.
_held: dict[int, tuple[Hold, dict[str, Any]]] = {}
_numbers = itertools.count(1)
# Threads that look at a failed call: what fails meanwhile in them is not held.
_busy: set[int] = set()


def ask(
    function: Callable[..., Any], error: Exception, frame: FrameType | None = None, guarded: FrameType | None = None
) -> Answer | None:
    """Holds a failed call until it is known what to do; nothing if the exception is to go its way.

    ``frame`` is where it was raised, if the call has not been left yet, and ``guarded`` the call itself.
    """
    thread = _thread.get_ident()
    native = sys.modules.get("hotsplice._agent")
    is_patching = native is not None and native.is_job()
    if thread in _busy or is_patching or is_decided(error) or not is_watched():
        return None
    _busy.add(thread)
    try:
        hold = _begin(function, error, frame)
        hold.stops_loop = _running_loop() is not None
        if frame is not None and guarded is not None:
            from . import _again

            hold.guarded, hold.frames = guarded, _again.calls_that_may_begin(frame, guarded)
            hold.blocks = _blocks(frame, guarded)
        return _until_answered(hold)
    finally:
        _busy.discard(thread)


def _blocks(frame: FrameType, guarded: FrameType) -> list[str]:
    from . import _handlers

    found: list[str] = []
    step: FrameType | None = frame
    while step is not None:
        name = os.path.basename(step.f_code.co_filename)
        found += [f"{kind} ({name}:{line})" for kind, line in _handlers.blocks(step.f_code, step.f_lasti)]
        step = None if step is guarded else step.f_back
    return found


def wait_for(hold: Hold) -> Answer | None:
    """The answer to what is no call, and waits: a test."""
    thread = _thread.get_ident()
    _busy.add(thread)
    try:
        return _until_answered(hold)
    finally:
        _busy.discard(thread)


async def ask_in_loop(function: Callable[..., Any], error: Exception) -> Answer | None:
    """The same for a task: its event loop goes on where no terminal is to be read."""
    if _running_loop() is None or _terminal.is_there():
        return ask(function, error)
    if is_decided(error) or not is_watched():
        return None
    from asyncio import sleep

    hold = _begin(function, error, None)
    _tell(hold)
    try:
        while not hold.answered.acquire(blocking=False):
            if _is_over(hold):
                return None
            # The loop stands still for as long as a debugger does there.
            _debugging.attend(hold)
            await sleep(_LOOK / 4)
        return hold.answer
    finally:
        _end(hold)


def async_generator_function(
    begin: Callable[..., Any], decide: Callable[[Exception], Awaitable[Answer | None]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """One whose generators are begun again as often as that is the answer to their failing."""

    async def guarded(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        while True:
            try:
                call = begin(*arguments, **named)
                step = call.asend(None)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await call.aclose()
                        raise
                    except BaseException as thrown:
                        step = call.athrow(thrown)
                    else:
                        step = call.asend(sent)
            except Exception as error:
                answer = await decide(error)
                if answer is None:
                    raise
                if answer.is_value:
                    return

    return guarded


def _begin(function: Callable[..., Any], error: Exception, frame: FrameType | None) -> Hold:
    import traceback

    what = traceback.format_exception_only(type(error), error)
    if frame is None:
        at, line = failing_place(error)
        shown = traceback.format_exception(type(error), error, error.__traceback__)
    else:
        # The call has not been left: its frames are not in the traceback yet.
        stack: list[tuple[FrameType, int]] = []
        step: FrameType | None = frame
        while step is not None and (not stack or stack[-1][0].f_code is not function.__code__):
            stack.append((step, step.f_lineno))
            step = step.f_back
        at, line = next((place for place in stack if not is_installed(place[0].f_code.co_filename)), stack[0])
        lines = traceback.StackSummary.extract(iter(stack[::-1])).format()
        shown = ["Traceback (most recent call last):\n", *lines, *what]
    return Hold(function.__qualname__, error, at, line, "".join(shown))


def _tell(hold: Hold) -> None:
    told = hold.describe()
    _held[hold.number] = (hold, told)
    _notify("hold/began", told)


def _end(hold: Hold) -> None:
    _held.pop(hold.number, None)
    if hold.answer is None:
        decide_to_raise(hold.error)
    _notify("hold/ended", {"hold": hold.number, "how": hold.how})


def _until_answered(hold: Hold) -> Answer | None:
    _tell(hold)
    question: _terminal.Question | None = None
    try:
        while True:
            if question is None and _terminal.is_there():
                question = _terminal.begin(hold)
            if question is not None:
                if hold.answered.acquire(blocking=False):
                    question.answered()
                    break
                question.read(_LOOK)
            elif hold.answered.acquire(timeout=_LOOK):
                break
            if _is_over(hold):
                if question is not None:
                    question.over()
                return None
            if _debugging.attend(hold) and question is not None:
                question.ask_again()
        _let_clients_be_told()
        if hold.answer is not None and not hold.answer.is_value and not hold.is_patched:
            hold.make_saved_live()
        return hold.answer
    finally:
        if question is not None:
            question.end()
        _end(hold)


def _let_clients_be_told() -> None:
    """Who has answered learns of it, though the program may end at once."""
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.wait_until_told()


def _is_over(hold: Hold) -> bool:
    if hold.number not in _held:
        # Answered at this moment.
        return False
    if hold.until is not None and time.time() > hold.until:
        hold.how = "was held for as long as it was asked to be: its exception goes its way"
        return True
    if not is_watched():
        hold.how = "is watched by nobody any more: its exception goes its way"
        return True
    return False


def is_watched() -> bool:
    """Whether anybody could answer."""
    native = sys.modules.get("hotsplice._agent")
    watched = native is not None and native.holds_are_watched()
    return watched or bool(settings.hold_for) or _terminal.is_there()


def is_decided(error: BaseException) -> bool:
    """Whether somebody has said that an exception is to go its way, or what is to be done with the call above."""
    return error.__dict__.get(_DECIDED) is not None


def take_decision(error: BaseException, function: object) -> Answer | None:
    """What was decided for a call of this function before it was left; the same exception may come again."""
    found = error.__dict__.get(_DECIDED)
    if type(found) is not tuple or found[0] is not function:
        return None
    del error.__dict__[_DECIDED]
    answer: Answer = found[1]
    return answer


def decide_for(error: BaseException, call: object, answer: Answer) -> None:
    """What becomes of a call, by its function or its frame, is decided before its frames have been left."""
    error.__dict__[_DECIDED] = (call, answer)


def decision_for_frame(error: BaseException) -> tuple[FrameType, Answer] | None:
    """What was decided for a call that is to begin again in its own frame."""
    found = error.__dict__.get(_DECIDED)
    return found if type(found) is tuple and type(found[0]) is FrameType else None


def settled(error: BaseException) -> None:
    """It has come about; the same exception may come again."""
    error.__dict__.pop(_DECIDED, None)


def decide_to_raise(error: BaseException) -> None:
    """An exception is to go its way."""
    error.__dict__[_DECIDED] = True


def held() -> list[dict[str, Any]]:
    """What waits now, for clients."""
    return [told for _, told in list(_held.values())]


def find(number: int) -> Hold | None:
    return _held.get(number, (None,))[0]


def held_frames() -> Iterator[FrameType]:
    """Of calls that have not been left: from where they failed to what is guarded."""
    for hold, _ in list(_held.values()):
        step: FrameType | None = hold.frame if hold.guarded is not None else None
        while step is not None:
            yield step
            step = None if step is hold.guarded else step.f_back


def answer(
    number: int,
    choice: str,
    expression: str | None,
    evaluate: Callable[[Callable[[], Any]], Any],
    which: int | None = None,
) -> bool:
    """A client's answer; false if nothing of that number waits. Raises what the expression raises.

    ``which`` of its calls is meant: the guarded one if nothing is said. Raises ``IndexError`` if there is none.
    """
    hold = find(number)
    if hold is None:
        return False
    frame = None if which is None else hold.call(which)
    if choice == "retry":
        # Whoever asks has made live what is to be.
        hold.is_patched = True
        return hold.decide(Answer(False, None, frame), hold.tried_again(frame))
    if choice == "return":
        value = evaluate(lambda: hold.evaluate(expression or ""))
        return hold.decide(Answer(True, value, frame), "returns a value")
    return hold.decide(None, "raises")


def failing_place(error: BaseException) -> tuple[FrameType, int]:
    """The innermost frame in the program's own files, or the innermost one, and its line."""
    places: list[tuple[FrameType, int]] = []
    step = error.__traceback__
    while step is not None:
        places.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    own = [place for place in places if not is_installed(place[0].f_code.co_filename)]
    return (own or places)[-1]


def is_installed(path: str) -> bool:
    """Whether a file is not one of the project's."""
    installed = "/site-packages/" in path or "/dist-packages/" in path or path.startswith("<")
    return installed or path.startswith((_LIBRARY + os.sep, _PACKAGE + os.sep))


def make_saved_live(out: Any) -> None:
    """What was saved since is patched, unless the program said that it does so itself."""
    import hotsplice

    from . import _api

    if not getattr(hotsplice, "RELOAD_ON_CONTINUE", True):
        return
    try:
        for edit in _api.patch_saved().edits:
            if edit.verdict in ("refused", "caveat"):
                out.write(f"hotsplice: {edit.path}:{edit.line}: {edit.code}: {edit.message}\n")
    except _api.PatchError as failed:
        out.write(f"hotsplice: {failed}\n")


def _variables(frame: FrameType) -> dict[str, str]:
    import reprlib

    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    found: dict[str, str] = {}
    for name, value in list(frame.f_locals.items())[:_MOST_VARIABLES]:
        # Names that no text can have are those of who wrote the code anew.
        if name.startswith(("__", "@")) or frame.f_locals is frame.f_globals:
            continue
        try:
            found[name] = short.repr(value)
        except Exception as failed:
            found[name] = f"<{type(value).__name__}: its repr raised {type(failed).__name__}>"
    return found


def _thread_name() -> str:
    threading = sys.modules.get("threading")
    return "the main thread" if threading is None else str(threading.current_thread().name)


def _running_loop() -> object:
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def _notify(method: str, params: dict[str, Any]) -> None:
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.notify(method, params)
