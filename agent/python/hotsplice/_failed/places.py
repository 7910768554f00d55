"""Where a call has failed, as it is shown: the frame of the program's own, its variables, the blocks around it."""

from __future__ import annotations

import _thread
import os
import sys
from types import FrameType, TracebackType

from .. import _loaded
from . import answers

_MOST_VARIABLES = 30
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def failing_place(error: BaseException) -> tuple[FrameType, int]:
    """The innermost frame in the program's own files, or the innermost one, and its line."""
    places: list[tuple[FrameType, int]] = []
    step = answers.trace_of(error)
    while step is not None:
        places.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    own = [place for place in places if not is_installed(place[0].f_code.co_filename)]
    return (own or places)[-1]


def without_own(trace: TracebackType | None) -> TracebackType | None:
    """From where it is the program's: a decorator's code, and what drives a generator, stand above it."""
    while trace is not None and trace.tb_next is not None and is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def leave_out_own(error: BaseException) -> None:
    """An exception that is being handled, and is raised again, shows no frames of ours then."""
    trace = without_own(answers.trace_of(error))
    answers.set_trace(error, trace)
    native = sys.modules.get("hotsplice._agent")
    if native is not None:
        native.raise_with_trace(error, trace)


def is_own(path: str) -> bool:
    """Whether a file is one of Hotsplice's."""
    return path.startswith(PACKAGE + os.sep)


def is_installed(path: str) -> bool:
    """Whether a file is not one of the project's."""
    return path.startswith("<") or _loaded.is_installed(path)


def blocks(frame: FrameType, guarded: FrameType) -> list[str]:
    from . import clauses

    found: list[str] = []
    step: FrameType | None = frame
    while step is not None:
        name = os.path.basename(step.f_code.co_filename)
        found += [f"{kind} ({name}:{line})" for kind, line in clauses.blocks(step.f_code, step.f_lasti)]
        step = None if step is guarded else step.f_back
    return found


def variables(frame: FrameType) -> dict[str, str]:
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


def thread_name() -> str:
    threading = sys.modules.get("threading")
    if threading is not None:
        return str(threading.current_thread().name)
    # As it calls them.
    number = _thread.get_native_id()
    return "MainThread" if number == os.getpid() else f"thread {number}"
