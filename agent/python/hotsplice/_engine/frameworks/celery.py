"""Celery: a shared task is one of every application that is finalized."""

from functools import partial
from typing import TYPE_CHECKING, Any

from celery import _state
from celery.utils.functional import head_from_fun

if TYPE_CHECKING:
    from .observed import Observed


def registries(decorator: Any) -> list[Any]:
    """What a decorator of the framework registers in, besides what it leads to itself."""
    if getattr(decorator, "__module__", "").startswith("celery."):
        return [one for app in _state._get_active_apps() for one in (app._tasks, app._pending)]
    return []


def observe(patch: "Observed") -> None:
    """A worker that runs has the tasks that were there when it started: they are given the new options."""
    for app in _state._get_active_apps():
        if app.finalized:
            patch.after(partial(_give_options, app, dict(app._tasks)))


def follow(edits: Any, functions: Any) -> Any:
    """A task checks the arguments that it is given by the signature that its function had."""
    for app in _state._get_active_apps() if functions else ():
        for task in app._tasks.values():
            function = getattr(task.run, "__func__", task.run)
            if function in functions and "__header__" in vars(type(task)):
                yield partial(_read_again, type(task), function, function is not task.run)


def _read_again(kind: Any, function: Any, is_bound: bool) -> None:
    kind.__header__ = staticmethod(head_from_fun(function, bound=is_bound))


def _give_options(app: Any, before: dict[str, Any]) -> None:
    for name, former in before.items():
        task = app._tasks.get(name, former)
        for option, value in vars(type(task)).items() if task is not former else ():
            if not option.startswith("__"):
                setattr(type(former), option, value)
