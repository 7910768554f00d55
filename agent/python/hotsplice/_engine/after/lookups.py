"""What the calls of a world look up: attributes, by name and without one, and former functions that they call."""

from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from ..live.code import tree
from . import reach
from .formers import innermost
from .worlds import World

# What statements and operators ask of objects without a name.
_IMPLIED = {
    *("__iter__", "__next__", "__aiter__", "__anext__", "__enter__", "__exit__", "__aenter__", "__aexit__"),
    *("__getitem__", "__contains__", "__len__", "__bool__", "__call__", "__await__"),
}


def follow_reached(world: World, codes: list[tuple[CodeType, set[int] | None]], names: list[Any]) -> None:
    """Functions that have lost their names and go on as they are look up former names, too."""
    while reached := world.take_reached():
        follow(world, reached, codes, names)


def follow(
    world: World,
    functions: Iterable[FunctionType],
    codes: list[tuple[CodeType, set[int] | None]],
    names: list[Any],
) -> None:
    for function in functions:
        world.note_retired(function.__code__)
        codes.append((function.__code__, None))
        for code in tree(function.__code__):
            names.append((code, world.aliases(code, function.__globals__, None, True)))


class Lookups:
    """The attributes that retired code looks up, and the former functions that it comes to call."""

    def __init__(self, world: World, codes: list[Any], names: list[Any], edited: set[int]) -> None:
        self.world = world
        self.codes = codes
        self.names = names
        self.edited = edited
        self.wanted: set[str] = set()
        # Those that code edited by this patch looks up.
        self._by_edited: set[str] = set()
        self.loads_modules = False
        # Whether names of attributes are computed.
        self._computes = False
        self._called: set[int] = set()
        self._seen = 0

    def again(self) -> bool:
        """Whether there is code that has not been looked at."""
        follow_reached(self.world, self.codes, self.names)
        rewritten = [(code, None) for code in self.world.take_rewritten()]
        fresh = [*self.codes[self._seen :], *rewritten]
        self._seen = len(self.codes)
        own = {*self.edited, *(id(code) for code, _ in rewritten)}
        named: set[str] = set()
        for code, offsets in fresh:
            found = {*reach.attributes(code, offsets), *reach.texts(code)}
            self.wanted |= found
            self._computes = self._computes or reach.computes_names(code)
            if id(code) in own:
                self._by_edited |= found
            for one in tree(code):
                uses = reach.uses(one)
                named.update(uses)
                self.loads_modules |= any("IMPORT_NAME" in use.opnames for use in uses.values())
        # Special methods are looked up without being named: of the classes that are.
        self._called |= {id(globals[name]) for globals in self.world.namespaces for name in named if name in globals}
        return bool(fresh)

    def finds(self, owner: type, name: str) -> bool:
        return name in self.wanted or self._computes or self._is_special(owner, name)

    def is_edited(self, owner: type, name: str) -> bool:
        """Whether edited code looks the name up in objects of the class, as far as can be seen."""
        return name in self._by_edited or (bool(self._by_edited or self.edited) and self._is_special(owner, name))

    def reads_more(self, before: Any, after: Any) -> bool:
        """Whether an attribute is read that the former function gives an object, and the new one does not."""
        old, new = innermost(before), innermost(after)
        if type(old) is not FunctionType or type(new) is not FunctionType:
            return False
        parts = self.world.formers.changed.get(id(new), (new, {}))[1]
        gone = reach.stored(old.__code__) - reach.stored(parts.get("code", new.__code__))
        return not gone.isdisjoint(self.wanted)

    def _is_special(self, owner: type, name: str) -> bool:
        # Objects come from anywhere, also from where their class is not named.
        if self.edited and name in _IMPLIED:
            return True
        return name.startswith("__") and (id(owner) in self._called or owner.__name__ in self.wanted)
