"""Whether anybody would handle an exception: the ``except`` clauses around the calls, as their bytecode has them.

A clause of the program's counts if it does not raise the exception on (``clauses``; where that depends on it,
``bodies``). Of installed packages and the standard library only clauses that name the exception count: what catches
everything (a framework's, an event loop's, a test runner's) handles nothing. It does where the exception has not come
to the program yet: a library deals with what it raises itself; and where it says what is to be answered
(``outcomes``). What a ``with`` block may swallow counts where it says so by name (``suppress``, ``raises``).
"""

from __future__ import annotations

import os
import types
from typing import Any

from . import bodies, clauses, outcomes, places

_THREADING = os.path.join(os.path.dirname(os.__file__), "threading.py")
# Protocols of C code that take these as an answer: `getattr(x, "y", None)`, `for item in x`, `hasattr`.
_ANSWERS = (AttributeError, LookupError, StopIteration, NotImplementedError)


def is_answer(error: BaseException, caller: types.FrameType | None, name: str) -> bool:
    """Whether a function of this name raises what C code that calls it may take for an answer."""
    is_special = name.startswith("__") and name.endswith("__") and name != "__init__" and name != "__call__"
    if isinstance(error, _ANSWERS) and caller is not None:
        return is_special or _is_asked_for_attribute(error, caller, name)
    return isinstance(error, TypeError) and name in ("__len__", "__length_hint__")


def would_handle(
    error: BaseException,
    frame: types.FrameType | None,
    by_anybody: bool = False,
    guarded: types.FrameType | None = None,
) -> int | None:
    """How many calls further up an exception would be handled that was raised in this frame; nothing if it would not.

    Less than 0 if that need not be so the next time. ``by_anybody``: what catches everything counts of frameworks, too.
    ``guarded`` is the call that is to be held, if it has not been left.
    """
    depth = 0
    has_come = guarded is None
    while frame is not None:
        path = frame.f_code.co_filename
        if path != __file__:
            found = _catches(frame, error, by_anybody or not has_come)
            if found is not None:
                return depth if found else -1
        has_come = has_come or frame is guarded or not places.is_installed(path)
        frame = frame.f_back
        depth += 1
    return None


def _is_asked_for_attribute(error: BaseException, frame: types.FrameType, name: str) -> bool:
    """A property that raises ``AttributeError`` under ``getattr`` or ``hasattr``, for all that can be told."""
    if not isinstance(error, AttributeError):
        return False
    called = {"getattr", "hasattr"} & set(frame.f_code.co_names)
    return bool(called) and name in frame.f_code.co_consts


def _decides(path: str) -> bool:
    """Whether what catches everything in an installed file is a handler, and not just the end of a thread."""
    return not (path.startswith("<") or places.is_own(path) or path == _THREADING)


def _catches(frame: types.FrameType, error: BaseException, by_anybody: bool) -> bool | None:
    """Nothing if it does not; else whether it does as often as it comes there."""
    code = frame.f_code
    is_installed = places.is_installed(code.co_filename) and not (by_anybody and _decides(code.co_filename))
    # Whether the exception always comes so far.
    is_lasting = True
    for beside in clauses.around(code, frame.f_lasti):
        for clause in beside:
            caught = _takes(frame, clause, error, is_installed)
            if caught is None:
                continue
            is_left: bool | None = clause.may_leave
            is_always = True
            if clause.may_leave and clause.may_raise:
                is_left, is_always = bodies.leaves(frame, clause, error)
            is_lasting = is_lasting and is_always
            if is_left is not False:
                return caught and is_lasting
            # It raises it on: to what is around, and not to the clauses beside it.
            break
    return None


def _takes(frame: types.FrameType, clause: clauses.Clause, error: BaseException, is_installed: bool) -> bool | None:
    """Nothing if an exception passes a clause by; else whether one of its class is always taken."""
    if clause.swallows:
        # A `with` block that says so.
        return True
    if clause.kinds is None:
        # A bare `except:`, or what can't be read.
        return _is_answered(error, frame) if is_installed else True
    is_lasting = not any(names[0] in frame.f_code.co_varnames for names in clause.kinds)
    kinds = _evaluate(frame, clause.kinds)
    if kinds is None:
        return None if is_installed else is_lasting
    kinds = [kind for kind in kinds if any(kind is base for base in type(error).__mro__)]
    if any(not (is_installed and kind in (Exception, BaseException)) for kind in kinds):
        return is_lasting
    return _is_answered(error, frame) if kinds else None


def _is_answered(error: BaseException, frame: types.FrameType) -> bool | None:
    return outcomes.is_answered(error, frame) if _decides(frame.f_code.co_filename) else None


def _evaluate(frame: types.FrameType, clause: tuple[tuple[str, ...], ...]) -> list[type] | None:
    """The classes that a clause names; nothing if that can't be told."""
    found: list[type] = []
    for first, *attributes in clause:
        value: Any = None
        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if first in names:
                value = names[first]
                break
        for attribute in attributes:
            value = value.__dict__.get(attribute) if isinstance(value, (type, types.ModuleType)) else None
        for kind in value if type(value) is tuple else (value,):
            if not isinstance(kind, type):
                return None
            found.append(kind)
    return found or None
