"""Names that are gone from the text."""

import ast
import enum
import functools
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..evaluate import changed_values, syntax, turns
from ..evaluate.policy import MISSING
from ..live import lookup, removed
from ..live.code import join
from ..live.files import live_file
from . import dataclass_fields, imports

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger


def remove_names(merger: "Merger") -> None:
    """Plans to take out what is gone from the text."""
    for outcome in merger.change.outcomes:
        edit = outcome.edit
        if edit["what"] == "import" and "*" in edit["binds"] and edit["change"] in ("changed", "derived"):
            _remove_unexported(merger, outcome)
        if edit["change"] in ("added", "changed") and edit["what"] == "statement":
            _delete_names(merger, outcome)
        if edit["change"] != "removed" or "<locals>" in edit["scope"]:
            continue
        scope = tuple(edit["scope"])
        owner = lookup.find_class(merger.namespace, scope) if scope else None
        holder = merger.namespace.globals if not scope else getattr(owner, "__dict__", {})
        gone = []
        for name in _imported_whole(merger, edit) if "*" in edit["binds"] else edit["binds"]:
            stored = lookup.mangled(name, scope)
            taken = merger.bound_in_class.get(scope, {}) if scope else merger.bound
            if stored in taken or stored not in holder:
                continue
            gone.append(name)
            if stored == "__doc__" and owner is not None:
                merger.plan.set_class_attribute(owner, stored, _undocumented(owner))
                continue
            keeper = frameworks.keeper(owner) if owner is not None else None
            if keeper is not None and keeper.remove_member(owner, name, outcome):
                gone.remove(name)
                continue
            note = functools.partial(removed.note, merger.namespace.globals, (*scope, stored), holder[stored])
            merger.plan.afterwards.append(note)
            if scope in merger.rebuilt:
                # The class that was built again says what stays.
                continue
            if scope:
                merger.plan.delete_class_attribute(owner, stored)
            else:
                merger.plan.delete_name(holder, stored)
        _say_removed(merger, outcome, gone, holder)


def _undocumented(owner: Any) -> Any:
    """What the docstring of a class is whose text has none."""
    members = owner.__dict__
    if "__dataclass_fields__" in members and "__dataclass_params__" in members:
        return dataclass_fields.made_again(owner, {}).__dict__["__doc__"]
    if type(owner) is enum.EnumMeta:
        # Before 3.11 one that says nothing.
        return enum.Enum("_", ()).__doc__
    if owner.__bases__ == (tuple,) and "_fields" in members:
        return f"{owner.__name__}({', '.join(owner._fields)})"
    return None


def _remove_unexported(merger: "Merger", outcome: "EditOutcome") -> None:
    """Names that a `from module import *` gave and does not give any more."""
    found = imports.no_longer_given(merger.change.text, merger.namespace, merger.world.shadows(), merger.plan)
    gone = [name for name in dict.fromkeys(found) if name not in merger.bound]
    for name in gone:
        merger.plan.delete_name(merger.namespace.globals, name)
    if gone:
        outcome.note("applied", "HS0406", f"{', '.join(gone)} is no longer imported")


def _imported_whole(merger: "Merger", edit: "Edit") -> list[str]:
    """Names that a `from module import *` gave which is gone and that nothing else in the text imports."""
    text = live_file(merger.change.path).excerpt(edit["old_line"], edit["old_end_line"])
    holder = merger.namespace.globals
    module: Any = imports.star_source(text, holder)
    others = [one for one in imports.star_sources(merger.change.text, holder) if one is not module]
    return [
        name
        for name in imports.exported(module)
        if holder.get(name, MISSING) is module.__dict__[name]
        and not imports.names(merger.change.text, name)
        and not any(name in imports.exported(other) for other in others)
    ]


