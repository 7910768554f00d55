"""What a process has once, as its working directory, the state of ``random`` and what loggers are set to.

It belongs to the system, the interpreter or the standard library, where nothing else is looked into.
"""

import _locale
import _warnings
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from ..live import objects

# What it is called; what it is, in plain values that can be compared; what makes it so again.
Setting = tuple[str, Any, Callable[[], Any]]
_LOGGER = {"level": 0, "propagate": True, "disabled": False}


def settings() -> dict[str, tuple[Any, Callable[[], Any]]]:
    """By what each is called: what it is, and what makes it so again. No other thread runs meanwhile."""
    found = (*_of_process(), *_of_warnings(), *_of_random(), *_of_logging())
    return {label: (value, put) for label, value, put in found}


def undoing(
    before: dict[str, tuple[Any, Callable[[], Any]]], now: dict[str, tuple[Any, Callable[[], Any]]]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Of what is another: what it is called, and what makes it as it was, unless it is yet another by then."""
    for label, (value, put) in before.items():
        if label in now and now[label][0] != value:
            yield label, partial(_put_back, label, now[label], put)
    # A logger that has come may be held by now: it goes on as if it had just been made.
    for label, own in _loggers():
        if label in now and label not in before and now[label][0] != (None, *_LOGGER.values()):
            yield label, partial(_put_back, label, now[label], partial(_put_logger, own, [], [], _LOGGER))


def _put_back(label: str, after: tuple[Any, Callable[[], Any]], put: Callable[[], Any]) -> None:
    """What the program has made of it since is its own."""
    found = settings().get(label)
    # A limit may be too low for where this stands, or a locale gone: what else there is to undo does not depend on it.
    with suppress(Exception):
        if found is not None and found[0] == after[0]:
            put()


def put_folder_back(before: str, after: str) -> None:
    # It may be gone.
    with suppress(OSError):
        if os.getcwd() == after:
            os.chdir(before)


def folder() -> str | None:
    """The working directory. To ask for it lets other threads run."""
    with suppress(OSError):
        return os.getcwd()
    return None


def _of_process() -> Iterator[Setting]:
    limit = sys.getrecursionlimit()
    yield "the recursion limit", limit, partial(sys.setrecursionlimit, limit)
    threshold = gc.get_threshold()
    yield "what garbage collection waits for", threshold, partial(gc.set_threshold, *threshold)
    chosen = _locale.setlocale(_locale.LC_ALL, None)
    yield "the locale", chosen, partial(_locale.setlocale, _locale.LC_ALL, chosen)
    sockets = objects.attributes(sys.modules.get("_socket"))
    if "getdefaulttimeout" in sockets:
        timeout = sockets["getdefaulttimeout"]()
        yield "the timeout of sockets", timeout, partial(sockets["setdefaulttimeout"], timeout)


def _of_warnings() -> Iterator[Setting]:
    members = objects.attributes(sys.modules.get("warnings"))
    filters = members.get("filters")
    if type(filters) is list and filters is _warnings.filters:
        before = list(filters)
        yield "filters of warnings", tuple(map(id, before)), partial(_put_filters, members, filters, before)


def _put_filters(members: dict[str, Any], filters: list[Any], before: list[Any]) -> None:
    # It has what was remembered of former filters forgotten, too.
    members["resetwarnings"]()
    filters[:] = before


def _of_random() -> Iterator[Setting]:
    native_class = objects.attributes(sys.modules.get("_random")).get("Random")
    instance = objects.attributes(sys.modules.get("random")).get("_inst")
    if isinstance(native_class, type) and issubclass(type(instance), native_class):
        state = native_class.getstate(instance)  # type: ignore[attr-defined]
        own = objects.dictionary(instance)
        next_one = None if own is None else own.get("gauss_next")
        yield (
            "the state of random",
            (state, next_one),
            partial(_put_random, native_class, instance, own, state, next_one),
        )


def _put_random(native_class: Any, instance: Any, own: Any, state: Any, next_one: Any) -> None:
    native_class.setstate(instance, state)
    if own is not None:
        own["gauss_next"] = next_one


def _loggers() -> Iterator[tuple[str, dict[str, Any]]]:
    members = objects.attributes(sys.modules.get("logging"))
    named = objects.attributes(objects.attributes(members.get("Logger")).get("manager")).get("loggerDict")
    for name, logger in [("root", members.get("root")), *list(named.items())] if type(named) is dict else ():
        own = objects.dictionary(logger)
        # A name between two others has no logger of its own.
        if own is not None and type(own.get("handlers")) is list and type(own.get("filters")) is list:
            yield f"the logger {name}", own


def _of_logging() -> Iterator[Setting]:
    for label, own in _loggers():
        handlers, filters = list(own["handlers"]), list(own["filters"])
        plain = {one: own.get(one) for one in _LOGGER}
        value = (*map(id, handlers), None, *map(id, filters), *plain.values())
        yield label, value, partial(_put_logger, own, handlers, filters, plain)


def _put_logger(own: dict[str, Any], handlers: list[Any], filters: list[Any], plain: dict[str, Any]) -> None:
    own["handlers"][:], own["filters"][:] = handlers, filters
    own.update(plain)
    # Which levels are enabled for those below it is remembered there.
    for _, other in _loggers():
        if type(other.get("_cache")) is dict:
            other["_cache"].clear()
