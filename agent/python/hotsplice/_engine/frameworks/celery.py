"""Celery: a shared task is one of every application that is finalized."""

from typing import Any

from celery import _state


def registries(decorator: Any) -> list[Any]:
    """What a decorator of the framework registers in, besides what it leads to itself."""
    if getattr(decorator, "__module__", "").startswith("celery."):
        return [one for app in _state._get_active_apps() for one in (app._tasks, app._pending)]
    return []
