"""The calls around a failed one: which of them can begin again instead, and why others can't.

A plain function's call begins again in its own frame, with the arguments that it holds. One whose arguments have other
values by now, and one that suspends, begin again where they are guarded: who calls them then has kept the arguments.
"""

from __future__ import annotations

import sys
import types
from typing import NamedTuple

from .._native import load
from . import answers, places

_SUSPENDS = 0x20 | 0x80 | 0x100 | 0x200
_AWAITED = 0x80 | 0x100 | 0x200
# How far up calls are listed.
_HIGHEST = 50


class Call(NamedTuple):
    frame: types.FrameType
    line: int
    # A code of `docs/verdicts.md`, and the reason; nothing where it can begin again.
    why_not: tuple[str, str] | None = None


def calls(error: BaseException, frame: types.FrameType | None, guarded: types.FrameType | None = None) -> list[Call]:
    """Of the program's own functions, from this frame upwards, as far as the exception comes, with the guarded one."""
    from . import handlers

    found: list[Call] = []
    step, has_passed = frame, guarded is None
    while step is not None and len(found) < _HIGHEST:
        if has_passed and handlers.catches(step, error):
            break
        if step is guarded:
            has_passed = True
            found.append(Call(step, step.f_lineno))
        elif _is_programs(step):
            found.append(Call(step, step.f_lineno, _why_not(step)))
        if has_passed and _ends_here(step):
            break
        step = step.f_back
    return found


def left_call(error: BaseException) -> Call | None:
    """The call that has been left, of what drives a generator or a coroutine."""
    trace = answers.trace_of(error)
    while trace is not None and places.is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return None if trace is None else Call(trace.tb_frame, trace.tb_lineno)


def take_decision(error: BaseException) -> answers.Answer | None:
    """What was decided for the call that has been left, when that was still there."""
    own = left_call(error)
    return None if own is None else answers.take_decision(error, own.frame)


def own_answer(error: BaseException, answer: answers.Answer | None) -> answers.Answer | None:
    """The answer for the call that has been left; one for a call further up is put with the exception."""
    if answer is None or answer.frame is None:
        return answer
    own = left_call(error)
    if own is not None and own.frame is answer.frame:
        return answer
    answers.decide_for(error, answer.frame, answer, in_place=not goes_through_guard(answer.frame))
    return None


def goes_through_guard(frame: types.FrameType) -> bool:
    """Whether who called it has kept the arguments: that is where the call begins again."""
    if frame.f_code.co_flags & _SUSPENDS:
        return _is_driven(frame)
    return bool(load().rebinds_arguments(frame.f_code)) and _has_kept_arguments(frame)


def _is_driven(frame: types.FrameType) -> bool:
    # Where something is raised in it, a method of what drives it alone.
    return frame.f_back is not None and places.is_own(frame.f_back.f_code.co_filename)


def _has_kept_arguments(frame: types.FrameType) -> bool:
    function = load().function_of(frame)
    if function is None or not load().goes_through_guard(function):
        return False
    # Calls that were there before it was guarded, or are too deep in others, have not: which of them can't be told.
    step: types.FrameType | None = sys._getframe(1)
    count = 0
    while step is not None:
        count += step.f_code is frame.f_code and load().function_of(step) is function
        step = step.f_back
    return bool(load().entered_calls(function) == count)


def _is_programs(frame: types.FrameType) -> bool:
    """A call of a function of the program; not the statements of a module or a class, or a generator expression."""
    code = frame.f_code
    return code.co_flags & 0x3 == 0x3 and code.co_name != "<genexpr>" and not places.is_installed(code.co_filename)


def _why_not(frame: types.FrameType) -> tuple[str, str] | None:
    """Why a call can't begin again."""
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    guard = f"once it is guarded (`hotsplice guard '*.{name}'`) its next calls can"
    if goes_through_guard(frame):
        return None
    if frame.f_code.co_flags & _SUSPENDS:
        return "HS0622", f"its arguments were not kept from the start: {guard}"
    if load().function_of(frame) is None:
        return "HS0622", "what is called can't be told"
    if load().rebinds_arguments(frame.f_code):
        return "HS0623", f"it may have given its arguments other values: {guard}"
    return None


def _ends_here(frame: types.FrameType) -> bool:
    """Whether an exception that leaves a call does not come to the frame above it."""
    if frame.f_code.co_name == "__del__":
        return True
    if not frame.f_code.co_flags & _AWAITED:
        return False
    # A task, whatever takes its steps, keeps its exception.
    above = frame.f_back
    while above is not None and places.is_own(above.f_code.co_filename):
        above = above.f_back
    return above is None or not above.f_code.co_flags & _SUSPENDS
