"""The worlds that calls are still in, and what others ask of all of them."""

from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from .formers import Formers

if TYPE_CHECKING:
    from .worlds import World


worlds: list["World"] = []


def detach(formers: Formers) -> None:
    """A function that an earlier patch took away may be live again and change now: who goes on with it gets a copy."""
    for world in worlds:
        for place in world.attributes:
            former = formers.of(place.former)
            if former is not place.former:
                place.former, place.is_copy = former, not hasattr(type(former), "__set__")
        for _, seen, alias in world.aliased():
            seen[alias] = formers.of(seen.get(alias))
        for _, given, _ in world.modules:
            for name, (former, is_copy) in given.items():
                copy = formers.of(former)
                given[name] = copy, is_copy or copy is not former


def asks(function: FunctionType) -> bool:
    """Whether a function asks who calls it, for calls that an earlier patch has left."""
    return any(world.callers.asks(function) for world in worlds)


def names_at_first(code: CodeType) -> tuple[str, ...]:
    """The names that a code looked up before any world had it look up others."""
    renamed = (entry for world in worlds for entry in world.renamed)
    return next((before for reference, before, _ in renamed if reference() is code), code.co_names)


def look() -> None:
    """Ends the worlds that nobody is inside of, though something keeps their code."""
    for world in list(worlds):
        world.end_if_nobody_is_inside()
