"""Values that are there as edited code has made them, and that other edited code takes otherwise now.

A row that a call keeps in a variable, an item of a queue, of a store: who made it and who takes it are edited in one
patch, what stands between them and holds it is not, or has no code. It is reported, with where such a value is held.
"""

import dis
import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator
from itertools import islice
from types import CodeType, FrameType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

from ..live import calls, lookup, objects, variables
from ..live.code import tree
from ..native import native
from . import flows, reach, shapes
from .formers import innermost

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.calls import Call
    from .changes import Changes

# How many objects are looked at, how many items of each, and how far into them.
_LOOKED_AT, _ITEMS, _DEPTH = 20_000, 200, 5
_SEQUENCES = (list, tuple, set, frozenset, deque)
# What holds no values of the program's own, or is looked into by itself.
_CLOSED: tuple[type, ...] = (str, bytes, int, float, bool, type(None), FunctionType, CodeType, FrameType, GeneratorType)
# How many places are named.
_NAMED = 3


class _Edited:
    """A function that gets new code, with what both make and take."""

    def __init__(self, function: FunctionType, new: CodeType) -> None:
        self.name = function.__qualname__
        self.globals = function.__globals__
        self.called = _names_of(function)
        self.code = function.__code__
        self.new = new
        self.made = shapes.Made(self.code, function.__globals__)
        self.makes = shapes.Made(new, function.__globals__)
        before, after = shapes.reads(self.code), shapes.reads(new)
        self.fresh = {read: line for read, line in after.items() if read not in before}
        self.gone = {read: line for read, line in before.items() if read not in after}

    def makes_otherwise(self) -> bool:
        made, makes = self.made, self.makes
        if not made.classes.keys() <= makes.classes.keys():
            return True
        return bool(made.kinds or makes.kinds) and (made.kinds, made.texts) != (makes.kinds, makes.texts)

    def makes_no_more(self, value: Any) -> bool:
        return self.made.makes(value) and not self.makes.makes(value)

    def gives_no_more(self, read: shapes.Read) -> bool:
        return self.made.serves(read, but=self.makes)

    def gives_now(self, read: shapes.Read) -> bool:
        return self.makes.serves(read, but=self.made)

    def misses(self, value: Any) -> bool:
        """Whether its new code wants something of a value that is not there, and its former one was served by it."""
        lacks = any(shapes.concerns(value, read) and not shapes.has(value, read) for read in self.fresh)
        if any(shapes.has(value, read) for read in self.gone):
            return lacks or not self.fresh
        # What only comes in addition the former code did not ask for.
        return lacks and type(value) is dict and not self.gone


def _names_of(function: FunctionType) -> set[str]:
    """The names by which it is called: its own, those of its module that hold it, its class where no name calls it."""
    name, owner = function.__name__, function.__qualname__.rpartition(".")[0].rpartition(".")[2]
    found = {name, *((owner,) if name.startswith("__") and owner else ())}
    named = list(function.__globals__.items()) if "<locals>" in function.__qualname__ else []
    return found | {key for key, value in named if innermost(value) is function or value is function}


def edited_functions(changes: "Changes") -> list[_Edited]:
    """Those that get new code: nothing where none of them makes such values, or is alone."""
    found = [(function, changes.code_of(function)) for function, _ in list(changes.functions.values())]
    # What a `__new__` gives is of its class, whatever it makes that of.
    found = [(one, new) for one, new in found if new is not one.__code__ and one.__name__ != "__new__"]
    may_make = any(
        shapes.may_make(code, function.__globals__) for function, new in found for code in (function.__code__, new)
    )
    if len(found) < 2 or not may_make:
        return []
    with reach.Reading():
        return [_Edited(function, new) for function, new in found]


