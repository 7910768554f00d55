"""Whether decorators make empty containers, for calls to fill later, or compute what they keep."""

import dis
from collections import deque
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from ..live import objects
from ..live.code import tree

_CALLED = {"list": list, "dict": dict, "set": set, "OrderedDict": dict, "Counter": dict}
_ALWAYS = {"deque": deque, "defaultdict": dict}
_DISPLAYS = {"BUILD_LIST": list, "BUILD_MAP": dict, "BUILD_SET": set}
# What gives a display its content, and what comes of one that stays empty.
_FILLING = ("LIST_EXTEND", "LIST_APPEND", "SET_UPDATE", "SET_ADD", "DICT_UPDATE", "DICT_MERGE", "MAP_ADD")
_KEEPING = ("STORE_", "CALL", "RETURN_", "PRECALL")
# With these, what is made is not stored next.
_MOVING = ("SWAP", "ROT_", "UNPACK_", "BUILD_")
# What stands between a load and what uses it.
_SILENT = frozenset(("CACHE", "EXTENDED_ARG", "NOP"))
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))
# How far functions are followed that a function calls.
_DEPTH = 3


def only_computes(registrars: Iterable[Any], kind: Any, name: str | None = None) -> bool:
    """Whether decorators are known, and leave no container of the kind empty that calls could fill.

    ``name``: none that they store as that attribute.
    """
    functions = [function for one in registrars for function in functions_of(one)]
    made = _made_empty(functions)
    return bool(functions) and not any(one is kind and (to is None or name in (None, to)) for one, to in made)


def functions_of(value: Any) -> list[FunctionType]:
    """A function itself, or the methods of a class, or of the class of an object."""
    if type(value) is FunctionType:
        return [value]
    kind = value if issubclass(type(value), type) else type(value)
    members = (one for cls in objects.order(kind) for one in objects.members(cls).values())
    return [one for one in members if type(one) is FunctionType]


def _made_empty(functions: list[FunctionType]) -> Iterator[tuple[Any, str | None]]:
    """Kinds of empty containers that these make, or what they call by their modules' names, each with its attribute."""
    pending = [(one, 0) for one in functions]
    seen: set[int] = set()
    while pending:
        function, depth = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        for code in tree(function.__code__):
            if code.co_name not in _COMPREHENSIONS:
                yield from _empty_in(code)
            named = (function.__globals__.get(name) for name in code.co_names) if depth < _DEPTH else ()
            called = (one for one in named if issubclass(type(one), (FunctionType, type)))
            pending += [(function, depth + 1) for one in called for function in functions_of(one)]


def _empty_in(code: CodeType) -> Iterator[tuple[Any, str | None]]:
    instructions = [one for one in dis.get_instructions(code) if one.opname not in ("PUSH_NULL", "NOP", "CACHE")]
    for at, one in enumerate(instructions):
        after = instructions[at + 1 :]
        # A comprehension that is part of its function from 3.12 on.
        is_filled = any(before.opname == "LOAD_FAST_AND_CLEAR" for before in instructions[max(at - 2, 0) : at])
        if one.opname in _DISPLAYS and one.arg == 0 and not is_filled and _stays_empty(after):
            yield _DISPLAYS[one.opname], _stored_as(after)
        elif one.opname.startswith("LOAD_") and one.argval in _ALWAYS:
            yield _ALWAYS[one.argval], None
        elif one.opname.startswith("LOAD_") and one.argval in _CALLED and _is_called_bare(after):
            yield _CALLED[one.argval], None


def _stays_empty(after: list[dis.Instruction]) -> bool:
    found = next((one for one in after if one.opname in _FILLING or one.opname.startswith(_KEEPING)), None)
    return found is None or found.opname not in _FILLING


def _stored_as(after: list[dis.Instruction]) -> str | None:
    kept = next((one for one in after if one.opname.startswith((*_KEEPING, *_MOVING))), None)
    return str(kept.argval) if kept is not None and kept.opname == "STORE_ATTR" else None


def _is_called_bare(after: list[dis.Instruction]) -> bool:
    """``list()``, and ``field(default_factory=list)``."""
    following = next((other for other in after if other.opname not in ("PRECALL", "KW_NAMES")), None)
    return following is not None and following.opname.startswith("CALL")


def stored_names(code: CodeType, opname: str) -> frozenset[str]:
    return frozenset(
        instruction.argval
        for one in tree(code)
        for instruction in dis.get_instructions(one)
        if instruction.opname == opname
    )


def stored_by_methods(kind: type) -> frozenset[str]:
    """Attributes that other methods than the constructor assign to their object."""
    found: set[str] = set()
    for cls in objects.order(kind):
        for name, method in objects.members(cls).items():
            if type(method) is FunctionType and name not in ("__init__", "__new__", "__post_init__", "__set_name__"):
                found.update(_stored_on_own(method.__code__))
    return frozenset(found)


def _stored_on_own(code: CodeType) -> Iterator[str]:
    """Attributes that a method stores, but for those of what another name means: `wrapper.retry = self`."""
    own = code.co_varnames[0] if code.co_argcount else None
    for one in tree(code):
        before = None
        for instruction in dis.get_instructions(one):
            if instruction.opname == "STORE_ATTR" and (before is None or before == own):
                yield instruction.argval
            if instruction.opname not in _SILENT:
                before = _loaded(instruction)


def _loaded(instruction: dis.Instruction) -> str | None:
    """The variable that an instruction loads last."""
    if not instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_GLOBAL", "LOAD_CLASSDEREF")):
        return None
    names = instruction.argval if type(instruction.argval) is tuple else (instruction.argval,)
    return names[-1] if names and type(names[-1]) is str else None
