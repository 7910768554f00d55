"""Notices when what is evaluated for a patch is about to run code that the patch replaces, on this thread alone.

What it would give is what the former code gives: such a statement is deferred until the patch is live.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from ..errors import FormerCode

# Numbers that PEP 669 leaves to whoever comes first.
_FREE_TOOLS = (4, 3, 2, 1, 0)


class FormerCodeWatch:
    """A context in which each statement may be stopped where it would run former code."""

    def __init__(self, codes: dict[int, CodeType]) -> None:
        self._codes = codes
        self._thread = threading.get_ident()
        self._tool: int | None = None
        self.may_stop = False
        self.ran: list[str] = []

    def __enter__(self) -> "FormerCodeWatch":
        if self._codes:
            if sys.version_info >= (3, 12):
                self._begin()
            else:
                sys.setprofile(self._profile)
        return self

    def __exit__(self, *_error: Any) -> None:
        if sys.version_info >= (3, 12):
            self._end()
        elif self._codes:
            sys.setprofile(None)

    def add(self, code: CodeType) -> None:
        """From now on this code is former, too."""
        self._codes[id(code)] = code
        if sys.version_info < (3, 12):
            sys.setprofile(self._profile)
        elif self._tool is None:
            self._begin()
        else:
            monitoring = sys.monitoring
            monitoring.set_local_events(self._tool, code, monitoring.events.PY_START)

    @contextmanager
    def statement(self, may_stop: bool) -> Iterator[list[str]]:
        """While one statement runs; gives the names of the former code that it ran, or was stopped at."""
        around = self.may_stop, self.ran
        self.may_stop, self.ran = may_stop, []
        try:
            yield self.ran
        except FormerCode:
            pass
        finally:
            self.may_stop, self.ran = around
            if self._codes and sys.version_info < (3, 12):
                # An exception has taken it off.
                sys.setprofile(self._profile)

    def _begin(self) -> None:
        # From 3.12 on.
        monitoring = sys.monitoring  # type: ignore[attr-defined]
        free = [tool for tool in _FREE_TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            return
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "hotsplice evaluation")
        monitoring.register_callback(self._tool, monitoring.events.PY_START, self._started)
        for code in self._codes.values():
            monitoring.set_local_events(self._tool, code, monitoring.events.PY_START)

    def _end(self) -> None:
        if self._tool is None:
            return
        monitoring = sys.monitoring  # type: ignore[attr-defined]
        for code in self._codes.values():
            monitoring.set_local_events(self._tool, code, monitoring.events.NO_EVENTS)
        monitoring.register_callback(self._tool, monitoring.events.PY_START, None)
        monitoring.free_tool_id(self._tool)
        self._tool = None

    def _started(self, code: CodeType, _offset: int) -> None:
        if threading.get_ident() == self._thread:
            self._note(code)

    def _profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and id(frame.f_code) in self._codes:
            self._note(frame.f_code)

    def _note(self, code: CodeType) -> None:
        name = getattr(code, "co_qualname", code.co_name)
        if name not in self.ran:
            self.ran.append(name)
        if self.may_stop:
            raise FormerCode(name)