def _say_removed(merger: "Merger", outcome: "EditOutcome", gone: list[str], holder: Any) -> None:
    change, edit = merger.change, outcome.edit
    if turns.is_executed(change, edit):
        outcome.caveat("HS0401", "the statement is gone from the text; it runs at this moment, and goes on as it was")
    elif edit.get("offered") and (changed_values.goes_with_its_object(merger, edit) or _deletes_nothing(merger, edit)):
        outcome.applied()
    elif edit.get("offered"):
        outcome.caveat("HS0401", "the statement is gone from the text; what it did when it ran is not undone")
    elif edit["what"] == "annotation":
        outcome.applied()
    elif not gone:
        outcome.unneeded()
    elif edit["what"] == "import":
        outcome.applied()
        if "*" in edit["binds"]:
            # The statement does not name them.
            outcome.note("applied", "HS0406", f"{', '.join(gone)} is no longer imported")
        elif not edit["scope"]:
            _say_still_read(merger, outcome, {name: holder[name] for name in gone})
    elif (name := _carried_on(change, outcome)) is not None:
        outcome.note("applied", "HS0405", f"{gone[0]} is called {name} now, which holds what it held")
    else:
        outcome.note("applied", "HS0405", f"{', '.join(gone)} is gone; references to it go on")


def _delete_names(merger: "Merger", outcome: "EditOutcome") -> None:
    """`del helper`: nothing but the name goes."""
    names = [] if outcome.edit["scope"] else _deleted(join(outcome.edit.get("run") or []))
    holder = merger.namespace.globals
    if not names or outcome.code != "HS0401" or lookup.running_module(merger.change.path) is not None:
        return
    if outcome.edit["change"] == "changed" and not _deletes_nothing(merger, outcome.edit, but=names):
        return
    given = {one[2] for one in merger.plan.operations if one[0] == "dict-set" and one[1] is holder}
    for name in names:
        if name in holder or name in given:
            merger.plan.delete_name(holder, name)
    outcome.retract("HS0401")


def _deletes_nothing(merger: "Merger", edit: "Edit", but: Collection[str] = ()) -> bool:
    """Whether a `del helper` that is gone deleted names that the text no longer gives, or no longer leaves."""
    names = _deleted(live_file(merger.change.path).excerpt(edit["old_line"], edit["old_end_line"]))
    merger.deleted.bound_again(())
    statements = merger.deleted.statements(())
    given = {name for one in statements for name in syntax.bound(one)}.difference(but)
    return bool(names and statements) and given.isdisjoint({"*", *names})


def _deleted(text: str) -> list[str]:
    """The names that a text deletes, if that is all that it does."""
    try:
        statements = ast.parse(text.lstrip()).body
    except (SyntaxError, ValueError):
        return []
    targets: list[Any] = [target for one in statements for target in getattr(one, "targets", ())]
    is_plain = all(isinstance(one, ast.Delete) for one in statements) and all(
        isinstance(one, ast.Name) for one in targets
    )
    return [one.id for one in targets] if is_plain else []


def _say_still_read(merger: "Merger", outcome: "EditOutcome", gone: dict[str, Any]) -> None:
    """Most imports go with what read them; who reads them all the same would fail in a fresh process."""
    for name, value in gone.items():
        if _is_read(merger.change.text, name):
            outcome.note("applied", "HS0406", f"{name} is no longer imported; the text still reads it")
        elif imports.followers(merger.namespace.globals, name, value):
            outcome.note("applied", "HS0406", f"{name} is no longer imported; other modules still import it from here")


def _is_read(text: str, name: str) -> bool:
    """Whether a text reads a name that nothing in it binds."""
    if imports.names(text, name) or re.search(rf"\b{re.escape(name)}\b", text) is None:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        # What a recoder takes.
        return False
    binds = {node.arg for node in nodes if isinstance(node, ast.arg)}
    found = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    return bool(found) and name not in binds and all(isinstance(node.ctx, ast.Load) for node in found)


def _carried_on(change: "FileChange", outcome: "EditOutcome") -> str | None:
    """The name under which a value goes on that the text has given another one."""
    edit = outcome.edit
    same = (one for one in change.outcomes if one.edit["scope"] == edit["scope"] and one.carries in edit["binds"])
    return next((one.edit["binds"][0] for one in same), None)
