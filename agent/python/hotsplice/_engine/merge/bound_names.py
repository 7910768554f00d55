"""What each name of a module and its classes is bound to: operations of the plan, one bound name after the other."""

import abc
import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate.policy import MISSING, Decision
from ..evaluate.sandbox import guarded
from ..live import lookup, objects, removed
from . import (
    annotations,
    callables,
    classes,
    decorated,
    fields,
    functions,
    in_place,
    made_classes,
    references,
    wrapped,
)

if TYPE_CHECKING:
    from ..evaluate.views import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger


def bind(merger: "Merger") -> None:
    """Plans every binding."""
    for name, outcome in merger.bound.items():
        outcome.attempt(_bind, merger, name, outcome)
    for scope in merger.change.classes:
        owner = lookup.find_class(merger.namespace, scope)
        if isinstance(owner, abc.ABCMeta):
            merger.plan.afterwards.append(functools.partial(classes.update_abstract, owner))
    made_classes.bind(merger)
    for scope, names in merger.bound_in_class.items():
        if scope not in merger.rebuilt:
            owner = lookup.find_class(merger.namespace, scope)
            for name, outcome in names.items():
                outcome.attempt(_bind_in_class, merger, scope, owner, name, outcome)
    fields.follow_hooks(merger, classes.point_class_cells)
    annotations.follow_future(merger)
    for scope in {*merger.shadow.classes, *merger.change.classes} - merger.rebuilt:
        annotations.bind_in_class(merger, scope)
    annotations.bind_in_module(merger)


def follow_equality(merger: "Merger") -> None:
    """``__hash__`` comes and goes with ``__eq__`` where the class does not define it."""
    edits = [outcome.edit for outcome in merger.change.outcomes]
    for scope in {tuple(edit["scope"]) for edit in edits if {"__eq__", "__hash__"} & set(edit["binds"])}:
        owner = lookup.find_class(merger.namespace, scope) if scope in merger.change.classes else None
        if owner is not None and scope not in merger.rebuilt:
            classes.follow_equality(merger, owner, scope)


def _bind(merger: "Merger", name: str, outcome: "EditOutcome") -> None:
    holder = merger.namespace.globals
    old, new = holder.get(name, MISSING), merger.shadow.globals.get(name, MISSING)
    new = merger.stand_ins.get(id(new), new)
    new = merger.held_back.get(name, new)
    new = next((live for made, live in merger.replaced if made is new), new)
    edit = outcome.edit
    if name in merger.moved:
        _take_in_moved(merger, name)
        return
    # The program may have given it another value since: a loop counts.
    is_kept = old is not MISSING and merger.decisions.get(((), name)) in (Decision.KEEP, Decision.PRESERVE)
    if new is MISSING or new is old or is_kept:
        return
    _say_displaced(merger, edit, outcome, old)
    if old is MISSING and (old := _revived(merger, (), name, new)) is not MISSING:
        merger.plan.set_name(holder, name, old)
        return
    is_shared = _is_shared(merger, (), holder, name, old)
    is_own = merger.is_own_function(old, new, edit) or merger.is_own_lambda(old, edit)
    if isinstance(new, FunctionType) and is_own and not is_shared and merger.is_new(new):
        merger.merge_decorated(old, new, edit)
    elif edit["what"] == "function" and edit["change"] != "added" and decorated.can_be_updated(old, new, merger):
        decorated.update(merger, old, new, edit)
    elif _is_made_for(merger, name, old, edit) and classes.is_made_here(new, old) and name not in merger.given:
        classes.merge(merger, old, new, (name,))
    elif _is_done_in_place(merger, (), name, old, new):
        return
    else:
        if edit["what"] in ("function", "block") and old is not MISSING:
            decorated.hand_on(merger, old, new)
        merger.plan.set_name(holder, name, new)
        if is_shared:
            references.leave_shared(merger, name, old, new, outcome)
        elif in_place.is_made_again(merger, (), name, old):
            references.move_object(merger, name, old, new, outcome)
        elif old is not MISSING:
            references.move_binding(merger, name, old, new, outcome)
            wrapped.merge_definition(merger, edit, new)


