"""A reloader of the program's own: it starts the process again that has just been patched. Reported once."""

import os
import sys
import threading
from typing import TYPE_CHECKING

from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared

_reported = False


def report(transaction: "Prepared") -> None:
    """After the commit: says which reloader is going to end this process, and how it is switched off."""
    global _reported
    how = None if _reported else _found()
    if how is not None:
        _reported = True
        name, switch = how
        transaction.say_afterwards(
            "HS0610", f"{name} starts this process again when a file is written, and its state is lost: {switch}"
        )


def _found() -> "tuple[str, str] | None":
    environment = os.environ
    if environment.get("WERKZEUG_RUN_MAIN") == "true" and "werkzeug._reloader" in sys.modules:
        return (
            "the reloader of Flask and Werkzeug",
            "run `flask run --debug --no-reload`, or app.run(use_reloader=False)",
        )
    if environment.get("RUN_MAIN") == "true" and "django.utils.autoreload" in sys.modules:
        return "Django's runserver", "run it with --noreload"
    config = getattr(sys.modules.get("uvicorn.config"), "Config", None)
    if config is not None and any(one.should_reload for one in native.objects_of_type(config)):
        return "uvicorn --reload", "run it without --reload"
    reloaders = getattr(sys.modules.get("gunicorn.reloader"), "reloader_engines", {})
    if any(type(thread) in reloaders.values() for thread in threading.enumerate()):
        return "gunicorn --reload", "run it without --reload"
    if "SANIC_WORKER_NAME" in environment and environment.get("SANIC_RELOADER_PROCESS"):
        return "Sanic's auto reload", "run it without --auto-reload"
    hupper = sys.modules.get("hupper.reloader")
    if hupper is not None and "HUPPER_WORKER" in environment:
        return "hupper", "run pserve without --reload"
    return None
