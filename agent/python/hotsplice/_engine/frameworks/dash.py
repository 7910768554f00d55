"""Dash: callbacks are part of the page that a browser has loaded."""

from functools import partial
from typing import TYPE_CHECKING, Any

from dash import Dash

from ..native import native

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .observed import Observed


def observe(patch: "Observed") -> None:
    edited = [outcome for outcome, registrars in patch.registrations() if _is_callback(outcome.edit, registrars)]
    # Looking for applications is a pass over the heap.
    apps = native.objects_of_type(Dash) if edited else []
    for app in apps:
        patch.after(partial(_keep_last, app._callback_list))
    for outcome in edited if any(app._got_first_request.get("setup_server") for app in apps) else ():
        outcome.caveat(
            "HS0403",
            "the application has given its callbacks to browsers: start it again, and load its pages again",
        )


def _is_callback(edit: "Edit", registrars: Any) -> bool:
    is_callback = any(isinstance(one, Dash) for one in registrars) or "callback" in edit["reads"]
    return is_callback and (edit["change"] in ("added", "removed") or "decorators" in edit["parts"])


def _keep_last(callbacks: list[Any]) -> None:
    """Of two callbacks for one output, which a browser refuses, the one that was registered last."""
    last = {one["output"]: one for one in callbacks}
    callbacks[:] = [one for one in callbacks if last[one["output"]] is one]
