"""*Debug here*: a debugger stands where a held call failed. The call stays held, and is answered as before.

Carried out by the thread that holds the call: a debugger that is attached to the process stops there; else debugpy
listens for an editor's, or pdb asks through a client. What ends a hold ends pdb's prompt.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import places

if TYPE_CHECKING:
    from .holds import Hold

# For how long a client waits for the thread of a call, and for what pdb prints, in seconds. debugpy starts another
# process first.
_PATIENCE, _READING = 25.0, 1.0
_LOOK = 0.2
# pydevd's name for why a thread stops.
_BREAK_ON_EXCEPTION = 122
_OWN_VARIABLES = "HOTSPLICE_"

# Where debugpy listens, once it does for our sake.
_listening: tuple[str, int] | None = None


class NoDebugger(RuntimeError):
    """No debugger can be had in this process; the message says what to do (HS0690)."""


class Wish:
    """What a client wants of the thread that holds a call, and what has become of it."""

    def __init__(self, by: str, folder: str | None) -> None:
        from queue import SimpleQueue

        self.by = by
        # Where a debugpy is that the program does not know.
        self.folder = folder
        self._outcome: SimpleQueue[dict[str, Any] | NoDebugger] = SimpleQueue()

    def came_to(self, outcome: dict[str, Any] | NoDebugger) -> None:
        self._outcome.put(outcome)

    def outcome(self, hold: Hold) -> dict[str, Any]:
        import time
        from queue import Empty

        end = time.monotonic() + _PATIENCE
        while True:
            try:
                outcome = self._outcome.get(timeout=_LOOK)
            except Empty:
                if not hold.is_waiting():
                    raise NoDebugger("the call is not held any more") from None
                if time.monotonic() > end:
                    text = "the thread of the call does not answer: a debugger may have stopped it already"
                    raise NoDebugger(text) from None
                continue
            if isinstance(outcome, NoDebugger):
                raise outcome
            return outcome


class Prompt:
    """pdb's standard input and output, at a client's."""

    encoding = "utf-8"

    def __init__(self, hold: Hold) -> None:
        from queue import SimpleQueue

        self._hold = hold
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._news: SimpleQueue[None] = SimpleQueue()
        self._written: list[str] = []
        self._last = ""
        self.state = "busy"

    def write(self, text: str) -> int:
        self._written.append(text)
        self._last = text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        from queue import Empty

        self._change("asks")
        while True:
            try:
                return self._lines.get(timeout=_LOOK)
            except Empty:
                if not self._hold.is_waiting():
                    return ""

    def _change(self, state: str) -> None:
        self.state = state
        self._news.put(None)

    def end(self) -> None:
        self._change("ended")

    def exchange(self, line: str | None) -> dict[str, Any]:
        """Gives pdb a line, and what it has printed by when it wants the next one, or after a while."""
        import time
        from queue import Empty

        if line is not None:
            self.state = "busy"
            self._lines.put(line if line.endswith("\n") else line + "\n")
        end = time.monotonic() + _READING
        while self.state == "busy" and (left := end - time.monotonic()) > 0:
            try:
                self._news.get(timeout=left)
            except Empty:
                break
        state, written = self.state, self._written
        self._written = []
        # Whoever comes back finds the question.
        again = self._last if line is None and state == "asks" and not written else ""
        return {"by": "pdb", "output": "".join(written) or again, "state": state}


def ask(hold: Hold, by: str, line: str | None, folder: str | None) -> dict[str, Any]:
    """A client's wish: ``by`` what it can do, a line for pdb where that asks. Raises :class:`NoDebugger`."""
    prompt = hold.prompt
    if by == "pdb" and prompt is not None:
        return prompt.exchange(line)
    if line is not None:
        raise NoDebugger("pdb has ended; the call is still held")
    wish = Wish(by, folder)
    hold.wishes.append(wish)
    outcome = wish.outcome(hold)
    prompt = hold.prompt
    return prompt.exchange(None) if outcome["by"] == "pdb" and prompt is not None else outcome


