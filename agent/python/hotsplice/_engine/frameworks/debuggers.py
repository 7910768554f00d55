"""pydevd, which debugpy and PyCharm have: what it knows of code it works out of the code, and can do so again."""

import sys
from typing import Any

from ..live.line_tables import line_map
from ..native import native

# Its packages and modules have names that begin so; of what is compiled the first part is missing.
_NAMES = ("pydevd", "_pydevd")

# On a breakpoint that was moved: the line in which it was set, and the one in which it stands.
_MOVED = "_hotsplice_moved"


def is_table(container: Any) -> bool:
    """Whether a dictionary is one in which the debugger keeps what it knows of code."""
    pydevd: Any = sys.modules.get("pydevd")
    if pydevd is None or type(container) is not dict:
        return False
    # Of a table in its compiled part only the values tell.
    if any(_is_own(type(value).__module__) for value in container.values()):
        return True
    holders = [vars(module) for name, module in list(sys.modules.items()) if _is_own(name)]
    holders.append(getattr(_debugger(pydevd), "__dict__", {}))
    return any(value is container for holder in holders for value in list(holder.values()))


def move_breakpoints(path: str, text: str) -> None:
    """Has breakpoints stand where their lines are in the text that is live.

    They were set in the file as it was saved: an editor sets them anew when it saves, which may be after the patch.
    Before CPython 3.12 a debugger traces threads, the one that patches too: there it is left alone.
    """
    if sys.version_info < (3, 12):
        return
    pydevd, files = sys.modules.get("pydevd"), sys.modules.get("pydevd_file_utils")
    debugger = None if pydevd is None or files is None else _debugger(pydevd)
    if debugger is None or files is None:
        return
    try:
        name = files.canonical_normalized_path(path)
        points = debugger.file_to_id_to_line_breakpoint.get(name)
        saved = native.read_file(path)[0].decode(errors="replace") if points else text
    except (AttributeError, OSError):
        # Of a version that keeps them otherwise; of a file that is gone.
        return
    if not points:
        return
    line_now = line_map(saved, text, ())
    moved = False
    for point in list(points.values()):
        was_set, stands = vars(point).get(_MOVED, (point.line, point.line))
        line = line_now(was_set)
        if line != stands:
            setattr(point, _MOVED, (was_set, line))
            point.line = line
            moved = True
    if moved:
        debugger.consolidate_breakpoints(name, points, debugger.breakpoints)
        debugger.on_breakpoints_changed()


def _debugger(pydevd: Any) -> Any:
    get = getattr(pydevd, "get_global_debugger", None) or getattr(pydevd, "GetGlobalDebugger", None)
    return get() if get is not None else None


def _is_own(name: Any) -> bool:
    return type(name) is str and name.startswith(_NAMES)
