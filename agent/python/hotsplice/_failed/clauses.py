"""The ``except`` clauses and other blocks around an instruction, as the bytecode has them."""

from __future__ import annotations

import dis
import types
import weakref
from typing import Any, NamedTuple

_SWALLOWING = {"suppress", "raises", "assertRaises", "assertRaisesRegex"}


class Clause(NamedTuple):
    # Expressions of names and attributes: ("name", "attribute", …); nothing for a bare one, and for what can't be read.
    kinds: tuple[tuple[str, ...], ...] | None
    line: int | None
    # Whether it may end otherwise than by raising the same exception again, and whether it may end so.
    may_leave: bool
    may_raise: bool
    # A `with` block that says so.
    swallows: bool = False


# id of a code object → what was read of it, by instruction. Weak: references to code are counted to tell who runs it.
_read: dict[int, tuple[weakref.ref[types.CodeType], dict[int, list[list[Clause]]]]] = {}


def around(code: types.CodeType, offset: int) -> list[list[Clause]]:
    """The clauses around an instruction, those of a statement together, from within outwards."""
    if not getattr(code, "co_exceptiontable", b""):
        return []
    key = id(code)
    known = _read.get(key)
    if known is None or known[0]() is not code:
        known = _read[key] = (weakref.ref(code, lambda _gone: _read.pop(key, None)), {})
    clauses = known[1].get(offset)
    if clauses is None:
        clauses = known[1][offset] = _read_clauses(code, offset)
    return clauses


def blocks(code: types.CodeType, offset: int) -> list[tuple[str, int]]:
    """The ``with`` and ``finally`` blocks around an instruction, with their lines, from within outwards."""
    if not getattr(code, "co_exceptiontable", b""):
        return []
    instructions = list(dis.get_instructions(code))
    at = {instruction.offset: index for index, instruction in enumerate(instructions)}
    entries = list(dis._parse_exception_table(code))  # type: ignore[attr-defined]
    found: list[tuple[str, int]] = []
    target, seen = _target(entries, offset), set[int]()
    while target is not None and target not in seen:
        seen.add(target)
        index = at[target]
        if _is(instructions, index, "PUSH_EXC_INFO"):
            kind = _kind_of_block(instructions, index + 1)
            line = _line(instructions[index + 1]) or _line(instructions[index])
            if kind is not None and line is not None:
                found.append((kind, line))
        outwards = _read_handler(instructions, at, index, [])
        if outwards is None:
            break
        target = _target(entries, instructions[outwards].offset)
    return found


def _kind_of_block(instructions: list[dis.Instruction], index: int) -> str | None:
    """What a handler is for: the end of a ``with``, a ``finally``, or clauses; those are no blocks that are left."""
    while index < len(instructions):
        name = instructions[index].opname
        if name == "WITH_EXCEPT_START":
            return "with"
        if name in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH", "POP_TOP"):
            return None
        if name == "RERAISE" or name in ("CALL", "STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"):
            return "finally"
        index += 1
    return None


def _read_clauses(code: types.CodeType, offset: int) -> list[list[Clause]]:
    instructions = list(dis.get_instructions(code))
    at = {instruction.offset: index for index, instruction in enumerate(instructions)}
    entries = list(dis._parse_exception_table(code))  # type: ignore[attr-defined]
    found: list[list[Clause]] = []
    seen: set[int] = set()
    target = _target(entries, offset)
    while target is not None and target not in seen:
        seen.add(target)
        found.append([])
        outwards = _read_handler(instructions, at, at[target], found[-1])
        target = _target(entries, instructions[outwards].offset) if outwards is not None else None
    return [clauses for clauses in found if clauses]


def _target(entries: list[Any], offset: int) -> int | None:
    return next((entry.target for entry in entries if entry.start <= offset < entry.end), None)


