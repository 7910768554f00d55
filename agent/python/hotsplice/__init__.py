"""Hotsplice applies an edit to Python code that is already running.

``hotsplice.listen()`` makes this process a session: editors and the command line find it and can patch it. A program
started by ``hotsplice run`` need not call it. ``hotsplice.patch()`` and its like do from within what the command line
does (docs/api.md).
"""

from ._hooks import on_patch
from ._session import UnsupportedPython, __version__, listen, stop

# What a program that is only to be patched has no use for is imported when it is asked for.
_LATER = {
    **dict.fromkeys(("Edit", "PatchError", "Report", "Status", "Watching"), "_api"),
    **dict.fromkeys(("patch", "patching", "status", "undo", "watch"), "_api"),
    **dict.fromkeys(("Recoder", "recoder"), "_recoder"),
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._api import Edit, PatchError, Report, Status, Watching, patch, patching, status, undo, watch
    from ._recoder import Recoder, recoder

__all__ = [
    "Edit",
    "PatchError",
    "Recoder",
    "Report",
    "Status",
    "UnsupportedPython",
    "Watching",
    "__version__",
    "listen",
    "on_patch",
    "patch",
    "patching",
    "recoder",
    "status",
    "stop",
    "undo",
    "watch",
]


def __getattr__(name):
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'hotsplice' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hotsplice.{module}"), name)


def load_ipython_extension(shell):
    """``%load_ext hotsplice``."""
    from ._ipython import load

    load(shell)


def unload_ipython_extension(shell):
    """``%unload_ext hotsplice``."""
    from ._ipython import unload

    unload(shell)
