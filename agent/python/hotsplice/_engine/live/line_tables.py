"""Where the code of a module that is being executed stands in the text that is live: its lines follow each patch.

What is edited while it runs has lines of the statement that it was, as far as that is as long as before.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FrameType
from typing import Any

Positions = Sequence[tuple[int | None, int | None, int | None, int | None]]
LineMap = Callable[[int], int]

# More edited lines than these are not compared one by one.
_COMPARED = 2000


def line_of(frame: FrameType) -> int:
    """Where a frame stands by the table of its code.

    From CPython 3.14 on `f_lineno` is what it was when the code's lines began to be watched.
    """
    code = frame.f_code
    known = frame.f_lineno or code.co_firstlineno
    if code.co_name != "<module>":
        return known
    return next((line for start, end, line in code.co_lines() if start <= frame.f_lasti < end and line), known)


def positions_of(code: CodeType) -> Positions:
    """Those of each code unit; none before CPython 3.11."""
    known: Any = getattr(code, "co_positions", tuple)
    return list(known())


def line_map(before: str, after: str, edited: "Iterable[tuple[tuple[int, int], tuple[int, int]]]") -> LineMap:
    """Gives for a line of one text that of the other, never a smaller one for a greater.

    ``edited`` are the lines, before and after, of statements that stand in both.
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[int] = []
    done = 0
    for (first, last), (new_first, new_last) in sorted(edited):
        if first <= len(lines) or new_first <= done:
            # Inside of one that was looked at, or in another order.
            continue
        lines += _between(old[len(lines) : first - 1], new[done : new_first - 1], done)
        lines += _between(old[first - 1 : last], new[new_first - 1 : new_last], new_first - 1)
        done = new_last
    lines += _between(old[len(lines) :], new[done:], done)
    # What stands in no line, as what a module begins with, has none in the other text.
    return lambda line: lines[line - 1] if 0 < line <= len(lines) else line


def _between(old: list[str], new: list[str], before: int) -> list[int]:
    """For each of these lines which one it is now; as many are before the new ones."""
    same = _same(old, new)
    if same:
        return [before + index + 1 for index in range(same)] + _between(old[same:], new[same:], before + same)
    if len(old) > _COMPARED or len(new) > _COMPARED:
        blocks = []
    else:
        blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    found: list[int] = []
    done = 0
    for block in [*blocks, difflib.Match(len(old), len(new), 0)]:
        # What is in place of others has their lines, what is gone the next one's.
        room = block.b - done
        count = block.a - len(found)
        found += [before + done + min(index, max(room - 1, 0)) + 1 for index in range(count)]
        found += [before + block.b + index + 1 for index in range(block.size)]
        done = block.b + block.size
    last = before + max(len(new), 1)
    return [min(line, last) for line in found]


def _same(old: list[str], new: list[str]) -> int:
    return next((at for at, (one, other) in enumerate(zip(old, new)) if one != other), min(len(old), len(new)))


def relined(code: CodeType, lines: LineMap) -> bytes | None:
    """The table of a code's lines with others (Objects/locations.md); nothing before CPython 3.11."""
    if not hasattr(code, "co_positions"):
        return None
    wanted = [
        (None if line is None else lines(line), None if end is None else lines(end), column, end_column)
        for line, end, column, end_column in code.co_positions()
    ]
    table = _encoded(wanted, code.co_firstlineno)
    made: Any = code.replace(co_linetable=table)
    return table if list(made.co_positions()) == wanted else None


def _encoded(positions: Positions, line: int) -> bytes:
    table = bytearray()
    at = 0
    while at < len(positions):
        length = 1
        while length < 8 and at + length < len(positions) and positions[at + length] == positions[at]:
            length += 1
        start, end, column, end_column = positions[at]
        at += length
        if start is None:
            table.append(0x80 | 15 << 3 | length - 1)
            continue
        has_columns = end is not None and column is not None and end_column is not None
        table.append(0x80 | (14 if has_columns else 13) << 3 | length - 1)
        delta, line = start - line, start
        table += _number(delta << 1 if delta >= 0 else -delta << 1 | 1)
        if end is not None and column is not None and end_column is not None:
            table += _number(end - start) + _number(column + 1) + _number(end_column + 1)
    return bytes(table)


def _number(value: int) -> bytes:
    """Six bits a byte, the lowest first."""
    found = bytearray()
    while value > 63:
        found.append(64 | value & 63)
        value >>= 6
    found.append(value)
    return bytes(found)
