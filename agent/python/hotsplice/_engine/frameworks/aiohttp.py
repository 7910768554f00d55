"""aiohttp: an application has the routes that its tables had when they were added to it."""

from typing import Any

from aiohttp import web

from ..native import native


def observe(patch: Any) -> None:
    for outcome, registrars in patch.registrations():
        tables = [one for one in registrars if isinstance(one, web.RouteTableDef)]
        served = tables and native.objects_of_type(web.Application)
        if served and (outcome.edit["change"] in ("added", "removed") or "decorators" in outcome.edit["parts"]):
            outcome.caveat(
                "HS0403",
                f"{len(served)} application{'s have' if len(served) > 1 else ' has'} the routes that the table had "
                "before: start it again to serve this one",
            )
