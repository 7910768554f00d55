"""Virtual subclasses, `@Base.register`: the live class is registered in place of the one that was made for it."""

import _abc
import abc
import ast
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..live import lookup, objects
from . import edited, lookers

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from .merging import Merger


# What `isinstance` and `issubclass` ask.
_ASKED = {"__subclasshook__", "__subclasscheck__", "__instancecheck__"}


def forget_answers(transaction: "Prepared") -> None:
    """Abstract classes remember which classes they were asked for, and what those have may have decided."""
    edits = [outcome.edit for outcome in transaction.outcomes()]
    if frameworks.change_classes(edits) or any(_ASKED.intersection(edit["binds"]) for edit in edits):
        # Before what is evaluated then.
        transaction.plan.afterwards.insert(0, _forget)


def _forget() -> None:
    clear: Any = vars(abc.ABCMeta)["_abc_caches_clear"]
    pending: list[type] = [object]
    seen: set[int] = set()
    while pending:
        found = [cls for cls in type.__subclasses__(pending.pop()) if id(cls) not in seen]
        seen.update(map(id, found))
        pending += found
        for cls in found:
            # Who made it may not have asked `ABCMeta` to.
            if issubclass(type(cls), abc.ABCMeta) and "_abc_impl" in objects.own(cls):
                clear(cls)


def follow(merger: "Merger", live: type, scope: tuple[str, ...]) -> None:
    """Registers a class that was made again where its decorators now say so, and no more where they did."""
    if scope not in merger.change.classes:
        return
    former = lookers.former_statement(merger, scope)
    before = _bases(merger, former.decorator_list) if former is not None else []
    after = _bases(merger, lookers.statement(merger, scope).decorator_list)
    for base in after:
        merger.plan.afterwards.append(partial(abc.ABCMeta.register, base, live))
    for base in before:
        if base in after:
            continue
        known = [one() for one in _abc._get_dump(base)[0]]
        if [one for one in known if one is not None and one is not live]:
            edited.caveat(
                merger,
                scope,
                "HS0401",
                f"{live.__qualname__} stays registered with {base.__qualname__}: that can't be undone",
            )
        else:
            merger.plan.afterwards += [base._abc_registry_clear, base._abc_caches_clear]


def _bases(merger: "Merger", decorators: list[Any]) -> list[Any]:
    registering = [one for one in decorators if isinstance(one, ast.Attribute) and one.attr == "register"]
    values = [lookup.dotted(merger.namespace, one.value) for one in registering]
    return [value for value in values if isinstance(value, abc.ABCMeta)]
