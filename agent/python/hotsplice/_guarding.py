"""Guards for functions of a running program, without a word in its source.

The native half calls these functions in another way (``guard.rs``), which costs a call that does not fail some tens of
nanoseconds: what fails is put before :func:`failed`. Held is what nobody in the program would handle.
"""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from . import _holds, _hooks
from ._native import load

_MARK = "__hotsplice_guard__"
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200
_OLDEST = (3, 12)
# What PEP 669 leaves to whoever comes first; a patch uses another one.
_TOOLS = (4, 3, 5)

native: Any = load()  # type: ignore[no-untyped-call]


class Unsupported(RuntimeError):
    """Functions of this interpreter can't be guarded from outside; the message says why (HS0022)."""


class _Settings:
    # Whether what the program would handle is held, too.
    even_handled = False


settings = _Settings()
_is_prepared = False
_tool: int | None = None


def guard(patterns: list[str]) -> list[Callable[..., Any]]:
    """Guards what fits, now and later; gives the functions that were not guarded before."""
    global _is_prepared
    if sys.version_info < _OLDEST:
        version = ".".join(map(str, sys.version_info[:2]))
        raise Unsupported(
            f"guarding a function from outside needs CPython 3.12, this is {version}; guard it in its source, with "
            "hotsplice.wrap or hotsplice.wrap_modules"
        )
    try:
        native.prepare_guards(failed, suspending)
    except RuntimeError as error:
        raise Unsupported(str(error)) from None
    if not _is_prepared:
        _is_prepared = True
        _hooks.updating.append(_patched)
    _watch_raising(True)
    return [function for pattern in patterns for function in native.guard(pattern)]


def let_go(patterns: list[str]) -> list[Callable[..., Any]]:
    """Guards no more what fits these patterns alone."""
    found = [function for pattern in patterns for function in native.let_go(pattern)] if _is_prepared else []
    if _is_prepared and not native.guarded_patterns():
        _watch_raising(False)
    return found


def guard_from_environment(environment: Any) -> None:
    """What ``hotsplice run --guard`` asked for."""
    patterns = environment.get("HOTSPLICE_GUARD")
    if not patterns:
        return
    seconds = environment.get("HOTSPLICE_HOLD_FOR", "")
    if seconds.isdigit():
        _holds.settings.hold_for = float(seconds) or None
    try:
        guard(patterns.split(","))
    except Unsupported as error:
        sys.stderr.write(f"hotsplice: HS0022: {error}\n")


def _patched(_patch: Any) -> None:
    """After a patch a function may be of another kind: one that suspends, or none."""
    native.guard_again()


def failed(
    function: types.FunctionType, _arguments: tuple[Any, ...], _named: dict[str, Any], error: Exception
) -> tuple[Any] | bool | None:
    """A guarded call has raised: gives a value in a tuple, true to call it again, or nothing to let it raise."""
    answer = _holds.take_decision(error, function) or _ask(function, error)
    if answer is None:
        return None
    return (answer.value,) if answer.is_value else True


def _watch_raising(on: bool) -> None:
    """Has a call held where it fails, before anything of it is left. Else it is held when it has been left."""
    global _tool
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    if on and _tool is None:
        _tool = next((number for number in _TOOLS if monitoring.get_tool(number) is None), None)
        if _tool is None:
            return
        monitoring.use_tool_id(_tool, "hotsplice-guard")
        monitoring.register_callback(_tool, monitoring.events.RAISE, _raised)
    if _tool is not None and monitoring.get_tool(_tool) == "hotsplice-guard":
        monitoring.set_events(_tool, monitoring.events.RAISE if on else monitoring.events.NO_EVENTS)


def _raised(_code: types.CodeType, _offset: int, error: BaseException) -> None:
    """Something was raised in a frame, or has come to it."""
    function = native.innermost_guarded()
    if function is None or not isinstance(error, Exception):
        return
    step = error.__traceback__
    if step is not None and step.tb_next is not None:
        # It was looked at where it was raised.
        return
    frame: types.FrameType | None = sys._getframe(1)
    at = frame
    while at is not None and at.f_code is not function.__code__:
        if at.f_code.co_filename in (__file__, _holds.__file__):
            # Of a generator or a coroutine, which is tried again itself.
            return
        at = at.f_back
    if at is None or not _is_to_be_held(function, error, frame):
        return
    answer = _holds.ask(function, error, frame)
    if answer is not None:
        _holds.decide_for(error, function, answer)


def _ask(function: types.FunctionType, error: Exception) -> _holds.Answer | None:
    return _holds.ask(function, error) if _is_to_be_held(function, error, sys._getframe(2)) else None


def _is_to_be_held(function: types.FunctionType, error: Exception, caller: types.FrameType | None) -> bool:
    if function.__dict__.get(_MARK) is not None or type(error) in (StopIteration, StopAsyncIteration):
        return False
    if _holds.is_decided(error) or not _holds.is_watched():
        return False
    # Once a call has failed, not at every start.
    from . import _handlers

    return settings.even_handled or not _handlers.would_handle(error, caller, function)


def suspending(function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a call of a guarded generator function gives, or of one that makes a coroutine."""
    flags = function.__code__.co_flags
    if function.__dict__.get(_MARK) is not None or not flags & (_GENERATOR | _COROUTINE | _ASYNC_GENERATOR):
        return native.call_unguarded(function, arguments, named)
    first = native.call_unguarded(function, arguments, named)
    made: Any
    if flags & _COROUTINE:
        made = _coroutine(first, function, arguments, named)
    elif flags & _ASYNC_GENERATOR:
        made = _async_generator(first, function, arguments, named)
    else:
        made = _generator(first, function, arguments, named)
        if flags & _ITERABLE_COROUTINE:
            return first
    made.__name__, made.__qualname__ = function.__name__, function.__qualname__
    return made


async def _coroutine(call: Any, function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    while True:
        try:
            return await call
        except Exception as error:
            if not _is_to_be_held(function, error, sys._getframe(1)):
                raise
            answer = await _holds.ask_in_loop(function, error)
            if answer is None:
                raise
            if answer.is_value:
                return answer.value
        call = native.call_unguarded(function, arguments, named)


def _generator(
    call: Any, function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Generator[Any, Any, Any]:
    while True:
        try:
            return (yield from call)
        except Exception as error:
            answer = _ask(function, error)
            if answer is None:
                raise
            if answer.is_value:
                return answer.value
        call = native.call_unguarded(function, arguments, named)


def _async_generator(
    call: Any, function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    first = [call]

    def begin() -> Any:
        return first.pop() if first else native.call_unguarded(function, arguments, named)

    async def decide(error: Exception) -> _holds.Answer | None:
        is_to_be_held = _is_to_be_held(function, error, sys._getframe(2))
        return await _holds.ask_in_loop(function, error) if is_to_be_held else None

    return _holds.async_generator_function(begin, decide)()
