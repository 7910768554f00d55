"""Compiling excerpts, and walking and pairing code objects. Knows nothing of live objects."""

import ast
import dis
from collections.abc import Iterator, Sequence
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..errors import Refusal

if TYPE_CHECKING:
    from .messages import Excerpt, Rewriter

CO_OPTIMIZED = 0x1

# Of the patch that is evaluated.
_trees: dict[str, ast.Module] = {}
# The last constant of what is no whole module; the native half knows it, too (`agent/src/executed.rs`).
_PART = "<patch>"
_STORE_ATTR = dis.opmap["STORE_ATTR"]


class Known(ref[CodeType]):
    """What was found out of a code object, which takes long and is the same at the next patch: a weak reference to it.

    It goes with the code, before there can be another one of the same id.
    """

    __slots__ = ("key", "steps", "names", "kept")

    def __init__(self, code: CodeType, gone: Any) -> None:
        self.key = id(code)
        # Its instructions, as far as they matter to `reach`: their kinds, and the name that each has.
        self.steps: tuple[bytes, tuple[str, ...]] | None = None
        # All that it names, and where it keeps what it has computed (`own_caches`), once somebody wanted to know.
        self.names: frozenset[str] | None = None
        self.kept: list[Any] | None = None


# By id of the code object; and of those, which keep nothing that they have computed: most.
_known: dict[int, Known] = {}
keeping_nothing: dict[int, Known] = {}


def known(code: CodeType) -> Known:
    found = _known.get(id(code))
    if found is None:
        found = _known[id(code)] = Known(code, _forget)
    return found


def known_names(code: CodeType) -> frozenset[str]:
    """All names in a code object, and in those nested in it."""
    found = known(code)
    if found.names is None:
        found.names = frozenset(name for one in tree(code) for name in one.co_names)
    return found.names


def _forget(gone: Known) -> None:
    _known.pop(gone.key, None)
    keeping_nothing.pop(gone.key, None)


def join(excerpt: "Excerpt") -> str:
    """The text of an excerpt: its chunks at their lines, blank lines between."""
    pieces = []
    line = 1
    for chunk in excerpt:
        pieces.append("\n" * (chunk["line"] - line))
        pieces.append(chunk["text"])
        line = chunk["line"] + chunk["text"].count("\n")
    pieces.append("\n")
    return "".join(pieces)


def read_only(excerpt: "Excerpt") -> ast.Module:
    """The syntax tree of an excerpt, to look at: parsed once a patch, and without the lines that it has in the text."""
    text = join(excerpt).lstrip("\n")
    tree = _trees.get(text)
    if tree is None:
        tree = _trees[text] = ast.parse(text)
    return tree


def forget_trees() -> None:
    """When all of a patch is evaluated."""
    _trees.clear()


def compile_excerpt(excerpt: "Excerpt", filename: str, rewriter: "Rewriter | None" = None) -> CodeType:
    """Compiles with this process's own interpreter; a text it does not take is a refusal at its line.

    ``rewriter(text, filename)`` makes the syntax tree, where that is not CPython's parser alone.
    """
    return as_part(compile_text(join(excerpt), filename, rewriter))


def as_part(code: CodeType) -> CodeType:
    """Statements of a module: to run them is no new execution of it, though their frame has no other name."""
    return code.replace(co_consts=(*code.co_consts, _PART))


def executes_module(code: CodeType) -> bool:
    """Whether running it executes a module."""
    return code.co_name == "<module>" and code.co_consts[-1:] != (_PART,)


def compile_text(text: str, filename: str, rewriter: "Rewriter | None" = None) -> CodeType:
    try:
        return compile(rewriter(text, filename) if rewriter else text, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Refusal("HS0102", f"line {error.lineno}: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Refusal("HS0102", f"{type(error).__name__}: {error}") from None


def is_class_body(code: CodeType) -> bool:
    return not code.co_flags & CO_OPTIMIZED


def children(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if type(constant) is CodeType]


def is_type_scope(code: CodeType) -> bool:
    """PEP 695 puts a generic definition into a scope of its own."""
    return code.co_name.startswith("<generic parameters of ")


def outermost_functions(code: CodeType, scope: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], CodeType]]:
    """Yields ``(class names, code)`` for each function that is not nested in another one."""
    for child in children(code):
        if is_class_body(child):
            yield from outermost_functions(child, (*scope, child.co_name))
        elif is_type_scope(child):
            yield from outermost_functions(child, scope)
        else:
            yield scope, child


