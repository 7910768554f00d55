"""The text that tracebacks, debuggers and ``inspect`` show."""

import linecache
import sys
from io import StringIO

from ... import _loading
from ..native import native
from . import cells

# Path → the text that was shown last, and its lines: most of the next one's are the same.
_shown: dict[str, tuple[str, list[str]]] = {}


def show(path: str, text: str, filenames: set[str], kept: tuple[int, int] = (0, 0)) -> None:
    """Tracebacks, debuggers and ``inspect`` read the live text, also where the file on disk says otherwise.

    ``filenames``: what code of the file says it comes from. ``kept``: how many characters at its beginning, and at its
    end, are those of the text before.
    """
    if cells.is_redefinition(path):
        # The cell that it goes to has its own text.
        return
    lines = _lines(text, _shown.get(path), *kept)
    _shown[path] = text, lines
    if "linecache" not in sys.modules and not _is_on_disk(path, text):
        # What is shown otherwise is read from there.
        _loading.share("linecache")
    for filename in {path, *filenames}:
        linecache.cache[filename] = (len(text), None, lines, filename)


def _lines(text: str, former: tuple[str, list[str]] | None, before: int, after: int) -> list[str]:
    if former is None or not before + after or "\r" in text or "\r" in former[0] or text.startswith("\ufeff"):
        return _split(text)
    other, lines = former
    # The first line that is another one, and the first behind those.
    start = other.rfind("\n", 0, before) + 1
    end = other.find("\n", len(other) - after) + 1
    if not end or other[:start] != text[:start] or not text.endswith(other[end:]):
        return _split(text)
    behind = other.count("\n", end) + (not other.endswith("\n") and end < len(other))
    between = _split(text[start : len(text) - (len(other) - end)])
    return [*lines[: other.count("\n", 0, start)], *between, *lines[len(lines) - behind :]]


def _split(text: str) -> list[str]:
    lines = StringIO(text.removeprefix("\ufeff"), newline=None).readlines()
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


def _is_on_disk(path: str, text: str) -> bool:
    try:
        return bool(native.read_file(path)[0] == text.encode())
    except (OSError, UnicodeError):
        return False
