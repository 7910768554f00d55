"""Hotsplice applies an edit to Python code that is already running.

``hotsplice.listen()`` makes this process a session: editors and the command line find it and can patch it. A program
started by ``hotsplice run`` need not call it.
"""

from ._hooks import on_patch
from ._session import UnsupportedPython, __version__, listen, stop

__all__ = ["UnsupportedPython", "__version__", "listen", "on_patch", "stop"]
