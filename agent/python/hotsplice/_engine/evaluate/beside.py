"""What statements that give names their values put into containers beside that: a call that registers what it makes."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..frameworks import stores
from ..live import objects
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .sandbox import Shadow
    from .traces import Traces

_SHOWN = 3


class Beside:
    """The containers that statements of a patch can reach, each with how; what fills them is told."""

    def __init__(self, traces: "Traces") -> None:
        self._reached = list(traces.containers())
        # It is asked at each statement.
        self._sizes = [partial(stores.kind_of(container).__len__, container) for container, _ in self._reached]
        # Ids of what the patch itself keeps of what they held.
        self.own = traces.own

    def sizes(self) -> list[int]:
        return [size() for size in self._sizes]

    def report(
        self,
        outcome: "EditOutcome",
        sizes: list[int],
        kept: set[int],
        shadow: "Shadow",
        is_cache: Callable[[str], bool],
    ) -> None:
        """Tells where a statement that was evaluated again has put more than there was, by ``sizes``.

        ``kept``: ids of registries, in which the former entry gives way to the new one; ``is_cache``: whether functions
        look in what has this name before they put something there.
        """
        edit = outcome.edit
        if edit["what"] != "assignment" or edit["change"] not in ("changed", "derived") or not edit["binds"]:
            return
        grown = [
            label
            for (container, label), before, now in zip(self._reached, sizes, self.sizes())
            if now > before and id(container) not in kept and not is_cache(label.rpartition(".")[2])
        ]
        if grown and not all(_is_kept(shadow, name) for name in edit["binds"]):
            shown = ", ".join(dict.fromkeys(grown[:_SHOWN])) + (" and more" if len(grown) > _SHOWN else "")
            outcome.caveat(
                "HS0407",
                f"what {', '.join(edit['binds'])} is made by has put something into {shown}: what it had put there "
                "before stays beside it",
            )


def _is_kept(shadow: "Shadow", name: str) -> bool:
    """Whether a name goes on with every object that stands in what it holds: only others were made."""
    before, now = shadow.namespace.globals.get(name), shadow.globals.get(name)
    if not objects.is_exactly(before, list, dict) or type(now) is not type(before):
        return False
    inside: list[list[Any]] = [[one for _, one in stores.entries(held)] for held in (before, now)]
    ids = set(map(id, inside[1]))
    return all(id(one) in ids and native.is_made_in_python(type(one)) for one in inside[0])
