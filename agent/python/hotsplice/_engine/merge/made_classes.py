"""Classes that calls made and that items hold keep their identity: `TABLE[name] = type(name, (), {...})`."""

from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import changed_values
from ..evaluate.equality import equal
from ..evaluate.policy import MISSING
from . import classes

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .merging import Merger

# What a class has whatever made it.
_OWN = ("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__")


def note(merger: "Merger", outcome: "EditOutcome", live: Any, new: Any, former: Any = MISSING) -> bool:
    """Whether two values are a class and the one that the new text makes in its place."""
    is_made = isinstance(live, type) and live.__module__ == merger.namespace.name and classes.is_made_here(new, live)
    # A class of the text has a proxy while it is evaluated.
    is_pair = is_made and merger.stand_ins.get(id(new)) is not live
    if is_pair and not any(live is known for _, known, _, _ in merger.made_classes):
        merger.made_classes.append((outcome, live, new, former if isinstance(former, type) else MISSING))
    return is_pair


def note_inside(merger: "Merger", outcome: "EditOutcome", live: Any, new: Any, former: Any) -> None:
    """The classes of two containers, by place and key."""
    if type(live) is list:
        for place, (one, other) in enumerate(zip(live, new)):
            given = former[place] if type(former) is list and place < len(former) else MISSING
            note(merger, outcome, one, other, given)
    elif isinstance(live, dict):
        for key, one in list(dict.items(live)):
            given = dict.get(former, key, MISSING) if isinstance(former, dict) else MISSING
            note(merger, outcome, one, dict.get(new, key, MISSING), given)


def bind(merger: "Merger") -> None:
    for outcome, live, new, former in merger.made_classes:
        if any(made is new for made, _ in merger.replaced):
            continue
        kept = _keep_changed(live, new, former)
        if kept:
            changed_values.say_kept(outcome, [f"{live.__qualname__}.{name}" for name in kept])
        outcome.attempt(classes.merge, merger, live, new, (live.__qualname__,), True)


def _keep_changed(live: type, new: type, former: Any) -> list[str]:
    """Has the new class hold what the program gave the live one since; answers what the text says otherwise."""
    kept = []
    for name, value in list(live.__dict__.items()):
        is_own = name in _OWN or isinstance(value, (FunctionType, staticmethod, classmethod, property, type))
        if is_own or name not in new.__dict__ or new.__dict__[name] is value or hasattr(type(value), "__get__"):
            continue
        given = former.__dict__.get(name, MISSING) if former is not MISSING else MISSING
        if given is MISSING or equal(given, value):
            continue
        if not equal(given, new.__dict__[name]):
            kept.append(name)
        type.__setattr__(new, name, value)
    return kept
