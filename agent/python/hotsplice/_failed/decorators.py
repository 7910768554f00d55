"""Guarded calls: a call that fails is held, its code is mended, and it is tried again with the same arguments.

The names are those of hot_restart. A guarded function that raises is held until it is known what to do; the stack above
it stays alive, what it had called has been unwound. Where nobody watches the exception goes its way.
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CellType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeGuard, TypeVar

from .. import _api, _session
from . import answers, around, asking, places, suspending

Guarded = TypeVar("Guarded", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

MARK = "__hotsplice_guard__"

# What is executed from now on is known as it was, and can be told from what is saved later.
try:
    _session.listen()
except _session.UnsupportedPython as _error:
    sys.stderr.write(f"hotsplice: guarded calls can be tried again, but not patched: {_error}\n")

# How many guarded calls a thread, or a task, makes for another time.
_repeated: ContextVar[int] = ContextVar("hotsplice_repeated", default=0)


def is_restarting() -> bool:
    """Whether this thread or task makes a guarded call for another time."""
    native = sys.modules.get("hotsplice._agent")
    return _repeated.get() > 0 or (native is not None and bool(native.is_repeating()))


def no_wrap(function: Guarded) -> Guarded:
    """Leaves a function, or all methods of a class, out of ``wrap_class``, ``wrap_module`` and ``wrap_modules``."""
    if _is_class(function):
        for value in vars(function).values():
            if _is_class(value) and not _is_inside(value, function):
                continue
            for part in _parts(value):
                no_wrap(part)
    else:
        function.__dict__[MARK] = "never"
    return function


def _parts(value: object) -> list[Any]:
    """The functions and classes of which a member of a class is made."""
    if type(value) is staticmethod or type(value) is classmethod:
        value = value.__func__
    if type(value) is functools.cached_property:
        value = value.func
    parts: list[object] = [value.fget, value.fset, value.fdel] if type(value) is property else [value]
    return [part for part in parts if type(part) is FunctionType or _is_class(part)]


def _is_class(value: object) -> TypeGuard[type]:
    return issubclass(type(value), type)


def _is_inside(inner: type, owner: type) -> bool:
    return inner.__qualname__ == f"{owner.__qualname__}.{inner.__name__}"


def wrap(function: Guarded) -> Guarded:
    """Guards a function, a method, a generator, a coroutine or an asynchronous generator."""
    decorated = _decorated(function)
    if decorated is not None:
        decorated.cell_contents = wrap(decorated.cell_contents)
    if inspect.isasyncgenfunction(function):
        guarded = _wrap_async_generator(function)
    elif inspect.iscoroutinefunction(function):
        guarded = _wrap_coroutine(function)
    elif inspect.isgeneratorfunction(function):
        guarded = _wrap_generator(function)
    else:
        guarded = _wrap_call(function)
    guarded.__dict__[MARK] = "guarded"
    return guarded  # type: ignore[return-value]


def _decorated(function: object) -> CellType | None:
    """Where a plain function keeps the generator or coroutine function that it was made of (``@contextmanager``).

    What that does begins after the call of the plain one has ended.
    """
    if type(function) is not FunctionType or _is_suspending(function):
        return None
    inner = function.__dict__.get("__wrapped__")
    if not _is_open(inner) or not _is_suspending(inner):
        return None
    for cell in function.__closure__ or ():
        try:
            if cell.cell_contents is inner:
                return cell
        except ValueError:
            continue
    return None


def _is_suspending(function: object) -> bool:
    tests = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return any(test(function) for test in tests)


def _wrap_call(function: Callable[..., Any]) -> Callable[..., Any]:
    native = sys.modules.get("hotsplice._agent")
    call = None if native is None else native.deeper_call()
    if call is not None:
        return _wrap_deeper(function, call)

    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            answer = _asked(function, error)
            if answer is None:
                raise
        return _answered(function, answer, arguments, named)

    if native is not None and type(function) is FunctionType:
        # Its calls do the same without its code (`wrapping.rs`), where they are not too deep in each other.
        native.call_wrapped(guarded, _failed)
    return guarded


def _wrap_deeper(function: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """The same for CPython 3.11, where the code is what is called: it counts for nothing in a recursion."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return call(function, arguments, named)
        except Exception as error:
            answer = _asked(function, error)
            if answer is None:
                raise
        return _answered(function, answer, arguments, named)

    decorated: Any = guarded
    decorated.__code__ = _unseen(decorated.__code__)
    return guarded


@functools.cache
def _unseen(code: CodeType) -> CodeType:
    """The same code without its ``RESUME``: to CPython 3.11 such a call has not begun yet, and is in no traceback."""
    from opcode import opmap

    if "RESUME" not in opmap:
        return code
    text = bytearray(code.co_code)
    at = next(at for at in range(0, len(text), 2) if text[at] == opmap["RESUME"])
    text[at : at + 2] = opmap["NOP"], 0
    return code.replace(co_code=bytes(text))


