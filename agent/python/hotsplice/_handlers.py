"""Whether anybody would handle an exception: the ``except`` clauses around the calls, as their bytecode has them.

A clause of the program's counts if it does not just raise again. Of installed packages and the standard library only
clauses that name the exception count: what catches everything (a framework's, an event loop's, a test runner's) handles
nothing. It does where the exception has not come to the program yet: a library deals with what it raises itself; and
where it says what is to be answered (``_outcomes``). What a ``with`` block may swallow counts where it says so by name
(``suppress``, ``raises``).
"""

from __future__ import annotations

import dis
import os
import types
import weakref
from typing import Any

from . import _holds, _outcomes

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_THREADING = os.path.join(os.path.dirname(os.__file__), "threading.py")
_SWALLOWING = {"suppress", "raises", "assertRaises", "assertRaisesRegex"}
# Protocols of C code that take these as an answer: `getattr(x, "y", None)`, `for item in x`, `hasattr`.
_ANSWERS = (AttributeError, LookupError, StopIteration, NotImplementedError)


def is_answer(error: BaseException, caller: types.FrameType | None, name: str) -> bool:
    """Whether a function of this name raises what C code that calls it may take for an answer."""
    is_special = name.startswith("__") and name.endswith("__") and name != "__init__" and name != "__call__"
    if isinstance(error, _ANSWERS) and caller is not None:
        return is_special or _is_asked_for_attribute(error, caller, name)
    return isinstance(error, TypeError) and name in ("__len__", "__length_hint__")


def would_handle(
    error: BaseException,
    frame: types.FrameType | None,
    by_anybody: bool = False,
    guarded: types.FrameType | None = None,
) -> int | None:
    """How many calls further up an exception would be handled that was raised in this frame; nothing if it would not.

    Less than 0 if that need not be so the next time. ``by_anybody``: what catches everything counts of frameworks, too.
    ``guarded`` is the call that is to be held, if it has not been left.
    """
    depth = 0
    has_come = guarded is None
    while frame is not None:
        path = frame.f_code.co_filename
        if path != __file__:
            found = _catches(frame, error, by_anybody or not has_come)
            if found is not None:
                return depth if found else -1
        has_come = has_come or frame is guarded or not _holds.is_installed(path)
        frame = frame.f_back
        depth += 1
    return None


def _is_asked_for_attribute(error: BaseException, frame: types.FrameType, name: str) -> bool:
    """A property that raises ``AttributeError`` under ``getattr`` or ``hasattr``, for all that can be told."""
    if not isinstance(error, AttributeError):
        return False
    called = {"getattr", "hasattr"} & set(frame.f_code.co_names)
    return bool(called) and name in frame.f_code.co_consts


def _decides(path: str) -> bool:
    """Whether what catches everything in an installed file is a handler, and not just the end of a thread."""
    return not (path.startswith((_PACKAGE, "<")) or path == _THREADING)


def _catches(frame: types.FrameType, error: BaseException, by_anybody: bool) -> bool | None:
    """Nothing if it does not; else whether it does as often as it comes there."""
    code = frame.f_code
    is_installed = _holds.is_installed(code.co_filename) and not (by_anybody and _decides(code.co_filename))
    for clause in _clauses(code, frame.f_lasti):
        if clause is None:
            # A bare `except:`, or what can't be read.
            if not is_installed:
                return True
            is_answered = _outcomes.is_answered(error, frame) if _decides(code.co_filename) else None
            if is_answered is not None:
                return is_answered
            continue
        if isinstance(clause, str):
            # A `with` block that says so.
            return True
        kinds = _evaluate(frame, clause)
        is_lasting = not any(names[0] in code.co_varnames for names in clause)
        if kinds is None:
            if not is_installed:
                return is_lasting
            continue
        kinds = [kind for kind in kinds if isinstance(error, kind)]
        if any(not (is_installed and kind in (Exception, BaseException)) for kind in kinds):
            return is_lasting
        is_answered = _outcomes.is_answered(error, frame) if kinds and _decides(code.co_filename) else None
        if is_answered is not None:
            return is_answered
    return None


