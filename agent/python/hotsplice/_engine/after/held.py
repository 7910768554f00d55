"""What calls that began before a patch hold otherwise than by a name, and the patch makes unfit for them.

A function that a variable, a registry or an object holds is updated in place, a container that a statement gives loses
what the new text does not have: the call meets the new one, and that is reported.
"""

import functools
from collections import deque
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType, MemberDescriptorType, MethodType
from typing import Any, cast

from ..live import objects, variables
from ..native import native
from . import flows, reach
from .callers import Callers
from .formers import Formers, innermost

# How many items of a container are looked at, and how far into objects.
_ITEMS, _DEPTH = 200, 2
_CONTAINERS = (list, tuple, set, frozenset, deque)
_OUTGOING = {"dict-delete", "set-discard", "dict-keys"}


def keep(
    operations: list[tuple[Any, ...]], codes: Iterable[CodeType]
) -> Iterator[tuple[dict[Any, Any], str, CodeType]]:
    """Takes out what would take away a key that one of these codes names, or an attribute: (dictionary, key, code)."""
    named: dict[str, CodeType] = {}
    for code in codes:
        named.update((constant, code) for constant in code.co_consts if type(constant) is str)
        named.update((name, code) for name in reach.attributes(code))
    last: dict[tuple[int, str], int] = {}
    for index, (kind, target, *rest) in enumerate(operations):
        if kind.startswith("dict-") and rest and type(rest[0]) is str:
            last[id(target), rest[0]] = index
    kept = []
    for (_, key), index in last.items():
        kind, target = operations[index][:2]
        if kind == "dict-delete" and "__builtins__" not in target and key in named and dict.__contains__(target, key):
            kept.append(index)
            yield target, key, named[key]
    for index in sorted(kept, reverse=True):
        del operations[index]


def lost_slots(operations: Iterable[tuple[Any, ...]]) -> Iterator[tuple[type, str]]:
    """(class, name) of each slot for which the new layout of a class has no place."""
    for kind, target, *_ in operations:
        for cls, carrier, *_ in target if kind == "layouts" else ():
            for name, value in objects.members(cls).items():
                if type(value) is MemberDescriptorType and name not in objects.members(carrier):
                    yield cls, name


def losses(operations: Iterable[tuple[Any, ...]]) -> dict[int, Any]:
    """Containers that are to lose some of their content, by id."""
    found = {}
    for kind, target, *rest in operations:
        shrinks = kind in ("list-content", "deque-content") and len(rest[-1]) < len(target)
        if (kind in _OUTGOING and "__builtins__" not in target) or shrinks:
            found[id(target)] = target
    return found


def problems(
    formers: Formers,
    callers: Callers,
    lost: dict[int, Any],
    calls: Iterable[tuple[CodeType, set[int], dict[str, Any]]],
) -> Iterator[tuple[CodeType, str]]:
    """(code, what may not fit) for calls of edited code: (code, offsets, globals) each."""
    unfit = {
        key
        for key, (function, parts) in formers.changed.items()
        if "code" in parts and not callers.asks(function) and formers.is_incompatible(function, function)
    }
    if not unfit and not lost:
        return
    calls = list(calls)
    frames = _frames([code for code, _, _ in calls]) if unfit else {}
    for code, offsets, globals in calls:
        for name, use in reach.uses(code, offsets).items():
            value = globals.get(name) if use.opnames & reach.GLOBAL_LOADS else None
            if id(value) in lost:
                yield code, f"looks up {name} in line {use.line}, which has lost some of its content"
            elif objects.is_exactly(value, *_CONTAINERS, dict) and (function := _find(value, unfit)):
                yield code, f"may call {function} by way of {name} in line {use.line}, and gets the new one"
        for frame in frames.get(id(code), ()):
            for name, value in variables.of(frame, True).items():
                if function := _find(value, unfit):
                    yield code, f"may call {function} by way of {name}, and gets the new one"


def unpacked(
    attributes: dict[tuple[int, str], tuple[type, Any, Any]], calls: Iterable[tuple[CodeType, set[int], dict[str, Any]]]
) -> Iterator[tuple[CodeType, int, type, tuple[str, ...], tuple[str, ...]]]:
    """(code, line, class, former fields, fields) where such calls unpack as many values as a class had fields."""
    classes = [
        (owner, before, after)
        for (_, name), (owner, before, after) in attributes.items()
        if name == "__match_args__" and type(before) is type(after) is tuple and len(before) != len(after)
    ]
    for code, offsets, _ in calls if classes else ():
        lines = reach.unpacks(code, offsets)
        for owner, before, after in classes:
            if len(before) in lines and (issubclass(owner, tuple) or "astuple" in code.co_names):
                yield code, lines[len(before)], owner, before, after


# What makes an object of another one, with some fields given by their names.
_REPLACING = {"replace", "_replace", "evolve", "copy", "__replace__"}


def replaced(
    attributes: dict[tuple[int, str], tuple[type, Any, Any]], calls: Iterable[tuple[CodeType, set[int], dict[str, Any]]]
) -> Iterator[tuple[CodeType, str]]:
    """(code, what may not fit) where such calls give by its name a field that a class does not have any more."""
    gone = {
        name: owner
        for (_, key), (owner, before, after) in attributes.items()
        if key == "__match_args__" and type(before) is type(after) is tuple
        for name in before
        if name not in after
    }
    for code, _, _ in calls if gone else ():
        steps = flows.steps_of(code) if not _REPLACING.isdisjoint(code.co_names) else []
        for index, step in enumerate(steps):
            callee = flows.called(steps, index) if step.name in ("CALL", "CALL_KW", "CALL_FUNCTION_KW") else None
            for name in flows.keywords(steps, index) if callee is not None and callee[0] in _REPLACING else ():
                if name in gone:
                    yield code, f"gives {name} in line {step.line}, which {gone[name].__qualname__} has not any more"


def of_former_fields(before: tuple[str, ...], after: tuple[str, ...]) -> FunctionType:
    """Goes through a tuple with fields as through one that has the former ones."""
    indices = [after.index(name) for name in before]

    def __iter__(self: Any) -> Iterator[Any]:
        items = [*tuple.__iter__(self)]
        return iter([items[index] for index in indices] if len(items) == len(after) else items)

    return cast("FunctionType", __iter__)


def _frames(codes: list[CodeType]) -> dict[int, list[FrameType]]:
    wanted = {id(code) for code in codes}
    found: dict[int, list[FrameType]] = {}
    frame: FrameType | None
    for frame in native.current_frames().values():
        while frame is not None:
            if id(frame.f_code) in wanted:
                found.setdefault(id(frame.f_code), []).append(frame)
            frame = frame.f_back
    return found


def _find(value: Any, unfit: set[int], depth: int = 0) -> str | None:
    """The name of an unfit function that a value is, or holds."""
    kind = type(value)
    if kind is MethodType:
        value = value.__func__
    elif kind is functools.partial:
        value = value.func
    function = innermost(value)
    if type(function) is FunctionType:
        return function.__qualname__ if id(function) in unfit else None
    if depth == _DEPTH:
        return None
    if objects.is_exactly(value, *_CONTAINERS):
        items = list(value)[:_ITEMS]
    elif kind is dict:
        items = list(value.values())[:_ITEMS]
    elif isinstance(kind, type) and not issubclass(kind, type):
        items = list((objects.dictionary(value) or {}).values())[:_ITEMS] if depth == 0 else []
    else:
        return None
    return next((found for item in items if (found := _find(item, unfit, depth + 1))), None)