def problems(edited: list[_Edited], changes: "Changes") -> Iterator[tuple[CodeType, str, str]]:
    """(the former code, the code of a caveat, its words) of each function that is going to meet such a value."""
    with reach.Reading():
        makers = [one for one in edited if one.makes_otherwise()]
        takers = [one for one in edited if (one.fresh or one.gone) and not shapes.is_careful(one.new)]
        takers = [one for one in takers if any(maker is not one for maker in makers)]
        if not makers or not takers:
            return
        met: dict[tuple[int, int], Counter[str]] = {}
        for value, place in _values(changes):
            for maker in (one for one in makers if one.makes_no_more(value)):
                for taker in takers:
                    if taker is not maker and taker.misses(value):
                        met.setdefault((takers.index(taker), makers.index(maker)), Counter())[place] += 1
    for (taker_index, maker_index), places in met.items():
        taker, maker = takers[taker_index], makers[maker_index]
        count = sum(places.values())
        what = "1 value is held" if count == 1 else f"{count} values are held"
        where = ", ".join(sorted(places)[:_NAMED])
        line = min(taker.fresh.values(), default=taker.new.co_firstlineno)
        message = f"{what} that the former {maker.name} has made ({where}): line {line} of the new text may not fit"
        yield taker.code, "HS0308", message


def _values(changes: "Changes") -> Iterator[tuple[Any, str]]:
    """Plain containers of the program with what holds them, found from variables of calls and names of modules."""
    pending: deque[tuple[Any, str, int]] = deque()
    for frame, thread in frames():
        place = f"thread {thread}, " if thread is not None else ""
        for name, value in alive(frame, thread is not None):
            pending.append((value, f"{name} in {frame.f_code.co_name}, {place}line {frame.f_lineno}", 0))
    for _, module in lookup.project_modules():
        for name, value in list(lookup.members_of(module).items()):
            if not name.startswith("__"):
                pending.append((value, name, 0))
    # By their ids: what was looked at lives as long as this.
    seen: dict[int, Any] = {}
    while pending and len(seen) < _LOOKED_AT:
        value, place, depth = pending.popleft()
        kind = type(value)
        if id(value) in seen or issubclass(kind, _CLOSED) or objects.is_module(value):
            continue
        seen[id(value)] = value
        # The first ones, without a copy of all: each is taken in one step that lets nobody else run.
        items: list[Any] = []
        if objects.is_exactly(value, *_SEQUENCES):
            items = list(islice(value, _ITEMS))
        elif kind is dict:
            items = [] if "__builtins__" in value else list(islice(value.values(), _ITEMS))
        elif not issubclass(kind, type):
            items = list(islice((objects.dictionary(value) or {}).values(), _ITEMS))
        yield value, place
        if depth < _DEPTH:
            pending.extend((item, place, depth + 1) for item in items)


