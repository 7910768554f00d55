"""Exceptions by which a program says what its framework is to answer: a page is not there, a task is to be tried again.

They are no failures, though a clause of the framework's that catches everything is what deals with them. Known are
those that frameworks define for the purpose, and those for which the program has given its application a handler.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

# Where a class is defined, which is one, and so is what inherits from it.
_DEFINED = {
    "aiohttp.web_exceptions": {"HTTPException"},
    "bottle": {"HTTPResponse"},
    "celery.exceptions": {"Ignore", "Reject", "Retry", "TaskPredicate"},
    "click.exceptions": {"Abort", "ClickException", "Exit"},
    "django.core.exceptions": {"BadRequest", "PermissionDenied", "SuspiciousOperation"},
    "django.http.response": {"Http404"},
    "falcon.errors": {"HTTPError"},
    "falcon.http_error": {"HTTPError"},
    "falcon.http_status": {"HTTPStatus"},
    "fastapi.exceptions": {"RequestValidationError", "WebSocketRequestValidationError"},
    "litestar.exceptions.http_exceptions": {"HTTPException"},
    "pyramid.httpexceptions": {"HTTPException"},
    "rest_framework.exceptions": {"APIException"},
    "sanic.exceptions": {"SanicException"},
    "starlette.exceptions": {"HTTPException", "WebSocketException"},
    "tornado.web": {"Finish", "HTTPError"},
    "unittest.case": {"SkipTest"},
    "werkzeug.exceptions": {"HTTPException"},
}


def is_answered(error: BaseException, frame: FrameType) -> bool | None:
    """Whether a framework that catches everything in this frame has an answer to the exception; nothing if it has none.

    False if it need not have the next time.
    """
    kinds = [kind for kind in type(error).__mro__ if kind not in (Exception, BaseException, object)]
    if any(kind.__name__ in _DEFINED.get(kind.__module__, ()) for kind in kinds):
        return True
    return False if any(kind in table for table in _registered(frame) for kind in kinds) else None


def _registered(frame: FrameType) -> Iterator[Any]:
    """What the program has registered with the application that a frame belongs to, by class."""
    path = frame.f_code.co_filename
    if path.endswith("/starlette/_exception_handler.py"):
        table = frame.f_locals.get("exception_handlers")
        if table is not None:
            yield table
    elif path.endswith(("/flask/app.py", "/quart/app.py")):
        application = frame.f_locals.get("self")
        for by_code in getattr(application, "error_handler_spec", {}).values():
            yield from by_code.values()
    elif path.endswith("/anyio/_backends/_asyncio.py") and frame.f_code.co_name == "run":
        # A thread that works for a task.
        for waiting in _waiting_for(frame.f_locals.get("future")):
            yield from _registered(waiting)


def _waiting_for(future: Any) -> Iterator[FrameType]:
    """The frames of the tasks that wait for a future."""
    for callback, *_ in getattr(future, "_callbacks", None) or ():
        task: Any = getattr(callback, "__self__", None)
        step: Any = task.get_coro() if hasattr(task, "get_coro") else None
        while step is not None:
            if (frame := getattr(step, "cr_frame", None)) is not None:
                yield frame
            step = getattr(step, "cr_await", None)
