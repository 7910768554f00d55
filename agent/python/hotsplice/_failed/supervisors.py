"""Servers that end a worker which does not show that it lives: it does while a call of it is held."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def found_above() -> Callable[[], None]:
    """What is to be called now and then while this thread waits, by who has called it: gunicorn's workers."""
    step: FrameType | None = sys._getframe(1) if "gunicorn" in sys.modules else None
    while step is not None:
        worker: Any = step.f_locals.get("self") if step.f_code.co_argcount else None
        if any(kind.__module__ == "gunicorn.workers.base" for kind in type(worker).__mro__):
            show: Callable[[], None] = worker.notify
            return show
        step = step.f_back
    return lambda: None