def _read_handler(
    instructions: list[dis.Instruction], at: dict[int, int], index: int, found: list[Clause]
) -> int | None:
    """Adds the clauses of one handler; gives the instruction by which an exception leaves it, if it does."""
    names: list[tuple[str, ...]] = []
    is_first = True
    while index < len(instructions):
        instruction = instructions[index]
        name = instruction.opname
        if name in ("PUSH_EXC_INFO", "NOP", "COPY", "CACHE", "EXTENDED_ARG", "NOT_TAKEN", "PUSH_NULL", "TO_BOOL"):
            pass
        elif name == "WITH_EXCEPT_START":
            if _SWALLOWING & _names_of_line(instructions, instruction):
                found.append(Clause(None, None, True, False, swallows=True))
        elif name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF") or name.startswith("LOAD_FAST"):
            names.append((str(instruction.argval),))
        elif name == "LOAD_ATTR" and names:
            names[-1] = (*names[-1], str(instruction.argval))
        elif name == "BUILD_TUPLE":
            pass
        elif name in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH"):
            is_first = False
            jump = next(
                place for place in range(index, len(instructions)) if instructions[place].opname.startswith("POP_JUMP")
            )
            may_leave, may_raise = _ends(instructions, at, jump + 1)
            if name == "CHECK_EXC_MATCH":
                found.append(Clause(tuple(names), _line(instruction), may_leave, may_raise))
            elif may_leave:
                # Of a group the clauses beside it may take the rest.
                found.append(Clause(tuple(names), None, True, False))
            names = []
            index = at[instructions[jump].argval]
            continue
        elif name in ("RERAISE", "END_ASYNC_FOR", "CLEANUP_THROW"):
            # An `async for` takes the end of what it goes over, an `await` and a `yield from` a value: nothing else.
            return index
        elif name == "POP_TOP" and is_first:
            may_leave, may_raise = _ends(instructions, at, index)
            if may_leave:
                found.append(Clause(None, _line(instruction), True, may_raise))
            return _reraise(instructions, index)
        elif name == "RAISE_VARARGS" and instruction.arg == 0:
            return index
        elif name == "POP_EXCEPT" and _is(instructions, index + 1, "RERAISE"):
            # The compiler's own, behind every `finally`, `except` and `with` that is left by an exception.
            return index + 1
        elif name in ("RETURN_VALUE", "RETURN_CONST", "POP_EXCEPT") and is_first:
            found.append(Clause(None, None, True, False))
            return None
        elif name.startswith("POP_JUMP"):
            # What a `with` block says about swallowing: it is taken for no.
            following = _reraise(instructions, index)
            if following is not None:
                return following
        index += 1
    return None


def _is(instructions: list[dis.Instruction], index: int, name: str) -> bool:
    return index < len(instructions) and instructions[index].opname == name


def _reraise(instructions: list[dis.Instruction], index: int) -> int | None:
    leaving = ("RERAISE", "RAISE_VARARGS")
    return next((place for place in range(index, len(instructions)) if instructions[place].opname in leaving), None)


def _names_of_line(instructions: list[dis.Instruction], handler: dis.Instruction) -> set[str]:
    line = _line(handler)
    loads = (instruction for instruction in instructions if instruction.opname.startswith("LOAD_"))
    return {str(instruction.argval) for instruction in loads if line is not None and _line(instruction) == line}


def _line(instruction: dis.Instruction) -> int | None:
    positions: Any = getattr(instruction, "positions", None)
    line: int | None = None if positions is None else positions.lineno
    return line


def _ends(instructions: list[dis.Instruction], at: dict[int, int], start: int) -> tuple[bool, bool]:
    """Whether what a clause does may end otherwise than by raising the same exception again, and whether so."""
    may_leave = may_raise = False
    waiting, seen = [start], set()
    while waiting:
        index = waiting.pop()
        while index < len(instructions) and index not in seen:
            seen.add(index)
            instruction = instructions[index]
            name = instruction.opname
            if name in ("POP_EXCEPT", "RETURN_VALUE", "RETURN_CONST"):
                may_leave = True
                break
            if name == "RAISE_VARARGS" and instruction.arg:
                # Another one, which has its own chance; or the same by its name.
                may_leave = may_raise = True
                break
            if name in ("RERAISE", "RAISE_VARARGS"):
                may_raise = True
                break
            may_raise = may_raise or instruction.argval == "reraise"
            if "JUMP" in name and instruction.argval in at:
                if name.startswith("JUMP"):
                    index = at[instruction.argval]
                    continue
                waiting.append(at[instruction.argval])
            elif name in ("FOR_ITER", "SEND") and instruction.argval in at:
                waiting.append(at[instruction.argval])
            index += 1
    return may_leave, may_raise
