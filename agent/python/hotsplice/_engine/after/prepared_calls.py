"""Calls that the program has prepared with arguments for what a function took before: a timer's, one in a queue.

Nobody can tell what they would be given now. They are reported, before they fail.
"""

import functools
import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..evaluate import sorts
from ..live import objects
from ..native import native
from . import callbacks
from .formers import Parameters, accepts

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

# What is looked at for one function.
_HOLDERS = 10_000
# How deep what goes is looked through, and how much of it.
_DEPTH, _HELD = 6, 100_000


def problems(
    functions: Iterable[tuple[FunctionType, dict[str, Any]]], going: Iterable[Any], files: "Collection[FileChange]"
) -> list[tuple[CodeType, str, str]]:
    """(the former code, the code of a caveat, its words) of each.

    The objects that are ``going`` do not count, nor what plain containers among them hold.
    """
    changed = {}
    for function, parts in functions:
        old, new = Parameters.of(function, {}), Parameters.of(function, parts)
        if "code" in parts and not accepts(new, old):
            changed[id(function)] = function, old, new, parts["code"]
    if not changed:
        return []
    wanted = [function for function, *_ in changed.values()]
    holders = native.referrers(wanted)
    methods = [one for one in holders if type(one) is MethodType and id(one.__func__) in changed]
    holders += native.referrers(methods) if methods else []
    arguments = [one for one in holders if type(one) is tuple]
    holders += [one for one in native.referrers(arguments) if type(one) is functools.partial] if arguments else []
    ignored = {id(wanted), id(methods), id(arguments), id(changed), *map(id, changed.values())}
    _note_held(going, ignored)
    for one in callbacks.having_called([function.__code__ for function in wanted]):
        ignored |= {id(one), id(objects.dictionary(one))}
    found: dict[int, Counter[str]] = {}
    seen: set[int] = set()
    for holder in holders[:_HOLDERS]:
        if id(holder) in ignored or id(holder) in seen:
            continue
        seen.add(id(holder))
        for callee, count, names in _calls(holder):
            called: Any = callee.__func__ if type(callee) is MethodType else callee
            if id(called) not in changed:
                continue
            # What it gives is known.
            ignored.add(id(holder))
            _, old, new, _ = changed[id(called)]
            given = count + (type(callee) is MethodType)
            if type(holder) is functools.partial:
                # What is still to come is given by whoever calls it.
                given += sum(name not in names for name in old.required[given:])
                names = (*names, *old.required_keywords.difference(names))
            if old.take(given, names) and not new.take(given, names):
                found.setdefault(id(called), Counter())[_kind(holder)] += 1
    reported = []
    for key, kinds in found.items():
        count = sum(kinds.values())
        what = "1 call was prepared" if count == 1 else f"{count} calls were prepared"
        where = ", ".join(sorted(kinds))
        message = f"{what} before with arguments that only the former one takes ({where})"
        reported.append((changed[key][0].__code__, "HS0308", message))
    rest = [(one, code) for key, (one, old, new, code) in changed.items() if key not in found and _misses(old, new)]
    ignored |= {id(rest), id(holders), id(reported)}
    # What has a function is counted: no variable may be among that.
    del holders, wanted, methods, arguments, found
    function = holder = callee = called = None  # type: ignore[assignment]
    changed.clear()
    return reported + list(callbacks.problems(rest, ignored, files))


def _misses(old: Parameters, new: Parameters) -> bool:
    """Whether the new parameters do not take what is given to the old ones by position.

    A library may tell a coroutine from a function by itself.
    """
    counts = range(len(old.required), len(old.positional) + 1)
    loses_more = old.has_varargs and not new.has_varargs
    return old.kind == new.kind and (loses_more or not all(new.take(count, ()) for count in counts))


def _note_held(values: Iterable[Any], found: set[int]) -> None:
    """Adds the ids of values, and of what plain containers among them hold: each is looked into once."""
    level = list(values)
    for depth in range(_DEPTH + 1):
        inside: list[Any] = []
        for value in level:
            if id(value) in found:
                continue
            found.add(id(value))
            if objects.is_exactly(value, tuple, list, dict, set) and depth < _DEPTH and len(found) < _HELD:
                if type(value) is not dict:
                    # The program's threads may change it meanwhile.
                    inside += list(value)
                elif "__builtins__" not in value:
                    inside += list(value.values())
        level = inside


def _calls(holder: Any) -> Iterator[tuple[Any, int, tuple[str, ...]]]:
    """Of what may be a prepared call: what is to be called, how many arguments it gets, and the names of the others."""
    kind = type(holder)
    if kind is functools.partial:
        yield holder.func, len(holder.args), tuple(holder.keywords)
        # It is handed to what calls it: `asyncio.to_thread` does so.
        for index, item in enumerate(holder.args):
            if objects.is_exactly(item, FunctionType, MethodType):
                yield item, len(holder.args) - index - 1, tuple(holder.keywords)
    elif issubclass(kind, (tuple, list)):
        # A class of the program's may go through itself in its own way.
        plain = list if issubclass(kind, list) else tuple
        items = list(plain.__iter__(holder))[:8]
        arguments = [one for one in items if objects.is_exactly(one, tuple, list)]
        names = [one for one in items if type(one) is dict]
        if len(arguments) == 1 and len(names) < 2:
            for item in items:
                if objects.is_exactly(item, FunctionType, MethodType):
                    yield item, len(arguments[0]), _names(names[0] if names else {})
    elif kind is dict or not issubclass(kind, (type, FunctionType, MethodType)):
        yield from _of_attributes(holder if kind is dict else sorts.attributes(holder))


def _of_attributes(members: dict[Any, Any]) -> Iterator[tuple[Any, int, tuple[str, ...]]]:
    """What objects keep beside what they call, by the names that such attributes have."""
    given = {name.lstrip("_"): value for name, value in list(members.items())[:50] if type(name) is str}
    arguments: Any = given.get("args")
    names = given.get("kwargs")
    if not objects.is_exactly(arguments, tuple, list):
        return
    for value in given.values():
        if objects.is_exactly(value, FunctionType, MethodType):
            yield value, len(arguments), _names(names)


def _names(names: Any) -> tuple[str, ...]:
    return tuple(name for name in list(names) if type(name) is str) if type(names) is dict else ()


def _kind(holder: Any) -> str:
    if type(holder) is dict:
        owner = next((one for one in gc.get_referrers(holder) if objects.dictionary(one) is holder), None)
        return "dict" if owner is None else type(owner).__name__
    return type(holder).__name__
