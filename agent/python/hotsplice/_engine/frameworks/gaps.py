"""Where in a list of what is registered something new stands: where the former one stood."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import LiveOf


class Gap:
    """Where something was in a list: what is registered for it anew comes here."""

    def __init__(self, key: Any) -> None:
        self.key = key


def in_order(items: list[Any], new: list[Any], place_of: Callable[[Any], tuple[str, int]]) -> list[Any]:
    """Items; those that one definition has registered, in a loop or by several decorators, come as it did that."""
    position = {id(item): index for index, item in enumerate(items)}
    groups: dict[tuple[str, int], list[Any]] = {}
    for one in new:
        place = place_of(one)
        if id(one) in position and place[0]:
            groups.setdefault(place, []).append(one)
    ordered = list(items)
    for group in groups.values():
        for index, one in zip(sorted(position[id(one)] for one in group), group):
            ordered[index] = one
    return ordered


def filled(
    items: Iterable[Any], key_of: Callable[[Any], Any], live_of: "LiveOf", known: Iterable[Any] = (), first: int = 0
) -> list[Any]:
    """A list without gaps: what was added at the end for a gap's function stands where the former one stood.

    ``key_of`` gives an item's function. What is new altogether comes before what the same file defines further down, as
    in a process that runs the file from its beginning; ``known`` are the items that were there before;
    what is new stands at ``first`` or later.
    """
    items = list(items)
    for index, gap in enumerate(items):
        if isinstance(gap, Gap):
            # Not what stands further back and stays: the program may have put the same function there.
            later = (at for at in range(max(index + 1, first), len(items)) if not isinstance(items[at], Gap))
            found = next((at for at in later if live_of(key_of(items[at])) is gap.key), None)
            if found is not None:
                items[index] = items[found]
                items[found] = Gap(None)
    before = {id(item) for item in known}
    ordered: list[Any] = []
    for item in items:
        if isinstance(item, Gap):
            continue
        file, line = live_of.place(key_of(item))
        at = len(ordered)
        if id(item) not in before and file:
            places = [live_of.place(key_of(one)) for one in ordered]
            at = next((index for index, place in enumerate(places) if place[0] == file and place[1] > line), at)
        ordered.insert(at, item)
    return ordered
