"""What unedited calls have begun with the former methods of an object, and go on with in the new ones.

A `with` has entered, a loop has asked for an iterator: what the new `__exit__` or `__next__` counts on, the former
`__enter__` or `__iter__` has not done. They are reported, with the calls that are known to stand there.
"""

import dis
import sys
from collections.abc import Collection, Iterator
from types import CodeType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..live import calls, lookup, objects
from ..native import native
from . import callbacks, reach

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from .changes import Changes

_ENTERING = {"__exit__": "__enter__", "__aexit__": "__aenter__"}
BEGINNING = {**_ENTERING, "__next__": "__iter__", "__anext__": "__aiter__"}
# Before 3.11 a `with` is a block that its code sets up.
_SETS_UP = ("SETUP_WITH", "SETUP_ASYNC_WITH")
# How many calls are named.
_NAMED = 4


def problems(transaction: "Prepared", changes: "Changes") -> Iterator[tuple[CodeType, str, str]]:
    """(the former code, the code of a caveat, its words)."""
    for change in transaction.files:
        edits = [one.edit for one in change.outcomes if one.edit["what"] == "function" and one.edit["scope"]]
        methods = {(*edit["scope"], name) for edit in edits if edit["change"] == "changed" for name in edit["binds"]}
        for *scope, name in methods:
            first = BEGINNING.get(name, "")
            for namespace in change.namespaces if (*scope, first) in methods else ():
                owner: type | None = lookup.find_class(namespace, scope)
                members = objects.own(owner) if owner is not None else {}
                if owner is None or any(type(members.get(one)) is not FunctionType for one in (name, first)):
                    continue
                if name in _ENTERING:
                    what = _ending([members[name]], changes.retired)
                else:
                    what = _lacking(owner, first, changes.code_of(members[first]), changes.code_of(members[name]))
                if what is not None:
                    yield members[name].__code__, "HS0308", what


def _ending(functions: list[FunctionType], retired: Collection[int]) -> str | None:
    # Until 3.13 a `with` keeps the bound method, from then on the function and the object.
    held = [one for one in native.referrers(functions) if type(one) is MethodType and one.__func__ is functions[0]]
    frames = list(_suspended([*held, *functions]))
    is_running = len(held) > len(frames) or (sys.version_info >= (3, 14) and callbacks.has_unseen(functions, 0))
    on_stacks = calls.on_stacks(lambda code: not lookup.is_installed(code.co_filename)) if is_running else ()
    standing = [(one.code, one.offset, f"thread {one.places[0]}, line {one.line}") for one in on_stacks]
    standing += [(one.f_code, one.f_lasti, f"line {one.f_lineno}") for one in frames]
    inside = [(code, place) for code, at, place in standing if id(code) not in retired and _is_inside(code, at)]
    if not inside:
        return None
    places = ", ".join(sorted({f"{code.co_name}, {place}" for code, place in inside})[:_NAMED])
    return f"a `with` that began before may end by the new {functions[0].__name__} ({places})"


def _suspended(held: list[Any]) -> Iterator[FrameType]:
    """The frames of suspended calls that have one of these on their stack."""
    for holder in native.referrers(held):
        is_suspended = type(holder) in calls.SUSPENDABLE_TYPES
        # Until 3.10 the frame is an object that the collector knows.
        frame = calls.frame_of(holder) if is_suspended else holder if type(holder) is FrameType else None
        if frame is not None and not lookup.is_installed(frame.f_code.co_filename):
            yield frame


def _is_inside(code: CodeType, offset: int) -> bool:
    instructions = list(dis.get_instructions(code))
    if any(one.opname in _SETS_UP and one.offset < offset < one.argval for one in instructions):
        return True
    at = {one.offset: index for index, one in enumerate(instructions)}
    handlers = list(reach.handlers(code))
    seen: set[int] = set()
    while offset not in seen:
        seen.add(offset)
        # A handler that stands inside of a `with` itself: that of an `await` does.
        offset = next((target for start, end, target in handlers if start <= offset < end), offset)
        index = at.get(offset, len(instructions))
        if any(one.opname == "WITH_EXCEPT_START" for one in instructions[index : index + 2]):
            return True
    return False


def _lacking(owner: type, first: str, beginning: CodeType, going_on: CodeType) -> str | None:
    """What the new code that goes on reads, and the new one that begins gives objects: those that have begun lack."""
    functions = [one for cls in objects.order(owner) for one in cls.__dict__.values() if type(one) is FunctionType]
    given = reach.stored(beginning).difference(*(reach.stored(one.__code__) for one in functions))
    given &= {*reach.attributes(going_on)}
    given = {name for name in given if not any(name in cls.__dict__ for cls in objects.order(owner))}
    if not given:
        return None
    existing = native.objects_of_type(*lookup.with_subclasses(owner))
    lacking = sum(not given <= objects.attributes(one).keys() for one in existing)
    if not lacking:
        return None
    one = "1 object that exists lacks" if lacking == 1 else f"{lacking} objects that exist lack"
    return f"{one} {', '.join(sorted(given))}, which the new {first} gives: a loop that goes through it already fails"
