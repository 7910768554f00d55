"""The engine: from a patch (typed edits and excerpts) to a plan that is committed natively in one go.

Rust calls :func:`handle` for every request that needs Python. Everything here runs on an agent's thread, never on
one of the program's. Modules, from the outside in:

``requests``     one function a request
``live_files``   which text is live in which file, and its former texts
``transaction``  prepare and commit of one patch
``functions``    new code for live functions
``evaluation``   running what has to be run, in the order of the text
``shadow``       a copy of a live namespace to run it in
``merging``      taking a value that was evaluated into the live namespace
``classes``      the same for classes
``references``   moving references from one object to another
``transition``   calls that are inside old code at the commit
``running``      which calls still run old code
``lookup``       from a definition to the live objects
``code``         compiling excerpts, walking and pairing code objects
``plan``         the primitive operations and the verdicts
"""

from .errors import EngineError, TimeLimit
from .requests import handle

__all__ = ["EngineError", "TimeLimit", "handle"]