def _failed(
    function: Callable[..., Any], _arguments: tuple[Any, ...], _named: dict[str, Any], error: Exception
) -> tuple[Any] | bool | None:
    """A guarded call has raised: gives a value in a tuple, true to call it again, or nothing to let it raise."""
    answer = asking.ask(function, error)
    if answer is None:
        return None
    return (answer.value,) if answer.is_value else True


def _asked(function: Callable[..., Any], error: Exception) -> answers.Answer | None:
    """What to do with a failed call; nothing if the exception is to go its way, or nobody can be asked."""
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            if trace.tb_next.tb_frame.f_code.co_filename == __file__:
                # Of a guarded call further down; what lies below it was looked at there.
                trace.tb_next = trace.tb_next.tb_next
                break
            trace = trace.tb_next
        return asking.ask(function, error)
    except RecursionError:
        if error.__class__ is not RecursionError:
            raise
        # Too deep to be asked, or to call anything: it is where there is room again.
        return None


def _answered(
    function: Callable[..., Any], answer: answers.Answer, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    while not answer.is_value:
        with _repeating():
            try:
                return function(*arguments, **named)
            except Exception as error:
                following = _asked(function, error)
                if following is None:
                    raise
                answer = following
    return answer.value


@contextmanager
def _repeating(again: bool = True) -> Iterator[None]:
    if not again:
        yield
        return
    token = _repeated.set(_repeated.get() + 1)
    try:
        yield
    finally:
        _repeated.reset(token)


def _wrap_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*arguments: Any, **named: Any) -> Any:
        again = False
        while True:
            try:
                with _repeating(again):
                    return await function(*arguments, **named)
            except Exception as error:
                answer = around.take_decision(error) or await asking.ask_in_loop(function, error)
                if answer is None:
                    places.leave_out_own(error)
                    raise
                if answer.is_value:
                    return answer.value
            again = True

    return guarded


def _wrap_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    def decide(error: Exception, _caller: FrameType, note: str) -> answers.Answer | None:
        return asking.ask(function, error, note=note)

    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        try:
            return (yield from suspending.generator(function, arguments, named, function, decide))
        except Exception as error:
            places.leave_out_own(error)
            raise

    return guarded


def _wrap_async_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    async def decide(error: Exception, _caller: FrameType, note: str) -> answers.Answer | None:
        return await asking.ask_in_loop(function, error, note)

    return functools.wraps(function)(suspending.async_generator_function(function, function, decide))


def wrap_class(owner: Class) -> Class:
    """Guards every method that the class itself defines, and the classes in it do."""
    for name, value in list(vars(owner).items()):
        if type(value) is staticmethod or type(value) is classmethod:
            if _is_open(value.__func__):
                setattr(owner, name, type(value)(wrap(value.__func__)))
        elif type(value) is property:
            parts: list[Any] = [value.fget, value.fset, value.fdel]
            getter, setter, deleter = (wrap(part) if _is_open(part) else part for part in parts)
            setattr(owner, name, property(getter, setter, deleter, value.__doc__))
        elif type(value) is functools.cached_property and _is_open(value.func):
            value.func = wrap(value.func)
        elif _is_class(value) and _is_inside(value, owner):
            wrap_class(value)
        elif _is_open(value):
            setattr(owner, name, wrap(value))
    return owner


def wrap_module(module: ModuleType | str | None = None) -> None:
    """Guards every function and class that a module defines: the calling one, unless another, or its name, is given."""
    if isinstance(module, str):
        module = sys.modules[module]
    namespace = _caller().f_globals if module is None else module.__dict__
    for name, value in list(namespace.items()):
        if _is_class(value):
            if value.__module__ == namespace["__name__"]:
                wrap_class(value)
        elif _is_open(value) and value.__module__ == namespace["__name__"]:
            namespace[name] = wrap(value)


def wrap_modules(pattern: str) -> list[str]:
    """Guards the loaded modules whose names fit (``"app.*"``); gives their names."""
    fitting = [name for name in list(sys.modules) if fnmatch.fnmatchcase(name, pattern)]
    if not fitting:
        later = f"guard it after the imports, or with `hotsplice run --guard '{pattern}'`"
        sys.stderr.write(f"hotsplice: no module that is loaded is named {pattern}: {later}\n")
    for name in fitting:
        module = sys.modules[name]
        if issubclass(type(module), ModuleType):
            wrap_module(module)
    return fitting


def reload_module(module: ModuleType | None = None) -> _api.Report:
    """Makes a module live as it is on disk: the calling one, unless another is given."""
    return _api.patch(_caller().f_globals["__file__"] if module is None else module)


def _caller() -> FrameType:
    frame = sys._getframe(2)
    return frame


def _is_open(value: object) -> bool:
    return type(value) is FunctionType and MARK not in value.__dict__
