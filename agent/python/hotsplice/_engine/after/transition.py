"""Calls that began before a patch see, for a moment, the functions that were live when they began.

Two functions patched together may have changed what they say to each other. A thread that is inside the old code of one
when the patch is committed must not call the new code of the other: it would raise ``TypeError``, or mix both versions.
So the names by which retired code reads the globals that changed with it are made to mean the former functions, until
no thread is inside of it any more. After ``LIMIT`` seconds the retired code sees what everybody sees anyway: a loop
that never ends shall run what is new.

Only names that the retired code reads as globals, and nothing else, are treated so.
"""

import dis
import sys
import threading
from time import monotonic
from types import FunctionType

from ..native import native

MILLISECONDS = 500
LIMIT = 5.0

# Transitions that have not ended: (namespaces with their aliases, names to be restored).
_pending = []


def plan(transaction):
    """Adds the operations to the transaction's plan; returns what ``begin`` needs after the commit, or nothing."""
    aliases, renamed = [], []
    if _nobody_is_inside(transaction):
        return None
    for change in transaction.files:
        for namespace in change.namespaces:
            changes = change.code_changes.get(id(namespace), ())
            if len(changes) > 1:
                _plan_namespace(transaction, namespace, changes, aliases, renamed)
    return (aliases, renamed) if renamed else None


def _nobody_is_inside(transaction):
    """Whether the program has one thread only, and that is not inside of what is retired."""
    retired = {id(code) for change in transaction.files for code, _ in change.retired}
    frames = native.current_frames()
    frames.pop(threading.get_ident(), None)
    if len(frames) != 1:
        return False
    (frame,) = frames.values()
    while frame is not None:
        if id(frame.f_code) in retired:
            return False
        frame = frame.f_back
    return True


def _plan_namespace(transaction, namespace, changes, aliases, renamed):
    former = {}
    for change in changes:
        name = change.unit["name"]
        live = namespace.globals.get(name)
        if not change.unit["scope"] and any(live is function for function in change.functions):
            former[name] = live
    wanted = {}
    for change in changes:
        for old, new in change.pairs.values():
            if old == new or former.keys().isdisjoint(old.co_names):
                continue
            names = old.co_names
            if native.reference_count(names) != _OWN_NAMES:
                continue
            for index in _global_names(old, former):
                name = names[index]
                alias = wanted.setdefault(name, sys.intern(f"__{name} before patch {transaction.number}"))
                transaction.plan.add("tuple", names, index, alias)
                renamed.append((old, index, name))
    for name, alias in wanted.items():
        transaction.plan.set_name(namespace.globals, alias, _copy(former[name]))
        aliases.append((namespace.globals, alias))


def _global_names(code, wanted):
    """Positions in ``co_names`` of the wanted names that the code reads as globals only."""
    uses = {}
    for instruction in dis.get_instructions(code):
        if isinstance(instruction.argval, str) and instruction.argval in wanted:
            uses.setdefault(instruction.argval, set()).add(instruction.opname)
    return [index for index, name in enumerate(code.co_names) if uses.get(name) and uses[name] <= {"LOAD_GLOBAL"}]


def _copy(function):
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__ = function.__qualname__
    return copy


def begin(transition):
    """After the commit: the transition ends by itself."""
    _pending.append(transition)
    _look_later(transition, monotonic() + LIMIT)


def _look_later(transition, deadline):
    def look():
        if transition in _pending and monotonic() < deadline and _is_inside(transition):
            _look_later(transition, deadline)
        else:
            end(transition)

    native.call_later(MILLISECONDS, look)


def _is_inside(transition):
    codes = {id(code) for code, _, _ in transition[1]}
    for frame in native.current_frames().values():
        while frame is not None:
            if id(frame.f_code) in codes:
                return True
            frame = frame.f_back
    return False


def end(transition):
    """Retired code that still runs sees what everybody sees."""
    if transition not in _pending:
        return
    _pending.remove(transition)
    aliases, renamed = transition
    operations = [("tuple", code.co_names, index, name) for code, index, name in renamed]
    operations += [("dict-delete", globals, alias) for globals, alias in aliases]
    native.commit(operations)


def end_all():
    """In a forked child, where no other thread is left inside anything."""
    for transition in list(_pending):
        end(transition)


def _own_names():
    code = compile("a_name_that_nothing_else_uses", "<hotsplice>", "exec")
    names = code.co_names
    return native.reference_count(names)


# The reference count of a tuple of names that belongs to one code object alone, asked as above.
_OWN_NAMES = _own_names()
