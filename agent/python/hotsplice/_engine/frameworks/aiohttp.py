"""aiohttp: an application has the routes that its tables had when they were added to it."""

from typing import TYPE_CHECKING

from aiohttp import web

from ..native import native

if TYPE_CHECKING:
    from .observed import Observed

_AT_START = ("on_startup", "cleanup_ctx")


def observe(patch: "Observed") -> None:
    edited = patch.taking(1)
    # Looking for applications is a pass over the heap.
    apps = [app for app in native.objects_of_type(web.Application) if app.frozen] if edited else []
    started = {id(one) for app in apps for name in _AT_START for one in getattr(app, name)}
    for outcome, functions in edited:
        if functions & started:
            outcome.caveat("HS0403", "it ran when the application started and does not run again: start it again")
    for outcome, registrars in patch.registrations():
        tables = [one for one in registrars if isinstance(one, web.RouteTableDef)]
        served = tables and native.objects_of_type(web.Application)
        if served and (outcome.edit["change"] in ("added", "removed") or "decorators" in outcome.edit["parts"]):
            outcome.caveat(
                "HS0403",
                f"{len(served)} application{'s have' if len(served) > 1 else ' has'} the routes that the table had "
                "before: start it again to serve this one",
            )
