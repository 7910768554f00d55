"""What the program prints and raises, for whoever patches it from outside and does not see its terminal.

Nothing is recorded until it is asked for, nothing once nobody has asked for an hour, and never more than the end of it.
The streams stay what they are: each gets a ``write`` of its own, which writes as before and notes the text. Exceptions
are noted where they are raised in a patched file or come to one, handled or not, from CPython 3.12 on.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from types import CodeType
from typing import Any

from . import _hooks

# Taken once: a program may have `sys` without it for a while.
_getframe = sys._getframe

# Characters and exceptions that are kept, at most; a longer text is cut.
_MOST = 200_000
_MOST_RAISED = 200
_LONGEST = 1_000
# Seconds after which nobody is taken to want it any more.
_FORGOTTEN = 3600.0
_SHOWN = (str, bytes, int, float, bool, type(None))
_TOOLS = (3, 4, 5)
_TOOL_NAME = "hotsplice-output"


class _Recording:
    def __init__(self) -> None:
        self.since = time.time()
        self.asked = time.monotonic()
        self.patched_at: float | None = None
        self.printed: deque[tuple[str, str, float]] = deque()
        self.size = 0
        self.raised: deque[dict[str, Any]] | None = None
        self.dropped = 0
        self.paths: frozenset[str] = frozenset()
        # The streams that note what they are given.
        self.streams: dict[str, Any] = {}
        self.tool: int | None = None


_recording: _Recording | None = None


def since_patch(patched: list[str], everything: bool) -> dict[str, Any]:
    """What was printed and raised since the last patch, or since it is recorded; begins to record."""
    global _recording
    recording = _recording
    if recording is None:
        recording = _recording = _Recording()
        _hooks.clearing.append(_patched)
    recording.asked = time.monotonic()
    recording.paths |= frozenset(patched)
    missing = _listen_to_streams(recording)
    _listen_to_exceptions(recording)
    start = recording.since if everything or recording.patched_at is None else recording.patched_at
    raised = None if recording.raised is None else [one for one in list(recording.raised) if one["at"] >= start]
    printed: list[dict[str, Any]] = []
    for stream, text, at in list(recording.printed):
        if at < start:
            continue
        if printed and printed[-1]["stream"] == stream:
            printed[-1]["text"] += text
        else:
            printed.append({"stream": stream, "text": text, "at": at})
    return {
        "recorded_since": recording.since,
        "patched_at": recording.patched_at,
        "printed": printed,
        "raised": raised,
        "dropped": recording.dropped,
        "missing": missing,
    }


def _patched(patch: Any) -> None:
    recording = _recording
    if recording is None or _is_forgotten(recording):
        return
    recording.patched_at = time.time()
    recording.paths |= frozenset(os.path.abspath(path) for path in patch.files)
    _listen_to_streams(recording)


def _is_forgotten(recording: _Recording) -> bool:
    global _recording
    if time.monotonic() - recording.asked < _FORGOTTEN:
        return False
    if _recording is recording:
        _recording = None
        if _patched in _hooks.clearing:
            _hooks.clearing.remove(_patched)
        for stream in recording.streams.values():
            stream.__dict__.pop("write", None)
        if recording.tool is not None and sys.version_info >= (3, 12):
            sys.monitoring.set_events(recording.tool, 0)
            sys.monitoring.free_tool_id(recording.tool)
    return True


def _listen_to_streams(recording: _Recording) -> list[str]:
    """The program may have put other ones there; gives what can't be listened to."""
    missing = []
    for name in ("stdout", "stderr"):
        stream = sys.__dict__.get(name)
        if stream is None or recording.streams.get(name) is stream:
            continue
        # Nothing of the program's is run to find out, a proxy's attributes least of all.
        kind: Any = type(stream)
        is_plain = _has_plain_attributes(kind)
        write = getattr(stream, "write", None) if is_plain else None
        if not callable(write) or "write" in getattr(stream, "__dict__", {"write": None}):
            missing.append(f"sys.{name} is a {kind.__name__}, which is left as it is")
            continue
        recording.streams[name] = stream
        stream.write = _noting(recording, name, write)
    return missing


def _has_plain_attributes(kind: Any) -> bool:
    return kind.__setattr__ is object.__setattr__ and kind.__getattribute__ is object.__getattribute__


def _noting(recording: _Recording, name: str, write: Callable[[str], Any]) -> Callable[[str], Any]:
    def noting(text: str, /) -> Any:
        result = write(text)
        if type(text) is str and not _is_forgotten(recording):
            kept = text[-_MOST:]
            recording.printed.append((name, kept, time.time()))
            recording.size += len(kept)
            while recording.size > _MOST:
                try:
                    _, former, _ = recording.printed.popleft()
                except IndexError:
                    break
                recording.size -= len(former)
                recording.dropped += len(former)
        return result

    return noting


def _listen_to_exceptions(recording: _Recording) -> None:
    if sys.version_info < (3, 12) or recording.raised is not None:
        return
    monitoring = sys.monitoring
    tool = next((number for number in _TOOLS if monitoring.get_tool(number) is None), None)
    if tool is None:
        return
    monitoring.use_tool_id(tool, _TOOL_NAME)
    monitoring.register_callback(tool, monitoring.events.RAISE, _raised)
    monitoring.set_events(tool, monitoring.events.RAISE)
    recording.tool = tool
    recording.raised = deque()


def _raised(code: CodeType, _offset: int, error: BaseException) -> None:
    recording = _recording
    if recording is None or recording.raised is None or code.co_filename not in recording.paths:
        return
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
        if step.tb_frame.f_code.co_filename in recording.paths:
            # It has come from a frame that was noted.
            return
    frame = _getframe(1)
    kind = type(error)
    # No code of the program is run to show what it has raised.
    is_plain = all(type(argument) in _SHOWN for argument in error.args)
    message = BaseException.__str__(error)[:_LONGEST] if is_plain else ""
    recording.raised.append(
        {
            "exception": kind.__qualname__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}",
            "message": message,
            "path": code.co_filename,
            "line": frame.f_lineno or code.co_firstlineno,
            "definition": getattr(code, "co_qualname", code.co_name),
            "at": time.time(),
        }
    )
    while len(recording.raised) > _MOST_RAISED:
        recording.raised.popleft()
        recording.dropped += 1
