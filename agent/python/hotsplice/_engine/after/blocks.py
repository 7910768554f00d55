"""Which blocks a call stands in that it has to leave by its own code: read from the exception table."""

import dis

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
        self._known: dict[int, bool] = {}

    def may_be_dropped_at(self, offset: int) -> bool:
        """Whether nothing stays entered if a call goes on elsewhere: no ``with``, ``finally`` or handled exception."""
        target = self._handler(offset)
        if target not in self._known:
            self._known[target] = self._may_be_dropped(target)
        return self._known[target]

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
