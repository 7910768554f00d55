"""Guards for functions of a running program, without a word in its source.

What is raised below a guarded call is put before :func:`_raised` where it is raised; a call that does not fail costs
nothing. Functions that give their arguments other values, and those that suspend, are called in another way
(``guard.rs``): what fails there is put before :func:`failed`. Held is what nobody in the program would handle.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from .. import _hooks
from .._native import load
from . import again, answers, around, asking, places, suspending, terminal, watched

_MARK = "__hotsplice_guard__"
# An exception that a special method may have raised for an answer.
_ANSWERED = "__hotsplice_answered__"
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200
_SUSPENDS = _GENERATOR | _COROUTINE | _ITERABLE_COROUTINE | _ASYNC_GENERATOR
_OLDEST = (3, 12)
# What PEP 669 leaves to whoever comes first; a patch uses another one.
_TOOLS = (4, 3, 5)
_OWN = (__file__, suspending.__file__)

native: Any = load()


class Unsupported(RuntimeError):
    """Functions of this interpreter can't be guarded from outside; the message says why (HS0022)."""


class _Settings:
    # Whether what the program would handle is held, too.
    even_handled = False

    def __init__(self) -> None:
        # Patterns by which is held only what nobody would handle, a framework neither.
        self.only_uncaught: set[str] = set()


settings = _Settings()
_is_prepared = False
_tool: int | None = None


def guard(patterns: list[str], only_uncaught: bool = False) -> list[Callable[..., Any]]:
    """Guards what fits, now and later; gives the functions that were not guarded before."""
    global _is_prepared
    if sys.version_info < _OLDEST:
        version = ".".join(map(str, sys.version_info[:2]))
        raise Unsupported(
            f"guarding a function from outside needs CPython 3.12, this is {version}; guard it in its source, with "
            "hotsplice.wrap or hotsplice.wrap_modules"
        )
    try:
        from opcode import opmap

        native.prepare_guards(failed, begin_suspending, dict(opmap))
    except RuntimeError as error:
        raise Unsupported(str(error)) from None
    if not _is_prepared:
        _is_prepared = True
        _hooks.updating.append(_patched)
    _watch_raising(True)
    (settings.only_uncaught.update if only_uncaught else settings.only_uncaught.difference_update)(patterns)
    _forget_handled()
    found = [function for pattern in patterns for function in native.guard(pattern)]
    return [function for function in found if function.__dict__.get(_MARK) is None]


def let_go(patterns: list[str]) -> list[Callable[..., Any]]:
    """Guards no more what fits these patterns alone."""
    settings.only_uncaught.difference_update(patterns)
    if _is_prepared:
        _forget_handled()
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
        watched.settings.hold_for = float(seconds) or None
    # The programs that this one starts may well not have them.
    is_first = environment.pop("HOTSPLICE_GUARD_FIRST", None) is not None
    try:
        guard(patterns.split(","))
    except Unsupported as error:
        sys.stderr.write(f"hotsplice: HS0022: {error}\n")
        return
    if is_first:
        atexit.register(_say_unfitting, os.getpid())


def _say_unfitting(process: int) -> None:
    """A name that is misspelt guards nothing, and nobody would know."""
    stderr: Any = sys.stderr
    for pattern in native.patterns_without_function() if os.getpid() == process else ():
        try:
            stderr.write(f"hotsplice: --guard {pattern}: no function of this name was defined; nothing was guarded\n")
        except (AttributeError, OSError, ValueError):
            # The program has closed it, or has none.
            return


def _patched(_patch: Any) -> None:
    """After a patch a function may be of another kind: one that suspends, or none; and has other code."""
    _forget_handled()
    native.guard_again()


def failed(
    function: types.FunctionType, _arguments: tuple[Any, ...], _named: dict[str, Any], error: Exception
) -> tuple[Any] | bool | None:
    """A guarded call has raised: gives a value in a tuple, true to call it again, or nothing to let it raise."""
    answer = answers.take_decision(error, function) or around.take_decision(error) or _ask(function, error)
    if answer is None:
        return None
    return (answer.value,) if answer.is_value else True


