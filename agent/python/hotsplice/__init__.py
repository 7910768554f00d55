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
    **dict.fromkeys(("patch", "patch_saved", "patching", "status", "undo", "watch"), "_api"),
    **dict.fromkeys(("Overlay", "overlay"), "_overlay"),
    **dict.fromkeys(("Recoder", "recoder"), "_recoder"),
    **dict.fromkeys(("Attempt", "repeat"), "_repeat"),
    **dict.fromkeys(("is_restarting", "no_wrap", "reload_module"), "_failed.decorators"),
    **dict.fromkeys(("wrap", "wrap_class", "wrap_module", "wrap_modules"), "_failed.decorators"),
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._api import Edit, PatchError, Report, Status, Watching, patch, patch_saved, patching, status, undo, watch
    from ._failed.decorators import is_restarting, no_wrap, reload_module, wrap, wrap_class, wrap_module, wrap_modules
    from ._overlay import Overlay, overlay
    from ._recoder import Recoder, recoder
    from ._repeat import Attempt, repeat

__all__ = [
    "Attempt",
    "Edit",
    "Overlay",
    "PatchError",
    "Recoder",
    "Report",
    "Status",
    "UnsupportedPython",
    "Watching",
    "__version__",
    "is_restarting",
    "listen",
    "no_wrap",
    "on_patch",
    "overlay",
    "patch",
    "patch_saved",
    "patching",
    "recoder",
    "reload_module",
    "repeat",
    "status",
    "stop",
    "undo",
    "watch",
    "wrap",
    "wrap_class",
    "wrap_module",
    "wrap_modules",
]

# Whether what is saved is patched before a held call is tried again (the name is hot_restart's).
RELOAD_ON_CONTINUE = True


def __getattr__(name: str) -> "Any":
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'hotsplice' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hotsplice.{module}"), name)


def load_ipython_extension(shell: "Any") -> None:
    """``%load_ext hotsplice``."""
    from ._ipython import load

    load(shell)


def unload_ipython_extension(shell: "Any") -> None:
    """``%unload_ext hotsplice``."""
    from ._ipython import unload

    unload(shell)
