"""What an input's statements that define something again do: patch what is live, or run and say so.

Such a statement is woven into a question. Where the live function or class can be patched to its text it is not run.
"""

from __future__ import annotations

import ast
import sys

from . import _api, _cells
from ._cells import Cell, Former, Live, Redefinition
from ._celltext import DEFINITIONS, Definition, alone, bodies, by_name, certain, own_lines

# What was made of the definition is not found: it is made as if nothing had been there.
_NOT_THERE = ("HS0107", "HS0404")


class _Statement:
    """A definition of an input that runs: whether one was known before, and whether it is the last of its name."""

    def __init__(self, cell: Cell, node: Definition, is_again: bool, is_last: bool, place: int) -> None:
        self.cell = cell
        self.node = node
        self.is_again = is_again
        self.is_last = is_last
        # Which of the cell's definitions of the name it is.
        self.place = place


# Statements of inputs that run.
_statements: dict[int, _Statement] = {}
_count = 0
# Statements that were never reached, or raised, are forgotten.
_STATEMENTS = 1000


def weave(cell: Cell, body: list[ast.stmt]) -> None:
    """Has the definitions among an input's statements ask before they run, and say when they have."""
    if any(isinstance(node, ast.ImportFrom) for node in body):
        from . import _stars

        _stars.note(body, cell.namespace)
    _weave(cell, body, set(), {node: place for nodes in by_name(body).values() for place, node in enumerate(nodes)})


def _weave(cell: Cell, body: list[ast.stmt], later: set[str], places: dict[Definition, int]) -> set[str]:
    """`later` are names that the input surely defines again afterwards; gives those that it does from here on."""
    global _count
    for index in reversed(range(len(body))):
        node = body[index]
        # The branches of an `if` are followed by the same.
        within = [_weave(cell, inner, later, places) for inner in bodies(node)]
        later = later | certain(node, within)
        # `_` is what nobody asks for by that name: each is another one.
        if not isinstance(node, DEFINITIONS) or not node.name.strip("_"):
            continue
        _count += 1
        known = _cells.live_definitions.get((id(cell.namespace), node.name))
        if len(_statements) >= _STATEMENTS:
            del _statements[next(iter(_statements))]
        _statements[_count] = _Statement(cell, node, known is not None, node.name not in later, places[node])
        later = later | {node.name}
        made = ast.Expr(_call("made", _count, node))
        woven = ast.If(ast.UnaryOp(ast.Not(), _call("is_patched", _count, node)), [node, made], [])
        body[index] = ast.fix_missing_locations(ast.copy_location(woven, node))
    return later


def _call(function: str, number: int, node: ast.stmt) -> ast.expr:
    """Leaves no name in the namespace, and works where `hotsplice` is another name."""
    text = f"__import__('sys').modules['hotsplice._redefining'].{function}({number})"
    call = ast.parse(text, mode="eval").body
    for part in ast.walk(call):
        if isinstance(part, ast.expr):
            ast.copy_location(part, node)
    return call


def is_patched(number: int) -> bool:
    """Patches the live definition to the statement that is about to run. If that can't be, the statement runs."""
    statement = _statements.get(number)
    if statement is None or not statement.is_again or not _cells.settings.patches:
        return False
    cell, node = statement.cell, statement.node
    known = _cells.live_definitions.get((id(cell.namespace), node.name))
    value = cell.namespace.get(node.name, _cells.MISSING)
    if known is None:
        return False
    former = known.cell
    earlier = value
    if not known.is_bound_to(value):
        # An earlier definition of the cell has the name, as overloads have until the implementation comes.
        if known.covered is None or known.covered[1] is not value:
            return False
        value = known.covered[0]
    if not statement.is_last:
        # It is the last that the name stands for. What this one is made for, it is made for again.
        known.covered = (value, _cells.MISSING)
        return False
    if known.covered is not None and node.decorator_list:
        # Several of one name that register somewhere, with each its own place there: they have done so again.
        return False
    if _is_another(former, cell, node):
        _report(node.name, None, "the one of another cell has other decorators or parameters")
        return False
    change = Redefinition(node.name, former, cell)
    if not change.text:
        return False
    cell.namespace[node.name] = value
    if not _stays(former, node) and not _patch(change, cell, node):
        cell.namespace[node.name] = earlier
        return False
    chain = former.formers.get(node.name, [])
    if change.live is not None and change.live.history:
        chain = [Former(own_lines(change.text), change.live.history[0], cell.number), *chain][: _cells.FORMERS]
    cell.formers[node.name] = chain
    cell.origins[node.name] = tuple(dict.fromkeys(change.origins))
    _is_live_in(statement, number, known)
    return True


