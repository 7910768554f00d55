"""A frame that a debugger has stopped is restarted: from the beginning, with its arguments and the code that is live.

Found and judged here; carried out natively in the program's own thread, when the debugger lets it go on
(``agent/src/frames/restart.rs``).
"""

import dis
import os
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

from ..errors import EngineError
from ..native import native
from . import first_run, reach
from .blocks import Blocks
from .bytecode import Bytecode

_LIBRARY = os.path.dirname(os.__file__)
_DEBUGGERS = tuple(os.path.join(_LIBRARY, name) for name in ("bdb.py", "pdb.py", "cmd.py"))
_PACKAGES = ("debugpy", "_pydev_bundle", "_pydevd_bundle", "pydevd", "_pydev_runfiles", "ipdb", "pudb", "IPython")

_OPTIMIZED_WITH_OWN_LOCALS = 0x3
_GENERATOR = 0x20 | 0x200
# Events of sys.monitoring in which a frame leaves.
_LEAVING = ("PY_RETURN", "PY_YIELD", "PY_UNWIND")
# How often it is looked whether a frame has ended, in milliseconds.
_LOOK = 1000

_is_looking = False
# Code whose lines are watched.
_watched: list[CodeType] = []


class Stop:
    """A thread that a debugger has stopped, and the program's frames in it, the innermost first."""

    def __init__(self, ident: int, name: str, frames: list[FrameType]) -> None:
        self.ident = ident
        self.name = name
        self.frames = frames

    def __str__(self) -> str:
        frame = self.frames[0]
        return f"{self.name} in {frame.f_code.co_qualname}, line {frame.f_lineno}"


