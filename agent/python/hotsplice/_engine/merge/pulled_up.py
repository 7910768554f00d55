"""Attributes and methods that move between a class and one of its bases: what they hold goes with them.

Only where one class loses what one other gains, and the text gives an attribute the same. A method may have another
body.
"""

import ast
from collections.abc import Hashable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live import lookup, objects
from ..live.files import live_file

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .merging import Merger

_Classes = dict[str, ast.ClassDef]


def follow(merger: "Merger") -> None:
    outcomes = merger.change.outcomes
    gone = [one.edit for one in outcomes if one.edit["change"] == "removed" and _is_member(one.edit)]
    if not gone:
        return
    come = [one.edit for one in outcomes if one.edit["change"] == "added" and len(one.edit["binds"]) == 1]
    try:
        before, after = (_classes(text) for text in (live_file(merger.change.path).text, merger.change.text))
    except SyntaxError:
        return
    moves = [(edit["scope"][0], name, edit["binds"][0]) for edit in gone for name in _gaining(come, edit, after)]
    for former, name, attribute in moves:
        is_single = sum(one[2] == attribute and (one[0] == former or one[1] == name) for one in moves) == 1
        is_related = name in _bases(former, after) or former in _bases(name, after)
        given = _given(before.get(former), attribute), _given(after.get(name), attribute)
        if not is_single or not is_related:
            continue
        if all(isinstance(one, ast.FunctionDef) for one in given):
            _take_method_along(merger, former, name, attribute)
        elif given[0] is not None and given[0] == given[1]:
            _take_along(merger, former, name, attribute)


def _is_member(edit: "Edit") -> bool:
    is_one = edit["what"] in ("assignment", "function") and len(edit["scope"]) == 1 and len(edit["binds"]) == 1
    return is_one and not edit["binds"][0].startswith("__")


def _gaining(come: "list[Edit]", gone: "Edit", classes: _Classes) -> list[str]:
    """The classes that have such an attribute and had it not."""
    name = gone["binds"][0]
    members = [one["scope"][0] for one in come if _is_member(one) and one["binds"] == [name]]
    whole = [one["binds"][0] for one in come if one["what"] == "class" and not one["scope"]]
    return [*members, *(one for one in whole if _given(classes.get(one), name) is not None)]


def _take_along(merger: "Merger", former: str, name: str, attribute: str) -> None:
    # The program may have given it to the other class already: `type(self).total += 1`.
    owners = [lookup.find_class(merger.namespace, (one,)) for one in (name, former)]
    held = [objects.members(owner) for owner in owners if owner is not None]
    value = next((members[attribute] for members in held if attribute in members), None)
    if value is None or hasattr(type(value), "__get__"):
        return
    seen: Any = merger.shadow.classes.get((name,))
    made = merger.shadow.globals.get(name)
    if seen is not None and attribute in seen:
        seen[attribute] = value
    elif isinstance(made, type) and merger.is_new(made) and attribute in objects.members(made):
        type.__setattr__(made, attribute, value)


def _take_method_along(merger: "Merger", former: str, name: str, method: str) -> None:
    """Who holds the function, or the method of an object, goes on with what the other class has."""
    owner = lookup.find_class(merger.namespace, (former,))
    live: Any = objects.members(owner).get(method) if owner is not None else None
    seen: Any = merger.shadow.classes.get((name,), {})
    cls: Any = merger.shadow.globals.get(name)
    is_new_class = isinstance(cls, type) and merger.is_new(cls)
    made = seen.get(method) if method in seen else objects.members(cls).get(method) if is_new_class else None
    # What reads `super()` belongs to its class.
    if any(type(one) is not FunctionType or one.__closure__ for one in (live, made)):
        return
    # What the program has put there belongs to somebody else.
    if live.__globals__ is not merger.namespace.globals or live.__qualname__ != f"{former}.{method}":
        return
    merger.merge_function(live, made)
    if method in seen:
        seen[method] = live
    else:
        type.__setattr__(cls, method, live)


def _classes(text: str) -> _Classes:
    return {one.name: one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)}


def _bases(name: str, classes: _Classes) -> set[str]:
    """The names of the classes that one derives from, as far as the text tells."""
    found: set[str] = set()
    pending = [name]
    while pending:
        one = classes.get(pending.pop())
        bases = {base.id for base in one.bases if isinstance(base, ast.Name)} if one is not None else set()
        pending += bases - found
        found |= bases
    return found


def _given(one: ast.ClassDef | None, name: str) -> Hashable:
    """What a statement of a class body gives an attribute; a function without decorators as it stands."""
    for statement in one.body if one is not None else ():
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            return None if statement.decorator_list else statement
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        value = getattr(statement, "value", None)
        if value is not None and any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return syntax.shape(value)
    return None
