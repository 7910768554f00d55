"""Guarded generators: one that fails has been left, and begins again from its beginning.

Its consumer gets what it would have got: what has been handed out is not handed out again. The new one is run through
instead: asked for as much as the failed one was, and given what that was given. So it goes on behind the ``yield``
of a context manager (``contextlib.contextmanager``) whose block is over, too. Where the failed one has used up what it
was given (an iterator), all that the new one has is handed out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from itertools import compress, count
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import around, exhausted, places
from .answers import Answer

if TYPE_CHECKING:
    _Compress = compress[Any]
else:
    _Compress = compress

# What a consumer has sent is kept to be sent again, up to so many times.
_MOST_KEPT = 1000


class _Consumer:
    """What has been asked of a generator: so many steps, with what was sent to it or raised in it at some of them."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._function = function
        self._values = [*arguments, *named.values()]
        self._sizes = exhausted.sizes(self._values)
        # The number of a step → the method that was called, and with what.
        self.asked: dict[int, tuple[str, tuple[Any, ...]]] = {}
        self._has_sent_much = False

    def asks(self, step: int, method: str, *values: Any) -> None:
        if len(self.asked) == _MOST_KEPT:
            self.asked.clear()
            self._has_sent_much = True
        self.asked[step] = method, values

    def is_closing(self, step: int) -> bool:
        return step in self.asked and self.asked[step][0] in ("close", "aclose")

    def has_raised(self, step: int, error: BaseException) -> bool:
        """Whether an exception that came out of it at this step has only come through it."""
        return step in self.asked and any(value is error for value in self.asked[step][1])

    def why_not_again(self, step: int, caller: FrameType) -> str | None:
        """Why it can't be run through as far as it was; nothing if it can."""
        if step <= 1 or self.is_closing(step) or _is_contexts(caller):
            return None
        if self._has_sent_much:
            return f"it has been sent more than {_MOST_KEPT} values"
        kind = exhausted.found(self._function, self._values, self._sizes)
        return None if kind is None else f"it has used up something that it was given, of type {kind}"


class _Steps(_Compress):
    """A generator whose steps are counted, natively where nothing is sent: ``compress`` takes a number for each.

    What is handed out is not kept here: who has it may be the only one.
    """

    __slots__ = ("_asking", "_call", "_consumer", "_numbers")
    _asking: int
    _call: Any
    _consumer: _Consumer
    _numbers: count[int]

    def __new__(cls, source: Iterable[Any], numbers: count[int], call: Any, consumer: _Consumer) -> _Steps:
        self = super().__new__(cls, source, numbers)
        self._call, self._numbers, self._consumer, self._asking = call, numbers, consumer, 0
        return self

    def send(self, value: Any) -> Any:
        return self._ask("send", value)

    def throw(self, *error: Any) -> Any:
        return self._ask("throw", *error)

    def close(self) -> None:
        self._ask("close")

    def _ask(self, method: str, *values: Any) -> Any:
        self._asking = next(self._numbers)
        self._consumer.asks(self._asking, method, *values)
        found = getattr(self._call, method)(*values)
        self._asking = 0
        return found

    def failed(self) -> int:
        """The step that has failed."""
        return self._asking or next(self._numbers)


def _is_contexts(caller: FrameType | None) -> bool:
    """Whether a context manager is left by this frame."""
    while caller is not None and places.is_own(caller.f_code.co_filename):
        # The decorator's.
        caller = caller.f_back
    if caller is None or caller.f_code.co_name not in ("__exit__", "__aexit__"):
        return False
    return os.path.basename(caller.f_code.co_filename) == "contextlib.py"


def _note(step: int, why_not: str | None) -> str:
    """What is to be known before it is tried again."""
    if step <= 1:
        return ""
    if why_not is not None:
        return f"HS0026: it begins again from its beginning, and hands out whatever it has then: {why_not}\n"
    return (
        "HS0026: it begins again from its beginning: what comes before its `yield` runs once more, what it has handed "
        f"out already ({step - 1}) is not handed out again\n"
    )