def _watch_raising(on: bool) -> None:
    """Has a call held where it fails, before anything of it is left. Else it is held when it has been left."""
    global _tool
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    events = monitoring.events
    if on and _tool is None:
        _tool = next((number for number in _TOOLS if monitoring.get_tool(number) is None), None)
        if _tool is None:
            return
        monitoring.use_tool_id(_tool, "hotsplice-guard")
        # Native ones: most exceptions are none of ours.
        raised, reraised = native.prepare_raising(_raised, monitoring.DISABLE)
        monitoring.register_callback(_tool, events.RAISE, raised)
        monitoring.register_callback(_tool, events.RERAISE, reraised)
        monitoring.register_callback(_tool, events.PY_START, native.begun)
    is_ours = _tool is not None and monitoring.get_tool(_tool) == "hotsplice-guard"
    if is_ours:
        monitoring.set_events(_tool, events.RAISE | events.RERAISE if on else events.NO_EVENTS)
    native.guard_by_code(on and is_ours)
    _look_for_watchers()


def _look_for_watchers() -> None:
    native.expect_watchers(bool(watched.settings.hold_for) or terminal.may_be_there())


def set_hold_for(seconds: float | None) -> None:
    """For how long a call is held also while nobody watches."""
    watched.settings.hold_for = seconds
    _look_for_watchers()


def set_even_handled(on: bool) -> None:
    """Whether what the program would handle is held, too."""
    settings.even_handled = on
    _forget_handled()


def _raised(code: types.CodeType, offset: int, error: BaseException) -> None:
    """Something was raised in a frame, or has come to it; not called for most of what is not held."""
    if not issubclass(type(error), Exception):
        return
    try:
        _look_at(sys._getframe(1), code, offset, error)  # type: ignore[arg-type]
    except Exception as failed:
        if type(failed) is RecursionError and issubclass(type(error), RecursionError):
            # Too deep to be looked at: it is where there is room again.
            raise
        # Whatever becomes of us, the program's exception goes its way.
        answers.decide_to_raise(error)
        sys.stderr.write(f"hotsplice: an exception can't be looked at: {type(failed).__name__}: {failed}\n")


def _look_at(frame: types.FrameType, code: types.CodeType, offset: int, error: Exception) -> None:
    decision = answers.decision_for_frame(error)
    if decision is not None:
        if decision[0] is frame:
            _arrive(frame, code, offset, error, decision[1])
        return
    step = answers.trace_of(error)
    has_come = step is not None and step.tb_next is not None and step.tb_next.tb_frame.f_back is frame
    if has_come and answers.marks(error).pop(_ANSWERED, None) is None:
        # It was looked at where it was raised.
        return
    found = _guarded_call(frame)
    if found is None:
        return
    from . import handlers

    at, function = found
    if handlers.is_answer(error, frame, frame.f_back):
        # If nobody takes it for one it comes to the caller.
        answers.marks(error)[_ANSWERED] = True
        return
    if not _is_to_be_held(function, error, frame, offset, at):
        return
    answer = asking.ask(function, error, frame, at)
    if answer is None:
        return
    target = answer.frame or at
    if target is at and native.rebinds_arguments(at.f_code):
        # Its frame has other arguments by now. It was called through us, whatever its code is since.
        answers.decide_for(error, function, answer)
        return
    in_place = not around.goes_through_guard(target)
    answers.decide_for(error, target, answer, in_place)
    if in_place and target is frame:
        _arrive(frame, code, offset, error, answer)


def _guarded_call(frame: types.FrameType) -> tuple[types.FrameType, types.FunctionType] | None:
    """The innermost guarded call."""
    at: types.FrameType | None = frame
    while at is not None:
        if at.f_code.co_filename in _OWN:
            # Of a generator or a coroutine, which is tried again itself.
            return None
        # Another code may have come to lie where one of a guarded function did.
        suspends = at.f_code.co_flags & _SUSPENDS
        function = None if suspends else native.guarded_function(at)
        if function is not None and function.__dict__.get(_MARK) is None:
            return at, function
        at = at.f_back
    return None


