"""Functions that a patch makes unfit for calls which began before it: for these they are as they were, however reached.

Natively such a function asks here who calls it (``agent/src/frames/callers.rs``), for as long as such calls run. A call
in retired code gets the former function, and so does one that such a call is behind, or that hands on what it was
given, if the arguments fit the former only. Any other call meets the new one, as in a fresh process.
"""

from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any

from ..live import lookup
from ..native import native
from . import dispatch, reach
from .formers import Parameters


class Callers:
    """The functions that ask, for one world."""

    def __init__(self, is_retired: dispatch.IsRetired, is_inside: dispatch.IsRetired) -> None:
        self._is_retired = is_retired
        self._is_inside = is_inside
        self._asking: dict[int, tuple[FunctionType, Callable[..., bool]]] = {}

    def asks(self, function: Any) -> bool:
        return id(function) in self._asking

    def ask(self, function: FunctionType, former: FunctionType, gives_otherwise: bool = False) -> None:
        """Has a function ask whether a call is for the former.

        ``gives_otherwise``: what it gives may be of another kind, so that it is for whoever gets that in the end.
        """
        if not native.can_ask_callers():
            return
        old = Parameters.of(former, {})

        def decide(frame: FrameType, count: int, names: tuple[str, ...] | None) -> bool:
            if not old.take(count, names or ()):
                return False
            if self._is_retired(frame.f_code):
                return True
            # As it is now: a later patch may have changed it, too.
            takes = Parameters.of(function, {}).take(count, names or ())
            if takes:
                return gives_otherwise and self._is_given_back(frame)
            return _hands_on(frame) or self._is_behind(frame)

        native.ask_callers(function, former, decide)
        self._asking[id(function)] = function, decide

    def _is_given_back(self, frame: FrameType) -> bool:
        """Whether calls give what they are given as it is, to one in retired code in the end."""
        step: FrameType | None = frame
        while step is not None and not self._is_retired(step.f_code):
            step = step.f_back if reach.is_returned(step.f_code, step.f_lasti) else None
        # A loop that is moved takes the next item along into the new code.
        return step is not None and not (native.has_moves(step.f_code) and reach.is_next(step.f_code, step.f_lasti))

    def _is_behind(self, frame: FrameType) -> bool:
        step: FrameType | None = frame
        while step is not None:
            if self._is_inside(step.f_code):
                return True
            step = step.f_back
        return False

    def end(self) -> None:
        asking, self._asking = self._asking, {}
        for function, decide in asking.values():
            native.ask_no_more(function, decide)


def _hands_on(frame: FrameType) -> bool:
    """Whether what a call gives is likely not its own: it is in a library, or gives what it has as a whole."""
    return lookup.is_installed(frame.f_code.co_filename) or reach.gives_all(frame.f_code, frame.f_lasti)
