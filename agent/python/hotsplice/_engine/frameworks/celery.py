"""Celery: a shared task is one of every application that is finalized."""

from functools import partial
from typing import Any

from celery import _state


def registries(decorator: Any) -> list[Any]:
    """What a decorator of the framework registers in, besides what it leads to itself."""
    if getattr(decorator, "__module__", "").startswith("celery."):
        return [one for app in _state._get_active_apps() for one in (app._tasks, app._pending)]
    return []


def observe(patch: Any) -> None:
    """A worker that runs has the tasks that were there when it started: they are given the new options."""
    for app in _state._get_active_apps():
        if app.finalized:
            patch.after(partial(_give_options, app, dict(app._tasks)))


def _give_options(app: Any, before: dict[str, Any]) -> None:
    for name, former in before.items():
        task = app._tasks.get(name, former)
        for option, value in vars(type(task)).items() if task is not former else ():
            if not option.startswith("__"):
                setattr(type(former), option, value)
