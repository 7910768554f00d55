"""Whether patched code has run: observed once for each function, and not at all before CPython 3.12.

A local event of ``sys.monitoring`` (PEP 669) costs a function nothing once it has been seen: it is switched off then.
"""

import contextlib
import functools
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any
from weakref import ref

from ..native import native

# PEP 669 leaves 3 and 4 to whoever comes first, and a program may count on one; nobody is known to use 5.
_FREE_TOOLS = (5, 4, 3)

_tool: Any = None


class _Watched(ref[CodeType]):
    """A code object, weakly, for references are counted to tell who runs it; what it is of, and its version."""

    __slots__ = ("definition", "details", "key", "path")

    path: str
    definition: str
    details: dict[str, Any]

    def __init__(self, code: CodeType, _gone: Any) -> None:
        self.key = id(code)


# By the id of the code object.
_watched: dict[int, _Watched] = {}


def _gone(watched: Any) -> None:
    _watched.pop(watched.key, None)


def watch(code: CodeType, path: str, definition: str, details: dict[str, Any]) -> None:
    """``details["ran"]`` is false now and true once the code is entered; left alone where that can't be observed."""
    if not _prepare():
        return
    monitoring = sys.monitoring
    try:
        # Without the first call, what was switched off when the code was seen before would stay so.
        monitoring.set_local_events(_tool, code, monitoring.events.NO_EVENTS)
        monitoring.set_local_events(_tool, code, monitoring.events.PY_START)
    except (ValueError, RuntimeError):
        return
    watched = _watched[id(code)] = _Watched(code, _gone)
    watched.path, watched.definition, watched.details = path, definition, details
    details["ran"] = False


def _prepare() -> bool:
    global _tool
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return False
    if _tool is not None:
        return bool(monitoring.get_tool(_tool) == "hotsplice")
    for number in _FREE_TOOLS:
        if monitoring.get_tool(number) is None:
            monitoring.use_tool_id(number, "hotsplice")
            monitoring.register_callback(number, monitoring.events.PY_START, _entered)
            _tool = number
            return True
    return False


def _entered(code: CodeType, _offset: int) -> Any:
    """Called in the program's own thread, once."""
    found = _watched.pop(id(code), None)
    if found is not None and found() is code:
        found.details["ran"] = True
        about = {"path": found.path, "definition": found.definition, "version": found.details["version"]}
        native.notify("code/first-run", about)
    return sys.monitoring.DISABLE


def watch_lines(code: CodeType, arrive: Callable[..., Any]) -> bool:
    """Has ``arrive`` called before each line of a code is executed; answers whether that is possible."""
    if not _prepare():
        return False
    monitoring = sys.monitoring
    try:
        monitoring.register_callback(_tool, monitoring.events.LINE, arrive)
        monitoring.set_local_events(_tool, code, monitoring.events.LINE)
    except (ValueError, RuntimeError):
        return False
    return True


def hand_on_events(old: CodeType, new: CodeType) -> None:
    """What other tools watch in a code they watch in what its calls go on in, too: a debugger has lines to stop at."""
    monitoring = sys.monitoring
    for tool in range(6):
        if tool == _tool or monitoring.get_tool(tool) is None:
            continue
        before, events = monitoring.get_local_events(tool, new), monitoring.get_local_events(tool, old)
        if events | before != before:
            with contextlib.suppress(ValueError, RuntimeError):
                monitoring.set_local_events(tool, new, events | before)


def watch_restart(code: CodeType, event: str, callback: Callable[..., Any]) -> bool:
    """Has a native callback called for an event of a code, beside what else is called for it."""
    if not _prepare():
        return False
    monitoring = sys.monitoring
    wanted = getattr(monitoring.events, event)
    try:
        if event == "PY_START":
            # Without a frame of ours, which would be above the one that is restarted.
            callback = functools.partial(callback, _entered)
        monitoring.register_callback(_tool, wanted, callback)
        events = monitoring.get_local_events(_tool, code) | wanted
        # What was switched off in this code would stay so.
        monitoring.set_local_events(_tool, code, monitoring.events.NO_EVENTS)
        monitoring.set_local_events(_tool, code, events)
    except (ValueError, RuntimeError):
        return False
    return True


def unwatch_restart(code: CodeType) -> None:
    """The lines of a code cost nothing again, unless its calls are to be moved."""
    monitoring = sys.monitoring
    if monitoring.get_tool(_tool) == "hotsplice" and not native.has_moves(code):
        events = monitoring.get_local_events(_tool, code) & ~monitoring.events.LINE
        monitoring.set_local_events(_tool, code, events)