def frames() -> Iterator[tuple[FrameType, str | None]]:
    """Calls of the program's own code, on stacks, with the thread's name, and suspended."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    found: list[tuple[FrameType | None, str | None]] = []
    for ident, top in native.current_frames().items():
        frame: FrameType | None = top if ident != own else None
        while frame is not None:
            found.append((frame, str(names.get(ident, ident))))
            frame = frame.f_back
    suspended = native.objects_of_type(*calls.SUSPENDABLE_TYPES)
    executed = {id(frame) for frame, _ in found}
    frames = (calls.frame_of(item) for item in suspended if not _is_foreign(item))
    found += [(frame, None) for frame in frames if id(frame) not in executed]
    for frame, thread in found:
        if frame is not None and not lookup.is_installed(frame.f_code.co_filename):
            yield frame, thread


def _is_foreign(item: Any) -> bool:
    frame = calls.frame_of(item)
    return frame is None or lookup.is_installed(frame.f_code.co_filename)


def alive(frame: FrameType, is_executed: bool, only: Collection[str] | None = None) -> Iterator[tuple[str, Any]]:
    """The variables of a call that are still read from where it stands: ``only`` these, or what may hold others."""
    code = frame.f_code
    held = variables.of(frame, is_executed)
    instructions = reach.instructions_of(code)
    for name, value in held.items():
        if objects.is_exactly(value, *_CLOSED) if only is None else name not in only:
            continue
        stores = [one.offset for one in instructions if one.opname == "STORE_FAST" and one.argval == name]
        there = reach.reached(code, instructions, [frame.f_lasti], stores)
        if any(one.offset in there and _loads(one, name) for one in instructions):
            yield name, value


def _loads(one: dis.Instruction, name: str) -> bool:
    return one.opname.startswith("LOAD_") and (one.argval == name or (type(one.argval) is tuple and name in one.argval))


def taken_otherwise(edited: list[_Edited]) -> "TakenOtherwise":
    """What calls that go on in former code take, and make, otherwise than the new code does.

    What such a call gets of a function that it calls itself, or gives it, is as before.
    """
    found = TakenOtherwise()
    with reach.Reading():
        makers = [one for one in edited if one.makes_otherwise()]
        names = {id(one): {name for code in tree(one.code) for name in code.co_names} for one in edited if makers}
        for maker in makers:
            for one in edited:
                if one is maker:
                    continue
                for read in one.gone if maker.called.isdisjoint(names[id(one)]) else ():
                    if maker.gives_no_more(read):
                        found.taken.setdefault(id(one.code), {}).setdefault(read, maker.name)
                is_named = not one.called.isdisjoint(names[id(maker)])
                for read, line in one.fresh.items():
                    if maker.gives_now(read):
                        if maker.called.isdisjoint(names[id(one)]) and _is_put(maker):
                            found.put.setdefault(id(one.code), {}).setdefault(id(maker.code), (maker.name, line))
                        found.made.setdefault(id(maker.code), []).append((id(one.code), one.name, line, is_named))
    return found


def _is_put(maker: _Edited) -> bool:
    """Whether a function of its module puts somewhere what it gives."""
    codes = (one.__code__ for one in list(maker.globals.values()) if type(one) is FunctionType)
    return any(
        not maker.called.isdisjoint(one.co_names) and not flows.PUTTING.isdisjoint(one.co_names) for one in codes
    )


class TakenOtherwise:
    """By the ids of former code."""

    def __init__(self) -> None:
        # What it takes, and who makes that otherwise.
        self.taken: dict[int, dict[shapes.Read, str]] = {}
        # Of what makes values: whose new code takes others, in which line, and whether it names that itself.
        self.made: dict[int, list[tuple[int, str, int, bool]]] = {}
        # Of what takes values out of something: who makes what is put there otherwise now, and its line that takes it.
        self.put: dict[int, dict[int, tuple[str, int]]] = {}


def of_call(call: "Call", taken: dict[shapes.Read, str]) -> str | None:
    """What a call that goes on in former code may not find any more, and where it asks for it."""
    wanted = shapes.reads(call.code, {call.offset})
    lines = sorted((line, taken[read]) for read, line in wanted.items() if read in taken)
    if not lines:
        return None
    line, maker = lines[0]
    return f"a call that began before takes in line {line} what {maker} makes otherwise now, which may not fit it"


def say_taken(transaction: "Prepared") -> None:
    """Of calls that go on in former code, at their definitions."""
    known = transaction.taken_otherwise
    going_on = [call for call in transaction.old_calls if call.moved != "now"]
    moved = {id(call.code) for call in transaction.old_calls if call.moved == "now"}
    staying = {id(call.code) for call in going_on if call.moved is None}
    inside = {id(call.code) for call in transaction.old_calls}
    for call in going_on if known is not None else ():
        found = [of_call(call, known.taken[id(call.code)])] if id(call.code) in known.taken else []
        for taker, name, line, is_named in known.made.get(id(call.code), ()):
            if taker in moved or not (is_named or taker in staying):
                found.append(f"a call that began before still makes what line {line}, in {name}, may not take any more")
        # What is called anew puts there what this call takes before it comes to the new code.
        takes = not flows.TAKING.isdisjoint(call.code.co_names)
        for maker, (name, line) in known.put.get(id(call.code), {}).items() if takes else ():
            if maker not in inside:
                found.append(f"a call that began before may take what {name} makes otherwise now, as line {line} does")
        change = next((one for one in transaction.files if lookup.same_file(call.code.co_filename, one.path)), None)
        for what in found if change is not None else ():
            if what is not None and change is not None:
                change.outcome_of_old(call.code.co_firstlineno).caveat("HS0308", what)
