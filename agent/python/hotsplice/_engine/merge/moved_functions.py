"""Functions that statements made which stand in another file of the patch now: they read the names of that file.

A definition that moves is updated in place; what it had made before (closures), and lambdas in what a statement gave a
container or a class, are found by the code that the former text gives.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..live.code import compile_excerpt, compile_text, pair
from ..live.files import live_file
from ..native import native
from . import functions, lambdas

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.lookup import Namespace
    from .merging import Merger

# (file that had the statement, its first and last line, file that has it, the edit that adds it there)
_Move = tuple[Any, tuple[int, int], Any, Any]


def follow(mergers: "list[Merger]") -> None:
    """Plans new code and global names for live functions that nothing else updates."""
    moves = list(_moves(mergers)) if len(mergers) > 1 else []
    if not moves:
        return
    plan = mergers[0].plan
    done = {id(operation[1]) for operation in plan.operations if operation[0] == "function"}
    living: dict[int, lambdas.Living] = {}
    for source, lines, target, outcome in moves:
        live = living.setdefault(id(source.namespace), lambdas.Living(source.namespace, is_lambda=False))
        for before, after in _pairs(source.namespace, lines, target.namespace, outcome):
            for function in live.at(lambdas.key(before)):
                if id(function) not in done:
                    done.add(id(function))
                    _move(function, after, target, outcome)


def _moves(mergers: "list[Merger]") -> Iterator[_Move]:
    for source in mergers:
        for removed in source.change.outcomes:
            edit = removed.edit
            if edit["change"] != "removed" or edit["scope"] or not edit["old_line"]:
                continue
            names = set(edit["binds"]) or {edit["definition"]}
            for target in mergers:
                for outcome in target.change.outcomes if target is not source else ():
                    other = outcome.edit
                    is_added = other["change"] == "added" and other["what"] == edit["what"] and not other["scope"]
                    common = any(_has_moved(source, target, name) for name in names & set(other["binds"]))
                    if is_added and other.get("run") and common:
                        yield source, (edit["old_line"], edit["old_end_line"]), target, outcome


def _has_moved(source: "Merger", target: "Merger", name: str) -> bool:
    """Whether what a file's name held is what the other one has: a definition may be another one there."""
    held = source.namespace.globals.get(name)
    is_function = type(held) is FunctionType and held.__name__ == name
    return name in target.moved or not (is_function or issubclass(type(held), type))


def _pairs(
    source: "Namespace", lines: tuple[int, int], target: "Namespace", outcome: "EditOutcome"
) -> list[tuple[CodeType, CodeType]]:
    text = live_file(source.path).excerpt(*lines)
    try:
        # In its place, so that lines and columns are those of the live code.
        old = compile_text("\n" * (lines[0] - 1) + text, source.filename)
        new = compile_excerpt(outcome.edit["run"], target.filename)
    except Refusal:
        return []
    return list(pair(old, new))[1:]


def _move(function: FunctionType, after: CodeType, target: "Merger", outcome: "EditOutcome") -> None:
    parts, missing = functions.new_parts(function, function.__code__, after, None)
    if missing:
        outcome.caveat(
            "HS0301", f"{function.__qualname__} that was made before has no {', '.join(missing)}: it stays as it was"
        )
        return
    target.plan.function(function, globals=target.namespace.globals, module=target.namespace.name, **parts)
