"""Classes whose methods are generated from fields, dataclasses and those of attrs: what is below follows its base.

Each kind is a module that tells the class's fields, makes them again and names what was generated.
"""

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

from .. import frameworks
from ..evaluate.sandbox import guarded
from ..live import lookup
from ..native import native
from . import dataclass_fields


def follow(merger: Any, live: type, made: type, scope: tuple[str, ...], point_cells: Callable[..., None]) -> None:
    """Has subclasses and objects follow a class that was built again."""
    for kind in (dataclass_fields, *frameworks.kinds_of_fields()):
        if kind.is_own(made):
            if kind.differ(live, made):
                _follow_in_subclasses(merger, kind, live, made, point_cells)
            _fill_instances(merger, kind, live, made, scope)


def follow_hooks(merger: Any, point_cells: Callable[..., None]) -> None:
    """A base that has no fields itself may gain or lose what the constructors below call."""
    for outcome in merger.change.outcomes:
        edit, scope = outcome.edit, tuple(outcome.edit["scope"])
        if edit["change"] not in ("added", "removed") or scope in merger.rebuilt or "<locals>" in scope:
            continue
        for kind in (dataclass_fields, *frameworks.kinds_of_fields()):
            names = set(edit["binds"]) & set(kind.HOOKS)
            owner = lookup.find_class(merger.namespace, scope) if names and scope else None
            if owner is not None and not kind.is_own(owner):
                held = {**owner.__dict__, **merger.shadow.classes.get(scope, {})}
                removed = names if edit["change"] == "removed" else ()
                hooks = {name: held[name] for name in kind.HOOKS if name in held and name not in removed}
                _follow_in_subclasses(merger, kind, owner, type(owner.__name__, (), hooks), point_cells)


def _follow_in_subclasses(merger: Any, kind: Any, live: type, made: type, point_cells: Callable[..., None]) -> None:
    """Those below get the fields that their base has now."""
    plan = merger.plan
    instead = {one: other for other, one in merger.replaced if isinstance(other, type) and isinstance(one, type)}
    rebuilt = set(map(id, instead))
    instead[live] = made
    for below in kind.subclasses(live):
        if id(below) in rebuilt:
            continue
        again = partial(kind.made_again, below, instead)
        helper = guarded(again, merger.shadow, f"making the fields of {below.__qualname__} anew")
        instead[below] = helper
        for name, value in kind.generated(helper, below):
            old = below.__dict__.get(name)
            if old is value:
                continue
            if isinstance(old, FunctionType) and isinstance(value, FunctionType):
                merger.merge_function(old, value)
            else:
                plan.set_class_attribute(below, name, value)
        point_cells(plan, below, helper, dict(helper.__dict__))


def _fill_instances(merger: Any, kind: Any, live: type, made: type, scope: tuple[str, ...]) -> None:
    """Objects that exist get the default of a field that is new."""
    for name, default, is_needed in kind.new_fields(live, made):
        instances = [
            instance
            for instance in (native.objects_of_type(*lookup.with_subclasses(live)) if is_needed else ())
            if name not in getattr(instance, "__dict__", ())
        ]
        for instance in instances if default is not None else ():
            value = guarded(partial(default, instance), merger.shadow, f"the default of {name}")
            merger.plan.add("attribute-set", instance, name, value)
        if instances and default is None:
            for outcome in merger.change.outcomes:
                if tuple(outcome.edit["scope"]) == scope and name in outcome.edit["binds"]:
                    outcome.caveat(
                        "HS0503",
                        f"{len(instances)} existing instances of {live.__qualname__} lack {name}: "
                        "the field has no default",
                    )