def _say_displaced(merger: "Merger", edit: "Edit", outcome: "EditOutcome", old: Any) -> None:
    """What the program put in a definition's place gives way to what decorators make of that now."""
    if old is MISSING or edit["change"] == "added" or id(merger.namespace.globals) not in outcome.displaced:
        return
    for code in ("HS0107", "HS0305"):
        outcome.retract(code)
    outcome.caveat(
        "HS0305",
        f"{edit['definition']} held something else that the program had put there: it holds what its decorators gave "
        "now, and that goes on elsewhere",
    )


def _is_shared(merger: "Merger", scope: tuple[str, ...], live: Any, name: str, old: Any) -> bool:
    """Whether a name of the text goes on with a function that this one leaves: who holds it may have it from either."""
    if not isinstance(old, FunctionType):
        return False
    bound: Any = merger.bound_in_class.get(scope, {}) if scope else merger.bound
    new = merger.shadow.classes[scope] if scope else merger.shadow.globals
    kept = (Decision.KEEP, Decision.PRESERVE)
    return any(
        other != name
        and live.get(other) is old
        and (new.get(other) is old or merger.decisions.get((scope, other)) in kept)
        for other in bound
    )


def _take_in_moved(merger: "Merger", name: str) -> None:
    live, made = merger.moved[name], merger.shadow.globals[name]
    if isinstance(live, type):
        classes.merge(merger, live, made, (name,))
        if live.__qualname__ != made.__qualname__:
            _name_anew(merger, live, made)
    elif id(live.__globals__) in merger.moved_from and not live.__closure__:
        merger.merge_function(live, made, decorators_changed=True)
    else:
        merger.merge_decorated(live, made, merger.bound[name].edit)
    merger.plan.set_name(merger.namespace.globals, name, live)


def _name_anew(merger: "Merger", live: Any, made: Any) -> None:
    """A class that stands elsewhere now says so; enumerations are not told by what they are merged from."""
    merger.plan.set_class_attribute(live, "__qualname__", made.__qualname__)
    if "__firstlineno__" in made.__dict__:
        merger.plan.set_class_attribute(live, "__firstlineno__", made.__dict__["__firstlineno__"])


def _revived(merger: "Merger", scope: tuple[str, ...], name: str, new: Any) -> Any:
    """The former object of a definition that a patch had taken out and that is back, if somebody holds it."""
    former = removed.find(merger.namespace.globals, (*scope, name))
    if isinstance(new, FunctionType) and isinstance(former, FunctionType) and wrapped.takes_on(merger, former, new):
        merger.merge_function(former, new)
    elif isinstance(new, type) and isinstance(former, type) and classes.is_made_here(new, former):
        classes.merge(merger, former, new, (*scope, name))
    else:
        return MISSING
    return former


def _is_done_in_place(merger: "Merger", scope: tuple[str, ...], name: str, old: Any, new: Any) -> bool:
    decision = merger.decisions.get((scope, name))
    is_same = decision is Decision.IN_PLACE and in_place.have_one_type(merger, old, new)
    return is_same and in_place.is_bound_in_place(merger, old, new)


def _is_made_for(merger: "Merger", name: str, old: Any, edit: "Edit") -> bool:
    """Whether a class that the name holds came of its statement: what a call made may be called anything."""
    # Before 3.12 what `make_dataclass` makes is said to be of `types`.
    modules = (merger.namespace.name, "types")
    made_by_call = edit["what"] == "assignment" and isinstance(old, type) and old.__module__ in modules
    return made_by_call or classes.is_own(old, merger.namespace, name)


def _binds_otherwise(old: Any, new: Any) -> bool:
    """Whether a method is given another first argument, or none: bound methods of before would give it the former."""
    kinds = (FunctionType, staticmethod, classmethod)
    return type(old) in kinds and type(new) in kinds and type(old) is not type(new)