def class_bodies(code: CodeType, scope: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], CodeType]]:
    """Yields ``(class names, code)`` for each class body outside of functions."""
    for child in children(code):
        if is_class_body(child):
            inner = (*scope, child.co_name)
            yield inner, child
            yield from class_bodies(child, inner)
        elif is_type_scope(child):
            yield from class_bodies(child, scope)


def find_function(module_code: CodeType, name: str, line: int) -> CodeType | None:
    """The code of the outermost function with this name that starts at this line; nothing if there is none."""
    for _, code in outermost_functions(module_code):
        if code.co_name == name and code.co_firstlineno == line:
            return code
    return None


def functions_by_place(module_code: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code of each outermost function, by its name and line."""
    found: dict[tuple[str, int], CodeType] = {}
    for _, code in outermost_functions(module_code):
        found.setdefault((code.co_name, code.co_firstlineno), code)
    return found


def find_class_body(module_code: CodeType, scope: Sequence[str]) -> CodeType | None:
    scope = tuple(scope)
    for found, code in class_bodies(module_code):
        if found == scope:
            return code
    return None


def tree(code: CodeType) -> Iterator[CodeType]:
    """The code object and everything nested in it."""
    yield code
    for child in children(code):
        yield from tree(child)


# `CO_METHOD`, from 3.14 on: the function stands in a class. What it does is the same elsewhere.
_IN_CLASS = 0x8000000


def fingerprint(code: CodeType) -> tuple[Any, ...]:
    """What the code does, without where it stands: equal for code that only moved."""
    return (
        code.co_name,
        code.co_code,
        code.co_flags & ~_IN_CLASS,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        tuple(
            fingerprint(constant) if type(constant) is CodeType else (type(constant), repr(constant))
            for constant in code.co_consts
        ),
    )


def pair(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yields ``(old, new)`` for the two code objects and, by name and order, for what is nested in them."""
    yield old, new
    olds: dict[str, list[CodeType]] = {}
    news: dict[str, list[CodeType]] = {}
    for groups, code in ((olds, old), (news, new)):
        for child in children(code):
            groups.setdefault(child.co_name, []).append(child)
    for name, befores in olds.items():
        for before, after in align(befores, news.get(name, [])):
            yield from pair(before, after)


def align(befores: list[CodeType], afters: list[CodeType]) -> list[tuple[CodeType, CodeType]]:
    """Pairs code objects of one name: what is equal first, then, between those, what is left in order."""
    if len(befores) == len(afters) == 1:
        return [(befores[0], afters[0])]
    old_prints = [fingerprint(code) for code in befores]
    new_prints = [fingerprint(code) for code in afters]
    if len(befores) == len(afters) and sum(a != b for a, b in zip(old_prints, new_prints)) <= 1:
        return list(zip(befores, afters))
    if not set(old_prints) & set(new_prints):
        return list(zip(befores, afters))
    # The longest common subsequence, by the textbook's table: there are few functions of one name in a function.
    rows, columns = len(befores), len(afters)
    table = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            if old_prints[row] == new_prints[column]:
                table[row][column] = table[row + 1][column + 1] + 1
            else:
                table[row][column] = max(table[row + 1][column], table[row][column + 1])
    pairs: list[tuple[CodeType, CodeType]] = []
    gap_old: list[CodeType] = []
    gap_new: list[CodeType] = []
    row = column = 0

    def close_gap() -> None:
        pairs.extend(zip(gap_old, gap_new))
        gap_old.clear()
        gap_new.clear()

    while row < rows or column < columns:
        if row < rows and column < columns and old_prints[row] == new_prints[column]:
            close_gap()
            pairs.append((befores[row], afters[column]))
            row, column = row + 1, column + 1
        elif column >= columns or (row < rows and table[row + 1][column] >= table[row][column + 1]):
            gap_old.append(befores[row])
            row += 1
        else:
            gap_new.append(afters[column])
            column += 1
    close_gap()
    return pairs


def docstring(code: CodeType) -> str | None:
    """The docstring that a function made from the code has: asked of the interpreter, whose rules differ."""
    if not code.co_consts or type(code.co_consts[0]) is not str:
        return None
    closure = tuple(CellType() for _ in code.co_freevars)
    return FunctionType(code, {}, code.co_name, None, closure or None).__doc__


def set_on_first(code: CodeType) -> set[str]:
    """The attributes that a method gives its first parameter."""
    if _STORE_ATTR not in code.co_code[::2]:
        return set()
    own, found = code.co_varnames[:1], set[str]()
    before: Any = None
    for one in dis.get_instructions(code):
        loaded = before[-1:] if isinstance(before, tuple) else (before,)
        if one.opname == "STORE_ATTR" and loaded == own:
            found.add(one.argval)
        before = one.argval
    return found
