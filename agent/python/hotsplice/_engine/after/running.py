"""Calls that began before a patch and still run the old code.

Old code objects are held weakly: nothing here keeps one alive that the end of its last frame should free.
"""

import inspect
import threading
import weakref
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from ..native import native

# id of an old code object → (weak reference, path, definition, version)
_old = {}

# Codes that calls were inside of when it was looked last; nothing while nobody looks.
_inside = None
FIRST_LOOK, LAST_LOOK = 250, 8000

_KINDS = (
    (GeneratorType, "gi", "generator"),
    (CoroutineType, "cr", "coroutine"),
    (AsyncGeneratorType, "ag", "async generator"),
)
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def remember(code, path, definition, version):
    """Notes that ``code`` is not live any more."""
    key = id(code)

    def gone(_reference):
        if _old.pop(key, None) is not None:
            _say_left(path, definition, version)

    try:
        _old[key] = (weakref.ref(code, gone), path, definition, version)
    except TypeError:
        pass


def forget(code):
    """``code`` is live again."""
    _old.pop(id(code), None)


def _say_left(path, definition, version):
    native.notify("code/old-left", {"path": path, "definition": definition, "version": version})


def watch():
    """Tells when the last call has left an old code that something keeps, as a running module does."""
    global _inside
    calls = _calls()
    if _inside is not None:
        _inside |= calls
    elif calls:
        _inside = calls
        native.call_later(FIRST_LOOK, lambda: _look(FIRST_LOOK))


def _calls():
    return {(call["path"], call["definition"], call["version"]) for call in still_running()}


def _look(waited):
    global _inside
    now = _calls()
    for left in _inside - now:
        _say_left(*left)
    _inside = now or None
    if _inside:
        wait = min(2 * waited, LAST_LOOK)
        native.call_later(wait, lambda: _look(wait))


def calls_by_code():
    """For each code object that a thread is inside of, by its id: the threads' names and lines, once for each call."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    found = {}
    for ident, frame in native.current_frames().items():
        while frame is not None:
            found.setdefault(id(frame.f_code), []).append(f"{names.get(ident, ident)}, line {frame.f_lineno}")
            frame = frame.f_back
    return found


def are_inside(codes):
    """Whether a call, or a suspended generator or coroutine, is inside of one of these codes."""
    wanted = set(map(id, codes))
    for frame in native.current_frames().values():
        while frame is not None:
            if id(frame.f_code) in wanted:
                return True
            frame = frame.f_back
    if not any(code.co_flags & _SUSPENDABLE for code in codes):
        return False
    frames = (getattr(item, f"{prefix}_frame") for kind, prefix, _ in _KINDS for item in native.objects_of_type(kind))
    return any(frame is not None and id(frame.f_code) in wanted for frame in frames)


def still_running():
    """Every call inside old code, with where it is."""
    if not _old:
        return []
    found = []
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in native.current_frames().items():
        while frame is not None:
            _note(found, frame.f_code, frame.f_lineno, f"thread {names.get(ident, ident)}")
            frame = frame.f_back
    if not any(code is not None and code.co_flags & _SUSPENDABLE for code in (entry[0]() for entry in _old.values())):
        return found
    for kind, prefix, place in _KINDS:
        for item in native.objects_of_type(kind):
            frame = getattr(item, f"{prefix}_frame")
            if frame is not None and not getattr(item, f"{prefix}_running"):
                _note(found, frame.f_code, frame.f_lineno, place)
    return found


def _note(found, code, line, place):
    entry = _old.get(id(code))
    if entry is not None and entry[0]() is code:
        _, path, definition, version = entry
        found.append({"path": path, "definition": definition, "version": version, "line": line or 0, "place": place})
