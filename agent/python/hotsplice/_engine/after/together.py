"""Calls that have to go on in the new code together, or to stay in the old: one gives what another one takes.

Where the new code gives a thing of another kind (``gives_otherwise`` of a patch's functions), a generator that is moved
alone would hand it to a loop that can't take it, and one that stays would go on in a loop that wants the new kind.
"""

import gc
import inspect
from collections.abc import Callable, Collection, Iterable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from ..live import objects
from ..live.calls import SUSPENDABLE, Call
from ..live.code import tree
from . import exchanges, reach
from .bytecode import Bytecode

# How many objects are looked through; where there are more, whatever may take what a call gives is taken to do so.
_LIMIT = 20_000
_GENERATORS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_OPAQUE = (FunctionType, BuiltinFunctionType, ModuleType, type, CodeType)
_STORES = ("STORE_", "UNPACK_", "NOP", "NOT_TAKEN", "SWAP", "COPY")

WAITED_FOR = "the new code gives something of another kind, and the call that waits for it runs the old code"
TAKEN = "what it gives is of another kind in the new code, and not every call that takes it can go on there now"
TAKES = "it takes what a call gives that stays in the old code"


def staying(
    calls: Collection[Call],
    gives_otherwise: Callable[[Call], bool],
    moves_now: Callable[[Call], bool],
    goes_on: Callable[[Call], bool],
    exchanged: Collection[tuple[Call, Call]] = (),
) -> dict[int, str]:
    """The id of each call that has to stay in the old code for the sake of another one, with the reason.

    ``moves_now`` tells of a suspended call whether it does before it gives anything more, ``goes_on`` of any whether it
    takes in the new code whatever it takes from now on. Those that have ``exchanged`` values go on at once or not at
    all; a call beside itself does so with one that stays.
    """
    giving = [call for call in calls if gives_otherwise(call)]
    found: dict[int, str] = {}
    for call in giving:
        waiting = None if call.suspended else call.waiting
        if waiting is not None:
            found[id(call)] = WAITED_FOR
        while waiting is not None:
            # What it has been given it would take along into the middle of the new code.
            if waiting.moved == "behind":
                found[id(waiting)] = TAKES
            waiting = waiting.waiting
    lasting = [call for call in giving if call.code.co_flags & SUSPENDABLE and _gives_more(call)]
    takers = {id(call): _takers(call, calls) for call in lasting}
    before = -1
    while len(found) != before:
        before = len(found)
        for call in lasting:
            others = takers[id(call)]
            if not moves_now(call) or any(id(one) in found or not goes_on(one) for one in others):
                found.setdefault(id(call), TAKEN)
            if id(call) in found:
                found.update((id(one), TAKES) for one in others if id(one) not in found)
        for one, other in exchanged:
            ways = moves_now(one), moves_now(other)
            if one is other or not all(ways) or id(one) in found or id(other) in found:
                found.setdefault(id(one), exchanges.EXCHANGES)
                found.setdefault(id(other), exchanges.EXCHANGES)
        # Calls that run the same code come by the same places of it.
        codes = {id(call.code): found[id(call)] for call in calls if id(call) in found and not call.suspended}
        found.update((id(one), codes[id(one.code)]) for one in calls if id(one.code) in codes and id(one) not in found)
    return found


def _gives_more(call: Call) -> bool:
    """Whether a call comes to another `yield`, or waits for something that it gives later."""
    if not call.suspended or not call.code.co_flags & _GENERATORS:
        return True
    before = Bytecode(call.code)
    index = before.at.get(call.offset)
    if index is None or index + 1 >= len(before.instructions):
        return True
    reached = before.reached(before.instructions[index + 1].offset)
    return any(one.opname in ("YIELD_VALUE", "SEND") for one in before.instructions if one.offset in reached)


def _takers(giving: Call, calls: Iterable[Call]) -> list[Call]:
    """The calls that may take what one gives."""
    items = {id(item): item for item in giving.items()}
    is_kept = any(_is_kept(item) for item in list(items.values())[:20])
    name = giving.code.co_name
    found = []
    for call in calls:
        if call is giving:
            continue
        # What waits for it on the stack has come by it somehow: a loop calls no `__iter__` by its name.
        takes = is_kept or call is giving.waiting or any(_names(code, name) for code in (call.code, *call.below))
        if takes or (call.suspended and _reaches(call.items(), items)):
            found.append(call)
    return found


def _is_kept(item: Any) -> bool:
    """Whether an object of the program has it: any call may find it there."""
    holders = [holder for holder in gc.get_referrers(item) if not objects.is_exactly(holder, dict, list, tuple)]
    return any(type(holder).__module__ not in ("builtins", "itertools", "_asyncio") for holder in holders)


# What asks for it without its name.
_IMPLIED = {
    "__iter__": {"GET_ITER", "GET_YIELD_FROM_ITER", "UNPACK_SEQUENCE", "UNPACK_EX", "LIST_EXTEND", "SET_UPDATE"},
    "__aiter__": {"GET_AITER"},
    "__await__": {"GET_AWAITABLE"},
    "__aenter__": {"BEFORE_ASYNC_WITH", "SETUP_ASYNC_WITH", "LOAD_SPECIAL"},
}


def _names(code: CodeType, name: str) -> bool:
    if name in _IMPLIED and any(i.opname in _IMPLIED[name] for one in tree(code) for i in reach.instructions_of(one)):
        return True
    return any(name in (*one.co_names, *one.co_freevars, *one.co_cellvars, *one.co_varnames) for one in tree(code))


def _reaches(sources: Iterable[Any], wanted: Collection[int]) -> bool:
    """Whether one of these objects can be come to from the others."""
    pending = list(sources)
    known = set(map(id, pending))
    while pending:
        if len(known) > _LIMIT:
            return True
        for value in gc.get_referents(pending.pop()):
            if id(value) in wanted:
                return True
            if id(value) not in known and type(value) not in _OPAQUE:
                known.add(id(value))
                pending.append(value)
    return False


def begins_with_next(before: Bytecode, offset: int) -> bool:
    """Whether an iteration that begins here begins by taking what the loop goes through."""
    index = before.at.get(offset, 0) - 1
    while index >= 0 and before.instructions[index].opname.startswith(_STORES):
        index -= 1
    return index >= 0 and before.instructions[index].opname in ("FOR_ITER", "END_SEND")
