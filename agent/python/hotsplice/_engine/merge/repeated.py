"""Definitions that a loop has made more than once: what is evaluated for such a one alone is what one round gives."""

import ast
import re
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live import lookup, objects
from ..live.code import join
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .merging import Merger

_LOOP = re.compile(r"^([ \t]*)(?:async[ \t]+for|for|while)\b", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \t]*")
_NOWHERE = 1_000_000


def report(merger: "Merger", outcome: "EditOutcome") -> None:
    """Reports an edit whose loop is not run again, where that has made several of what is edited."""
    edit = outcome.edit
    if edit["change"] not in ("changed", "derived") or not edit.get("run") or "<locals>" in edit["scope"]:
        return
    if any(scope == tuple(edit["scope"]) and edit["line"] in lines for scope, lines in merger.loops):
        return
    is_function, parts = edit["what"] == "function", set(edit["parts"])
    is_decorated = is_function and "decorators" in parts and not edit.get("observed") and _decorates(edit)
    is_evaluated = is_decorated or "defaults" in parts if is_function else bool(edit["scope"])
    if not is_evaluated or not _is_in_loop(merger, edit["line"]):
        return
    name = ".".join((*edit["scope"], *edit["binds"][:1]))
    # What one round has made and nobody holds would be decorated, too.
    if is_decorated or _are_several(merger, edit["scope"], edit["binds"][0] if is_function and edit["binds"] else None):
        outcome.caveat("HS0401", f"the loop around {name} is not run again: what each round gave it is not given again")


def _decorates(edit: "Edit") -> bool:
    return any(getattr(node, "decorator_list", ()) for node in ast.walk(ast.parse(join(edit["run"]))))


def _is_in_loop(merger: "Merger", line: int) -> bool:
    text = merger.change.text
    if merger.repeating is None:
        # The text of a module may be long: it is read only where a loop stands further out than an edit.
        if merger.outermost_loop is None:
            merger.outermost_loop = min((len(one) for one in _LOOP.findall(text)), default=_NOWHERE)
        if len(_INDENTATION.findall(text.split("\n", line)[line - 1])[0]) <= merger.outermost_loop:
            return False
        statements = syntax.flattened(ast.parse(text).body)
        loops = (one for one in statements if isinstance(one, syntax.LOOPS) and not _has_one_round(one))
        merger.repeating = [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in loops]
    return any(line in lines for lines in merger.repeating)


def _has_one_round(loop: Any) -> bool:
    """Whether a loop says that it does something once."""
    items = loop.iter if isinstance(loop, ast.For) else None
    if isinstance(items, ast.Call) and isinstance(items.func, ast.Name) and items.func.id == range.__name__:
        return [ast.dump(one) for one in items.args] == [ast.dump(ast.Constant(1))]
    return isinstance(items, (ast.Tuple, ast.List)) and len(items.elts) == 1


def _are_several(merger: "Merger", scope: list[str], name: str | None) -> bool:
    owner: Any = lookup.find_class(merger.namespace, scope) if scope else None
    if owner is not None:
        made = {id(one) for one, _ in merger.replaced}
        below = [one for base in owner.__bases__ for one in type.__subclasses__(base)]
        alike = {id(one) for one in below if _is_alike(one, owner)} - made
        return len(alike) > 1
    value = merger.namespace.globals.get(name) if name is not None else None
    codes = [function.__code__ for function in native.functions_in(value)]
    return any(len(functions) > 1 for functions in native.functions_of(codes)) if codes else False


def _is_alike(one: type, other: type) -> bool:
    return objects.module_of(one) == objects.module_of(other) and one.__qualname__ == other.__qualname__
