"""What each definition of a file was when it was loaded, where it is another now: undone, it is patched no longer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .messages import Edit


_MOST_PENDING = 4


def shown_name(edit: "Edit") -> str:
    """What users call it: a statement by the first name that it binds, where it binds one."""
    is_bare = edit["what"] not in ("function", "class") and edit["binds"] and not edit["scope"]
    return edit["binds"][0] if is_bare else edit["definition"]


class Displaced:
    """By the name that users see: pairs of what is live and what was loaded in its place, nothing where there was none.

    A name has as many as it has definitions, in the branches of an `if`, say. Each stands there as a digest of what it
    says: written with another comment it is the same.
    """

    def __init__(self, patched: dict[str, dict[str, Any]]) -> None:
        self._patched = patched
        self._pairs: dict[str, list[tuple[int | None, int | None]]] = {}
        # Patches after which nobody has asked for lines: names that they edited, with their lines, and the two texts.
        self._pending: list[tuple[int, dict[str, int], str, str]] = []
        # How many texts there have been.
        self.texts = 0

    def note(self, edits: "list[Edit]", former: str, text: str) -> None:
        self.texts += 1
        edited: dict[str, int] = {}
        for edit in edits:
            name, change = shown_name(edit), edit["change"]
            old = None if change == "added" else edit.get("old_form")
            new = None if change == "removed" else edit.get("form")
            if change != "removed":
                edited[name] = edit["line"]
            if old != new:
                self._replace(name, old, new)
        self._pending.append((self.texts, edited, former, text))
        if len(self._pending) > _MOST_PENDING:
            self.names()

    def names(self) -> "set[str]":
        """What is another definition than was loaded. The lines of what is patched are those of the live text then."""
        pending, self._pending = self._pending, []
        for one in pending:
            self._move(*one)
        return set(self._pairs)

    def _move(self, number: int, edited: dict[str, int], former: str, text: str) -> None:
        """What was patched before and is not edited has moved with the lines around it."""
        moved = None
        for name, details in list(self._patched.items()):
            if details["text"] >= number:
                continue
            if name in edited:
                details["line"] = edited[name]
                continue
            moved = moved or _Moved(_lines(former), _lines(text))
            if details["line"] <= moved.count:
                details["line"] = moved.now(details["line"])

    def _replace(self, name: str, old: int | None, new: int | None) -> None:
        pairs = self._pairs.setdefault(name, [])
        found = next((pair for pair in pairs if pair[0] == old), None)
        if found is not None:
            pairs.remove(found)
        loaded = old if found is None else found[1]
        if loaded != new:
            pairs.append((new, loaded))
        elif not pairs:
            del self._pairs[name]


class _Moved:
    """Where lines of one text stand in another one."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        self._before = before
        self.count = len(before)
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
