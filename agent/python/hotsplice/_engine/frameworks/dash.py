"""Dash: callbacks are part of the page that a browser has loaded."""

from typing import Any

from dash import Dash

from ..native import native


def observe(patch: Any) -> None:
    if not any(app._got_first_request.get("setup_server") for app in native.objects_of_type(Dash)):
        return
    for outcome, registrars in patch.registrations():
        is_callback = any(isinstance(one, Dash) for one in registrars) or "callback" in outcome.edit["reads"]
        if is_callback and (outcome.edit["change"] in ("added", "removed") or "decorators" in outcome.edit["parts"]):
            outcome.caveat(
                "HS0403",
                "the application has given its callbacks to browsers: start it again, and load its pages again",
            )
