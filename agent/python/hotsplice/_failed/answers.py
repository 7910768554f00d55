"""What becomes of a failed call. An exception bears it until it has come to that call."""

from __future__ import annotations

from types import FrameType
from typing import Any

# What decides about an exception is marked with it: guarded calls further up let it pass.
DECIDED = "__hotsplice_decided__"


class Answer:
    """A value that the call is to return, or that it is to be tried again: the guarded one, or another one above it."""

    def __init__(self, is_value: bool, value: Any = None, frame: FrameType | None = None) -> None:
        self.is_value = is_value
        self.value = value
        self.frame = frame


def is_decided(error: BaseException) -> bool:
    """Whether somebody has said that an exception is to go its way, or what is to be done with the call above."""
    return error.__dict__.get(DECIDED) is not None


def take_decision(error: BaseException, function: object) -> Answer | None:
    """What was decided for a call of this function before it was left; the same exception may come again."""
    found = error.__dict__.get(DECIDED)
    if type(found) is not tuple or found[0] is not function:
        return None
    del error.__dict__[DECIDED]
    answer: Answer = found[1]
    return answer


def decide_for(error: BaseException, call: object, answer: Answer) -> None:
    """What becomes of a call, by its function or its frame, is decided before its frames have been left."""
    error.__dict__[DECIDED] = (call, answer)


def decision_for_frame(error: BaseException) -> tuple[FrameType, Answer] | None:
    """What was decided for a call that is to begin again in its own frame."""
    found = error.__dict__.get(DECIDED)
    return found if type(found) is tuple and type(found[0]) is FrameType else None


def settled(error: BaseException) -> None:
    """It has come about; the same exception may come again."""
    error.__dict__.pop(DECIDED, None)


def decide_to_raise(error: BaseException) -> None:
    """An exception is to go its way."""
    error.__dict__[DECIDED] = True
