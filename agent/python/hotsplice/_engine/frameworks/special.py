"""Special methods that a class gains or loses: operators and builtin functions do something else with its objects."""

import ast
import builtins
from collections.abc import Iterator
from typing import Any

_ITERATED = frozenset(("__iter__", "__getitem__"))
_TRUTH = frozenset(("__bool__", "__len__"))
_TEXT = frozenset(("__str__", "__repr__", "__format__"))
_ATTRIBUTES = frozenset(("__getattr__", "__getattribute__"))
# What the interpreter's functions ask of what they are given.
_ASKED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("list", "tuple", "set", "frozenset", "dict", "sum", "min", "max", "sorted"), _ITERATED),
    **dict.fromkeys(("any", "all", "enumerate", "zip", "map", "filter", "iter"), _ITERATED),
    **dict.fromkeys(("getattr", "hasattr"), _ATTRIBUTES),
    "bool": _TRUTH,
    "len": frozenset(("__len__",)),
    "str": _TEXT - {"__format__"},
    "format": _TEXT,
    "repr": frozenset(("__repr__",)),
    "callable": frozenset(("__call__",)),
    "int": frozenset(("__int__", "__index__", "__trunc__")),
    "float": frozenset(("__float__", "__index__")),
    "reversed": frozenset(("__reversed__", "__getitem__", "__len__")),
    **{name: frozenset((f"__{name}__",)) for name in ("abs", "hash", "round", "complex", "bytes", "divmod", "pow")},
}
_OPERATORS: dict[type[ast.AST], str] = {
    **{ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv"},
    **{ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul", ast.BitOr: "or", ast.BitAnd: "and", ast.BitXor: "xor"},
    **{ast.LShift: "lshift", ast.RShift: "rshift", ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"},
    **{ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"},
}


def asked(expression: ast.expr, names: dict[str, Any]) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    """What an expression does operations with, each with the special methods by which they are done."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in names:
            called = _ASKED.get(node.func.id) if hasattr(builtins, node.func.id) else None
            yield from ((one, called) for one in node.args if called is not None)
        elif isinstance(node, ast.BinOp):
            name = _OPERATORS[type(node.op)]
            yield from ((one, frozenset((f"__{name}__", f"__r{name}__"))) for one in (node.left, node.right))
        elif isinstance(node, ast.UnaryOp):
            is_not = isinstance(node.op, ast.Not)
            yield node.operand, _TRUTH if is_not else frozenset((f"__{_OPERATORS[type(node.op)]}__",))
        elif isinstance(node, ast.Compare):
            yield from _compared(node)
        elif isinstance(node, ast.BoolOp):
            yield from ((one, _TRUTH) for one in node.values)
        elif isinstance(node, ast.IfExp):
            yield node.test, _TRUTH
        elif isinstance(node, ast.comprehension):
            yield node.iter, _ITERATED
            yield from ((one, _TRUTH) for one in node.ifs)
        elif isinstance(node, ast.Starred):
            yield node.value, _ITERATED
        elif isinstance(node, ast.FormattedValue):
            yield node.value, _TEXT
        elif isinstance(node, ast.Subscript):
            yield node.value, frozenset(("__getitem__", "__missing__"))


def _compared(node: ast.Compare) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    operands = [node.left, *node.comparators]
    for position, operator in enumerate(node.ops):
        if isinstance(operator, (ast.In, ast.NotIn)):
            yield operands[position + 1], _ITERATED | {"__contains__"}
        elif type(operator) in _OPERATORS:
            name = f"__{_OPERATORS[type(operator)]}__"
            # Objects that are not told to differ differ where they are not equal.
            wanted = frozenset((name, "__eq__")) if name == "__ne__" else frozenset((name,))
            yield from ((one, wanted) for one in operands[position : position + 2])
