"""Objects that stand in a list or a dictionary which the text writes out: what the text says of one as before stays."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from .sorts import Sort, sort

_THINGS = (Sort.THING, Sort.ACTING, Sort.RECORD)
_NAME = "__hotsplice_element_{}__"
_PREFIX = _NAME.partition("{")[0]


def display_of(statement: ast.stmt, name: str) -> ast.expr | None:
    """The list or dictionary that a statement writes out for a name, and gives nothing else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: Any = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    is_its = isinstance(target, ast.Name) and target.id == name
    return statement.value if is_its and isinstance(statement.value, (ast.List, ast.Dict)) else None


def _placed(display: ast.expr, live: Any) -> Iterator[tuple[ast.expr, Any]]:
    """Each call among the elements with the object in its place; nothing where the container has another shape."""
    if isinstance(display, ast.List) and type(live) is list:
        if len(display.elts) != len(live) or any(isinstance(one, ast.Starred) for one in display.elts):
            return
        pairs = list(zip(display.elts, live))
    elif isinstance(display, ast.Dict) and type(live) is dict:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in display.keys]
        plain = all(type(key) in (str, int) for key in (*keys, *live))
        if not plain or len(set(keys)) != len(keys) or set(keys) != live.keys():
            return
        pairs = [(value, live[key]) for key, value in zip(keys, display.values)]
    else:
        return
    for element, value in pairs:
        if isinstance(element, ast.Call):
            if sort(value) in _THINGS:
                yield element, value
        else:
            yield from _placed(element, value)


class Elements(ast.NodeTransformer):
    """Puts names of live objects in the place of the calls that have made them."""

    def __init__(
        self, display: ast.expr, live: Any, namespace: dict[str, Any], changes: Callable[[ast.expr], bool]
    ) -> None:
        self._namespace = namespace
        self._left: dict[str, list[Any]] = {}
        for element, value in _placed(display, live):
            if not changes(element):
                self._left.setdefault(ast.dump(element), []).append(value)

    def __bool__(self) -> bool:
        return bool(self._left)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        # Only elements of lists and dictionaries stand for an object each.
        return super().generic_visit(node) if isinstance(node, (ast.List, ast.Dict)) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        left = self._left.get(ast.dump(node))
        if not left:
            return node
        name = _NAME.format(len(self._namespace))
        self._namespace[name] = left.pop(0)
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def forget(namespace: dict[str, Any]) -> None:
    for name in [one for one in namespace if one.startswith(_PREFIX)]:
        del namespace[name]
