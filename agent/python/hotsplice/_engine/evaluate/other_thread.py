"""What belongs to the thread that makes it: made while a patch is prepared, it would be of no use to the program.

Its threads would get an exception from it, would not see it at all, or would wait for it for ever.
"""

import _thread
import gc
import sys
from collections.abc import Collection, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from ..errors import OtherThread, Refusal
from ..live import lookup, objects

# Module → its classes whose objects work on the thread alone that made them.
_BOUND = {"sqlite3": ("Connection",), "tkinter": ("Tk",)}
# How many objects a value is looked through.
_LIMIT = 2_000
_OURS = __name__.partition(".")[0] + "."
_OPAQUE = (BuiltinFunctionType, CodeType)


def check_bound(before: dict[str, Any], names: dict[str, Any], loaded: Collection[str], text: str) -> None:
    """Looks at what a statement has bound; ``loaded`` are the modules that were there before.

    Such a value does not take the place of the former one.
    """
    if "check_same_thread" in text:
        return
    for name, former in before.items():
        value = names.get(name, objects.MISSING)
        if value is former or value is objects.MISSING or _is_loaded(value, loaded):
            continue
        if (found := _found_in(value)) is None:
            continue
        if former is objects.MISSING or type(value) is FunctionType:
            names.pop(name)
            _forget_modules(loaded)
            raise Refusal("HS0110", f"{name} would hold {found}; start again")
        names[name] = former
        raise OtherThread(f"{name} is kept: a new one would hold {found}; start again for that")


def check_assigned(values: Iterator[Any], text: str) -> None:
    """The same for what a statement has given items and attributes."""
    for value in values if "check_same_thread" not in text else ():
        if (found := _found_in(value)) is not None:
            raise Refusal("HS0110", f"what is assigned would hold {found}; start again")


def locks(names: dict[str, Any]) -> dict[str, Any]:
    """Locks that only the thread can release which has taken them, by the names that hold them, or a condition."""
    found = {}
    for name, value in list(names.items()):
        lock = objects.attributes(value).get("_lock") if type(value).__name__ == "Condition" else value
        if type(lock) is _thread.RLock:
            found[name] = lock
    return found


def check_locks(held: dict[str, Any]) -> None:
    """Refuses what has taken such a lock: nobody else could ever release it."""
    for name, lock in held.items():
        if lock._is_owned():
            while lock._is_owned():
                lock.release()
            raise Refusal("HS0110", f"{name} would be held by the agent's thread, and no other can release it")


def check_target(value: Any, text: str) -> None:
    """Refuses an assignment that only the agent's thread would see."""
    decimal = objects.attributes(sys.modules.get("decimal"))
    is_context = issubclass(type(value), decimal.get("Context", ()))
    if issubclass(type(value), _thread._local) or (is_context and decimal["getcontext"]() is value):
        raise Refusal("HS0110", f"{text} belongs to each thread: the program's would not see it; start again for that")


def _found_in(root: Any) -> str | None:
    """What there is in a value that belongs to this thread."""
    ident = _thread.get_ident()
    own = objects.attributes(sys.modules.get("threading")).get("_active", {}).get(ident)
    # The very text: programs may have an equal one of their own.
    own_name = objects.attributes(own).get("_name", objects.MISSING)
    pending, known = [root], {id(root)}
    while pending and len(known) < _LIMIT:
        value = pending.pop()
        kind = type(value)
        if (kind is int and value == ident) or (own is not None and value is own) or value is own_name:
            return "the thread of the agent that makes it"
        if issubclass(kind, _kinds()) and _works_here_alone(value):
            return f"a {kind.__name__} that works on the agent's thread alone, which makes it"
        for inner in _contents(value, root):
            if id(inner) not in known:
                known.add(id(inner))
                pending.append(inner)
    return None


def _forget_modules(loaded: Collection[str]) -> None:
    """The next attempt imports the program's modules anew, and finds what they make."""
    for name, module in list(sys.modules.items()):
        if name not in loaded and type(module) is ModuleType and not _is_loaded(module, loaded):
            sys.modules.pop(name, None)


def _is_loaded(value: Any, loaded: Collection[str]) -> bool:
    """Whether it is a module that the patch has not made, or none of the program's."""
    if type(value) is not ModuleType:
        return False
    members = objects.attributes(value)
    return members.get("__name__") in loaded or lookup.is_installed(str(members.get("__file__", "")))


def _contents(value: Any, root: Any) -> list[Any]:
    """What a value holds, without what it only looks up."""
    kind = type(value)
    if kind.__module__.startswith(_OURS):
        return []
    if kind is FunctionType:
        return [value.__defaults__, value.__kwdefaults__, value.__closure__]
    if kind is ModuleType:
        return list(objects.attributes(value).values()) if value is root else []
    if issubclass(kind, type):
        # What a module that is imported for the patch has defined is as new as it is.
        name = objects.attributes(root).get("__name__") if type(root) is ModuleType else None
        is_new = value is root or (name is not None and objects.module_of(value) == name)
        return list(objects.own(value).values()) if is_new else []
    return [inner for inner in gc.get_referents(value) if type(inner) not in _OPAQUE]


def _kinds() -> tuple[type, ...]:
    found = []
    for module, classes in _BOUND.items():
        members = objects.attributes(sys.modules.get(module))
        found += [members[name] for name in classes if issubclass(type(members.get(name)), type)]
    return tuple(found)


def _works_here_alone(value: Any) -> bool:
    """Whether this thread can use a connection, and no other: it may have been made for any, or by another one."""
    connection = objects.attributes(sys.modules.get("sqlite3")).get("Connection")
    # Under gevent another "thread" is this one: there is none to try.
    is_thread = type(_thread.start_new_thread) is BuiltinFunctionType
    if not is_thread or connection is None or not issubclass(type(value), connection):
        return True
    works: list[bool] = []
    done = _thread.allocate_lock()
    done.acquire()

    def attempt() -> None:
        try:
            connection.cursor(value)
            works.append(True)
        except Exception:
            works.append(False)
        finally:
            done.release()

    attempt()
    if works != [True]:
        return False
    done.acquire()
    try:
        _thread.start_new_thread(attempt, ())
    except RuntimeError:
        # So many threads as the process may have.
        return True
    done.acquire(timeout=5)
    return works != [True, True]
