"""``hotsplice.repeat()``: a block that runs again after each patch of what it used."""

from __future__ import annotations

import os
import queue
import sys
import traceback
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

from . import _api, _hooks, _session


class Attempt:
    """One round: ``with attempt:`` around what is to run. An exception ends the round, not the loop."""

    def __init__(self, number: int, on_exception: Callable[[Exception], object]) -> None:
        self.number = number
        # What the block raised.
        self.error: Exception | None = None
        # Whether there is to be no other round.
        self.is_last: bool = False
        self._on_exception = on_exception
        # The code that ran; nothing where a profiler is at work, which sees to the same calls.
        # By identity: a code object is compared by what it says, and as a key it is one that a patch has to exchange.
        self.used: dict[int, CodeType] | None = None

    def end(self) -> None:
        """Makes this round the last one."""
        self.is_last = True

    def is_touched_by(self, changed: dict[str, list[str]]) -> bool:
        """Whether a patch of these definitions, by file, changed a file whose code ran, or a name that this reads."""
        if self.used is None or not {os.path.abspath(code.co_filename) for code in self.used.values()}.isdisjoint(
            changed
        ):
            return True
        parts = {part for names in changed.values() for name in names for part in name.split(".")}
        return any(_reads(code, parts) for code in self.used.values())

    def __enter__(self) -> Attempt:
        if sys.getprofile() is None:
            code = sys._getframe(1).f_code
            self.used = used = {id(code): code}

            def note(frame: FrameType, event: str, argument: Any) -> None:
                if event == "call":
                    used[id(frame.f_code)] = frame.f_code

            sys.setprofile(note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self.used is not None:
            sys.setprofile(None)
        if not isinstance(error, Exception):
            return False
        self.error = error
        self._on_exception(error)
        return True


def repeat(
    *,
    on_exception: Callable[[Exception], object] | None = None,
    ask: Callable[[Attempt], bool] | None = None,
    watch: bool = True,
) -> Iterator[Attempt]:
    """Rounds of a block: ``for attempt in repeat(): with attempt: …``.

    The next round begins after a patch of a file whose code the block ran in this thread, or that it stands in, or of a
    name that this code reads. What it raises goes to ``on_exception``, by default as a traceback to standard error.
    Saved files go live by themselves meanwhile, unless ``watch`` is false. With ``ask`` nothing is waited for: if it
    gives true, what is saved goes live and the next round begins. Ends with ``attempt.end()``, ``break``, an interrupt,
    or a false answer.
    """
    _session.listen()
    patches: queue.SimpleQueue[Any] = queue.SimpleQueue()
    watching = _api.watch() if watch and ask is None else None

    def note(patch: Any) -> None:
        patches.put({os.path.abspath(path): names for path, names in patch.files.items()})

    _hooks.updating.append(note)
    try:
        number = 0
        while True:
            number += 1
            attempt = Attempt(number, on_exception or _print)
            yield attempt
            if attempt.is_last:
                return
            if ask is not None:
                if not ask(attempt):
                    return
                _api.patch_saved()
                continue
            # Those that came meanwhile count.
            while not attempt.is_touched_by(patches.get()):
                pass
            for put_back in _api.putting_back:
                put_back()
    finally:
        _hooks.updating.remove(note)
        if watching is not None:
            watching.stop()


def _reads(code: CodeType, names: set[str]) -> bool:
    nested = (one for one in code.co_consts if type(one) is CodeType)
    return not names.isdisjoint(code.co_names) or any(_reads(one, names) for one in nested)


def _print(error: Exception) -> None:
    traceback.print_exception(type(error), error, error.__traceback__)