def restart(params: dict[str, Any]) -> dict[str, Any]:
    """Serves ``frame/restart``."""
    if not native.can_move():
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise EngineError("HS0621", f"a frame can't be restarted in this Python ({version}): CPython 3.12 to 3.15 can")
    stop, frame = _find(params)
    code = frame.f_code
    function = native.function_of(frame)
    _check_kind(code, function)
    new: CodeType = function.__code__
    _check_arguments(frame, code, new)
    in_event, event = native.event_of(stop.ident) or (False, -1)
    is_innermost = frame is stop.frames[0]
    events = sys.monitoring.events
    if is_innermost and in_event and any(event == getattr(events, name).bit_length() - 1 for name in _LEAVING):
        raise EngineError("HS0622", f"{code.co_qualname} is on its way out in line {frame.f_lineno}: call it again")
    bytecode = Bytecode(code)
    blocks = Blocks(bytecode)
    if not blocks.may_be_dropped_at(frame.f_lasti):
        raise EngineError(
            "HS0624",
            f"line {frame.f_lineno} of {code.co_qualname} stands in a with, in a try with finally, or in an except: "
            "what the call has to leave would stay entered; step out of it first",
        )
    at_line = is_innermost and in_event and event == events.LINE.bit_length() - 1
    changed = sorted(_reassigned(bytecode, frame.f_lasti))
    is_now = native.is_restarting(frame)
    if not is_now:
        is_now = at_line and _is_at_line(code, frame.f_lasti)
        lines = {i.offset // 2 for i in bytecode.instructions if blocks.may_be_dropped_at(i.offset)}
        _plan(stop, frame, is_now, lines)
    return {
        "function": code.co_qualname,
        "path": os.path.abspath(new.co_filename),
        "line": new.co_firstlineno,
        "thread": stop.name,
        "at_once": is_now,
        "is_new": new is not code,
        "changed": changed,
        "yielded": bool(code.co_flags & _GENERATOR),
    }


def _plan(stop: Stop, frame: FrameType, is_now: bool, lines: set[int]) -> None:
    global _is_looking
    code = frame.f_code
    name = code.co_qualname

    def failed() -> None:
        text = "was not restarted with the new code: it has ended, or does not fit it any more"
        sys.stderr.write(f"hotsplice: {name} {text}\n")

    # A line, too, where a debugger sends elsewhere what has been sent to its beginning.
    is_watched = first_run.watch_restart(code, "LINE", native.arrive)
    if not is_watched or is_now and not first_run.watch_restart(code, "PY_START", native.started):
        raise EngineError("HS0621", "a frame can't be restarted: every tool number of sys.monitoring is taken")
    _watched.append(code)
    reason = native.plan_restart(
        frame, code, stop.ident, is_now, frame.f_lasti // 2, lines, dis.opmap["RESUME"], failed
    )
    if not _is_looking:
        _is_looking = True
        native.call_later(_LOOK, _look)
    if reason is not None:
        raise EngineError("HS0625", f"{name} can't be restarted: {reason}")


def _look() -> None:
    global _is_looking
    ended, _is_looking = native.ended_restarts()
    for failed in ended:
        failed()
    if _is_looking:
        native.call_later(_LOOK, _look)
        return
    while _watched:
        first_run.unwatch_restart(_watched.pop())


def _find(params: dict[str, Any]) -> tuple[Stop, FrameType]:
    stops = list(_stops())
    if not stops:
        raise EngineError("HS0620", "no thread of this process is stopped in a debugger")
    wanted, function = params.get("thread"), params.get("function")
    if wanted is not None:
        stops = [stop for stop in stops if wanted in (stop.name, str(stop.ident))]
        if not stops:
            raise EngineError("HS0620", f"no thread {wanted} is stopped in a debugger")
    found = [(stop, frame) for stop in stops for frame in _frames(stop, params)]
    if len(found) > 1 and params.get("line") is not None:
        found = [(stop, frame) for stop, frame in found if frame.f_lineno == params["line"]] or found
    if not found:
        what = f"frame of {function}" if function else f"frame {params.get('frame') or 0}"
        raise EngineError("HS0620", f"there is no {what} in a thread that is stopped in a debugger")
    threads = {stop.ident: stop for stop, _ in found}
    if len(threads) > 1:
        names = "; ".join(str(stop) for stop in threads.values())
        raise EngineError("HS0620", f"several threads are stopped in a debugger: say which one ({names})")
    return found[0]


def _frames(stop: Stop, params: dict[str, Any]) -> list[FrameType]:
    """Those that are meant: by a function's name, as a debugger shows it, or by a number."""
    function, path = params.get("function"), params.get("path")
    if function is None:
        return stop.frames[params.get("frame") or 0 :][:1]
    return [
        frame
        for frame in stop.frames
        if function in (frame.f_code.co_name, frame.f_code.co_qualname)
        and (path is None or os.path.realpath(frame.f_code.co_filename) == os.path.realpath(path))
    ]


def _stops() -> Iterator[Stop]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    for ident, frame in native.current_frames().items():
        if ident == own:
            continue
        in_event, _ = native.event_of(ident) or (False, -1)
        step: FrameType | None = frame
        while in_event and step is not None and not _is_debugger(step.f_code):
            step = step.f_back
        while in_event and step is not None and _is_debugger(step.f_code):
            step = step.f_back
        if not in_event or step is None:
            continue
        frames = []
        while step is not None:
            if not _is_debugger(step.f_code):
                frames.append(step)
            step = step.f_back
        yield Stop(ident, names.get(ident, str(ident)), frames)


def _is_debugger(code: CodeType) -> bool:
    path = code.co_filename
    if path in _DEBUGGERS:
        return True
    parts = path.replace("\\", "/").split("/")
    return any(part.removesuffix(".py") in _PACKAGES for part in parts)


def _is_at_line(code: CodeType, offset: int) -> bool:
    """Whether the interpreter asks before this instruction whether a debugger wants to stop."""
    raw: bytes = code._co_code_adaptive  # type: ignore[attr-defined]
    return raw[offset] == dis.opmap.get("INSTRUMENTED_LINE", -1)


def _check_kind(code: CodeType, function: Any) -> None:
    is_call = code.co_flags & _OPTIMIZED_WITH_OWN_LOCALS == _OPTIMIZED_WITH_OWN_LOCALS
    if not is_call or type(function) is not FunctionType or code.co_name in ("<genexpr>", "<listcomp>"):
        what = "a module" if code.co_name == "<module>" else f"what runs in {code.co_qualname}"
        raise EngineError("HS0622", f"{what} is no call of a function: it can't begin again")


def _arguments(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_varnames[:count]


def _check_arguments(frame: FrameType, code: CodeType, new: CodeType) -> None:
    kind = 0x20 | 0x80 | 0x100 | 0x200 | 4 | 8
    if _arguments(code) != _arguments(new) or (code.co_flags ^ new.co_flags) & kind:
        raise EngineError("HS0623", f"{code.co_qualname} takes other arguments now, or gives another kind of thing")
    values = frame.f_locals
    for name in _arguments(code):
        if name not in values:
            raise EngineError("HS0623", f"{code.co_qualname} has deleted its argument {name}: it can't begin again")


def _reassigned(bytecode: Bytecode, offset: int) -> Iterator[str]:
    """Arguments that have been given another value, or may have been, since the call began."""
    arguments = set(_arguments(bytecode.code))
    # A call into Python code leaves the offset behind the instruction, among its caches.
    offset = max(known for known in bytecode.at if known <= offset)
    for instruction in bytecode.instructions:
        value = instruction.argval
        stores = instruction.opname.startswith("STORE_FAST") or instruction.opname == "STORE_DEREF"
        names = arguments.intersection(value if type(value) is tuple else (value,)) if stores else set()
        if instruction.opname == "STORE_FAST_LOAD_FAST":
            names.discard(value[1])
        if names and instruction.offset != offset and offset in _after(bytecode, instruction.offset):
            yield from names


def _after(bytecode: Bytecode, offset: int) -> set[int]:
    return reach.reached(bytecode.code, bytecode.instructions, [offset])
