"""What of a text's statements is done to one name, with what decides whether it is done. Knows no live objects."""

import ast
import copy
from collections.abc import Callable
from typing import Any

from . import syntax

# What ends a round of a loop, or all of it.
_JUMPS = (ast.Break, ast.Continue, ast.Raise, ast.Return, ast.Assert)


def worded(statements: list[ast.stmt], name: str, truth: Callable[[ast.expr], bool | None] | None = None) -> list[str]:
    """What statements do to a name, as text; of a ``try`` what is tried, of what is always true what it leads to.

    ``truth``: what tests come to, of a name that is known to hold no plain value: it was given none by a branch, and
    what gives it one before it is given something else is passed.
    """
    found: list[str] = []
    passed = 0
    for one in only(statements, name):
        inner: list[ast.stmt] = []
        taken = truth(one.test) if truth is not None and isinstance(one, ast.If) else None
        if isinstance(one, ast.If) and taken is not None:
            branch, other = (one.body, one.orelse) if taken else (one.orelse, one.body)
            inner = branch if all(isinstance(each, ast.Pass) or _is_plain(each) for each in other) else []
        elif isinstance(one, syntax.TRIES) or (isinstance(one, ast.If) and _is_true(one.test)):
            inner = one.body
        if any(_concerns(each, name) for each in inner):
            found += worded(inner, name, truth)
        elif isinstance(one, syntax.TRIES):
            # Something fails first, and what does is the same where it is worded so.
            found += [ast.dump(ast.Module([*one.body, *one.orelse, *one.finalbody], [])), type(one).__name__]
            for handler in one.handlers:
                caught = ast.dump(handler.type) if handler.type is not None else ""
                found += [f"{caught} {handler.name}", *worded(handler.body, name, truth)]
        else:
            if truth is not None and _replaces(one, name):
                del found[passed:]
            found.append(ast.dump(_given_alone(one)))
            passed = passed if _is_plain(one) else len(found)
            continue
        passed = len(found)
    return found


def _replaces(statement: ast.stmt, name: str) -> bool:
    """Whether a name has what an assignment gives it, whatever it had before."""
    is_simple = isinstance(statement, (ast.Assign, ast.AnnAssign)) and _gives(statement, name)
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name)
    return is_simple and all(isinstance(node.ctx, ast.Store) for node in names)


def _is_plain(statement: ast.stmt) -> bool:
    """Whether it does nothing but give names a constant."""
    targets = syntax.targets(statement)
    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
    return isinstance(value, ast.Constant) and bool(targets) and all(isinstance(one, ast.Name) for one in targets)


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _given_alone(statement: ast.stmt) -> ast.AST:
    """Of an assignment to names what they are given: other names that get it, and annotations, are no matter."""
    targets = syntax.targets(statement)
    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
    given = value if value is not None and all(isinstance(one, ast.Name) for one in targets) else statement
    if isinstance(given, ast.Call):
        given = copy.copy(given)
        given.args = [one for one in given.args if not _is_nothing(one)]
    return given


def _is_nothing(argument: ast.expr) -> bool:
    """`*()`."""
    return isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple) and not argument.value.elts


def gives_only(statements: list[ast.stmt], name: str) -> bool:
    """Whether statements do nothing but give a name its value: that is what the edit runs in its new form."""
    simple = [one for one in syntax.flattened(statements) if not syntax.branches(one)]
    heads = [head for one in syntax.flattened(statements) for head in syntax.heads(one)]
    return all(isinstance(one, ast.Pass) or _gives(one, name) for one in simple) and not any(
        isinstance(node, ast.Call) for head in heads for node in ast.walk(head)
    )


def _gives(statement: ast.stmt, name: str) -> bool:
    assigns = isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and syntax.bound(statement) == [name]
    return assigns or name in (syntax.updated(statement), syntax.item_owner(statement))


