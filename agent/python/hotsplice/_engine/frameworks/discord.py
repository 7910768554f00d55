"""discord.py: a cog that is loaded has copies of its commands and listeners, made when it was."""

from typing import TYPE_CHECKING

from discord import app_commands
from discord.ext import commands

from ..live.lookup import with_subclasses
from ..native import native
from . import groups

if TYPE_CHECKING:
    from .observed import Observed

_SEEN = {"docstring", "parameters", "annotations", "defaults", "decorators"}


def observe(patch: "Observed") -> None:
    groups.hand_on(patch, commands.GroupMixin, "all_commands", "parent")
    groups.hand_on(patch, app_commands.Group, "_children", "parent")
    for cls, outcomes in patch.classes_below(commands.Cog):
        count = len(native.objects_of_type(*with_subclasses(cls)))
        for outcome in outcomes if count else ():
            edit = outcome.edit
            is_command = edit["what"] == "function" and (edit["registrars"] or edit["reads"])
            if is_command and (edit["change"] in ("added", "removed") or _SEEN & set(edit["parts"])):
                outcome.caveat(
                    "HS0403",
                    f"{cls.__name__} is loaded with the commands that it had: remove the cog and add it again "
                    "(reload_extension) to have this",
                )
