"""The variables of a call, looked at without harm to it."""

import sys
from types import CodeType, FrameType
from typing import Any

from ..native import native

# `CO_OPTIMIZED`: the variables are in the frame, and in no namespace.
_OPTIMIZED = 1


def of(frame: FrameType, is_executed: bool) -> dict[str, Any]:
    """Those of a function's call, be it suspended or executed by a thread; a module and a class have a namespace."""
    code: CodeType = frame.f_code
    if not code.co_flags & _OPTIMIZED:
        return {}
    known = native.variables_of(frame)
    if known is not None:
        return dict(known)
    shown = frame.f_locals
    found = dict(shown)
    # In a build whose frames are not known. Before 3.13 the frame keeps the dictionary that it shows, and with that
    # what they hold. It is filled again whenever somebody asks. A call that is executed may stand in a trace function,
    # from which it takes its variables back out of that dictionary (`call_trampoline` in CPython's sysmodule.c).
    if not is_executed and type(shown) is dict and native.reference_count(shown) <= _OF_FRAME:
        shown.clear()
    return found


def _count_of_frame() -> int:
    """The references to such a dictionary that nobody else holds: the frame's, and that of who asks."""
    shown = sys._getframe(0).f_locals
    return int(native.reference_count(shown))


_OF_FRAME = _count_of_frame()