def generator(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    named: dict[str, Any],
    begin: Callable[..., Generator[Any, Any, Any]],
    decide: Callable[[Exception, FrameType, str], Answer | None],
) -> Generator[Any, Any, Any]:
    """What goes on with one that ``begin`` gives, and with another as often as that is the answer to its failing."""
    consumer = _Consumer(function, arguments, named)
    call = begin(*arguments, **named)
    source, numbers = call, count(1)
    while True:
        steps = _Steps(source, numbers, call, consumer)
        try:
            return (yield from steps)
        except Exception as error:
            step = steps.failed()
            if consumer.has_raised(step, error):
                consumer.asked.clear()
                raise
            why_not = consumer.why_not_again(step, sys._getframe(1))
            answer = around.take_decision(error)
            if answer is None:
                answer = decide(error, sys._getframe(1), _note(step, why_not))
            if answer is None:
                consumer.asked.clear()
                places.leave_out_own(error)
                raise
            if answer.is_value:
                return answer.value
        call = begin(*arguments, **named)
        if why_not is None:
            source, numbers = _run_through(call, step, consumer.asked), count(step)
        else:
            source, numbers = call, count(1)
            consumer.asked.clear()


def _run_through(
    call: Generator[Any, Any, Any], steps: int, asked: dict[int, tuple[str, tuple[Any, ...]]]
) -> Generator[Any, Any, Any]:
    """What it gives at the last one of so many steps, and from there on."""
    try:
        for step in range(1, steps):
            _ask(call, asked.get(step))
        yield _ask(call, asked.get(steps))
    except StopIteration as end:
        return end.value
    # What is sent from now on, or raised, goes past us.
    return (yield from call)


def _ask(call: Generator[Any, Any, Any], asked: tuple[str, tuple[Any, ...]] | None) -> Any:
    method, values = asked or ("__next__", ())
    found = getattr(call, method)(*values)
    if method == "close":
        raise GeneratorExit
    return found


def async_generator_function(
    function: Callable[..., Any],
    begin: Callable[..., AsyncGenerator[Any, Any]],
    decide: Callable[[Exception, FrameType, str], Awaitable[Answer | None]],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """One whose generators do the same."""

    async def guarded(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        consumer = _Consumer(function, arguments, named)
        call: Any = begin(*arguments, **named)
        step, sent, is_again = 0, None, False
        while True:
            try:
                if is_again:
                    is_again = False
                    call = begin(*arguments, **named)
                    if step > 0:
                        sent = yield await _run_through_async(call, step, consumer.asked)
                elif step in consumer.asked:
                    sent = yield await _ask_async(call, consumer.asked[step])
                while True:
                    step += 1
                    if sent is not None:
                        consumer.asks(step, "asend", sent)
                    sent = yield await call.asend(sent)
            except BaseException as error:
                if call.ag_frame is not None and not consumer.is_closing(step):
                    # It stands at its `yield`: this comes from the consumer.
                    step, sent = step + 1, None
                    if issubclass(type(error), GeneratorExit):
                        consumer.asks(step, "aclose")
                    else:
                        # As it was before it came here.
                        error.__traceback__ = None if error.__traceback__ is None else error.__traceback__.tb_next
                        consumer.asks(step, "athrow", error)
                    continue
                if issubclass(type(error), StopAsyncIteration):
                    return
                if not issubclass(type(error), Exception) or consumer.has_raised(step, error):
                    consumer.asked.clear()
                    raise
                why_not = consumer.why_not_again(step, sys._getframe(1))
                answer = around.take_decision(error)
                if answer is None:
                    answer = await decide(error, sys._getframe(1), _note(step, why_not))  # type: ignore[arg-type]
                if answer is None:
                    consumer.asked.clear()
                    places.leave_out_own(error)
                    raise
                if answer.is_value:
                    return
            is_again, sent = True, None
            if why_not is not None:
                step = 0
                consumer.asked.clear()

    return guarded


async def _run_through_async(
    call: AsyncGenerator[Any, Any], steps: int, asked: dict[int, tuple[str, tuple[Any, ...]]]
) -> Any:
    for step in range(1, steps):
        await _ask_async(call, asked.get(step))
    return await _ask_async(call, asked.get(steps))


async def _ask_async(call: AsyncGenerator[Any, Any], asked: tuple[str, tuple[Any, ...]] | None) -> Any:
    method, values = asked or ("__anext__", ())
    found = await getattr(call, method)(*values)
    if method == "aclose":
        raise GeneratorExit
    return found
