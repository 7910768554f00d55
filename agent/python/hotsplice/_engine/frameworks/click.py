"""click, and Typer on top of it: commands come, change and go in the groups that exist."""

import copy
import inspect
import sys

import click

from ..live.lookup import with_subclasses
from ..native import native
from . import Gap, filled

_TYPER_LISTS = ("registered_commands", "registered_groups")


def _typer():
    module = sys.modules.get("typer")
    return getattr(module, "Typer", ())


def stand_in(value):
    if isinstance(value, click.Group):
        twin = copy.copy(value)
        twin.commands = dict(value.commands)
    elif isinstance(value, _typer()):
        twin = copy.copy(value)
        for name in _TYPER_LISTS:
            vars(twin)[name] = list(vars(value)[name])
    else:
        return None
    return twin


def forget(twin, holds):
    if isinstance(twin, click.Group):
        for name, command in list(twin.commands.items()):
            if holds(command) or holds(command.callback):
                del twin.commands[name]
        return
    for name in _TYPER_LISTS:
        items = vars(twin)[name]
        for index, info in enumerate(items):
            if holds(getattr(info, "callback", None)):
                items[index] = Gap(info.callback)


def hand_on(live, twin, copy_of):
    """Nothing: a group holds its commands itself."""


def settle(live, twin, live_of, plan):
    if isinstance(live, click.Group):
        for name in live.commands.keys() - twin.commands.keys():
            plan.delete_name(live.commands, name)
        for name, command in twin.commands.items():
            if live.commands.get(name) is not command:
                plan.set_name(live.commands, name, live_of(command))
        return
    for name in _TYPER_LISTS:
        new = filled(vars(twin)[name], lambda info: getattr(info, "callback", None), live_of, vars(live)[name])
        if new != vars(live)[name]:
            plan.set_name(vars(live), name, new)


def follow(edits, functions):
    """The help of a command was taken from its function's docstring."""
    if not functions:
        return
    for command in native.objects_of_type(*with_subclasses(click.Command)):
        doc = getattr(command.callback, "__doc__", None)
        if command.callback in functions and doc and command.help == inspect.cleandoc(doc).partition("\f")[0]:
            yield lambda command=command: _help_anew(command)


def _help_anew(command):
    command.help = inspect.cleandoc(command.callback.__doc__ or "").partition("\f")[0] or None