# An expression of names and attributes: ("name", "attribute", …), several for a tuple.
_Clause = tuple[tuple[str, ...], ...]


# id of a code object → what was read of it, by instruction. Weak: references to code are counted to tell who runs it.
_read: dict[int, tuple[weakref.ref[types.CodeType], dict[int, tuple[_Clause | str | None, ...]]]] = {}


def _clauses(code: types.CodeType, offset: int) -> tuple[_Clause | str | None, ...]:
    """The clauses around an instruction that do not just raise again, from within outwards."""
    if not getattr(code, "co_exceptiontable", b""):
        return ()
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


def _read_clauses(code: types.CodeType, offset: int) -> tuple[_Clause | str | None, ...]:
    instructions = list(dis.get_instructions(code))
    at = {instruction.offset: index for index, instruction in enumerate(instructions)}
    entries = list(dis._parse_exception_table(code))  # type: ignore[attr-defined]
    found: list[_Clause | str | None] = []
    seen: set[int] = set()
    target = _target(entries, offset)
    while target is not None and target not in seen:
        seen.add(target)
        index = at[target]
        outwards = _read_handler(instructions, at, index, found)
        target = _target(entries, instructions[outwards].offset) if outwards is not None else None
    return tuple(found)


def _target(entries: list[Any], offset: int) -> int | None:
    return next((entry.target for entry in entries if entry.start <= offset < entry.end), None)


def _read_handler(
    instructions: list[dis.Instruction],
    at: dict[int, int],
    index: int,
    found: list[_Clause | str | None],
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
                found.append("with")
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
            if _is_left(instructions, at, jump + 1):
                found.append(tuple(names))
            names = []
            index = at[instructions[jump].argval]
            continue
        elif name in ("RERAISE", "END_ASYNC_FOR", "CLEANUP_THROW"):
            # An `async for` takes the end of what it goes over, an `await` and a `yield from` a value: nothing else.
            return index
        elif name == "POP_TOP" and is_first:
            if _is_left(instructions, at, index):
                found.append(None)
                return None
            return _reraise(instructions, index)
        elif name == "RAISE_VARARGS" and instruction.arg == 0:
            return index
        elif name == "POP_EXCEPT" and _is(instructions, index + 1, "RERAISE"):
            # The compiler's own, behind every `finally`, `except` and `with` that is left by an exception.
            return index + 1
        elif name in ("RETURN_VALUE", "RETURN_CONST", "POP_EXCEPT") and is_first:
            found.append(None)
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


def _is_left(instructions: list[dis.Instruction], at: dict[int, int], start: int) -> bool:
    """Whether what a clause does may end otherwise than by raising the same exception again."""
    waiting, seen = [start], set()
    while waiting:
        index = waiting.pop()
        while index < len(instructions) and index not in seen:
            seen.add(index)
            instruction = instructions[index]
            name = instruction.opname
            if name in ("POP_EXCEPT", "RETURN_VALUE", "RETURN_CONST"):
                return True
            if name == "RAISE_VARARGS":
                if instruction.arg:
                    # Another one, which has its own chance.
                    return True
                break
            if name == "RERAISE":
                break
            if "JUMP" in name and instruction.argval in at:
                if name.startswith("JUMP"):
                    index = at[instruction.argval]
                    continue
                waiting.append(at[instruction.argval])
            elif name in ("FOR_ITER", "SEND") and instruction.argval in at:
                waiting.append(at[instruction.argval])
            index += 1
    return False


def _evaluate(frame: types.FrameType, clause: _Clause) -> list[type] | None:
    """The classes that a clause names; nothing if that can't be told."""
    found: list[type] = []
    for first, *attributes in clause:
        value: Any = None
        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if first in names:
                value = names[first]
                break
        for attribute in attributes:
            value = value.__dict__.get(attribute) if isinstance(value, (type, types.ModuleType)) else None
        for kind in value if type(value) is tuple else (value,):
            if not isinstance(kind, type):
                return None
            found.append(kind)
    return found or None
