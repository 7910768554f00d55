"""Texts in which a function's body passes its calls on to another function. It knows texts only, no live object.

Lines stay where they are: what an editor, a debugger and a traceback show of the rest of the file holds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What a body that passes a call on is known by.
MARK = '__import__("hotsplice._overlay", fromlist=("call",)).call('


class CannotForward(ValueError):
    """The function can't be stood in for; the message says why."""


@dataclass(frozen=True)
class Found:
    """The functions of a text by their qualified names: those of modules and of classes, not those of functions."""

    lines: list[bytes]
    functions: dict[str, Function]
    # What is defined more than once under one name: a property with a setter, overloads, two branches.
    repeated: frozenset[str]

    def source(self, name: str, count: int | None = None) -> str:
        """The whole lines of a function, decorators and all; or so many from its first one."""
        node = self.functions[name]
        first = _first_line(node) - 1
        return b"".join(self.lines[first : node.end_lineno if count is None else first + count]).decode()


def find(text: str) -> Found:
    """The functions of a text; raises :class:`CannotForward` where it does not parse."""
    if "\r" in text.replace("\r\n", ""):
        raise CannotForward("it has lines that end with a carriage return alone")
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError) as error:
        raise CannotForward(f"it does not parse: {error}") from None
    functions: dict[str, Function] = {}
    repeated = set()
    for name, node in _functions(tree.body, ""):
        if name in functions:
            repeated.add(name)
        functions[name] = node
    return Found(_lines(text), functions, frozenset(repeated))


def _functions(body: list[ast.stmt], scope: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield scope + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{scope}{node.name}.")
        else:
            for inner in ("body", "orelse", "handlers", "finalbody"):
                for child in getattr(node, inner, ()):
                    yield from _functions(child.body if isinstance(child, ast.ExceptHandler) else [child], scope)


def forward(text: str, wanted: dict[str, tuple[Function, str]]) -> str:
    """The text with the bodies of these functions passing calls on.

    Each comes with the function that stands in for it, and the key by which that is found when it is called.
    """
    found = find(text)
    edits = []
    for name, (stand_in, key) in wanted.items():
        node = found.functions[name]
        if name in found.repeated:
            raise CannotForward(f"{name} is defined more than once")
        edits.append(_edit(found.lines, node, stand_in, key))
    return _replaced(found.lines, edits)


def restore(text: str, former: dict[str, tuple[str, str]]) -> str:
    """The text with these functions as they were, where they still pass calls on: ``(forwarding, before)`` by name."""
    found = find(text)
    lines = list(found.lines)
    for name, (forwarding, before) in former.items():
        node = found.functions.get(name)
        if node is not None and found.source(name, count_lines(before)) == forwarding:
            first = _first_line(node) - 1
            lines[first : first + count_lines(before)] = _lines(before)
    return b"".join(lines).decode()


def count_lines(source: str) -> int:
    return len(_lines(source))


def decorators(node: Function) -> set[str]:
    return {ast.dump(decorator) for decorator in node.decorator_list}


# Where an edit begins (line, column in bytes), where it ends, and the new text.
_Edit = tuple[tuple[int, int], tuple[int, int], bytes]


def _edit(lines: list[bytes], node: Function, stand_in: Function, key: str) -> _Edit:
    last = node.body[-1]
    end = (last.end_lineno or last.lineno, last.end_col_offset or 0)
    docstring = ast.get_docstring(node, clean=False)
    if type(node) is not _kind(stand_in) or _parameters(node.args) != _parameters(stand_in.args):
        head = "async def" if _kind(stand_in) is ast.AsyncFunctionDef else "def"
        said = "" if docstring is None else f"{docstring!r}; "
        parameters = _own_parameters(stand_in.args)
        text = f"{head} {node.name}({ast.unparse(parameters)}): {said}{_passing(parameters, stand_in, key)}"
        return (node.lineno, node.col_offset), end, text.encode()
    passing = _passing(node.args, stand_in, key)
    if docstring is None:
        start = (_first_line(node.body[0]), node.body[0].col_offset)
    elif len(node.body) > 1:
        start = (_first_line(node.body[1]), node.body[1].col_offset)
    else:
        start, passing = end, f"; {passing}"
    return start, end, passing.encode()


def _kind(stand_in: Function) -> type[Function]:
    """An asynchronous generator is given by a plain function, as nothing delegates to one."""
    is_coroutine = isinstance(stand_in, ast.AsyncFunctionDef) and not _yields(stand_in)
    return ast.AsyncFunctionDef if is_coroutine else ast.FunctionDef


def _yields(function: Function) -> bool:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _parameters(given: ast.arguments) -> object:
    """What says how a function is called: names, kinds and defaults, not annotations."""
    names = [[parameter.arg for parameter in part] for part in (given.posonlyargs, given.args, given.kwonlyargs)]
    rest = [parameter and parameter.arg for parameter in (given.vararg, given.kwarg)]
    return names, rest, [default and ast.dump(default) for default in (*given.defaults, None, *given.kw_defaults)]


def _own_parameters(given: ast.arguments) -> ast.arguments:
    """Those of the stand-in, where their defaults mean the same in the other module; else any."""
    defaults = [default for default in (*given.defaults, *given.kw_defaults) if default is not None]
    if not all(isinstance(default, ast.Constant) for default in defaults):
        return ast.arguments([], [], ast.arg("args"), [], [], ast.arg("kwargs"), [])
    bare = [
        [ast.arg(parameter.arg) for parameter in part] for part in (given.posonlyargs, given.args, given.kwonlyargs)
    ]
    vararg, kwarg = (parameter and ast.arg(parameter.arg) for parameter in (given.vararg, given.kwarg))
    return ast.arguments(bare[0], bare[1], vararg, bare[2], given.kw_defaults, kwarg, given.defaults)


def _passing(given: ast.arguments, stand_in: Function, key: str) -> str:
    arguments = [parameter.arg for parameter in (*given.posonlyargs, *given.args)]
    arguments += [f"*{given.vararg.arg}"] if given.vararg else []
    arguments += [f"{parameter.arg}={parameter.arg}" for parameter in given.kwonlyargs]
    arguments += [f"**{given.kwarg.arg}"] if given.kwarg else []
    call = f"{MARK}{key!r})({', '.join(arguments)})"
    if _kind(stand_in) is ast.AsyncFunctionDef:
        return f"return await {call}"
    if isinstance(stand_in, ast.FunctionDef) and _yields(stand_in):
        return f"return (yield from {call})"
    return f"return {call}"


def _first_line(node: ast.stmt) -> int:
    above: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in above)])


def _replaced(lines: list[bytes], edits: list[_Edit]) -> str:
    """The lines with the edits made; what takes fewer lines than before leaves empty ones."""
    lines = list(lines)
    for (first, column), (last, end), text in sorted(edits, reverse=True):
        before = lines[first - 1][:column]
        former = lines[last - 1]
        after = former[end:]
        missing = (last - first) - text.count(b"\n")
        lines[first - 1 : last] = [before + text + after + b"\n" * missing]
    return b"".join(lines).decode()


def _lines(text: str) -> list[bytes]:
    """As Python counts them; columns of its nodes are counted in bytes."""
    *whole, rest = text.encode().split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])
