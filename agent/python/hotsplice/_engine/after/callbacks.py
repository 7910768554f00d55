"""Functions that were given to something that goes on calling them as they were: a future, a signal, a bus.

What is the program's own may have been edited with the function, and call the new one as that wants it: then the new
text still hands it on as it is somewhere. A library calls it as it always has.
"""

import functools
import gc
import re
import threading
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..live import calls, lookup, variables
from ..live.files import live_file
from ..native import native
from . import open_worlds

if TYPE_CHECKING:
    from ..journal.file_change import FileChange

# How far up containers are followed, and how many of them.
_DEPTH, _HOLDERS = 4, 10_000
_CONTAINERS = (dict, list, tuple, set, frozenset, deque, CellType, MethodType)
# What is called by a name itself, or runs.
_OTHERS = (
    *(type, ModuleType, FrameType, CodeType, BuiltinFunctionType, *calls.SUSPENDABLE_TYPES),
    *(staticmethod, classmethod, property, functools.partial, functools.partialmethod, functools.cached_property),
    *(functools._lru_cache_wrapper, functools.singledispatchmethod),
)
_TAKES_ANY = 0x4 | 0x8
# How many of the calls around one may be of what has called it.
_AROUND = 3
_IMPORT = re.compile(r"^\s*(from|import)\b")


def having_called(codes: Collection[CodeType]) -> list[Any]:
    """What calls it is called by now, and what is in their variables: a thread, an item of a pool's queue."""
    wanted = {id(code) for code in codes}
    found: list[Any] = []
    frame: FrameType | None
    for frame in native.current_frames().values():
        around = 0
        while frame is not None:
            if around:
                found += list(variables.of(frame, True).values())
            around = _AROUND if id(frame.f_code) in wanted else max(around - 1, 0)
            frame = frame.f_back
    return found


def problems(
    changed: "list[tuple[FunctionType, CodeType]]", ignored: Collection[int], files: "Collection[FileChange]"
) -> Iterator[tuple[CodeType, str, str]]:
    """(the former code, the code of a caveat, its words) of each function whose new parameters do not fit."""
    functions = [function for function, new in changed if _is_given_by_hand(new, files)]
    changed.clear()
    found = _holders(functions, ignored) if functions else {}
    for index, key in enumerate(map(id, functions)):
        library, own = found.get((key, False), Counter()), found.get((key, True), Counter())
        kinds = library + (own if own and not _hands_on(functions[index].__name__, files) else Counter())
        if not kinds and not _is_known(functions[index]) and has_unseen(functions, index):
            kinds["the interpreter, or a library in C"] += 1
        if kinds:
            where = ", ".join(sorted(kinds))
            message = f"it was given before to what goes on calling it as the former one is called ({where})"
            yield functions[index].__code__, "HS0308", message


def _holders(functions: list[FunctionType], ignored: Collection[int]) -> dict[tuple[int, bool], Counter[str]]:
    """What calls each of these later, by its kind: (id of the function, whether it is the program's own) → how many."""
    found: dict[tuple[int, bool], Counter[str]] = {}
    level: dict[int, tuple[Any, set[int]]] = {id(one): (one, {id(one)}) for one in functions}
    seen = {*ignored, id(functions)}
    for _ in range(_DEPTH):
        held = [one for one, _ in level.values()]
        seen |= {id(held), id(level), *map(id, level.values()), *level}
        above: dict[int, tuple[Any, set[int]]] = {}
        for holder in native.referrers(held)[:_HOLDERS] if held else ():
            kind = type(holder)
            if id(holder) in seen:
                continue
            seen.add(id(holder))
            keys: set[int] = set()
            for one in gc.get_referents(holder):
                keys |= level[id(one)][1] if id(one) in level else set()
            if any(kind is one for one in _CONTAINERS) and not (kind is dict and "__builtins__" in holder):
                above[id(holder)] = holder, keys
                continue
            is_own, name = _caller(holder)
            for key in keys if name else ():
                found.setdefault((key, is_own), Counter())[name] += 1
        level = above
    return found


def _is_known(function: FunctionType) -> bool:
    """Whether calls of it run, whose frames have it, or something native of ours has."""
    return bool(calls.running([function.__code__])) or native.goes_through_guard(function) or open_worlds.asks(function)


def has_unseen(functions: list[FunctionType], index: int) -> bool:
    """Whether something has one that is no object of Python's: the interpreter, a library in C, the stack of a call.

    No variable of the calls that lead here has it.
    """
    return _unseen(functions, index) > _UNSEEN


def _unseen(functions: list[FunctionType], index: int) -> int:
    key = id(functions[index])
    own = threading.get_ident()
    known = 0
    for thread, frame in native.current_frames().items():
        step: FrameType | None = frame if thread != own else None
        while step is not None:
            shared = {*step.f_code.co_cellvars, *step.f_code.co_freevars}
            known += sum(id(value) == key for name, value in variables.of(step, True).items() if name not in shared)
            step = step.f_back
    for holder in native.referrers(functions[index : index + 1]):
        known += sum(id(one) == key for one in gc.get_referents(holder))
    return int(native.reference_count(functions[index])) - known


def _caller(holder: Any) -> tuple[bool, str]:
    """Whether what holds a function is the program's own, and what it is called; nothing if it does not call that."""
    kind = type(holder)
    if kind is dict or kind is ModuleType:
        # `sys.excepthook`
        name = (holder if kind is dict else lookup.members_of(holder)).get("__name__")
        return False, name if isinstance(name, str) and lookup.is_library_module(name) else ""
    if kind is FunctionType:
        # A wrapper hands on what it is given.
        is_library = lookup.is_installed(holder.__code__.co_filename) and not holder.__code__.co_flags & _TAKES_ANY
        return False, holder.__qualname__.partition(".")[0] if is_library else ""
    if issubclass(kind, _OTHERS) or kind.__module__.startswith("hotsplice"):
        return False, ""
    return not lookup.is_library(kind), kind.__name__


def _is_given_by_hand(code: CodeType, files: "Iterable[FileChange]") -> bool:
    """Whether a text defines the function without a decorator: who that gives it to looks at it again."""
    text = next((change.text for change in files if lookup.same_file(code.co_filename, change.path)), "")
    line = text.split("\n")[code.co_firstlineno - 1 : code.co_firstlineno]
    return bool(line) and not line[0].lstrip().startswith("@")


def _hands_on(name: str, files: "Iterable[FileChange]") -> bool:
    """Whether a text of the program names a function without calling it, or defining it."""
    texts = {change.path: change.text for change in files}
    pattern = re.compile(rf"(?<!def )\b{re.escape(name)}\b(?!\s*\()")
    return any(
        pattern.search(line)
        for text in (*texts.values(), *_others(name, texts))
        for line in text.split("\n")
        if name in line and not _IMPORT.match(line)
    )


def _others(name: str, known: Collection[str]) -> Iterable[str]:
    for path, _ in lookup.project_modules():
        try:
            text = "" if path in known else live_file(path).text
        except EngineError:
            continue
        if name in text:
            yield text


def _unseen_of_none() -> int:
    """The references that asking makes itself."""
    space: dict[str, Any] = {}
    exec(compile("def one(): pass", "<hotsplice>", "exec"), space)
    return _unseen([space["one"]], 0)


_UNSEEN = _unseen_of_none()
