"""What a call needs to go on in other code, read from the bytecode of both: the stack at a place, and its variables."""

import dis
from collections.abc import Collection
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..live.code import fingerprint
from ..live.line_tables import positions_of
from . import reach

if TYPE_CHECKING:
    from ..live.line_tables import Positions

_ENDS = {
    *("RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS", "INTERPRETER_EXIT"),
    *("JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
}
_READS = {
    *("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "DELETE_FAST"),
    *("LOAD_CLOSURE", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "DELETE_DEREF"),
    *("LOAD_NAME", "DELETE_NAME"),
}
_READS_TWO = {"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"}


class Unknown(Exception):
    """The code has something that is not known here."""


class Bytecode:
    """The instructions of a code object, and what holds before each."""

    def __init__(self, code: CodeType, positions: "Positions | None" = None) -> None:
        """``positions`` are those that it had, where they are others now."""
        self.code = code
        self.positions = positions_of(code) if positions is None else positions
        self.instructions = list(dis.get_instructions(code))
        self.at = {instruction.offset: index for index, instruction in enumerate(self.instructions)}
        parse = getattr(dis, "_parse_exception_table", None)
        self.handlers = [] if parse is None else list(parse(code))
        self.depths = self._depths()
        self.lines = [position[0] for position in self.positions]
        self._reached: dict[tuple[int, bool], set[int]] = {}

    def _depths(self) -> dict[int, int]:
        """The depth of the stack before each instruction that can be reached, by offset."""
        depths: dict[int, int] = {}
        pending = [(0, 0)]
        pending += [(entry.target, entry.depth + 1 + bool(entry.lasti)) for entry in self.handlers]
        while pending:
            offset, depth = pending.pop()
            index = self.at.get(offset, len(self.instructions))
            while index < len(self.instructions):
                instruction = self.instructions[index]
                if instruction.offset in depths:
                    break
                depths[instruction.offset] = depth
                index += 1
                if instruction.opname == "RETURN_GENERATOR":
                    # It leaves something once the generator is begun.
                    depth += 1
                    continue
                argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT or instruction.arg else None
                if instruction.opcode in reach.JUMPS or instruction.opname == "SEND":
                    jump = dis.stack_effect(instruction.opcode, argument, jump=True)
                    pending.append((instruction.argval, depth + jump))
                if instruction.opname in _ENDS:
                    break
                depth += dis.stack_effect(instruction.opcode, argument, jump=False)
        return depths

    def first_in(self, first: int, last: int) -> int | None:
        """The offset of the first instruction of a statement that stands in these lines."""
        return next(iter(self.begins_in(first, last)), None)

    def begins_in(self, first: int, last: int) -> list[int]:
        """The offsets at which what stands in these lines begins: a condition may stand in the bytecode twice."""
        found, was_inside = [], False
        for instruction in self.instructions:
            line = self.lines[instruction.offset // 2]
            is_inside = line is not None and first <= line <= last and instruction.offset in self.depths
            if is_inside and not was_inside:
                found.append(instruction.offset)
            was_inside = is_inside
        return found

    def suspension(self, span: list[int]) -> int | None:
        """The offset at which a call waits for an expression; nothing if there is not exactly one."""
        line, column, end_line, end_column = span
        wanted = (line, end_line, column, end_column)
        found = [
            instruction.offset
            for instruction in self.instructions
            if instruction.opname == "YIELD_VALUE"
            and self.positions[instruction.offset // 2] == wanted
            and instruction.offset in self.depths
        ]
        return found[0] if len(found) == 1 else None

    def place(self, what: str, span: list[int]) -> list[int]:
        """The offsets of what a patch says is at a place of the text."""
        if what == "wait":
            waits = self.suspension(span)
            return [] if waits is None else [waits]
        return self.begins_in(span[0], span[2])[: None if what == "test" else 1]

    def reached(self, offset: int, until: Collection[int] = (), caught: bool = True) -> set[int]:
        """The offsets that a call can come to from one of them, and those of some others that it comes to first."""
        if until:
            return reach.reached(self.code, self.instructions, [offset], until, caught)
        # Many calls stand at one place.
        key = offset, caught
        if key not in self._reached:
            self._reached[key] = reach.reached(self.code, self.instructions, [offset], caught=caught)
        return self._reached[key]

    def rounds(self) -> set[int]:
        """The offsets to which loops come back."""
        jumps = (i for i in self.instructions if i.opcode in reach.JUMPS)
        return {jump.argval for jump in jumps if jump.argval <= jump.offset}

    def leading_to(self, offsets: Collection[int]) -> set[int]:
        """The offsets from which a call can come to one of these."""
        sources: dict[int, list[int]] = {}
        for index, instruction in enumerate(self.instructions):
            if instruction.opcode in reach.JUMPS:
                sources.setdefault(instruction.argval, []).append(instruction.offset)
            if instruction.opname not in _ENDS and index + 1 < len(self.instructions):
                sources.setdefault(self.instructions[index + 1].offset, []).append(instruction.offset)
            for entry in self.handlers:
                if entry.start <= instruction.offset < entry.end:
                    sources.setdefault(entry.target, []).append(instruction.offset)
        found, pending = set(offsets), list(offsets)
        while pending:
            for source in sources.get(pending.pop(), ()):
                if source not in found:
                    found.add(source)
                    pending.append(source)
        return found

    def needed(self, offset: int) -> set[str]:
        """Variables, or names of a module, that are read from here on, on one of the ways, before they get a value."""
        cleared = {i.argval for i in self.instructions if i.opname == "LOAD_FAST_AND_CLEAR"}
        # What is known to have a value before each instruction, since the start.
        known: dict[int, frozenset[str]] = {}
        needed: set[str] = set()
        pending = [(self.at[offset], frozenset[str]())]
        while pending:
            index, given = pending.pop()
            while index < len(self.instructions):
                before = known.get(index)
                if before is not None and before <= given:
                    break
                given = given if before is None else given & before
                known[index] = given
                instruction = self.instructions[index]
                for entry in self.handlers:
                    if entry.start <= instruction.offset < entry.end and entry.target in self.at:
                        pending.append((self.at[entry.target], given))
                reads, given = self._effect(index, given, cleared)
                needed |= reads
                if instruction.opcode in reach.JUMPS or instruction.opname == "SEND":
                    pending.append((self.at[instruction.argval], given))
                if instruction.opname in _ENDS:
                    break
                index += 1
        return needed

    def _effect(self, index: int, given: frozenset[str], cleared: set[str]) -> tuple[set[str], frozenset[str]]:
        """Variables that an instruction reads without a value, and those that have one behind it."""
        instruction = self.instructions[index]
        name, value = instruction.opname, instruction.argval
        if name in _READS:
            after = given - {value} if name.startswith("DELETE") else given
            return {value} - given, after
        if name in _READS_TWO:
            return set(value) - given, given
        if name == "STORE_FAST_STORE_FAST":
            return set(), given | set(value)
        if name == "STORE_FAST_LOAD_FAST":
            stored, loaded = value
            return {loaded} - given - {stored}, given | {stored}
        if name in ("STORE_FAST", "STORE_FAST_MAYBE_NULL", "STORE_DEREF", "STORE_NAME"):
            # After a comprehension its variables have what they had before, which may be nothing.
            restores = value in cleared and index > 0 and self.instructions[index - 1].opname == "SWAP"
            return set(), given - {value} if restores else given | {value}
        if name == "LOAD_FAST_AND_CLEAR":
            return set(), given - {value}
        if "FAST" in name:
            raise Unknown(name)
        return set(), given


def statement(code: CodeType, lines: tuple[int, int], positions: "Positions | None" = None) -> list[tuple[str, Any]]:
    """What a module's statement does, without where it stands; ``positions`` as for a `Bytecode`."""
    if not positions:
        inside = {
            offset
            for start, end, line in code.co_lines()
            if isinstance(line, int) and lines[0] <= line <= lines[1]
            for offset in range(start, end, 2)
        }
    else:
        inside = {
            2 * unit
            for unit, (line, *_) in enumerate(positions)
            if isinstance(line, int) and lines[0] <= line <= lines[1]
        }
    found = []
    for instruction in dis.get_instructions(code):
        if instruction.offset in inside:
            value = None if instruction.opcode in reach.JUMPS else instruction.argval
            found.append((instruction.opname, fingerprint(value) if type(value) is CodeType else repr(value)))
    return found


def variables(code: CodeType) -> list[str]:
    """The names of a code object's variables in the order of its slots."""
    cells = [name for name in code.co_cellvars if name not in code.co_varnames]
    return [*code.co_varnames, *cells, *code.co_freevars]


def kinds(code: CodeType) -> dict[str, str]:
    """How each variable is held: alone, or shared with functions inside or around."""
    found = dict.fromkeys(code.co_varnames, "own")
    found.update(dict.fromkeys(code.co_cellvars, "inside"))
    found.update(dict.fromkeys(code.co_freevars, "around"))
    return found
