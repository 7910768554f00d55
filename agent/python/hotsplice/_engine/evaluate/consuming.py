"""Statements that take the program's input: what a patch read of it would be lost to the program."""

import ast
import builtins
import sys
from collections.abc import Iterator
from typing import Any

from ..live import objects
from . import syntax

_READING = frozenset(("read", "read1", "readinto", "readline", "readlines", "__next__"))
_DRAINING = frozenset(("dict", "frozenset", "list", "max", "min", "next", "set", "sorted", "sum", "tuple"))


def takes_input(statement: ast.stmt, names: dict[str, Any]) -> bool:
    """Whether a statement calls `input`, or reads from `sys.stdin`; functions that it calls are not looked through."""
    return any(takes(node, names) for node in syntax.run_at_once(statement))


def takes(node: ast.AST, names: dict[str, Any]) -> bool:
    """Whether a node is one that takes input, its parts aside."""
    if isinstance(node, (ast.comprehension, ast.For)):
        return _is_input(node.iter, names)
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr in _READING and _is_input(function.value, names)
    if not isinstance(function, ast.Name) or function.id in names:
        return False
    is_drained = function.id in _DRAINING and any(_is_input(one, names) for one in node.args)
    return is_drained or function.id == builtins.input.__name__


def _is_input(node: ast.expr, names: dict[str, Any]) -> bool:
    """Whether an expression is the program's input, or a part of that: `sys.stdin.buffer`."""
    return any(value is not None and (value is sys.stdin or value is sys.__stdin__) for value in _values(node, names))


def _values(node: ast.expr, names: dict[str, Any]) -> Iterator[Any]:
    while isinstance(node, ast.Attribute):
        module = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if objects.is_module(module):
            yield module.__dict__.get(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield names.get(node.id)
