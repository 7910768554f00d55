"""Groups of commands that a decorator makes of a function: one that is made again has what was added to the former."""

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .observed import Observed


def hand_on(patch: "Observed", kind: Any, attribute: str, parent: str = "") -> None:
    """``attribute`` has the commands by name, which know their group as ``parent``."""
    for outcome, namespaces in patch.decorated():
        for namespace in namespaces:
            for name in outcome.edit["binds"]:
                former = namespace.get(name)
                if isinstance(former, kind):
                    patch.after(partial(_give, former, namespace, name, kind, attribute, parent))


def _give(former: Any, namespace: dict[str, Any], name: str, kind: Any, attribute: str, parent: str) -> None:
    made = namespace.get(name)
    if made is former or not isinstance(made, kind):
        return
    own = getattr(made, attribute)
    for key, command in getattr(former, attribute).items():
        if key not in own:
            own[key] = command
            if parent:
                setattr(command, parent, made)
