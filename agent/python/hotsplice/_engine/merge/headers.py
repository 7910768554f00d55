"""New defaults and annotations for live functions, from a function that was made for them."""

import sys
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup
from ..native import native
from . import annotations, defaults

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Definition, Edit
    from .merging import Merger


def transfer(merger: "Merger", outcome: "EditOutcome", made: Any) -> None:
    """Takes defaults and annotations from a function that was made for them to the live ones."""
    edit = outcome.edit
    functions = live_functions(merger, edit)
    if edit["change"] == "derived" and edit["parts"] == ["annotations"] and _same_annotations(functions, made):
        outcome.unneeded(None, "its annotations mean what they did")
        return
    for function in functions:
        values, keyword_values = defaults.merged(function, made, edit["fresh_defaults"])
        parts = {"defaults": values, "kwdefaults": keyword_values}
        if "annotations" in edit["parts"]:
            _annotate(merger, edit, function, made, parts)
        merger.plan.function(function, **parts)
        proxy = merger.world.proxy_of(function)
        if proxy is not None:
            proxy.__defaults__, proxy.__kwdefaults__ = parts["defaults"], parts["kwdefaults"]
    outcome.applied()


def live_functions(merger: "Merger", edit: "Edit") -> list[FunctionType]:
    """Live functions of an edited definition."""
    code_change = merger.code_change(edit)
    return _unchanged_functions(merger, edit) if code_change is None else code_change.functions


def _unchanged_functions(merger: "Merger", edit: "Edit") -> list[FunctionType]:
    """Live functions of a definition whose code stays as it is."""
    codes, known = _codes(merger, edit), merger.unchanged_functions
    if any(id(code) not in known for code in codes):
        # All that lives is looked through once for the headers of a file, and not for each.
        bare = (outcome.edit for outcome in merger.change.outcomes if merger.is_bare(outcome.edit))
        headers = (header for header in bare if header.get("old_line"))
        wanted = {id(code): code for header in (edit, *headers) for code in _codes(merger, header)}
        found = native.functions_of(list(wanted.values()))
        known.update({key: (code, functions) for (key, code), functions in zip(wanted.items(), found)})
    return [function for code in codes for function in known[id(code)][1]]


def _codes(merger: "Merger", edit: "Edit") -> list[CodeType]:
    name = edit["definition"].rpartition(".")[2]
    unit: Definition = {"scope": edit["scope"], "name": name, "old_line": edit["old_line"]}
    return [function.__code__ for function in lookup.find_unit(merger.namespace, unit)]


def _annotate(merger: "Merger", edit: "Edit", function: FunctionType, made: Any, parts: dict[str, Any]) -> None:
    """New annotations; ``functools.wraps`` has given wrappers the very same object, and they follow."""
    if sys.version_info < (3, 14):
        live = function.__annotations__
        # All go first, so that they come in the order of the text.
        for name in live:
            merger.plan.delete_name(live, name)
        for name, value in made.__annotations__.items():
            merger.plan.set_name(live, name, value)
        return
    given = annotations.of_function(made)
    parts.update(given)
    value = lookup.bound_value(merger.namespace, edit["scope"], edit["binds"][0])
    while isinstance(value, FunctionType) and value is not function:
        if value.__annotate__ is function.__annotate__:
            merger.plan.function(value, **given)
        value = value.__dict__.get("__wrapped__")


def _same_annotations(functions: Iterable[FunctionType], made: Any) -> bool:
    try:
        annotations = made.__annotations__
        return all(function.__annotations__ == annotations for function in functions)
    except Exception:
        return False
