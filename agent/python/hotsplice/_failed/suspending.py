"""Guarded generators: one that fails has been left, and begins again from its beginning.

Of a context manager (``contextlib.contextmanager``) that fails behind its ``yield`` the block is over by then: what
comes before the ``yield`` runs once more, what the block had got from it stays, and the rest runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import FrameType
from typing import Any

from . import places
from .answers import Answer


def _block_left(caller: FrameType | None) -> tuple[BaseException | None] | None:
    """By what a block was left whose context manager is resumed by this frame; nothing if it is resumed otherwise."""
    while caller is not None and places.is_own(caller.f_code.co_filename):
        # The decorator's.
        caller = caller.f_back
    if caller is None or caller.f_code.co_name not in ("__exit__", "__aexit__"):
        return None
    is_contexts = os.path.basename(caller.f_code.co_filename) == "contextlib.py"
    return (caller.f_locals.get("value"),) if is_contexts else None


def generator(
    call: Generator[Any, Any, Any],
    begin: Callable[[], Generator[Any, Any, Any]],
    decide: Callable[[Exception, FrameType], Answer | None],
) -> Generator[Any, Any, Any]:
    """What goes on with this one, and with those that ``begin`` gives as often as that is the answer to its failing."""
    left: tuple[BaseException | None] | None = None
    while True:
        try:
            return (yield from (call if left is None else _rest(call, left[0])))
        except Exception as error:
            caller = sys._getframe(1)
            left = _block_left(caller)
            if left is not None and left[0] is error:
                # Of the block: it has only come through here.
                raise
            answer = decide(error, caller)
            if answer is None:
                raise
            if answer.is_value:
                return answer.value
        call = begin()


def _rest(call: Generator[Any, Any, Any], thrown: BaseException | None) -> Generator[Any, Any, Any]:
    try:
        next(call)
        if thrown is not None:
            yield call.throw(thrown)
    except StopIteration as end:
        return end.value
    return (yield from call)


def async_generator_function(
    begin: Callable[..., Any], decide: Callable[[Exception, FrameType], Awaitable[Answer | None]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """One whose generators are begun again as often as that is the answer to their failing."""

    async def guarded(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        left: tuple[BaseException | None] | None = None
        while True:
            try:
                call = begin(*arguments, **named)
                step = call.asend(None)
                if left is not None:
                    await step
                    step = call.asend(None) if left[0] is None else call.athrow(left[0])
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await call.aclose()
                        raise
                    except BaseException as thrown:
                        step = call.athrow(thrown)
                    else:
                        step = call.asend(sent)
            except Exception as error:
                caller = sys._getframe(1)
                left = _block_left(caller)
                if left is not None and left[0] is error:
                    raise
                answer = await decide(error, caller)
                if answer is None:
                    raise
                if answer.is_value:
                    return

    return guarded
