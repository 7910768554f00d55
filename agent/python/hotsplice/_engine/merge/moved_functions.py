"""Functions that statements made which stand in another file of the patch now: they read the names of that file.

A definition that moves is updated in place; what it had made before (closures), and lambdas in what a statement gave a
container or a class, are found by the code that the former text gives.
"""

import ast
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..evaluate import syntax
from ..live.code import compile_excerpt, compile_text, pair
from ..live.files import live_file
from . import functions, lambdas

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.lookup import Namespace
    from ..live.messages import Edit
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
        for outcome in source.change.outcomes:
            edit = outcome.edit
            for lines in _former_lines(edit):
                names = _names(source.change.path, lines)
                for target in mergers:
                    for added in target.change.outcomes if target is not source else ():
                        if _is_added(added.edit, edit) and any(
                            _has_moved(source, target, name) for name in names & set(added.edit["binds"])
                        ):
                            yield source, lines, target, added


def _former_lines(edit: "Edit") -> "list[tuple[int, int]]":
    """Where a file had what it has no more, or imports now."""
    if edit["scope"]:
        return []
    if edit["change"] == "removed":
        return [(edit["old_line"], edit["old_end_line"])] if edit["old_line"] else []
    return list(edit.get("former") or ()) if edit["what"] == "import" and edit["change"] != "derived" else []


def _names(path: str, lines: tuple[int, int]) -> set[str]:
    try:
        statements = ast.parse(live_file(path).excerpt(*lines)).body
    except SyntaxError:
        return set()
    return {name for one in statements for name in syntax.bound(one)}


def _is_added(edit: "Edit", gone: "Edit") -> bool:
    is_alike = gone["what"] in ("import", edit["what"]) and not edit["scope"]
    return is_alike and edit["change"] == "added" and bool(edit.get("run"))


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