def attend(hold: Hold) -> bool:
    """Does what clients wish of the thread that holds the call; answers whether there was anything."""
    stop = _attached() if hold.awaits_debugger else None
    if stop is not None:
        stop(hold)
    elif not hold.wishes:
        return False
    while hold.wishes:
        _fulfil(hold, hold.wishes.pop(0))
    return True


def _fulfil(hold: Hold, wish: Wish) -> None:
    stop = None if wish.by == "pdb" else _attached()
    if stop is not None:
        wish.came_to({"by": "debugger", "message": f"{hold.function} is stopped in the debugger that is attached"})
        stop(hold)
    elif wish.by == "pdb":
        hold.prompt = prompt = Prompt(hold)
        wish.came_to({"by": "pdb"})
        try:
            _pdb(hold, prompt)
        finally:
            hold.prompt = None
            prompt.end()
    elif wish.by == "listen":
        try:
            host, port = _listen(wish.folder)
        except NoDebugger as missing:
            wish.came_to(missing)
            return
        hold.awaits_debugger = True
        message = f"debugpy listens at {host}:{port}; {hold.function} stops there once an editor is attached"
        wish.came_to({"by": "listening", "host": host, "port": port, "message": message})
    else:
        wish.came_to(NoDebugger("no debugger is attached to the process"))


def at_terminal(hold: Hold) -> None:
    """A debugger's prompt at the program's own terminal, unless another debugger is attached."""
    stop = _attached()
    if stop is not None:
        sys.stderr.write(f"hotsplice: {hold.function} is stopped in the debugger that is attached\n")
        stop(hold)
        return
    # Who has `breakpoint()` begin another one (ipdb, pudb) wants that.
    chosen = os.environ.get("PYTHONBREAKPOINT", "").rpartition(".")[0]
    if chosen and not chosen.startswith("pdb"):
        from importlib import import_module

        try:
            post_mortem = import_module(chosen).post_mortem
        except (ImportError, AttributeError):
            sys.stderr.write(f"hotsplice: {chosen} has no post_mortem\n")
        else:
            stack = _stack(hold)
            with _traced_as_before(stack):
                post_mortem(_traceback(stack))
            return
    _pdb(hold, None)


def _stack(hold: Hold) -> list[tuple[types.FrameType, int]]:
    """The program's frames, the outermost first, down to where it was raised, with their lines."""
    step = hold.error.__traceback__
    raised: list[tuple[types.FrameType, int]] = []
    while step is not None:
        raised.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    frame = raised[0][0].f_back if raised else hold.frame.f_back
    above: list[tuple[types.FrameType, int]] = []
    while frame is not None:
        above.append((frame, frame.f_lineno))
        frame = frame.f_back
    found = above[::-1] + raised
    if not any(frame is hold.frame for frame, _ in found):
        found.append((hold.frame, hold.line))
    return [place for place in found if not places.is_own(place[0].f_code.co_filename)]


def _traceback(stack: list[tuple[types.FrameType, int]]) -> types.TracebackType:
    """The same as debuggers take it."""
    traceback: types.TracebackType | None = None
    for frame, line in reversed(stack):
        traceback = types.TracebackType(traceback, frame, max(frame.f_lasti, 0), line)
    assert traceback is not None
    return traceback


def _pdb(hold: Hold, prompt: Prompt | None) -> None:
    import pdb

    stack = _stack(hold)
    at = max(index for index, (frame, _) in enumerate(stack) if frame is hold.frame)

    class Debugger(pdb.Pdb):
        def get_stack(self, _frame: Any, _traceback: Any) -> tuple[list[tuple[types.FrameType, int]], int]:
            return stack, at

    streams: dict[str, Any] = {} if prompt is None else {"stdin": prompt, "stdout": prompt}
    debugger: Any = Debugger(nosigint=True, **streams)
    debugger.reset()
    with _traced_as_before(stack):
        try:
            debugger.interaction(None, _traceback(stack))
        except Exception as failed:
            # By some versions `quit` is said so.
            if type(failed).__name__ != "BdbQuit":
                raise


