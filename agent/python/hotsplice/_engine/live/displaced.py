"""What each definition of a file was when it was loaded, where it is another one now: undone, it is patched no longer."""

import ast
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import Edit


def shown_name(edit: "Edit") -> str:
    """What users call it: a statement by the first name that it binds, where it binds one."""
    is_bare = edit["what"] not in ("function", "class") and edit["binds"] and not edit["scope"]
    return edit["binds"][0] if is_bare else edit["definition"]


class Displaced:
    """By the name that users see: pairs of what is live and what was loaded in its place, nothing where there was none.

    A name has as many as it has definitions, in the branches of an `if`, say.
    """

    def __init__(self) -> None:
        self._pairs: dict[str, list[tuple[str | None, str | None]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._pairs

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def note(self, edits: "list[Edit]", former: str, text: str) -> None:
        before, after = former.splitlines(), text.splitlines()
        for edit in edits:
            change = edit["change"]
            first, last = edit.get("old_line"), edit.get("old_end_line")
            old = None if change == "added" or first is None or last is None else "\n".join(before[first - 1 : last])
            new = None if change == "removed" else "\n".join(after[edit["line"] - 1 : edit["end_line"]])
            if old != new:
                self._replace(shown_name(edit), old, new)

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
