"""Django's settings: copied when the program asks for the first; who computed something from them does it again."""

import copy
import sys
from collections.abc import Iterator
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from django.conf import global_settings, settings
from django.core.signals import setting_changed

from ..live.lookup import with_subclasses
from ..live.objects import attributes
from ..native import native
from .entries import cells

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .observed import Observed

_READ_AT_START = {"INSTALLED_APPS", "DATABASES", "LOGGING", "LOGGING_CONFIG"}
# What of a middleware is made with its chain, and not by what went through it.
_OF_CHAIN = {"get_response", "async_mode"}
# How far from the top of a chain middlewares are looked for.
_DEPTH = 200


def observe(patch: "Observed") -> None:
    module = sys.modules.get(getattr(settings._wrapped, "SETTINGS_MODULE", None) or "") if settings.configured else None
    edited = {name: outcome for _, _, name, outcome in patch.bindings() if name.isupper()}
    if module is not None and edited:
        # Also of modules that it has its settings from: `from .base import *`.
        before = {name: value for name, value in vars(module).items() if name.isupper()}
        if any(name in before or namespace is vars(module) for _, namespace, name, _ in patch.bindings()):
            patch.after(partial(_take, module, before, set(edited)))
        for name in _READ_AT_START & edited.keys() & before.keys():
            edited[name].caveat("HS0403", f"Django read {name} when it started: start the process again to have it")
    hooked = [cls for cls, outcomes in patch.classes_below(object) if any(_is_hook(one.edit) for one in outcomes)]
    kinds = tuple(below for cls in hooked for below in with_subclasses(cls))
    if kinds and any(type(one) in kinds for handler in _handlers() for one in _middlewares(handler)):
        patch.after(_load_middleware)


def _is_hook(edit: "Edit") -> bool:
    """Whether an edit is of what a chain looks for in a middleware when it is made."""
    name = edit["definition"].rpartition(".")[2]
    is_there = edit["what"] == "function" and edit["change"] == "changed" and not {"async"} & set(edit["parts"])
    return not is_there and (name.startswith("process_") or name in ("sync_capable", "async_capable"))


def _take(module: Any, before: dict[str, Any], edited: set[str]) -> None:
    now = {name: value for name, value in vars(module).items() if name.isupper()}
    changed = {name for name in {**before, **now} if before.get(name) is not now.get(name)}
    for name in sorted(changed | edited & {*before, *now}):
        if name in now:
            setattr(settings, name, now[name])
        elif name in before and hasattr(settings, name):
            delattr(settings, name)
        if name == "MIDDLEWARE":
            _load_middleware()
        elif name not in _READ_AT_START:
            _send(name, now.get(name, getattr(settings, name, None)))


def _send(name: str, value: Any) -> None:
    """As Django's own tests do it when they override a setting."""
    if hasattr(global_settings, name):
        # Who listens for Django's own settings.
        __import__("django.test.signals")
    setting_changed.send(sender=type(settings._wrapped), setting=name, value=value, enter=True)


def _handlers() -> list[Any]:
    base = sys.modules.get("django.core.handlers.base")
    return native.objects_of_type(*with_subclasses(base.BaseHandler)) if base is not None else []


def _load_middleware() -> None:
    """Makes the chains anew, beside those that serve; what the middlewares hold goes on to those in their place."""
    for handler in _handlers():
        if handler._middleware_chain is None:
            continue
        twin = copy.copy(handler)
        twin.load_middleware(**({"is_async": True} if _is_async(handler) else {}))
        former = list(_middlewares(handler))
        for one in _middlewares(twin):
            held = next((other for other in former if _is_kind(one, other)), None)
            if held is not None:
                former.remove(held)
                _hand_on(held, one)
        # The chain refers to the handler that it was made for.
        chain = {name: value for name, value in vars(twin).items() if name.endswith("_middleware")}
        chain["_middleware_chain"] = twin._middleware_chain
        vars(handler).update(chain)


def _is_async(handler: Any) -> bool:
    kinds = (("django.core.handlers.asgi", "ASGIHandler"), ("django.test.client", "AsyncClientHandler"))
    found = (getattr(sys.modules.get(module), name, None) for module, name in kinds)
    return any(kind is not None and isinstance(handler, kind) for kind in found)


def _middlewares(handler: Any) -> Iterator[Any]:
    """What a chain consists of, from the outside to the inside: objects and functions that call the next one."""
    pending = [handler._middleware_chain]
    seen: set[int] = set()
    while pending and len(seen) < _DEPTH:
        one = pending.pop()
        if id(one) in seen or not callable(one) or isinstance(one, type):
            continue
        seen.add(id(one))
        if type(one) is FunctionType:
            inner = [value for value in cells(one) if callable(value)]
            if "get_response" in one.__code__.co_freevars and not one.__module__.startswith("django.core."):
                yield one
            pending += inner
        elif getattr(type(one), "__module__", "").startswith("asgiref"):
            pending += attributes(one).values()
        elif "get_response" in attributes(one):
            yield one
            pending.append(attributes(one)["get_response"])


def _is_kind(one: Any, other: Any) -> bool:
    if type(one) is FunctionType:
        return type(other) is FunctionType and one.__code__ is other.__code__
    return type(one) is type(other)


def _hand_on(held: Any, made: Any) -> None:
    if type(made) is FunctionType:
        for name, former, own in zip(made.__code__.co_freevars, held.__closure__ or (), made.__closure__ or ()):
            if name not in _OF_CHAIN and not callable(former.cell_contents):
                own.cell_contents = former.cell_contents
        return
    own = attributes(made)
    own.update({name: value for name, value in attributes(held).items() if name not in _OF_CHAIN and name in own})
