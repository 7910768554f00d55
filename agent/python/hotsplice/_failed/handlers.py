"""Whether anybody would handle an exception: the ``except`` clauses around the calls, as their bytecode has them.

A clause of the program's counts if it does not raise the exception on (``clauses``; where that depends on it,
``bodies``). Of installed packages and the standard library only clauses that name the exception count: what catches
everything (a framework's, an event loop's, a test runner's) handles nothing. It does where the exception has not come
to the program yet: a library deals with what it raises itself; and where it says what is to be answered
(``outcomes``). What a ``with`` block may swallow counts where it says so by name (``suppress``, ``raises``).
"""

from __future__ import annotations

import dis
import os
import types
from typing import Any

from . import bodies, clauses, outcomes, places

_mro: Any = type.__dict__["__mro__"].__get__  # type: ignore[index]
_THREADING = os.path.join(os.path.dirname(os.__file__), "threading.py")
# What C code takes for an answer (`getattr(x, "y", None)`, `for item in x`), and the methods that it asks.
_ANSWERED_BY: tuple[tuple[type[BaseException], frozenset[str]], ...] = (
    (AttributeError, frozenset({"__getattr__", "__getattribute__", "__get__"})),
    (LookupError, frozenset({"__getitem__", "__missing__"})),
    (TypeError, frozenset({"__len__", "__length_hint__"})),
)
# Instructions that ask such a method themselves: what it raises comes to whoever they belong to.
_ASKING = {
    AttributeError: ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "STORE_ATTR", "DELETE_ATTR"),
    LookupError: ("BINARY_SUBSCR", "BINARY_SLICE", "BINARY_OP"),
    TypeError: (),
}


def is_answer(error: BaseException, called: str | types.FrameType, caller: types.FrameType | None) -> bool:
    """Whether C code may take what a call raises for an answer: its own, or that of one further up which it leaves."""
    asked = next(((kind, names) for kind, names in _ANSWERED_BY if issubclass(type(error), kind)), None)
    if asked is None:
        return False
    kind, names = asked
    is_first = True
    while True:
        name = called if isinstance(called, str) else called.f_code.co_name
        is_property = not isinstance(called, str) and kind is AttributeError and _is_attribute(called)
        if is_first and name in names:
            # Its way to say that there is no such thing: whoever asked for it has failed.
            return True
        if caller is None:
            return name in names or is_property
        # Of a property it is asked for by name alone.
        is_taken = name in names or is_property and bool({"getattr", "hasattr"} & set(caller.f_code.co_names))
        if is_taken and not _instruction(caller).startswith(_ASKING[kind]):
            return True
        called, caller, is_first = caller, caller.f_back, False


def _instruction(frame: types.FrameType) -> str:
    code, at = frame.f_code.co_code, frame.f_lasti
    while at > 0 and code[at] == dis.opmap["CACHE"]:
        # A call without C code in between stands behind them.
        at -= 2
    return dis.opname[code[at]] if at >= 0 else ""


def _owner(frame: types.FrameType) -> type | None:
    """The type of what a method is called of."""
    code = frame.f_code
    if not code.co_argcount:
        return None
    name = code.co_varnames[0]
    values = frame.f_locals
    return type(values[name]) if name in values else None


def _is_attribute(frame: types.FrameType) -> bool:
    """Whether a call is what gives an attribute: a property's, or another descriptor's."""
    owner, name = _owner(frame), frame.f_code.co_name
    found = next((vars(base)[name] for base in _mro(owner) if name in vars(base)), None) if owner else None
    methods = (types.NoneType, types.FunctionType, staticmethod, classmethod)
    return type(found) not in methods and any("__get__" in vars(base) for base in _mro(type(found)))


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


def _decides(path: str) -> bool:
    """Whether what catches everything in an installed file is a handler, and not just the end of a thread."""
    return not (path.startswith("<") or places.is_own(path) or path == _THREADING)


def catches(frame: types.FrameType, error: BaseException) -> bool:
    """Whether an exception that comes to this frame goes no further, whoever handles it there."""
    return _catches(frame, error, True) is not None


def is_caught_within(error: BaseException, frame: types.FrameType, guarded: types.FrameType) -> bool:
    """Whether an exception that was raised in a frame does not leave the guarded call."""
    step: types.FrameType | None = frame
    while step is not None:
        if catches(step, error):
            return True
        step = None if step is guarded else step.f_back
    return False


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
