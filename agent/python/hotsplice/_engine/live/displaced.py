"""What each definition of a file was when it was loaded, where it is another one now: undone, it is patched no longer.

Found out of the texts when somebody asks, not while a patch is made.
"""

import ast
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .messages import Edit


_MOST_PENDING = 4

# An edit's name, and the first and the last line of what it was and of what it is; 0 where there is none.
_Noted = tuple[str, int, int, int, int]


def shown_name(edit: "Edit") -> str:
    """What users call it: a statement by the first name that it binds, where it binds one."""
    is_bare = edit["what"] not in ("function", "class") and edit["binds"] and not edit["scope"]
    return edit["binds"][0] if is_bare else edit["definition"]


def _noted(edit: "Edit") -> _Noted:
    change = edit["change"]
    old = (0, 0) if change == "added" else (edit.get("old_line") or 0, edit.get("old_end_line") or 0)
    new = (0, 0) if change == "removed" else (edit["line"], edit["end_line"])
    return (shown_name(edit), *old, *new)


class Displaced:
    """By the name that users see: pairs of what is live and what was loaded in its place, nothing where there was none.

    A name has as many as it has definitions, in the branches of an `if`, say.
    """

    def __init__(self, patched: dict[str, dict[str, Any]]) -> None:
        self._patched = patched
        self._pairs: dict[str, list[tuple[str | None, str | None]]] = {}
        # Patches that nobody has asked about: their edits, the text before and after.
        self._pending: list[tuple[int, list[_Noted], str, str]] = []
        # How many texts there have been.
        self.texts = 0

    def note(self, edits: "list[Edit]", former: str, text: str) -> None:
        self.texts += 1
        self._pending.append((self.texts, [_noted(edit) for edit in edits], former, text))
        if len(self._pending) > _MOST_PENDING:
            self.names()

    def names(self) -> "set[str]":
        """What is another definition than was loaded. The lines of what is patched are those of the live text then."""
        pending, self._pending = self._pending, []
        for number, edits, former, text in pending:
            before, after = _lines(former), _lines(text)
            for name, old_line, old_end_line, line, end_line in edits:
                old = "\n".join(before[old_line - 1 : old_end_line]) if old_line else None
                new = "\n".join(after[line - 1 : end_line]) if line else None
                if old != new:
                    self._replace(name, old, new)
            self._move(number, edits, before, after)
        return set(self._pairs)

    def _move(self, number: int, edits: list[_Noted], before: list[str], after: list[str]) -> None:
        """What was patched before and is not edited has moved with the lines around it."""
        edited = {name: line for name, _, _, line, _ in edits if line}
        lines = None
        for name, details in list(self._patched.items()):
            if details["text"] >= number:
                continue
            if name in edited:
                details["line"] = edited[name]
            elif details["line"] <= len(before):
                lines = lines or _Moved(before, after)
                details["line"] = lines.now(details["line"])

    def _replace(self, name: str, old: str | None, new: str | None) -> None:
        pairs = self._pairs.setdefault(name, [])
        found = next((pair for pair in pairs if pair[0] == old), None)
        if found is None and pairs:
            # It may have been written otherwise meanwhile, with another comment, which is no edit.
            found = next((pair for pair in pairs if _is_same(pair[0], old)), None)
        if found is not None:
            pairs.remove(found)
        loaded = old if found is None else found[1]
        if not _is_same(loaded, new):
            pairs.append((new, loaded))
        elif not pairs:
            del self._pairs[name]


class _Moved:
    """Where lines of one text stand in another one."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        self._before = before
        shorter = min(len(before), len(after))
        first = next((at for at in range(shorter) if before[at] != after[at]), shorter)
        rest = shorter - first
        last = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
        self._first, self._end, self._grown = first, len(before) - last, len(after) - len(before)
        # Between: by their text.
        self._were, self._are = (_places(lines, first, len(lines) - last) for lines in (before, after))

    def now(self, line: int) -> int:
        if line <= self._first:
            return line
        if line > self._end:
            return line + self._grown
        text = self._before[line - 1]
        were, are = self._were[text], self._are.get(text, [])
        if len(were) == len(are):
            return are[were.index(line)]
        return min(are, key=lambda other: abs(other - line), default=line)


def _places(lines: list[str], first: int, end: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number in range(first, end):
        found.setdefault(lines[number], []).append(number + 1)
    return found


def _lines(text: str) -> list[str]:
    """As Python counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _is_same(one: str | None, other: str | None) -> bool:
    """Whether two texts of a definition say the same."""
    if one is None or other is None or one == other:
        return one == other
    return _form(one) == _form(other)


def _form(text: str) -> str:
    try:
        return ast.dump(ast.parse(textwrap.dedent(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # A branch of a statement, say.
        return text
