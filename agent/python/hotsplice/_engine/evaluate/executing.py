"""Which statements of a new text a module has been through that is being executed, and which stand where it is.

What it executes is known by its line in the text before the patch. Statements of two texts are paired by what they are,
then by what they are about; where the running one has no counterpart, none that may be in its place counts as passed.
"""

import ast
from collections.abc import Callable, Hashable
from difflib import SequenceMatcher
from typing import Any

from . import syntax

_Key = Callable[[ast.stmt], Hashable]


class Passed:
    """The statements of a running suite, without the compound ones around them, that were carried out to their end."""

    def __init__(self) -> None:
        self.statements: list[ast.stmt] = []
        # As they are live.
        self.former: list[ast.stmt] = []
        # What runs, as it is live and, if the new text has it, there.
        self.running: tuple[ast.stmt | None, ast.stmt | None] = (None, None)

    def edited_value(self) -> ast.stmt | None:
        """The statement in place of the running one, where that gives names values that the new text has otherwise."""
        live, new = self.running
        if live is None or new is None or syntax.branches(new) or not syntax.bound(new):
            return None
        return new if syntax.shape(live) != syntax.shape(new) else None


def passed(statements: list[ast.stmt], former: list[ast.stmt], line: int) -> Passed:
    """What of ``statements`` was carried out before what stands at a line of ``former``."""
    found = Passed()
    if former:
        _go_through(found, statements, former, line)
    return found


def _go_through(found: Passed, statements: list[ast.stmt], former: list[ast.stmt], line: int) -> None:
    number = next((number for number, one in enumerate(former) if last_line(one) >= line), None)
    if number is None:
        # Behind its last statement: none is being executed.
        found.statements += statements
        found.former += former
        return
    here, is_counterpart = in_place_of(former, statements, number, _frame)
    found.statements += statements[: here.start]
    found.former += former[:number]
    live, new = former[number], statements[here.start] if is_counterpart else None
    found.running = live, new
    if new is not None:
        _go_into(found, new, live, line)


def _go_into(found: Passed, new: ast.stmt, live: ast.stmt, line: int) -> None:
    """Of a loop no iteration is the last; of any other compound statement one suite is being executed."""
    suites, live_suites = syntax.branches(new), syntax.branches(live)
    if isinstance(live, syntax.LOOPS) or type(new) is not type(live) or len(suites) != len(live_suites):
        return
    for number, suite in enumerate(live_suites):
        if suite and first_line(suite[0]) <= line <= last_line(suite[-1]):
            if isinstance(live, syntax.TRIES) and number == len(suites) - 2:
                # `else`
                found.statements += suites[0]
                found.former += live_suites[0]
            _go_through(found, suites[number], suite, line)
            return


def in_place_of(former: list[ast.stmt], statements: list[ast.stmt], number: int, key: _Key) -> tuple[range, bool]:
    """Which of ``statements`` stand where one of ``former`` does, and whether that is one which is its counterpart."""
    before, after = range(len(former)), range(len(statements))
    for one in (key, _about):
        old, new = [one(former[place]) for place in before], [one(statements[place]) for place in after]
        before, after, is_counterpart = _around(old, new, number, before.start, after.start)
        if is_counterpart or not after:
            return after, is_counterpart
    return after, False


def _around(
    old: list[Hashable], new: list[Hashable], number: int, first_old: int, first_new: int
) -> tuple[range, range, bool]:
    """The counterpart of an element, else what stands between those of the elements around it."""
    begin_old, begin_new = 0, 0
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if block.a <= number - first_old < block.a + block.size:
            there = first_new + block.b + number - first_old - block.a
            return range(number, number + 1), range(there, there + 1), True
        if block.a > number - first_old:
            between = range(first_old + begin_old, first_old + block.a)
            return between, range(first_new + begin_new, first_new + block.b), False
        begin_old, begin_new = block.a + block.size, block.b + block.size
    return range(first_old + begin_old, first_old + len(old)), range(first_new + begin_new, first_new + len(new)), False


def _frame(statement: ast.stmt) -> Hashable:
    if syntax.branches(statement):
        return type(statement), tuple(map(syntax.shape, syntax.heads(statement)))
    return syntax.frame(statement)


def _about(statement: ast.stmt) -> Hashable:
    """What an edit of a statement mostly leaves as it is."""
    kind: Any = type(statement)
    one: Any = statement
    if kind in (*syntax.FUNCTIONS, ast.ClassDef):
        return kind, one.name
    if kind in (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import, ast.ImportFrom):
        return kind, tuple(syntax.bound(statement))
    if kind is ast.Expr and isinstance(one.value, ast.Call):
        return kind, syntax.shape(one.value.func)
    return (kind,)


def first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def last_line(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno
