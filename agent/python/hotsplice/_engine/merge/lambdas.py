"""Lambdas in statements: those that were made before an edit get the code of the new text, whoever holds them."""

import ast
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..evaluate import syntax
from ..live.code import align, children, compile_excerpt, compile_text, fingerprint, join, pair
from ..live.files import live_file
from ..native import native
from . import functions

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome, Plan
    from ..journal.views import Prepared
    from ..live.lookup import Namespace


def follow(transaction: "Prepared") -> "list[EditOutcome]":
    """Gives live lambdas of edited statements their new code. Returns the outcomes of edits with which all is done.

    A statement that differs in the bodies of lambdas only need not run again, unless it calls something to make its
    value: what it made is still there, with what the program has put into it since.
    """
    done = []
    living: dict[int, Living] = {}
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            is_statement = edit["what"] in ("assignment", "statement", "block") and edit["change"] == "changed"
            if not is_statement or not edit.get("run") or not edit.get("old_line"):
                continue
            plan, renewed = transaction.plan, transaction.renewed_lambdas
            completed = []
            for namespace in change.namespaces:
                live = living.setdefault(id(namespace), Living(namespace))
                completed.append(_follow(change, outcome, live, plan, renewed))
            if completed and all(completed):
                outcome.applied()
                done.append(outcome)
    return done


def _follow(
    change: "FileChange",
    outcome: "EditOutcome",
    living: "Living",
    plan: "Plan",
    renewed: list[tuple[FunctionType, CodeType]],
) -> bool:
    edit, namespace = outcome.edit, living.namespace
    new_text = join(edit["run"])
    old_text = live_file(change.path).excerpt(edit["old_line"], edit["old_end_line"])
    if "lambda" not in new_text or "lambda" not in old_text:
        return False
    # In its place, so that lines, columns and flags are those of the live code.
    classes = [" " * depth + f"class {name}:\n" for depth, name in enumerate(edit["scope"]) if old_text[0].isspace()]
    padded = "\n" * (edit["old_line"] - 1 - len(classes)) + "".join(classes) + old_text
    try:
        old = compile_text(padded, namespace.filename)
        new = compile_excerpt(edit["run"], namespace.filename)
    except Refusal:
        return False
    for name in edit["scope"]:
        old, new = (next((child for child in children(one) if child.co_name == name), one) for one in (old, new))
    befores, afters = list(_lambdas(old)), list(_lambdas(new))
    aligned = align(befores, afters)
    pairs = [both for before, after in aligned for both in pair(before, after)]
    live = {place: living.at(place) for place in {key(before) for before, _ in pairs}}
    # Where one has no partner, others stand at other places now.
    complete = len(befores) == len(afters) == len(aligned)
    former = _statements(padded, edit["scope"])
    names = {name for statement in former for name in syntax.bound(statement)}
    if edit["what"] == "assignment" and names != set(edit["binds"]):
        # Which is which is told by the names.
        return False
    if any(live.values()) and len(befores) < _count(former):
        # One code object serves several.
        outcome.caveat(
            "HS0303", "lambdas that did the same on one line can't be told apart: those made before keep their code"
        )
        return False
    for before, after in pairs:
        held = live.get(key(before), ())
        if before.co_name == "<lambda>" and not held and fingerprint(before) != fingerprint(after):
            complete = False
        for function in held:
            parts, missing = functions.new_parts(function, function.__code__, after, None)
            if missing:
                complete = False
                continue
            plan.function(function, **parts)
            if fingerprint(before) != fingerprint(after):
                renewed.append((function, after))
    # What a call made of them may be more than what it was given.
    outside = _outside(former)
    is_kept = edit.get("offered") or not (edit.get("changed_reads", ()) or _calls(outside))
    return complete and is_kept and outside == _outside(_statements(new_text, edit["scope"]))


def _lambdas(code: CodeType) -> Iterator[CodeType]:
    """Lambdas that the statement's own run makes, comprehensions included, in the order of the text."""
    for child in children(code):
        if child.co_name == "<lambda>":
            yield child
        elif child.co_name.startswith("<"):
            yield from _lambdas(child)


class Living:
    """The live lambdas of a namespace, or all its functions, found once for all edits of it."""

    def __init__(self, namespace: "Namespace", is_lambda: bool = True) -> None:
        self.namespace = namespace
        self._is_lambda = is_lambda
        self._by_line: dict[int, list[FunctionType]] | None = None

    def at(self, wanted: tuple[Any, ...]) -> list[FunctionType]:
        """By place and what they do."""
        if self._by_line is None:
            self._by_line = {}
            for filename in self.namespace.filenames:
                for function in native.functions_of_file(filename):
                    code = function.__code__
                    is_wanted = code.co_name == "<lambda>" or not self._is_lambda
                    if function.__globals__ is self.namespace.globals and is_wanted:
                        self._by_line.setdefault(code.co_firstlineno, []).append(function)
        return [one for one in self._by_line.get(wanted[0], ()) if key(one.__code__) == wanted]


def _count(statements: list[ast.stmt]) -> int:
    """How many lambdas statements make by themselves, those inside of others left out."""
    pending: list[ast.AST] = list(statements)
    count = 0
    while pending:
        node = pending.pop()
        count += isinstance(node, ast.Lambda)
        if not isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(node))
    return count


def key(code: CodeType) -> tuple[Any, ...]:
    """Where code stands, and what it does."""
    positions = code.co_positions() if hasattr(code, "co_positions") else ()
    column = next((start for line, _, start, _ in positions if line is not None and start), 0)
    return code.co_firstlineno, column, fingerprint(code)


def _statements(text: str, scope: Sequence[str]) -> list[ast.stmt]:
    """The statements in the class of this qualified name, or in the module."""
    statements = ast.parse(text).body
    for name in scope:
        inside = (one for statement in statements for one in ast.walk(statement) if isinstance(one, ast.ClassDef))
        found = next((one for one in inside if one.name == name), None)
        statements = found.body if found is not None else []
    return statements


def _outside(statements: list[ast.stmt]) -> list[str]:
    """What statements do, whatever the bodies of their lambdas are."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Lambda):
                node.body = ast.Constant(None)
    return [ast.dump(statement) for statement in statements]


def _calls(dumped: list[str]) -> bool:
    """Whether a statement calls something, other than in lambdas."""
    return any("Call(" in one or "Await(" in one for one in dumped)
