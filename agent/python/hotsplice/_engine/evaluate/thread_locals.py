"""What `threading.local` holds for the main thread, for statements that the agent's thread runs.

Where the main thread is the only one, what runs for a patch finds what that has there, as in a process that starts with
the new text. Where others run beside it there is no telling whose content is whose, and what asks for any is refused.
"""

import _thread
import gc
import os
from _contextvars import ContextVar, copy_context
from types import FrameType
from typing import Any

from ... import _session
from ..errors import Refusal
from ..live import objects
from ..native import native

_PACKAGE = os.path.dirname(_session.__file__) + os.sep


class ThreadLocals:
    """The locals that one transaction's statements may reach, and what they held before those ran."""

    def __init__(self) -> None:
        # id → (the local, its name, how many threads have something there)
        self._known: dict[int, tuple[Any, str, int]] = {}
        # id → (the variable of contexts, its name, what it holds in this one: a copy of the main thread's)
        self._variables: dict[int, tuple[ContextVar[Any], str, Any]] = {}
        # What all of those held, those that are made later too: nothing.
        self._context = copy_context()
        # id → (what it holds for this thread, what that was given of the main thread's)
        self._given: dict[int, tuple[dict[Any, Any], dict[Any, Any]]] = {}

    def note_variable(self, value: Any, name: str) -> None:
        if type(value) is ContextVar:
            self._variables.setdefault(id(value), (value, name, self._context.get(value, objects.MISSING)))

    def note(self, value: Any, name: str) -> None:
        self.note_variable(value, name)
        if not issubclass(type(value), _thread._local) or id(value) in self._known:
            return
        held = _held(value)
        self._known[id(value)] = (value, name, len(held))
        runs_no_code = objects.of_type(type(value), "__init__") is object.__init__
        if len(held) == 1 and runs_no_code and _is_main_alone():
            own = _thread._local.__getattribute__(value, "__dict__")
            own.update(held[0])
            self._given[id(value)] = own, dict(own)

    def check(self) -> None:
        """Refuses what has been answered for this thread instead of the main one, or was changed for this one alone."""
        for key, (variable, name, before) in self._variables.items():
            now = variable.get(objects.MISSING)
            if now is not before:
                self._variables[key] = variable, name, now
                what = f"{name} belongs to each context, and this would set it in the agent's"
                raise Refusal("HS0110", f"{what}; start again for that")
        for key, (value, name, count) in self._known.items():
            if key in self._given:
                own, given = self._given[key]
                is_changed = own.keys() != given.keys() or any(own[one] is not given[one] for one in given)
                if is_changed:
                    own.clear()
                    own.update(given)
            else:
                held = _held(value)
                is_changed = len(held) > count and any(held)
            if is_changed:
                raise Refusal(
                    "HS0110", f"{name} belongs to each thread, and this would use the agent's; start again for that"
                )


def _held(value: Any) -> list[dict[Any, Any]]:
    """What a local holds, of all threads: a table of these, found without asking it."""
    for table in gc.get_referents(value):
        if type(table) is dict and table and all(map(_is_of_thread, table)):
            return list(table.values())
    return []


def _is_of_thread(key: Any) -> bool:
    """CPython 3.13 and later have the thread's object as the key itself, and not a reference to it."""
    return "_localdummy" in (type(key).__name__, type(key() if type(key).__name__ == "ReferenceType" else key).__name__)


def _is_main_alone() -> bool:
    frames = native.current_frames()
    return {ident for ident, frame in frames.items() if not _is_of_agent(frame)} <= {_session._main_ident}


def _is_of_agent(frame: FrameType) -> bool:
    """Whether it is of a thread that serves a request: another one may be on its way."""
    outermost = frame
    while outermost.f_back is not None:
        outermost = outermost.f_back
    return outermost.f_code.co_filename.startswith(_PACKAGE)
