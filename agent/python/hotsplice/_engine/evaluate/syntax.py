"""Statements by what they bind. Knows no live objects."""

import ast
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from ..live.code import read_only

if TYPE_CHECKING:
    from ..live.messages import Excerpt

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FUNCTIONS = frozenset(FUNCTIONS)
TRIES: tuple[Any, ...] = (ast.Try, *([ast.TryStar] if hasattr(ast, "TryStar") else []))
LOOPS = (ast.For, ast.AsyncFor, ast.While)
# Methods that change what they are called on and, of a plain container, run nothing else.
UPDATES = frozenset(
    (
        *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "move_to_end", "pop"),
        *("popleft", "remove", "reverse", "rotate", "setdefault", "sort", "update"),
    )
)


# Fields that hold no nodes, or none that anybody looks for.
_WITHOUT_NODES = frozenset(
    ("ctx", "id", "attr", "arg", "kind", "type_comment", "level", "module", "simple", "conversion")
)
# Type of a node → its other fields
_fields: dict[type, list[str]] = {ast.Constant: []}


def children(node: ast.AST) -> list[Any]:
    """The parts of a node, without what only says whether they are read or assigned."""
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = [name for name in kind._fields if name not in _WITHOUT_NODES]
    found: list[Any] = []
    for name in fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [one for one in value if issubclass(type(one), ast.AST)]
        elif issubclass(type(value), ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all that stands in it, in no order."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += children(one)


def run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are evaluated when a statement runs: bodies of functions are not."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += reversed(_evaluated(one))


def _evaluated(node: Any) -> list[Any]:
    """What of a node's parts is evaluated with it."""
    kind = type(node)
    if kind in _FUNCTIONS:
        return [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
    if kind is ast.Lambda:
        return [node.args]
    if kind is ast.ClassDef:
        # What its body binds is its own.
        inner = [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        inner += [one for member in node.body for one in run_at_once(member) if isinstance(one, ast.Name)]
        return [one for one in inner if not isinstance(getattr(one, "ctx", None), ast.Store)]
    return children(node)


def called_with_in_classes(excerpt: "Excerpt") -> set[str]:
    """Names that calls in the bodies of classes are made of, and that nothing takes as they are: bases, annotations."""
    called: set[str] = set()
    taken: set[str] = set()
    try:
        nodes = list(ast.walk(read_only(excerpt)))
    except (SyntaxError, ValueError):
        # It is refused when it is compiled.
        return called
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            values = [getattr(one, "value", None) for one in node.body if isinstance(one, (ast.Assign, ast.AnnAssign))]
            calls = (one for value in values if value is not None for one in ast.walk(value))
            called.update(*(_names(one) for one in calls if isinstance(one, ast.Call)))
            taken.update(*map(_names, (*node.bases, *node.keywords, *node.decorator_list)))
        elif isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            taken |= _names(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            taken.update(*map(_names, (*node.decorator_list, *filter(None, [node.returns]))))
    return called - taken


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def bound(statement: ast.AST) -> list[str]:
    """Names that a statement binds in its scope, those in branches too."""
    found: dict[str, None] = {}
    own: set[int] = set()
    for node in run_at_once(statement):
        kind: Any = type(node)
        one: Any = node
        if kind is ast.Name:
            if type(one.ctx) is ast.Store and id(node) not in own:
                found[one.id] = None
        elif kind is ast.comprehension:
            own.update(id(inner) for inner in ast.walk(one.target))
        elif kind in _FUNCTIONS or kind is ast.ClassDef:
            found[one.name] = None
        elif kind is ast.alias:
            found[(one.asname or one.name).partition(".")[0]] = None
        elif kind in (ast.MatchAs, ast.MatchStar) and one.name:
            found[one.name] = None
        elif kind is ast.MatchMapping and one.rest:
            found[one.rest] = None
    return list(found)


def targets(node: ast.AST) -> list[ast.expr]:
    """What an assignment gives its value."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) else []


def updated(statement: ast.AST) -> str | None:
    """The name that a simple statement does nothing with but change what it holds: `x += 1`, `x.add(1)`, `del x[0]`."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, (ast.AugAssign, ast.Delete)):
        return item_owner(statement)
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
    return type(statement), [shape(one) for one in heads(statement)], len(branches(statement))


def shape(node: ast.AST) -> Hashable:
    """What ``ast.dump`` tells of a node, of one that is nested however deep: that function calls itself."""
    found: list[Any] = []
    pending = [node]
    for one in pending:
        found.append(type(one))
        for _, value in ast.iter_fields(one):
            parts = value if type(value) is list else [value]
            inner = [part for part in parts if isinstance(part, ast.AST)]
            found.append(tuple(None if isinstance(part, ast.AST) else repr(part) for part in parts))
            pending += inner
    return tuple(found)


def frame(statement: ast.stmt) -> Hashable:
    """What a statement is but for the code of its functions, which goes live without it."""
    functions: list[Any] = [node for node in walk(statement) if type(node) in _FUNCTIONS]
    bodies = [function.body for function in functions]
    for function in functions:
        function.body = []
    try:
        return shape(statement)
    finally:
        for function, body in zip(functions, bodies):
            function.body = body


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


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text, as a docstring is."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def defines_class(text: str, qualified: str) -> bool:
    """Whether a class statement of a text is of that qualified name."""
    found: list[Any] = [ast.parse(text)]
    for name in qualified.split("."):
        inside = [node for one in found for node in ast.walk(one)]
        found = [node for node in inside if isinstance(node, ast.ClassDef) and node.name == name]
    return bool(found)
