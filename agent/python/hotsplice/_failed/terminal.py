"""The question at the terminal of a program, a call of which is held."""

from __future__ import annotations

import _thread
import os
import sys
from typing import TYPE_CHECKING

from . import debugging
from .answers import Answer

if TYPE_CHECKING:
    from .holds import Hold

HELP = """\
r [N]         retry with the code as it is now; N: from a call further up, as `u` numbers them
u             list the calls further up
v EXPRESSION  return this value
c             let it raise
p             debug: the debugger that is attached, else pdb; `q` comes back here
e             edit the line
"""

# Threads hold for themselves, the terminal is one.
_asking = _thread.allocate_lock()


def is_there() -> bool:
    """Whether a person sits before the program: it has a terminal, and is not in the background there."""
    try:
        if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        # A background job that reads is stopped by the system.
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def may_be_there() -> bool:
    """Whether a person may come to sit before the program: what is cheap to know, and does not change."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except (OSError, ValueError, AttributeError):
        return False


def begin(hold: Hold) -> Question | None:
    """Asks, unless another thread is asking."""
    return Question(hold) if _asking.acquire(blocking=False) else None


def leaving(blocks: list[str], note: str) -> str:
    """Which blocks a call leaves before it begins again, and what else is to be known."""
    return (f"left before it begins again: {', '.join(blocks)}\n" if blocks else "") + note


def introduction(shown: str, function: str, blocks: list[str], note: str) -> str:
    """A traceback, its last line in colour, and what can be answered."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    red, plain = ("", "") if is_plain else ("\x1b[31m", "\x1b[0m")
    *above, last = shown.rstrip().splitlines(keepends=True)
    choices = (
        f"hotsplice: {function} is held; r retry, v EXPRESSION return it, c let it raise, p debug, e edit, h help\n"
    )
    return "".join(above) + red + last + plain + "\n" + leaving(blocks, note) + choices


class Question:
    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._is_answered_here = False
        self._out = sys.stderr
        self._out.write(hold.introduction)
        self._prompt()

    def ask_again(self) -> None:
        if self._hold.is_waiting():
            self._prompt()

    def _prompt(self) -> None:
        self._out.write("(hold) ")
        self._out.flush()

    def read(self, seconds: float) -> None:
        """Waits so long for a line, and does what it says."""
        import select

        if not select.select([sys.stdin], [], [], seconds)[0]:
            return
        line = sys.stdin.readline()
        choice, _, rest = line.strip().partition(" ")
        if choice == "r":
            try:
                frame = self._hold.call(int(rest)) if rest else None
            except (ValueError, IndexError) as failed:
                self._out.write(f"{failed}\n")
            else:
                self._is_answered_here = self._hold.decide(Answer(False, None, frame), self._hold.tried_again(frame))
        elif choice == "c" or not line:
            # Nothing has ended the line of the question at the end of the input.
            self._out.write("" if line else "\n")
            self._is_answered_here = self._hold.decide(None, "raises")
        elif choice == "v":
            try:
                value = self._hold.evaluate(rest)
            except BaseException as failed:
                # Whoever interrupts what does not end wants to answer otherwise; so does who types `exit()`.
                self._out.write(f"{type(failed).__name__}: {failed}\n")
            else:
                self._is_answered_here = self._hold.decide(Answer(True, value), "returns a value")
        elif self._hold.also(choice):
            self._is_answered_here = True
        else:
            self._help(choice)
        if self._hold.answered.locked():
            self._prompt()

    def _help(self, choice: str) -> None:
        if choice == "p":
            self._hold.is_in_debugger = True
            try:
                debugging.at_terminal(self._hold)
            finally:
                self._hold.is_in_debugger = False
        elif choice == "u":
            for number, call in enumerate(self._hold.calls()):
                here = "  (guarded)" if call["guarded"] else f"  {call['refused']}" if "refused" in call else ""
                self._out.write(f"{number}  {call['function']}, {call['path']}:{call['line']}{here}\n")
        elif choice == "e":
            self._edit()
        elif choice:
            self._out.write(self._hold.help)

    def _edit(self) -> None:
        import shlex
        import subprocess

        chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            subprocess.run([*shlex.split(chosen), f"+{self._hold.line}", self._hold.path], check=False)
        except (OSError, ValueError) as failed:
            self._out.write(f"hotsplice: {chosen} can't be started: {failed}\n")
        except KeyboardInterrupt:
            # Meant for the editor.
            self._out.write("\n")

    def answered(self) -> None:
        if not self._is_answered_here:
            self._out.write(f"\nhotsplice: {self._hold.function} {self._hold.how}\n")

    def over(self) -> None:
        """Nobody has answered."""
        self._out.write(f"\nhotsplice: {self._hold.function} {self._hold.how}\n")

    def end(self) -> None:
        _asking.release()
