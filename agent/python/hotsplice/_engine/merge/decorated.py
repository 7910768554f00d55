"""What a decorator made anew of a function goes into what it had made before: that keeps its identity and its state.

What the former one gathered while it ran stays (a counter, a cache, the commands of a group); what the decorator took
from the function, or from its own arguments, is new.
"""

import ast
import re
from collections.abc import Container
from itertools import chain
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..evaluate.syntax import FUNCTIONS
from ..frameworks import entries, gathering
from ..live import lookup, objects
from ..live.files import live_file
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger

MISSING = object()
_NUMBERS = (int, float)


def closure(merger: "Merger", live: FunctionType, made: FunctionType, edit: "Edit") -> Any:
    """The cells for the live function: its own, if it is a wrapper of the same kind as the new one."""
    before, after = live.__code__, made.__code__
    own, new = live.__closure__ or (), made.__closure__ or ()
    is_same = (before.co_name, before.co_freevars) == (after.co_name, after.co_freevars)
    # The decorator may have moved with what it decorates.
    is_same = is_same and (before.co_filename == after.co_filename or id(live.__globals__) in merger.moved_from)
    if not is_same or not own or len(own) != len(new):
        return made.__closure__
    for name, cell, new_cell in zip(before.co_freevars, own, new):
        held, given = _content(cell), _content(new_cell)
        if held is given or given is MISSING:
            continue
        if type(held) is FunctionType and type(given) is FunctionType and _is_former(merger, held, given):
            merger.merge_decorated(held, given, edit)
        elif "decorators" in edit["parts"] and not edit.get("observed") and can_be_updated(held, given, merger):
            # The decorator itself, which its arguments made: `@retry(3)`, a context manager.
            update(merger, held, given, edit)
        elif not _is_state(live, held, given, gathering.stored_names(before, "STORE_DEREF"), name, merger, edit):
            merger.plan.add("cell", cell, given)
    return live.__closure__


def attributes(merger: "Merger", live: FunctionType, made: FunctionType, edit: "Edit") -> dict[str, Any]:
    """Those of the attributes that a new wrapper has which the live one is to take."""
    held, stored = live.__dict__, gathering.stored_names(live.__code__, "STORE_ATTR")
    taken, counted = {}, []
    for name, value in made.__dict__.items():
        before = held.get(name, MISSING)
        if type(before) is FunctionType and type(value) is FunctionType and _is_former(merger, before, value):
            # What it wraps, which is merged itself.
            merger.merge_decorated(before, value, edit)
        elif (
            edit.get("observed")
            and objects.is_exactly(before, *_NUMBERS)
            and objects.is_exactly(value, *_NUMBERS)
            and before != value
        ):
            counted.append(name)
        elif before is MISSING or not _is_state(live, before, value, stored, name, merger, edit):
            taken[name] = value
    if set(counted) - stored:
        outcome = next(one for one in merger.change.outcomes if one.edit is edit)
        names = ", ".join(f"{live.__name__}.{name}" for name in counted)
        outcome.caveat("HS0402", f"{names} holds what the program has counted; its value is kept")
    return taken


def is_decorated_otherwise(live: FunctionType, made: FunctionType, edit: "Edit") -> bool:
    """Whether what decorators set on a function goes with them; a lambda in the place of a `def` has none."""
    became_lambda = made.__name__ == "<lambda>" != live.__name__
    return became_lambda or ("decorators" in edit["parts"] and not edit.get("observed"))


def assigned(merger: "Merger", name: str) -> bool:
    """Whether statements of modules give functions such an attribute: ``view.hits = 0``. It is no decorator's then."""
    known: dict[str, bool] = merger.assigned
    if name not in known:
        is_dunder = name.startswith("__")
        others = (live_file(path).text for path, _ in lookup.project_modules() if path != merger.change.path)
        texts = () if is_dunder else chain((merger.change.text,), others)
        known[name] = any(f".{name}" in text and _is_assigned_in(text, name) for text in texts)
    return known[name]


def _is_assigned_in(text: str, name: str) -> bool:
    if not re.search(rf"^[(\[\w., \t]*\.{re.escape(name)}\b[^\n=]*(?:[-+*/|&]?=[^=]|:)", text, re.MULTILINE):
        return False
    try:
        pending: list[ast.AST] = [ast.parse(text)]
    except (SyntaxError, ValueError):
        # A cell, with magics in it.
        return False
    while pending:
        node = pending.pop()
        targets: list[Any] = [*getattr(node, "targets", ()), getattr(node, "target", None)]
        while targets:
            target = targets.pop()
            if isinstance(target, (ast.Tuple, ast.List)):
                targets += target.elts
            elif isinstance(target, ast.Attribute) and target.attr == name:
                return True
        pending += [one for one in ast.iter_child_nodes(node) if not isinstance(one, (*FUNCTIONS, ast.expr))]
    return False


def hand_on(merger: "Merger", old: Any, new: Any) -> None:
    """What statements of the module gave the former object of a function, the new one has too."""
    held, given = objects.dictionary(old), objects.dictionary(new)
    if held is None or given is None or not merger.is_new(new) or isinstance(new, type):
        return
    for name in held.keys() - given.keys() if held else ():
        if assigned(merger, name):
            # Nobody has seen it yet.
            given[name] = held[name]