def _defined_before(merger: "Merger", scope: tuple[str, ...], name: str, old: Any, new: Any) -> FunctionType | None:
    """The function that a class defined where it is given one now: `show = staticmethod(show)`."""
    if type(old) is not type(new) or not objects.is_exactly(old, staticmethod, classmethod):
        return None
    function = old.__func__
    is_own = isinstance(function, FunctionType) and references.is_own(function, merger.namespace)
    return function if is_own and function.__qualname__ == ".".join((*scope, name)) else None


def _bind_in_class(merger: "Merger", scope: tuple[str, ...], owner: Any, name: str, outcome: "EditOutcome") -> None:
    old, new = objects.live(owner.__dict__.get(name, MISSING), MISSING), merger.shadow.classes[scope][name]
    if isinstance(new, FunctionType) and name in classes.IMPLICIT:
        new = classes.IMPLICIT[name](new)
    edit = outcome.edit
    if new is old:
        return
    _say_displaced(merger, edit, outcome, old)
    moved = merger.moved_in.get((*scope, name))
    if old is MISSING and moved is not None:
        classes.merge(merger, moved, new, (*scope, name))
        _name_anew(merger, moved, new)
        merger.plan.set_class_attribute(owner, name, moved)
        return
    if old is MISSING:
        revived = _revived(merger, scope, name, new)
        if revived is not MISSING:
            merger.plan.set_class_attribute(owner, name, revived)
            return
    is_function = isinstance(new, FunctionType) and merger.is_own_function(old, new, edit)
    is_lambda = isinstance(new, FunctionType) and merger.is_own_lambda(old, edit)
    is_shared = _is_shared(merger, scope, owner.__dict__, name, old)
    is_own = is_lambda or (is_function and (edit["change"] != "added" or edit["what"] != "function"))
    if is_own and not is_shared:
        merger.merge_decorated(old, new, edit)
        return
    if edit["what"] == "function" and edit["change"] != "added":
        if decorated.merge_descriptor(merger, old, new, edit):
            return
        if decorated.can_be_updated(old, new, merger):
            decorated.update(merger, old, new, edit)
            return
    if isinstance(old, type) and isinstance(new, type) and old.__qualname__ == new.__qualname__:
        classes.merge(merger, old, new, (*scope, name))
        return
    if _is_done_in_place(merger, scope, name, old, new):
        return
    set_name = getattr(type(new), "__set_name__", None)
    if set_name is not None:
        guarded(lambda: set_name(new, owner, name), merger.shadow)
    code_change = merger.code_change(edit) if edit["what"] == "function" else None
    binds_otherwise = code_change is not None and _binds_otherwise(old, new)
    if code_change is not None and binds_otherwise:
        inner = old if isinstance(old, FunctionType) else old.__func__
        functions.leave(code_change, [one for one in code_change.functions if one is inner], merger.plan)
    merger.plan.set_class_attribute(owner, name, new)
    is_gone = isinstance(new, FunctionType) and references.is_gone(merger, scope, old)
    defined = _defined_before(merger, scope, name, old, new)
    if is_shared:
        references.report_left(merger, name, old, outcome)
    elif defined is not None and edit["what"] == "assignment":
        references.move_object(merger, name, defined, new.__func__, outcome)
    elif in_place.is_made_again(merger, scope, name, old) or callables.is_made_by_statement(merger, name, old, edit):
        references.move_object(merger, name, old, new, outcome)
    elif edit["what"] == "function" and edit["change"] in ("changed", "added") and old is not MISSING:
        references.move_member(merger, (*scope, name), old, new, outcome)
        if not binds_otherwise:
            wrapped.merge_definition(merger, edit, new)
    elif is_gone:
        references.move_object(merger, name, old, new, outcome)
    elif isinstance(old, FunctionType) and old.__name__ != name and edit["what"] == "assignment":
        references.report_left(merger, name, old, outcome)
    else:
        references.report_bound(merger, name, old, new, outcome)
