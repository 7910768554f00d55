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
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from . import debugging, places, terminal, watched
from .answers import Answer
from .around import Call
from .watched import settings


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
        # The calls that it lies in, the innermost first, and the guarded one.
        self.around: list[Call] = []
        self.guarded: FrameType | None = None
        # The one that is about to begin again, if another one.
        self.chosen: Any = None
        # The guarded call where that has been left.
        self.left: FrameType | None = None
        # The blocks that the call stands in: they are left before it begins again, or gives a value.
        self.blocks: list[str] = []
        # What else is to be known before it is tried again.
        self.note = ""
        # What clients want of this thread, pdb's prompt where one asks, and whether an editor's debugger is to come.
        self.wishes: list[debugging.Wish] = []
        self.prompt: debugging.Prompt | None = None
        self.awaits_debugger = False
        # At the terminal.
        self.is_in_debugger = False

    def is_waiting(self) -> bool:
        return self.number in waiting and not is_over(self)

    def decide(self, answer: Answer | None, how: str) -> bool:
        """The first answer counts; false for any other."""
        if waiting.pop(self.number, None) is None:
            return False
        self.answer, self.how = answer, how
        self.answered.release()
        if self.is_in_debugger:
            # A person at the terminal is not taken out of what they do there.
            sys.stderr.write(f"\nhotsplice: {self.function} {how}, once you leave the debugger\n")
        return True

    @property
    def summary(self) -> str:
        """The exception in one line."""
        shown = self.shown.rstrip()
        return shown.splitlines()[-1] if shown else type(self.error).__name__

    @property
    def introduction(self) -> str:
        """What a terminal shows above the question."""
        return terminal.introduction(self.shown, self.function, self.blocks, self.note)

    @property
    def help(self) -> str:
        return terminal.HELP

    def also(self, choice: str) -> bool:
        """Whether it is answered by a choice of its own at the terminal."""
        return False

    def calls(self) -> list[dict[str, Any]]:
        """What can begin again, as it is shown."""
        return [
            {
                "function": getattr(call.frame.f_code, "co_qualname", call.frame.f_code.co_name),
                "path": os.path.abspath(call.frame.f_code.co_filename),
                "line": call.line,
                "guarded": call.frame in (self.guarded, self.left),
                **({} if call.why_not is None else {"refused": ": ".join(call.why_not)}),
            }
            for call in self.around
        ]

    def evaluate(self, expression: str) -> Any:
        """The value that is to be returned."""
        return eval(expression or "None", self.names())

    def make_saved_live(self) -> None:
        make_saved_live(sys.stderr)

    def call(self, which: int) -> FrameType:
        """One of the calls that can begin again."""
        if not 0 <= which < len(self.around):
            if not self.around:
                raise NoCall("HS0023", f"no call is known around {self.function}: it is tried again without a number")
            last = len(self.around) - 1
            raise NoCall("HS0023", f"{self.function} lies in {last + 1} calls, numbered from 0 to {last}")
        call = self.around[which]
        if call.why_not is not None:
            raise NoCall(call.why_not[0], f"{call.frame.f_code.co_name} can't begin again: {call.why_not[1]}")
        return call.frame

    def choose(self, which: int | None) -> None:
        """Says which call is about to begin again."""
        self.chosen = None if which is None else self.call(which)

    def tried_again(self, frame: FrameType | None) -> str:
        other = frame is not None and frame not in (self.guarded, self.left)
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
            "thread": places.thread_name(),
            "traceback": self.shown + terminal.leaving(self.blocks, self.note),
            "variables": places.variables(self.frame),
            "since": self.since,
            "stops_loop": self.stops_loop,
            "frames": self.calls(),
        }


class NoCall(IndexError):
    """There is no such call, or it can't begin again; with a code of ``docs/verdicts.md``."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why


# Number → what waits, and what was told of it.
waiting: dict[int, tuple[Hold, dict[str, Any]]] = {}
_numbers = itertools.count(1)


def is_over(hold: Hold) -> bool:
    if hold.number not in waiting:
        # Answered at this moment.
        return False
    if hold.until is not None and time.time() > hold.until:
        hold.how = "was held for as long as it was asked to be: its exception goes its way"
        return True
    if not watched.is_watched():
        hold.how = "is watched by nobody any more: its exception goes its way"
        return True
    return False


def held() -> list[dict[str, Any]]:
    """What waits now, for clients."""
    return [told for _, told in list(waiting.values())]


def find(number: int) -> Hold | None:
    return waiting.get(number, (None,))[0]


def held_frames() -> Iterator[FrameType]:
    """Of calls that begin again, or are left for it: from where they failed to what is guarded, or chosen."""
    for hold, _ in list(waiting.values()):
        last = hold.chosen or hold.guarded
        step: FrameType | None = hold.frame if hold.guarded is not None else None
        while step is not None:
            yield step
            step = None if step is last else step.f_back
        if hold.left is not None:
            for call in hold.around:
                yield call.frame
                if call.frame is (hold.chosen or hold.left):
                    break


def frames_above() -> Iterator[tuple[FrameType, int]]:
    """Those that may begin again, with their numbers."""
    for hold, _ in list(waiting.values()):
        for number, call in enumerate(hold.around):
            if call.why_not is None:
                yield call.frame, number


def answer(
    number: int,
    choice: str,
    expression: str | None,
    evaluate: Callable[[Callable[[], Any]], Any],
    which: int | None = None,
) -> bool:
    """A client's answer; false if nothing of that number waits. Raises what the expression raises.

    ``which`` of its calls is meant: the guarded one if nothing is said. Raises :class:`NoCall` if there is none.
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


def make_saved_live(out: Any) -> None:
    """What was saved since is patched, unless the program said that it does so itself."""
    import hotsplice

    from .. import _api

    if not getattr(hotsplice, "RELOAD_ON_CONTINUE", True):
        return
    try:
        for edit in _api.patch_saved().edits:
            if edit.verdict in ("refused", "caveat"):
                out.write(f"hotsplice: {edit.path}:{edit.line}: {edit.code}: {edit.message}\n")
    except _api.PatchError as failed:
        out.write(f"hotsplice: {failed}\n")