@contextmanager
def _traced_as_before(stack: list[tuple[types.FrameType, int]]) -> Iterator[None]:
    """Who steps through the program goes on: a debugger that is left switches off all tracing of the thread."""
    former, of_frames = sys.gettrace(), [(frame, frame.f_trace) for frame, _ in stack]
    try:
        yield
    finally:
        for frame, trace in of_frames:
            if frame.f_trace is not trace:
                frame.f_trace = trace
        if sys.gettrace() is not former:
            sys.settrace(former)


def _attached() -> Callable[[Hold], None] | None:
    """How to stop in the debugger that is attached: debugpy's, or PyCharm's, which has the same heart."""
    pydevd: Any = sys.modules.get("pydevd")
    get = getattr(pydevd, "get_global_debugger", None) or getattr(pydevd, "GetGlobalDebugger", None)
    debugger = None if get is None else get()
    if not hasattr(debugger, "do_wait_suspend"):
        return None
    is_attached = getattr(pydevd, "_is_attached", None)
    if is_attached is not None and not is_attached():
        return None
    return lambda hold: _stop(debugger, hold)


def _stop(debugger: Any, hold: Hold) -> None:
    import threading

    hold.awaits_debugger = False
    thread = threading.current_thread()
    information = debugger.set_additional_thread_info(thread)
    information.is_tracing += 1
    traced: Any = sys.modules.get("_pydevd_sys_monitoring.pydevd_sys_monitoring")
    traced = traced or sys.modules.get("_pydevd_sys_monitoring_cython")
    suspend = getattr(traced, "suspend_current_thread_tracing", None)
    was_traced = suspend is not None and suspend()
    try:
        # As where it breaks on an exception, whether or not the person has asked for that.
        what = type(hold.error), hold.error, _traceback(_stack(hold))
        debugger.send_caught_exception_stack(thread, what, id(hold.frame))
        debugger.set_suspend(thread, _BREAK_ON_EXCEPTION)
        debugger.do_wait_suspend(thread, hold.frame, "exception", what, "handled")
        debugger.send_caught_exception_stack_proceeded(thread)
    finally:
        if was_traced:
            traced.resume_current_thread_tracing()
        information.is_tracing -= 1
        # A step from there leads nowhere: the call is still held.
        information.pydev_step_cmd = information.pydev_original_step_cmd = -1
        information.pydev_step_stop = None


def _listen(folder: str | None) -> tuple[str, int]:
    """Has debugpy listen on a port of its choice, for this machine only."""
    global _listening
    if _listening is not None:
        return _listening
    try:
        debugpy = _import(folder)
    except ImportError as missing:
        raise NoDebugger(f"debugpy can't be had in the process ({missing}): install it there, or use pdb") from None
    try:
        # Its adapter, a process of its own, is not to be taken for one of the program's.
        debugpy.configure(pythonEnv=_environment())
    except Exception:
        # Unknown to an older one: nothing depends on it.
        pass
    try:
        host, port = debugpy.listen(("127.0.0.1", 0))
    except Exception as failed:
        if "already" in str(failed):
            raise NoDebugger(
                "debugpy listens already in the process, where the program has it listen: attach your editor there"
            ) from None
        raise NoDebugger(f"debugpy can't listen: {failed}") from None
    _listening = host, port
    return _listening


def _import(folder: str | None) -> Any:
    from importlib import import_module

    try:
        return import_module("debugpy")
    except ImportError:
        if folder is None:
            raise
    sys.path.append(folder)
    try:
        return import_module("debugpy")
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
    own = os.path.join(places.PACKAGE, "_bootstrap")
    paths = kept.pop("PYTHONPATH", "").split(os.pathsep)
    others = [path for path in paths if path and os.path.abspath(path) != own]
    return {**kept, "PYTHONPATH": os.pathsep.join(others)} if others else kept