def only(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """What statements do to a name, with what decides whether it is done."""
    found: list[ast.stmt] = []
    for whole in statements:
        for statement in syntax.elements(whole):
            if not _concerns(statement, name) or (isinstance(statement, ast.AnnAssign) and statement.value is None):
                continue
            if isinstance(statement, ast.With) and not any(name in syntax.bound(item) for item in statement.items):
                # What it enters and leaves gives the name nothing.
                found += only(statement.body, name)
                continue
            found.append(_reduced(copy.copy(statement), name))
    return found


def _without_contexts(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Of a loop, which is evaluated as a whole: what is entered and left in it gives no name anything."""
    found: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.With) and not any(syntax.bound(item) for item in statement.items):
            found += _without_contexts(statement.body)
        else:
            found.append(_loop(copy.copy(statement)))
    return found


def _loop(statement: Any, name: str | None = None) -> Any:
    """A loop without the contexts in it, and, of one that is asked for a name, without what is none of its matter."""
    if isinstance(statement, (ast.For, ast.While)):
        statement.body, statement.orelse = _without_contexts(statement.body), _without_contexts(statement.orelse)
        if name is not None:
            wanted = _matter(statement, name)
            statement.body = _mentioning(statement.body, wanted) or [syntax.nothing(statement)]
            statement.orelse = _mentioning(statement.orelse, wanted)
    return statement


def _matter(loop: ast.stmt, name: str) -> set[str]:
    """The names that decide in a loop what it gives one: what stands beside those in a statement, each round."""
    statements = [one for one in syntax.flattened([loop]) if not syntax.branches(one)]
    updated = {one for each in statements for one in (syntax.updated(each), syntax.item_owner(each)) if one is not None}
    bound = {*syntax.bound(loop), *updated}
    mentioned = [_names(one) & bound for one in statements]
    mentioned += [_names(head) & bound for one in syntax.flattened([loop]) for head in syntax.heads(one)]
    wanted = {name}
    wanted.update(*(_names(head) & bound for head in syntax.heads(loop)))
    while more := set().union(*(one for one in mentioned if one & wanted)) - wanted:
        wanted |= more
    return wanted


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}.union(syntax.bound(node))


def _mentioning(statements: list[ast.stmt], wanted: set[str]) -> list[ast.stmt]:
    """Statements in which one of some names stands, or that end a round."""
    found: list[ast.stmt] = []
    for one in statements:
        ends = any(isinstance(each, _JUMPS) for each in ast.walk(one))
        if not ends and not _names(one) & wanted:
            continue
        if isinstance(one, (ast.If, ast.For, ast.While, ast.With)):
            own: Any = copy.copy(one)
            own.body = _mentioning(own.body, wanted) or [syntax.nothing(one)]
            if hasattr(own, "orelse"):
                own.orelse = _mentioning(own.orelse, wanted)
            one = own
        found.append(one)
    return found


def _concerns(statement: ast.stmt, name: str) -> bool:
    if name in syntax.bound(statement) or name in (syntax.updated(statement), syntax.item_owner(statement)):
        return True
    return any(_concerns(one, name) for branch in syntax.branches(statement) for one in branch)


def _reduced(statement: Any, name: str) -> ast.stmt:
    if isinstance(statement, ast.If):
        statement.body = only(statement.body, name) or [syntax.nothing(statement)]
        statement.orelse = only(statement.orelse, name)
    elif isinstance(statement, ast.Match):
        statement.cases = [copy.copy(case) for case in statement.cases]
        for case in statement.cases:
            case.body = only(case.body, name) or [syntax.nothing(statement)]
    elif isinstance(statement, syntax.TRIES):
        # What may fail decides.
        tried = (ast.Import, ast.ImportFrom, ast.Expr, ast.Raise)
        body = [[one] if isinstance(one, tried) else only([one], name) for one in statement.body]
        kept = [one for several in body for one in several]
        statement.body = kept or [syntax.nothing(statement)]
        statement.handlers = [copy.copy(handler) for handler in statement.handlers]
        for handler in statement.handlers:
            handler.body = only(handler.body, name) or [syntax.nothing(statement)]
        statement.orelse = only(statement.orelse, name)
        statement.finalbody = only(statement.finalbody, name)
    result: ast.stmt = _loop(statement, name)
    return result
