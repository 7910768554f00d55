"""Statements by what they bind. Knows no live objects."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TRIES: tuple[Any, ...] = (ast.Try, *([ast.TryStar] if hasattr(ast, "TryStar") else []))
LOOPS = (ast.For, ast.AsyncFor, ast.While)
# Methods that change what they are called on and, of a plain container, run nothing else.
UPDATES = frozenset(
    (
        *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "move_to_end", "pop"),
        *("popleft", "remove", "reverse", "rotate", "setdefault", "sort", "update"),
    )
)


def run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are evaluated when a statement runs: bodies of functions are not."""
    yield node
    inner: Any
    if isinstance(node, FUNCTIONS):
        inner = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
    elif isinstance(node, ast.Lambda):
        inner = [node.args]
    elif isinstance(node, ast.ClassDef):
        # What its body binds is its own.
        inner = [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        inner += [one for member in node.body for one in run_at_once(member) if isinstance(one, ast.Name)]
        inner = [one for one in inner if not isinstance(getattr(one, "ctx", None), ast.Store)]
    else:
        inner = ast.iter_child_nodes(node)
    for one in inner:
        yield from run_at_once(one)


def bound(statement: ast.AST) -> list[str]:
    """Names that a statement binds in its scope, those in branches too."""
    found: list[str] = []
    own: set[int] = set()
    for node in run_at_once(statement):
        if isinstance(node, ast.comprehension):
            own.update(id(one) for one in ast.walk(node.target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id if id(node) not in own else "")
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, ast.alias):
            found.append((node.asname or node.name).partition(".")[0])
        elif type(node).__name__ in ("MatchAs", "MatchStar") and getattr(node, "name", None):
            found.append(node.name)  # type: ignore[attr-defined]
        elif type(node).__name__ == "MatchMapping" and getattr(node, "rest", None):
            found.append(node.rest)  # type: ignore[attr-defined]
    return [name for name in dict.fromkeys(found) if name]


def targets(node: ast.AST) -> list[ast.expr]:
    """What an assignment gives its value."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) else []


def updated(statement: ast.AST) -> str | None:
    """The name that a simple statement does nothing with but change what it holds: `x += 1`, `x.append(1)`."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    call = statement.value if isinstance(statement, ast.Expr) else None
    method = call.func if isinstance(call, ast.Call) else None
    if isinstance(method, ast.Attribute) and method.attr in UPDATES and isinstance(method.value, ast.Name):
        return method.value.id
    return None


def item_owner(statement: ast.AST) -> str | None:
    """The name whose item a statement assigns or deletes: `TABLE[key] = value`."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Delete):
        targets = statement.targets
    owners = {one.value.id for one in targets if isinstance(one, ast.Subscript) and isinstance(one.value, ast.Name)}
    return owners.pop() if len(owners) == 1 and len(targets) == 1 else None


def elements(statement: ast.stmt) -> list[ast.stmt]:
    """A tuple that takes a tuple as an assignment for each of its names, where that is the same; else the statement."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return [statement]
    target, value = statement.targets[0], statement.value
    if not isinstance(target, (ast.Tuple, ast.List)) or not isinstance(value, (ast.Tuple, ast.List)):
        return [statement]
    both = [*target.elts, *value.elts]
    if len(target.elts) != len(value.elts) or any(isinstance(one, ast.Starred) for one in both):
        return [statement]
    stored = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
    read = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)}
    if stored & read:
        return [statement]
    found: list[ast.stmt] = []
    for name, element in zip(target.elts, value.elts):
        found += elements(ast.copy_location(ast.Assign([name], element), statement))
    return found


def branches(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The suites of a compound statement."""
    if isinstance(statement, (ast.If, *LOOPS)):
        return [statement.body, statement.orelse]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return [statement.body]
    if isinstance(statement, TRIES):
        handlers = [handler.body for handler in statement.handlers]
        return [statement.body, *handlers, statement.orelse, statement.finalbody]
    if isinstance(statement, ast.Match):
        return [case.body for case in statement.cases]
    return []


def heads(statement: ast.stmt) -> list[ast.AST]:
    """The expressions that decide which branch runs."""
    if isinstance(statement, (ast.If, ast.While)):
        return [statement.test]
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.target, statement.iter]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return list(statement.items)
    if isinstance(statement, TRIES):
        return [handler.type for handler in statement.handlers if handler.type is not None]
    if isinstance(statement, ast.Match):
        guards = [case.guard for case in statement.cases if case.guard is not None]
        return [statement.subject, *(case.pattern for case in statement.cases), *guards]
    return []


def header(statement: ast.stmt) -> Any:
    """What two versions of a compound statement share if their branches can be compared one by one."""
    if not branches(statement):
        return None
    return type(statement), [ast.dump(one) for one in heads(statement)], len(branches(statement))


def frame(statement: ast.stmt) -> str:
    """What a statement is but for the code of its functions, which goes live without it."""
    shape = copy.deepcopy(statement)
    for node in ast.walk(shape):
        if isinstance(node, FUNCTIONS):
            node.body = []
    return ast.dump(shape)


def nothing(at: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Pass(), at)


def body_of(tree: ast.Module, scope: tuple[str, ...]) -> list[ast.stmt]:
    """The statements of a class in a tree; what stands in compound statements counts as standing outside of them."""
    statements: list[ast.stmt] = tree.body
    for name in scope:
        pending, found = list(statements), None
        while pending and found is None:
            one = pending.pop(0)
            if isinstance(one, ast.ClassDef) and one.name == name:
                found = one
            pending[:0] = [inner for branch in branches(one) for inner in branch]
        if found is None:
            return []
        statements = found.body
    return statements


def flattened(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Statements as if what stands in compound ones stood outside of them."""
    found: list[ast.stmt] = []
    for one in statements:
        found.append(one)
        found += flattened([inner for branch in branches(one) for inner in branch])
    return found