def merge_descriptor(merger: "Merger", live: Any, made: Any, edit: "Edit") -> bool:
    """A static method, a class method or a property stays the object that it was, and so do the functions in it.

    Answers whether that can be: whoever holds them, bound or by another name, follows then.
    """
    kind = type(live)
    if type(made) is not kind or not objects.is_exactly(made, staticmethod, classmethod, property):
        return False
    names = ("fget", "fset", "fdel") if kind is property else ("__func__",)
    pairs = [(getattr(live, name), getattr(made, name)) for name in names]
    pairs = [(old, new) for old, new in pairs if old is not new]
    if not all(type(new) is FunctionType and merger.is_own_function(old, new, edit) for old, new in pairs):
        return False
    for old, new in pairs:
        merger.merge_decorated(old, new, edit)
    if kind is property and live.__doc__ != made.__doc__:
        merger.plan.add("setattr", live, "__doc__", made.__doc__)
    merger.replaced.append((made, live))
    return True


def can_be_updated(live: Any, made: Any, merger: "Merger") -> bool:
    """Whether the object that a decorator made before can take what the new one has."""
    kind = type(made)
    if live is made or type(live) is not kind or issubclass(kind, (type, ModuleType)) or not merger.is_new(made):
        return False
    own = [cls for cls in kind.__mro__ if cls is not object]
    if not own or not all(native.is_made_in_python(cls) and not _has_slots(cls) for cls in own):
        return False
    return objects.dictionary(live) is not None and objects.dictionary(made) is not None


def update(merger: "Merger", live: Any, made: Any, edit: "Edit") -> None:
    """Plans to give the live object what a decorator made of the new function."""
    held, new = objects.dictionary(live), objects.dictionary(made)
    if held is None or new is None:
        return
    merger.replaced.append((made, live))
    stored = gathering.stored_by_methods(type(live))
    for name, value in new.items():
        before = held.get(name, MISSING)
        if before is value:
            continue
        if type(before) is FunctionType and type(value) is FunctionType and _is_former(merger, before, value):
            merger.merge_decorated(before, value, edit)
        elif before is MISSING or not _is_state(live, before, value, stored, name, merger, edit):
            merger.plan.set_name(held, name, value)
    for name in held.keys() - new.keys():
        # What it has computed of the former function and remembers.
        found = next((cls.__dict__[name] for cls in type(live).__mro__ if name in cls.__dict__), None)
        if hasattr(type(found), "__get__") and not hasattr(type(found), "__set__"):
            merger.plan.delete_name(held, name)


def _is_former(merger: "Merger", held: FunctionType, given: FunctionType) -> bool:
    if not merger.is_new(given):
        return False
    is_own = held.__globals__ is merger.namespace.globals or id(held.__globals__) in merger.moved_from
    if is_own and held.__qualname__ == given.__qualname__:
        return True
    before, after = held.__code__, given.__code__
    return (before.co_filename, before.co_name) == (after.co_filename, after.co_name)


def _is_state(
    owner: Any, held: Any, given: Any, stored: Container[str], name: str, merger: "Merger", edit: "Edit"
) -> bool:
    """Whether a value of what a decorator made is what calls have made of it, and not what that computed."""
    if name in stored or not entries.is_state(held, given, merger.made()):
        return name in stored
    if not objects.is_exactly(held, list, dict, set):
        return True
    found = (entries.leads_to(merger.namespace, edit["scope"], one) for one in edit.get("registrars") or ())
    makers = [owner, *(one for registrars in found for one in registrars)]
    return not gathering.only_computes(makers, type(held), name)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _has_slots(cls: type) -> bool:
    slots = cls.__dict__.get("__slots__", ())
    return isinstance(slots, str) or len(tuple(slots)) > 0


def take_superseded(merger: "Merger", outcome: "EditOutcome", names: list[str]) -> None:
    """What a definition made is live where its decorators put it, though its name is another one's."""
    edit = outcome.edit
    made = merger.shadow.globals.get(names[0], MISSING) if names else MISSING
    code_change = merger.code_change(edit) if edit["what"] == "function" else None
    if code_change is None or len(code_change.live) != 1 or type(made) is not FunctionType:
        return
    if merger.is_own_function(code_change.live[0], made, edit) and merger.is_new(made):
        merger.merge_decorated(code_change.live[0], made, edit)


def hold_back(merger: "Merger", edit: "Edit", before: dict[str, Any]) -> None:
    """What a decorator made goes into the former object, with which those that follow register too."""
    name: Any = edit["binds"][0] if edit["what"] == "function" and edit["change"] != "added" else None
    new = merger.shadow.globals.get(name, MISSING)
    old = merger.namespace.globals.get(name, MISSING)
    if name is None or old is MISSING or not can_be_updated(old, new, merger):
        return
    others = (outcome.edit for outcome in merger.change.outcomes if outcome.edit is not edit)
    if any(name == one.partition(".")[0] for other in others for one in other.get("registrars") or other["reads"]):
        merger.held_back[name] = new
        merger.restore(merger.shadow.globals, name, before[name])


def is_definition(made: FunctionType, edit: "Edit") -> bool:
    """Whether a function was made by the edited statement itself."""
    return made.__code__.co_firstlineno == edit["line"] and made.__code__.co_name == made.__name__
