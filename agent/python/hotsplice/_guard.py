"""Guarded calls: a call that fails is held, its code is mended, and it is tried again with the same arguments.

The names are those of hot_restart. A guarded function that raises asks at the terminal what to do; the stack above it
stays alive, what it had called has been unwound. Where nobody sits at a terminal the exception goes its way.
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import os
import shlex
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Generator
from types import FrameType, FunctionType, ModuleType
from typing import Any, TypeVar

from . import _api, _session

Guarded = TypeVar("Guarded", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

_PATCHED_BEFORE_RETRY = "RELOAD_ON_CONTINUE"
_MARK = "__hotsplice_guard__"
_HELP = """\
r             retry with the code as it is now
v EXPRESSION  return this value
c             let it raise
p             debug (post mortem)
e             edit the line
"""

# What is executed from now on is known as it was, and can be told from what is saved later.
try:
    _session.listen()
except _session.UnsupportedPython as _error:
    sys.stderr.write(f"hotsplice: guarded calls can be tried again, but not patched: {_error}\n")

# One question at a time: threads hold for themselves, the terminal is one.
_asking = threading.Lock()
_restarting = threading.local()


def is_restarting() -> bool:
    """Whether this thread runs a guarded call for another time."""
    return getattr(_restarting, "again", False)


def no_wrap(function: Guarded) -> Guarded:
    """Leaves a function out of ``wrap_class``, ``wrap_module`` and ``wrap_modules``."""
    function.__dict__[_MARK] = "never"
    return function


def wrap(function: Guarded) -> Guarded:
    """Guards a function, a method, a generator, a coroutine or an asynchronous generator."""
    if inspect.isasyncgenfunction(function):
        guarded = _wrap_async_generator(function)
    elif inspect.iscoroutinefunction(function):
        guarded = _wrap_coroutine(function)
    elif inspect.isgeneratorfunction(function):
        guarded = _wrap_generator(function)
    else:
        guarded = _wrap_call(function)
    guarded.__dict__[_MARK] = "guarded"
    return guarded  # type: ignore[return-value]


def _wrap_call(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            answer = _hold(function, error)
        while not answer.is_value:
            answer = _call_again(function, arguments, named)
        return answer.value

    return guarded


def _call_again(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Answer:
    _restarting.calls = getattr(_restarting, "calls", 0) + 1
    try:
        return _Answer(True, function(*arguments, **named))
    except Exception as error:
        return _hold(function, error)
    finally:
        _restarting.calls -= 1


def _wrap_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*arguments: Any, **named: Any) -> Any:
        while True:
            try:
                return await function(*arguments, **named)
            except Exception as error:
                answer = _hold(function, error)
                if answer.is_value:
                    return answer.value

    return guarded


def _wrap_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        while True:
            try:
                return (yield from function(*arguments, **named))
            except Exception as error:
                answer = _hold(function, error)
                if answer.is_value:
                    return answer.value

    return guarded


def _wrap_async_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        while True:
            try:
                async for item in function(*arguments, **named):
                    yield item
                return
            except Exception as error:
                if _hold(function, error).is_value:
                    return

    return guarded


def wrap_class(owner: Class) -> Class:
    """Guards every method that the class itself defines."""
    for name, value in list(vars(owner).items()):
        if type(value) in (staticmethod, classmethod):
            if _is_open(value.__func__):
                setattr(owner, name, type(value)(wrap(value.__func__)))
        elif type(value) is property:
            parts: list[Any] = [value.fget, value.fset, value.fdel]
            getter, setter, deleter = (wrap(part) if _is_open(part) else part for part in parts)
            setattr(owner, name, property(getter, setter, deleter, value.__doc__))
        elif _is_open(value):
            setattr(owner, name, wrap(value))
    return owner


def wrap_module(module: ModuleType | None = None) -> None:
    """Guards every function and class that a module defines: the calling one, unless another is given."""
    namespace = _caller().f_globals if module is None else module.__dict__
    for name, value in list(namespace.items()):
        if isinstance(value, type):
            if value.__module__ == namespace["__name__"]:
                wrap_class(value)
        elif _is_open(value) and value.__module__ == namespace["__name__"]:
            namespace[name] = wrap(value)


def wrap_modules(pattern: str) -> list[str]:
    """Guards the loaded modules whose names fit (``"app.*"``); gives their names."""
    fitting = [name for name in list(sys.modules) if fnmatch.fnmatchcase(name, pattern)]
    for name in fitting:
        module = sys.modules[name]
        if type(module) is ModuleType:
            wrap_module(module)
    return fitting


def reload_module(module: ModuleType | None = None) -> _api.Report:
    """Makes a module live as it is on disk: the calling one, unless another is given."""
    return _api.patch(_caller().f_globals["__file__"] if module is None else module)


def _caller() -> FrameType:
    frame = sys._getframe(2)
    return frame


def _is_open(value: object) -> bool:
    return type(value) is FunctionType and _MARK not in value.__dict__


class _Answer:
    """What the person at the terminal chose: a value, or to try again."""

    def __init__(self, is_value: bool, value: Any = None) -> None:
        self.is_value = is_value
        self.value = value


def _hold(function: Callable[..., Any], error: Exception) -> _Answer:
    """Asks what to do with a failed call; raises the exception again if that is the answer, or nobody can be asked."""
    if not _is_watched() or getattr(error, _MARK, None) is True:
        raise error
    with _asking:
        answer = _ask(function, error)
    if answer is None:
        # Guarded callers further up let it pass: it was decided.
        error.__dict__[_MARK] = True
        raise error
    return answer


def _is_watched() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(function: Callable[..., Any], error: Exception) -> _Answer | None:
    frame, line = _innermost(error)
    out = sys.stderr
    red, plain = ("", "") if os.environ.get("NO_COLOR") else ("\x1b[31m", "\x1b[0m")
    out.write("".join(traceback.format_exception(type(error), error, error.__traceback__)[:-1]))
    out.write(red + "".join(traceback.format_exception_only(type(error), error)) + plain)
    out.write(f"hotsplice: {function.__qualname__} is held; r retry, v EXPRESSION, c let it raise, p debug, e edit\n")
    while True:
        out.write("(hold) ")
        out.flush()
        words = sys.stdin.readline()
        if not words:
            return None
        choice, _, rest = words.strip().partition(" ")
        if choice == "r":
            _make_saved_live(out)
            return _Answer(False)
        if choice == "c":
            return None
        if choice == "v":
            try:
                return _Answer(True, eval(rest or "None", frame.f_globals, frame.f_locals))
            except Exception as failed:
                out.write(f"{type(failed).__name__}: {failed}\n")
        elif choice == "p":
            _debug(error)
        elif choice == "e":
            editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
            subprocess.run([*editor, f"+{line}", frame.f_code.co_filename], check=False)
        elif choice:
            out.write(_HELP)


def _innermost(error: BaseException) -> tuple[FrameType, int]:
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        found = frame, line
    assert found is not None, "a raised exception has a traceback"
    return found


def _debug(error: BaseException) -> None:
    debugger = sys.modules.get("debugpy") or sys.modules.get("pydevd")
    if debugger is not None and hasattr(debugger, "breakpoint"):
        debugger.breakpoint()
        return
    import pdb

    pdb.post_mortem(error.__traceback__)


def _make_saved_live(out: Any) -> None:
    """What was saved since is patched, unless the program said that it does so itself."""
    import hotsplice

    if not getattr(hotsplice, _PATCHED_BEFORE_RETRY, True):
        return
    try:
        for edit in _api.patch_saved().edits:
            if edit.verdict == "refused":
                out.write(f"hotsplice: {edit.path}:{edit.line}: {edit.code}: {edit.message}\n")
    except _api.PatchError as failed:
        out.write(f"hotsplice: {failed}\n")
