"""Has a held call begin again, or return a value, in its own frame: what is above it stays as it is."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from .._native import load

_MARKER = "hotsplice's outcome"
_VARIADIC = 0x4 | 0x8

native: Any = load()


class CannotBegin(RuntimeError):
    """A call can't begin again where it is; with a code of ``docs/verdicts.md``."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")


class Outcome:
    """What a call gives that does not begin again in its own frame."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    @property
    def result(self) -> Any:
        return self._call()


def _template() -> Any:
    return "hotsplice's outcome".result  # type: ignore[attr-defined]


def arguments(frame: types.FrameType) -> tuple[list[Any], dict[str, Any]]:
    """What a call has for its arguments now; raises ``KeyError`` for one that it has deleted."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames
    given = [values[name] for name in names[: code.co_argcount]]
    at = code.co_argcount + code.co_kwonlyargcount
    named = {name: values[name] for name in names[code.co_argcount : at]}
    if code.co_flags & 0x4:
        given += values[names[at]]
        at += 1
    if code.co_flags & 0x8:
        named.update(values[names[at]])
    return given, named


def _code_that_gives(code: types.CodeType, outcome: Outcome) -> types.CodeType:
    """Code of the same arguments, a call of which gives the outcome."""
    known = _template.__code__
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    return known.replace(
        co_name=code.co_name,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_argcount=code.co_argcount,
        co_posonlyargcount=code.co_posonlyargcount,
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_flags=known.co_flags | code.co_flags & _VARIADIC,
        co_nlocals=count,
        co_varnames=code.co_varnames[:count],
        co_consts=tuple(outcome if constant == _MARKER else constant for constant in known.co_consts),
    )


def begin(frame: types.FrameType, offset: int, value: tuple[Any] | None) -> bool:
    """Has a call to which an exception has come begin again, or give the value.

    Answers whether that is done; else the call has blocks to leave before. Raises :class:`CannotBegin` where it can't
    be done.
    """
    import dis

    function: Any = native.function_of(frame)
    if value is not None:
        outcome = Outcome(lambda: value[0])
    elif function is None:
        raise CannotBegin("HS0622", "what is called can't be told")
    else:
        try:
            given, named = arguments(frame)
        except KeyError as missing:
            raise CannotBegin("HS0623", f"it has deleted its argument {missing}") from None
        # Where the code does not fit into the frame: other arguments, more variables.
        outcome = Outcome(functools.partial(function, *given, **named))
    resume, template = dis.opmap["RESUME"], _code_that_gives(frame.f_code, outcome)
    try:
        begun: bool = native.begin_again(frame, offset, resume, value is None, template, _acquaint_debugger)
    except (RuntimeError, ValueError) as refused:
        raise CannotBegin("HS0622", str(refused)) from None
    return begun


def _acquaint_debugger(frame: types.FrameType) -> None:
    """Has pydevd look at the code while the frame still has it.

    It is told of the call that begins again right after us, when that runs the new code, and would find that they do
    not fit.
    """
    for name in ("_pydevd_sys_monitoring_cython", "_pydevd_sys_monitoring"):
        look = getattr(sys.modules.get(f"_pydevd_sys_monitoring.{name}"), "_get_func_code_info", None)
        if look is not None:
            try:
                look(frame.f_code, frame)
            except Exception:
                # Of another age than we know: it looks by itself.
                pass
