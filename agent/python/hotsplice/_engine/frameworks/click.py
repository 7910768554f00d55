"""click: commands come, change and go in the groups that exist."""

import copy
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import click

from ..live.lookup import with_subclasses
from ..native import native
from . import groups

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from ..live.messages import Edit
    from . import LiveOf
    from .observed import Observed


def stand_in(value: Any) -> Any:
    if not isinstance(value, click.Group):
        return None
    twin = copy.copy(value)
    twin.commands = dict(value.commands)
    return twin


def forget(twin: Any, holds: Callable[[Any], bool]) -> None:
    for name, command in list(twin.commands.items()):
        if holds(command) or holds(command.callback):
            del twin.commands[name]


def hand_on(live: Any, twin: Any, copy_of: Callable[[Any], Any]) -> None:
    """Nothing: a group holds its commands itself."""


def settle(live: Any, twin: Any, live_of: "LiveOf", plan: "Plan") -> None:
    for name in live.commands.keys() - twin.commands.keys():
        plan.delete_name(live.commands, name)
    for name, command in twin.commands.items():
        if live.commands.get(name) is not command:
            plan.set_name(live.commands, name, live_of(command))


def observe(patch: "Observed") -> None:
    """A group of another class, or with other options, has the commands of the former."""
    groups.hand_on(patch, click.Group, "commands")


def follow(edits: "list[Edit]", functions: set[FunctionType]) -> Iterator[Callable[[], Any]]:
    """The help of a command was taken from its function's docstring."""
    if not functions:
        return
    for command in native.objects_of_type(*with_subclasses(click.Command)):
        doc = getattr(command.callback, "__doc__", None)
        if command.callback in functions and doc and command.help == inspect.cleandoc(doc).partition("\f")[0]:
            yield partial(_help_anew, command)


def _help_anew(command: Any) -> None:
    command.help = inspect.cleandoc(command.callback.__doc__ or "").partition("\f")[0] or None
