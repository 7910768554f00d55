"""Which blocks a call stands in that it has to leave by its own code: read from the exception table."""

import dis

from . import reach
from .bytecode import Bytecode

_LOADS = {
    *("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_CONST", "LOAD_DEREF", "BUILD_TUPLE", "LOAD_FAST", "NOP"),
    *("LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_FAST_LOAD_FAST"),
    *("LOAD_COMMON_CONSTANT", "LOAD_SMALL_INT", "PUSH_NULL"),
}
# What comes back to where it was, or ends, and was entered by no statement.
_NEUTRAL = {"SWAP", "CALL_INTRINSIC_1", "CLEANUP_THROW", "END_ASYNC_FOR", "STORE_FAST", "STORE_FAST_STORE_FAST"}


class Blocks:
    """The blocks of a code object."""

    def __init__(self, bytecode: Bytecode) -> None:
        self._instructions = bytecode.instructions
        self._at = bytecode.at
        self._handlers = bytecode.handlers
        self._depths = bytecode.depths
        self._positions = list(bytecode.code.co_positions())
        self._known: dict[int, bool] = {}
        self._left = self._leaving()

    def may_be_dropped_at(self, offset: int) -> bool:
        """Whether nothing stays entered if a call goes on elsewhere: no ``with``, ``finally`` or handled exception."""
        if offset in self._left:
            return False
        target = self._handler(offset)
        if target not in self._known:
            self._known[target] = self._may_be_dropped(target)
        return self._known[target]

    def _leaving(self) -> set[int]:
        """Where a block is being left without an exception, by code that no entry of the table covers."""
        found: set[int] = set()
        for entry in self._handlers:
            index = self._at.get(entry.target)
            if index is None or self._instructions[index].opname != "PUSH_EXC_INFO":
                continue
            if self._instructions[index + 1].opname == "WITH_EXCEPT_START":
                found |= self._leaving_with(entry.start, entry.end, entry.depth)
            elif not self._is_except(index + 1):
                found |= self._copies(index + 1)
        return found

    def _leaving_with(self, start: int, end: int, depth: int) -> set[int]:
        """As long as what is to be called at the end of a ``with`` is on the stack."""
        found: set[int] = set()
        pending = [index for offset, index in self._at.items() if start <= offset < end]
        while pending:
            index = pending.pop()
            instruction = self._instructions[index]
            following = [] if instruction.opname in reach.ENDS else [index + 1]
            if instruction.opcode in reach.JUMPS:
                following.append(self._at[instruction.argval])
            for other in following:
                offset = self._instructions[other].offset if other < len(self._instructions) else -1
                outside = not start <= offset < end and offset not in found
                if (
                    outside
                    and self._depths.get(offset, -1) >= depth
                    and self._instructions[other].opname != "POP_EXCEPT"
                ):
                    found.add(offset)
                    pending.append(other)
        return found

    def _copies(self, index: int) -> set[int]:
        """The body of a ``finally`` as it is executed when nothing was raised: it has the same places in the text."""
        places = set()
        while index < len(self._instructions) and self._instructions[index].opname != "RERAISE":
            places.add(self._positions[self._instructions[index].offset // 2])
            index += 1
        places = {place for place in places if place[0] is not None and place[2] is not None}
        return {one.offset for one in self._instructions if self._positions[one.offset // 2] in places}

    def _handler(self, offset: int) -> int:
        entries = (entry.target for entry in self._handlers if entry.start <= offset < entry.end)
        return next(entries, -1)

    def _may_be_dropped(self, target: int) -> bool:
        seen = set()
        # Behind the handler of a `try` comes what cleans up after it.
        is_behind_handler = False
        while target != -1 and target not in seen:
            seen.add(target)
            index = self._at.get(target)
            if index is None:
                return False
            first = self._instructions[index]
            if first.opname == "PUSH_EXC_INFO":
                if is_behind_handler or not self._is_except(index + 1):
                    return False
                is_behind_handler = True
            elif first.opname == "COPY" and is_behind_handler:
                is_behind_handler = False
            elif first.opname not in _NEUTRAL or is_behind_handler:
                return False
            target = self._handler(self._last_of(index) if first.opname != "PUSH_EXC_INFO" else target)
        return target == -1

    def _is_except(self, index: int) -> bool:
        if self._instructions[index].opname == "POP_TOP":
            return True
        while index < len(self._instructions) and self._instructions[index].opname in _LOADS:
            index += 1
        return index < len(self._instructions) and self._instructions[index].opname == "CHECK_EXC_MATCH"

    def _last_of(self, index: int) -> int:
        """The offset at which what cleans up raises the exception again."""
        while index < len(self._instructions) and self._instructions[index].opname not in ("RERAISE", "RETURN_VALUE"):
            if self._instructions[index].opcode in dis.hasjrel:
                break
            index += 1
        return self._instructions[min(index, len(self._instructions) - 1)].offset
