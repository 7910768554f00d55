"""Functions inside of what decorators made of them."""

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .merging import Merger


def takes_on(merger: "Merger", old: Any, new: Any) -> bool:
    """Whether a live function is what the new one was before: no function of another module or of the standard library,
    which others hold too, and none that another definition made.
    """
    if type(new) is not FunctionType:
        return False
    if old.__globals__ is merger.namespace.globals or id(old.__globals__) in merger.moved_from:
        return bool(_name_by_now(merger, old) == new.__qualname__)
    before, after = old.__code__, new.__code__
    return (before.co_filename, before.co_name) == (after.co_filename, after.co_name)


def _name_by_now(merger: "Merger", function: FunctionType) -> str:
    """How a function is called where a class around it stands now."""
    name = function.__qualname__
    moved = ((scope, now) for scope, now in merger.moved_scopes.items() if name.startswith(f"{scope}."))
    return next((now + name[len(scope) :] for scope, now in moved), name)


def merge(merger: "Merger", old: Any, new: Any, depth: int = 4) -> None:
    """What decorators wrapped keeps its identity too: who holds a function of before has all of the new one."""
    if depth == 0 or old is new or type(old) is not type(new):
        return
    if isinstance(old, FunctionType):
        pairs = (
            list(zip(*(_cells(one) for one in (old, new))))
            if old.__code__.co_freevars == new.__code__.co_freevars
            else []
        )
        pairs.append((old.__dict__.get("__wrapped__"), new.__dict__.get("__wrapped__")))
    elif isinstance(old, (staticmethod, classmethod)):
        pairs = [(old.__func__, new.__func__)]
    elif isinstance(old, (type, ModuleType)) or type(old).__module__ == "builtins":
        return
    else:
        pairs = [(value, lookup.members(new).get(name)) for name, value in lookup.members(old).items()]
    known: set[int] | None = None
    for inner, made in pairs:
        if isinstance(inner, FunctionType) and isinstance(made, FunctionType) and inner is not made:
            known = {id(one) for one, _ in merger.replaced} if known is None else known
            if id(made) not in known and takes_on(merger, inner, made):
                merger.merge_function(inner, made)
        merge(merger, inner, made, depth - 1)


def merge_definition(merger: "Merger", edit: "Edit", new: Any) -> None:
    """Where a wrapper does not show what it wraps, the definition's own function has all of the new one too."""
    code_change = merger.code_change(edit) if edit["what"] == "function" else None
    if code_change is None or len(code_change.live) != 1 or not _SEEN & set(edit["parts"]):
        return
    live = code_change.live[0]
    if not isinstance(live, FunctionType) or any(live is one for _, one in merger.replaced):
        return

    def is_made(value: Any) -> bool:
        return isinstance(value, FunctionType) and merger.is_new(value) and takes_on(merger, live, value)

    made = lookup.search(new, is_made)
    if made is not None and made is not live:
        merger.merge_decorated(live, made, edit)


# Parts of a function that come with its code: calls fail where it has one of them and not the others.
_SEEN = {"defaults", "parameters", "annotations"}


def _cells(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found
