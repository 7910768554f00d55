"""discord.py: a cog that is loaded has copies of its commands and listeners, made when it was."""

from functools import partial
from typing import Any

from discord import app_commands
from discord.ext import commands

from ..live.lookup import with_subclasses
from ..native import native

_SEEN = {"docstring", "parameters", "annotations", "defaults", "decorators"}


def observe(patch: Any) -> None:
    for outcome, namespaces in patch.decorated():
        for namespace in namespaces:
            for name in outcome.edit["binds"]:
                former = namespace.get(name)
                if isinstance(former, (commands.GroupMixin, app_commands.Group)):
                    patch.after(partial(_hand_on, former, namespace, name))
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


def _hand_on(former: Any, namespace: Any, name: str) -> None:
    """A group that was made again has the commands that were added to the former one."""
    made = namespace.get(name)
    if made is former or type(made) is not type(former):
        return
    held = "all_commands" if isinstance(former, commands.GroupMixin) else "_children"
    own = getattr(made, held)
    for key, command in getattr(former, held).items():
        if key not in own:
            own[key] = command
            command.parent = made
