"""Typer: commands and groups of an application come, change and go; it makes its command line of them at each call."""

import copy
from typing import TYPE_CHECKING, Any

from typer import Typer

from .gaps import Gap, filled

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from . import LiveOf

_LISTS = ("registered_commands", "registered_groups")


def stand_in(value: Any) -> Any:
    if not isinstance(value, Typer):
        return None
    twin = copy.copy(value)
    for name in _LISTS:
        vars(twin)[name] = list(vars(value)[name])
    return twin


def forget(twin: Any, holds: Any) -> None:
    for name in _LISTS:
        items = vars(twin)[name]
        for index, info in enumerate(items):
            if holds(getattr(info, "callback", None)):
                items[index] = Gap(info.callback)


def hand_on(live: Any, twin: Any, copy_of: Any) -> None:
    """Nothing: an application holds its commands itself."""


def settle(live: Any, twin: Any, live_of: "LiveOf", plan: "Plan") -> None:
    for name in _LISTS:
        new = filled(vars(twin)[name], lambda info: getattr(info, "callback", None), live_of, vars(live)[name])
        if new != vars(live)[name]:
            plan.set_name(vars(live), name, new)
    if twin.registered_callback is not live.registered_callback:
        plan.set_name(vars(live), "registered_callback", twin.registered_callback)
