"""What the body of a class gives that a decorator defines for each class: ``class Counted(cls): made = 0``.

No statement of the decorated class gives it these. Where they are the same each time that the decorator is called, what
the live class has instead is what the program made of them.
"""

import dis
from collections.abc import Iterator
from inspect import CO_OPTIMIZED
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..frameworks import entries
from ..live.code import tree

if TYPE_CHECKING:
    from .merging import Merger

_CONSTANTS = {"LOAD_CONST", "LOAD_SMALL_INT"}


class LocalBody:
    """The names that such a body of a class binds."""

    def __init__(self, made: type, merger: "Merger") -> None:
        self._merger = merger
        self._names: set[str] = set()
        self._constants: set[str] = set()
        for body in _bodies(made):
            instructions = list(dis.get_instructions(body))
            for before, one in zip(instructions, instructions[1:]):
                if one.opname == "STORE_NAME":
                    self._names.add(one.argval)
                    if before.opname in _CONSTANTS:
                        self._constants.add(one.argval)

    def keeps(self, name: str, held: Any, given: Any) -> bool:
        """Whether the live class's value is what the program made of the one that the body gives."""
        if name not in self._names or name.startswith("__"):
            return False
        return name in self._constants or entries.is_state(held, given, self._merger.made())


def _bodies(made: type) -> Iterator[CodeType]:
    """The code of the body that made a class in a function, found by way of its methods."""
    methods = [value for value in made.__dict__.values() if type(value) is FunctionType]
    for method in methods:
        outer, inside, _ = method.__qualname__.partition(".<locals>.")
        maker = _named(method.__globals__, outer) if inside else None
        if type(maker) is not FunctionType:
            continue
        for code in list(tree(maker.__code__))[1:]:
            is_body = "__qualname__" in code.co_names and not code.co_flags & CO_OPTIMIZED
            if is_body and any(constant is method.__code__ for constant in code.co_consts):
                yield code
                return


def _named(globals: dict[str, Any], qualified: str) -> Any:
    first, *rest = qualified.split(".")
    value = globals.get(first)
    for name in rest:
        value = value.__dict__.get(name) if isinstance(value, type) else None
    return value
