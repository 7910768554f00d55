"""The text that tracebacks, debuggers and ``inspect`` show."""

import linecache
import sys
from io import StringIO

from ... import _loading
from ..native import native
from . import cells


def show(path: str, text: str, filenames: set[str]) -> None:
    """Tracebacks, debuggers and ``inspect`` read the live text, also where the file on disk says otherwise.

    ``filenames``: what code of the file says it comes from.
    """
    if cells.is_redefinition(path):
        # The cell that it goes to has its own text.
        return
    lines = StringIO(text.removeprefix("\ufeff"), newline=None).readlines()
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if "linecache" not in sys.modules and not _is_on_disk(path, text):
        # What is shown otherwise is read from there.
        _loading.share("linecache")
    for filename in {path, *filenames}:
        linecache.cache[filename] = (len(text), None, lines, filename)


def _is_on_disk(path: str, text: str) -> bool:
    try:
        return bool(native.read_file(path)[0] == text.encode())
    except (OSError, UnicodeError):
        return False