def _patch(change: Redefinition, cell: Cell, node: Definition) -> bool:
    """Whether the live definition has the new text now. If not, that is reported."""
    _cells.redefinitions[change.path] = change
    try:
        report = _api.patch_anew(change.path, alone(cell.text, node))
    except _api.PatchError as error:
        _report(node.name, error.code, str(error).partition(": ")[2])
        return False
    finally:
        del _cells.redefinitions[change.path]
    lost = [edit for edit in report.edits if edit.code in _NOT_THERE]
    if not report or lost:
        for edit in [one for one in (*report.refused, *lost) if one.code not in (None, "HS0105")][:1]:
            # What raises raises once more when the statement runs.
            if edit.code != "HS0103":
                _report(node.name, edit.code, edit.message)
        return False
    for edit in report.caveats:
        sys.stderr.write(f"hotsplice: {edit.definition}: {edit.code}: {edit.message}\n")
    return True


def _stays(former: Cell, node: Definition) -> bool:
    """Whether it is a function of the same text, of which nothing is evaluated when it is made."""
    known = former.node(node.name)
    if isinstance(node, ast.ClassDef) or node.decorator_list or getattr(node, "type_params", None) or known is None:
        return False
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    evaluated = [*arguments.defaults, *arguments.kw_defaults, node.returns]
    evaluated += [argument.annotation for argument in every if argument is not None]
    return not any(evaluated) and ast.dump(known) == ast.dump(node)


def _is_another(former: Cell, cell: Cell, node: Definition) -> bool:
    """Whether it only has the name of one in another cell of the notebook, beside which it registers."""
    if not node.decorator_list or None in (former.name, cell.name) or former.name == cell.name:
        return False
    known = former.node(node.name)
    return known is None or _signature(known) != _signature(node)


def _signature(node: Definition) -> list[str]:
    arguments = [] if isinstance(node, ast.ClassDef) else [node.args]
    return [ast.dump(part) for part in (*node.decorator_list, *arguments)]


def made(number: int) -> None:
    """A statement has run."""
    statement = _statements.get(number)
    if statement is None:
        return
    cell, node = statement.cell, statement.node
    known = _cells.live_definitions.get((id(cell.namespace), node.name))
    if known is not None and known.covered is not None and not statement.is_last:
        known.covered = (known.covered[0], cell.namespace.get(node.name))
        del _statements[number]
        return
    _is_live_in(statement, number)


def _is_live_in(statement: _Statement, number: int, patched: Live | None = None) -> None:
    del _statements[number]
    cell, node = statement.cell, statement.node
    key = (id(cell.namespace), node.name)
    former = _cells.live_definitions.get(key)
    _cells.live_definitions[key] = Live(cell, cell.namespace.get(node.name), statement.place, node, patched)
    # The latest comes last.
    _cells.cells.pop(cell.path, None)
    _cells.cells[cell.path] = cell
    _cells.has_changed(cell)
    if former is not None and former.cell is not cell:
        _cells.has_changed(former.cell)


def _report(name: str, code: str | None, message: str | None) -> None:
    reason = message if code is None else f"{code}: {message}"
    sys.stderr.write(f"hotsplice: HS0650: {name} is a new one, what was made of the former stays with it: {reason}\n")
