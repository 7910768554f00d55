"""What becomes of a failed call. An exception bears it until it has come to that call."""

from __future__ import annotations

import sys
from types import FrameType, TracebackType
from typing import Any

# What decides about an exception is marked with it: guarded calls further up let it pass.
DECIDED = "__hotsplice_decided__"

# The program's own attributes are not asked: a class of its own may do anything there.
_members: Any = BaseException.__dict__["__dict__"].__get__
_trace: Any = BaseException.__dict__["__traceback__"]


class Answer:
    """A value that the call is to return, or that it is to be tried again: the guarded one, or another one above it."""

    def __init__(self, is_value: bool, value: Any = None, frame: FrameType | None = None) -> None:
        self.is_value = is_value
        self.value = value
        self.frame = frame


class _Decision:
    """Lies with the exception until that has come to its call; if it never does, that is reported."""

    def __init__(self, call: object, answer: Answer, in_place: bool) -> None:
        self.call = call
        self.answer = answer
        # Whether the call is to begin again in its own frame; else who called it makes it again.
        self.in_place = in_place
        self.is_open = True

    def __del__(self) -> None:
        if self.is_open and sys is not None and sys.stderr is not None:
            code = getattr(self.call, "f_code", None) or getattr(self.call, "__code__", None)
            name = getattr(code, "co_name", "the call")
            sys.stderr.write(f"hotsplice: {name} does not begin again: its exception has been handled on its way\n")
            if self.in_place:
                _expect_no_more()


def _expect_no_more() -> None:
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.expect_exception(False)


def marks(error: BaseException) -> dict[str, Any]:
    """The attributes of an exception, as they are stored."""
    found: dict[str, Any] = _members(error)
    return found


def trace_of(error: BaseException) -> TracebackType | None:
    found: TracebackType | None = _trace.__get__(error)
    return found


def set_trace(error: BaseException, trace: TracebackType | None) -> None:
    _trace.__set__(error, trace)


def is_decided(error: BaseException) -> bool:
    """Whether somebody has said that an exception is to go its way, or what is to be done with the call above."""
    return marks(error).get(DECIDED) is not None


def _decision(error: BaseException) -> _Decision | None:
    found = marks(error).get(DECIDED)
    return found if type(found) is _Decision else None


def take_decision(error: BaseException, call: object) -> Answer | None:
    """What was decided for a call, by its function or its frame, before it was left; the exception may come again."""
    found = _decision(error)
    if found is None or found.call is not call:
        return None
    settled(error)
    return found.answer


def decide_for(error: BaseException, call: object, answer: Answer, in_place: bool = False) -> None:
    """What becomes of a call, by its function or its frame, is decided before its frames have been left.

    ``in_place`` in its own frame, when the exception comes there.
    """
    settled(error)
    marks(error)[DECIDED] = _Decision(call, answer, in_place)
    native = sys.modules.get("hotsplice._agent")
    if in_place and native is not None:
        native.expect_exception(True)


def decision_for_frame(error: BaseException) -> tuple[FrameType, Answer] | None:
    """What was decided for a call that is to begin again in its own frame."""
    found = _decision(error)
    if found is None or not found.in_place or not isinstance(found.call, FrameType):
        return None
    return found.call, found.answer


def settled(error: BaseException) -> None:
    """It has come about; the same exception may come again."""
    found = marks(error).pop(DECIDED, None)
    if type(found) is _Decision:
        found.is_open = False
        if found.in_place:
            _expect_no_more()


def decide_to_raise(error: BaseException) -> None:
    """An exception is to go its way."""
    settled(error)
    marks(error)[DECIDED] = True