def _arrive(
    frame: types.FrameType, code: types.CodeType, offset: int, error: BaseException, answer: answers.Answer
) -> None:
    """The exception has come to the call that is to begin again, or to give a value."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    try:
        # What was switched off in this code would stay so.
        monitoring.set_local_events(_tool, code, monitoring.events.NO_EVENTS)
        monitoring.set_local_events(_tool, code, monitoring.events.PY_START)
        if not again.begin(frame, offset, (answer.value,) if answer.is_value else None):
            return
        function = native.function_of(frame)
        if function is not None and function.__code__ is not code:
            monitoring.set_local_events(_tool, function.__code__, monitoring.events.PY_START)
    except (RuntimeError, ValueError) as failed:
        sys.stderr.write(f"hotsplice: {failed}: {code.co_name} can't begin again, its exception goes its way\n")
        answers.decide_to_raise(error)
    else:
        answers.settled(error)


def _ask(function: types.FunctionType, error: Exception) -> answers.Answer | None:
    return asking.ask(function, error) if _is_to_be_held(function, error, sys._getframe(2)) else None


def _is_to_be_held(
    function: types.FunctionType,
    error: Exception,
    caller: types.FrameType | None,
    offset: int | None = None,
    guarded: types.FrameType | None = None,
) -> bool:
    if function.__dict__.get(_MARK) is not None or type(error) in (StopIteration, StopAsyncIteration):
        return False
    if answers.is_decided(error) or settings.even_handled and not watched.is_watched():
        return False
    # Once a call has failed, not at every start.
    from . import handlers

    if settings.even_handled:
        # What a call handles itself has not failed it.
        return guarded is None or caller is None or not handlers.is_caught_within(error, caller, guarded)
    if offset is None and handlers.is_answer(error, function.__name__, caller):
        return False
    only_uncaught = bool(settings.only_uncaught) and settings.only_uncaught.issuperset(
        native.fitting_patterns(function)
    )
    handled = handlers.would_handle(error, caller, only_uncaught, guarded)
    if handled is not None and handled >= 0 and caller is not None and offset is not None:
        _remember_handled(caller, type(error), handled)
    # Asked last: what is handled is remembered, and costs nothing from then on, whether or not anybody watches.
    return handled is None and watched.is_watched()


# What native code is told of by address, for as long as it is there.
_remembered: dict[int, weakref.ref[Any]] = {}


def _remember_handled(frame: types.FrameType, kind: type, depth: int) -> None:
    """From now on it costs nothing to find out."""
    native.remember_handled(frame, kind, depth)
    step: types.FrameType | None = frame
    concerned: list[Any] = [kind]
    while step is not None and depth >= 0:
        concerned.append(step.f_code)
        step, depth = step.f_back, depth - 1
    for thing in concerned:
        if id(thing) not in _remembered:
            _remembered[id(thing)] = weakref.ref(thing, _forget_handled)


def _forget_handled(_gone: object = None) -> None:
    native.forget_handled()
    _remembered.clear()


def begin_suspending(function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
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
            answer = around.take_decision(error)
            caller = sys._getframe(1)
            if answer is None and _is_to_be_held(function, error, caller):
                answer = around.own_answer(error, await asking.ask_in_loop(function, error, caller=caller))
            if answer is None:
                places.leave_out_own(error)
                raise
            if answer.is_value:
                return answer.value
        call = native.call_unguarded(function, arguments, named)


def _generator(
    call: Any, function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Generator[Any, Any, Any]:
    def decide(error: Exception, caller: types.FrameType, note: str) -> answers.Answer | None:
        if not _is_to_be_held(function, error, caller):
            return None
        return around.own_answer(error, asking.ask(function, error, note=note, caller=caller))

    return suspending.generator(function, arguments, named, _beginning(call, function), decide)


def _async_generator(
    call: Any, function: types.FunctionType, arguments: tuple[Any, ...], named: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    async def decide(error: Exception, caller: types.FrameType, note: str) -> answers.Answer | None:
        if not _is_to_be_held(function, error, caller):
            return None
        return around.own_answer(error, await asking.ask_in_loop(function, error, note, caller))

    begun = suspending.async_generator_function(function, _beginning(call, function), decide)
    return begun(*arguments, **named)


def _beginning(call: Any, function: types.FunctionType) -> Callable[..., Any]:
    """What gives the call that has been made, and makes others after it."""
    first = [call]

    def begin(*arguments: Any, **named: Any) -> Any:
        return first.pop() if first else native.call_unguarded(function, arguments, named)

    return begin
