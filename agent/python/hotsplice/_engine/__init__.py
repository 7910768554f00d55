"""The engine: from a patch (typed edits and excerpts) to a plan that is committed natively in one go.

Rust calls :func:`handle` for every request that needs Python. Everything here runs on an agent's thread, never on
one of the program's. ARCHITECTURE.md says what each module does; imports go down the list there.
"""

from .errors import EngineError, TimeLimit
from .requests import abandon, handle

__all__ = ["EngineError", "TimeLimit", "abandon", "handle"]
