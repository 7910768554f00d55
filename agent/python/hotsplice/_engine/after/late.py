"""Functions that calls in retired code make after a commit.

A call that began before goes on in the old code, and the functions and closures that it makes run old code too, where
nobody would find them any more. So they are looked for until the last such call has ended, and get the live code.
"""

import weakref
from types import CodeType

from ..native import native
from . import running

FIRST_LOOK, LAST_LOOK = 10, 8000
# Calls that no thread's stack shows, a suspended greenlet's, are given this many looks.
_LOOKS = 8


class _Late:
    def __init__(self, retired: "native.Retired") -> None:
        self.retired = retired.nested()
        # Weak: nothing here keeps a code alive that the end of its last frame should free.
        self.callers = [weakref.ref(code) for code in retired.callers()]
        self.looks = 0

    def look(self, waited: int) -> None:
        if self not in _pending:
            return
        self.looks += 1
        callers: list[CodeType] = [code for code in (caller() for caller in self.callers) if code is not None]
        native.sweep_late(self.retired, callers)
        if callers and (self.looks < _LOOKS or running.are_inside(callers)):
            wait = min(2 * waited, LAST_LOOK)
            native.call_later(wait, lambda: self.look(wait))
        else:
            _pending.remove(self)


_pending: list[_Late] = []


def follow(retired: "native.Retired") -> None:
    """After a commit: what was to get code that is retired now gets the newest."""
    for late in _pending:
        late.retired = late.retired.advanced(retired)


def watch(retired: "native.Retired") -> None:
    """After a commit that calls in old code outlive."""
    late = _Late(retired)
    _pending.append(late)
    native.call_later(FIRST_LOOK, lambda: late.look(FIRST_LOOK))
