"""What a code object can still look up from where it stands, read from its bytecode."""

import dis
import sys
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from types import CodeType

from ..live.code import tree

GLOBAL_LOADS = {"LOAD_GLOBAL", "LOAD_NAME"}
ATTRIBUTE_LOADS = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD", "IMPORT_FROM"}
# What looks names and attributes up by a text.
_BY_TEXT = {"getattr", "hasattr", "attrgetter", "methodcaller", "globals", "vars", "__dict__"}
_BY_COMPUTED = {"getattr", "attrgetter", "methodcaller"}
_HANDLERS = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}
ENDS = {
    *("RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"),
    *("JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
}
_SILENT = {"CACHE", "NOP", "ASYNC_GEN_WRAP"}
_RAISES = {"RAISE_VARARGS", "RERAISE"}
# From 3.14 on the end of an `async for` names the place that it belongs to, and goes on behind itself.
JUMPS = {*dis.hasjrel, *dis.hasjabs} - {dis.opmap.get("END_ASYNC_FOR")}

# While the world of a patch is worked out: id of a code → (code, its instructions).
_read: dict[int, tuple[CodeType, list[dis.Instruction]]] | None = None


class Reading:
    """Each code is read once meanwhile; afterwards nothing is kept of it, for references to code are counted."""

    def __enter__(self) -> None:
        global _read
        _read = {}

    def __exit__(self, *_exception: object) -> None:
        global _read
        _read = None


def instructions_of(code: CodeType) -> list[dis.Instruction]:
    known = _read
    if known is None:
        return list(dis.get_instructions(code))
    found = known.get(id(code))
    if found is None:
        found = known[id(code)] = code, list(dis.get_instructions(code))
    return found[1]


class Use:
    """How one code looks up one name."""

    __slots__ = ("is_called_only", "line", "opnames")

    def __init__(self) -> None:
        self.opnames: set[str] = set()
        # Each load is of what is called at once, and nothing else is done with it.
        self.is_called_only = True
        self.line = 0


def uses(code: CodeType, offsets: Iterable[int] | None = None) -> dict[str, Use]:
    """The names that a code looks up from these offsets on; from anywhere, if there are none."""
    found: dict[str, Use] = {}
    instructions = instructions_of(code)
    wanted = None if offsets is None else reached(code, instructions, offsets)
    names = set(code.co_names)
    line = code.co_firstlineno
    for index, instruction in enumerate(instructions):
        line = line_of(instruction) or line
        name = instruction.argval
        if (wanted is not None and instruction.offset not in wanted) or not isinstance(name, str):
            continue
        if name not in names or instruction.opcode not in dis.hasname:
            continue
        use = found.setdefault(name, Use())
        use.line = use.line or line
        use.opnames.add(instruction.opname)
        if instruction.opname in GLOBAL_LOADS and not _is_called(instructions, index):
            use.is_called_only = False
    return found


def attributes(code: CodeType, offsets: Iterable[int] | None = None) -> dict[str, int]:
    """The attributes that a code and what is nested in it look up, with a line of each."""
    found: dict[str, int] = {}
    for one in tree(code):
        for name, use in uses(one, offsets if one is code else None).items():
            if use.opnames & ATTRIBUTE_LOADS:
                found.setdefault(name, use.line)
    return found


def unpacks(code: CodeType, offsets: Iterable[int]) -> dict[int, int]:
    """How many values a code unpacks from these offsets on, with a line of each count."""
    found: dict[int, int] = {}
    instructions = instructions_of(code)
    wanted = reached(code, instructions, offsets)
    line = code.co_firstlineno
    for instruction in instructions:
        line = line_of(instruction) or line
        if instruction.offset in wanted and instruction.opname == "UNPACK_SEQUENCE":
            found.setdefault(instruction.argval, line)
    return found


def stored(code: CodeType) -> set[str]:
    """The attributes that a code gives a value."""
    return {i.argval for i in instructions_of(code) if i.opname == "STORE_ATTR"}


def given_globally(code: CodeType) -> set[str]:
    """The names of the module that a code gives a value."""
    return {i.argval for i in instructions_of(code) if i.opname == "STORE_GLOBAL"}


def texts(code: CodeType) -> Iterator[str]:
    """Texts in a code and what is nested in it that may be names, if it looks anything up by such a text."""
    for one in tree(code):
        if not _BY_TEXT.isdisjoint(one.co_names):
            yield from (constant for constant in one.co_consts if type(constant) is str and constant.isidentifier())


def computes_names(code: CodeType) -> bool:
    """Whether a code, or what is nested in it, looks attributes up whose names may be computed."""
    return any(not _BY_COMPUTED.isdisjoint(one.co_names) for one in tree(code))


def is_method_load(code: CodeType, offset: int) -> bool | None:
    """Whether an attribute is looked up to be called at once; nothing if no attribute is looked up there."""
    raw = code.co_code
    if not 0 <= offset < len(raw) - 1:
        return None
    name = dis.opname[raw[offset]]
    if name not in ATTRIBUTE_LOADS:
        return None
    if name in ("LOAD_METHOD", "IMPORT_FROM"):
        return name == "LOAD_METHOD"
    if sys.version_info >= (3, 12) and raw[offset + 1] & 1:
        return True
    # Of a name that the module imported: `helpers.word()`.
    instructions = instructions_of(code)
    index = next(index for index, instruction in enumerate(instructions) if instruction.offset >= offset)
    if sys.version_info < (3, 11):
        # `shop.price(*prices)` loads it as a value.
        return _is_called(instructions, index)
    if sys.version_info >= (3, 13):
        return index + 1 < len(instructions) and instructions[index + 1].opname == "PUSH_NULL"
    while index > 0 and instructions[index].opname in ("LOAD_ATTR", "LOAD_NAME"):
        index -= 1
    first = instructions[index]
    if first.opname == "LOAD_GLOBAL":
        return bool((first.arg or 0) & 1) or (index > 0 and instructions[index - 1].opname == "PUSH_NULL")
    return first.opname == "PUSH_NULL" or (index > 0 and instructions[index - 1].opname == "PUSH_NULL")


def gives_all(code: CodeType, offset: int) -> bool:
    """Whether a call hands on a sequence of arguments as a whole: ``function(*arguments)``."""
    raw = code.co_code
    return 0 <= offset < len(raw) and dis.opname[raw[offset]] == "CALL_FUNCTION_EX"


def is_next(code: CodeType, offset: int) -> bool:
    """Whether a loop takes its next item there."""
    raw = code.co_code
    return 0 <= offset < len(raw) and dis.opname[raw[offset]] in ("FOR_ITER", "SEND", "END_SEND", "YIELD_VALUE")


def is_returned(code: CodeType, offset: int) -> bool:
    """Whether what a call gives that stands here is returned, or yielded, as it is."""
    following = [one for one in instructions_of(code) if one.offset > offset and not _is_silent(one)][:3]
    names = [one.opname for one in following]
    if names[:1] == ["STORE_FAST"] and names[1:2] in (["LOAD_FAST"], ["LOAD_FAST_BORROW"]):
        is_same = following[0].argval == following[1].argval
        following = following[2:] if is_same else []
    elif names[:1] == ["STORE_FAST_LOAD_FAST"]:
        is_same = following[0].argval[0] == following[0].argval[1]
        following = following[1:] if is_same else []
    return bool(following) and following[0].opname in ("RETURN_VALUE", "YIELD_VALUE")


def _is_silent(one: dis.Instruction) -> bool:
    return one.opname in _SILENT or (one.opname == "CALL_INTRINSIC_1" and "ASYNC_GEN_WRAP" in one.argrepr)


def line_of(instruction: dis.Instruction) -> int | None:
    if sys.version_info >= (3, 13):
        return instruction.line_number
    return instruction.starts_line


def reached(
    code: CodeType,
    instructions: list[dis.Instruction],
    offsets: Iterable[int],
    until: Collection[int] = (),
    caught: bool = True,
) -> set[int]:
    """The offsets of all instructions that a call can come to from these; it does not go on from those of `until`.

    Without ``caught`` nothing raises but what is there to: a `raise`, or the end of an `async for`.
    """
    at = {instruction.offset: index for index, instruction in enumerate(instructions)}
    starts = list(at)
    # A call into Python code leaves the offset at the end of the instruction, behind its caches.
    pending = [max(bisect_right(starts, offset) - 1, 0) for offset in offsets]
    begins = {*pending} if until else set()
    handled = list(handlers(code))
    # Before 3.11 nothing tells which of the handlers that were set up before are in force.
    pending.extend(at[i.argval] for i in instructions if i.opname in _HANDLERS and i.argval in at)
    seen: set[int] = set()
    found: set[int] = set()
    while pending:
        index = pending.pop()
        while index < len(instructions) and index not in seen:
            seen.add(index)
            instruction = instructions[index]
            found.add(instruction.offset)
            if instruction.offset in until and index not in begins:
                break
            if instruction.opcode in JUMPS and instruction.argval in at:
                pending.append(at[instruction.argval])
            for start, end, target in handled:
                if not start <= instruction.offset < end or target not in at:
                    continue
                raises = caught or instruction.opname in _RAISES or instructions[at[target]].opname == "END_ASYNC_FOR"
                if raises and at[target] not in seen:
                    pending.append(at[target])
            if instruction.opname in ENDS:
                break
            index += 1
    return found


def handlers(code: CodeType) -> Iterator[tuple[int, int, int]]:
    parse = getattr(dis, "_parse_exception_table", None)
    for entry in parse(code) if parse is not None and sys.version_info >= (3, 11) else ():
        yield entry.start, entry.end, entry.target


def _is_called(instructions: list[dis.Instruction], index: int) -> bool:
    if sys.version_info >= (3, 11):
        instruction = instructions[index]
        if index + 1 < len(instructions) and instructions[index + 1].opname == "LOAD_ATTR":
            return False
        if instruction.opname == "LOAD_GLOBAL" and (instruction.arg or 0) & 1:
            return True
        beside = index + 1 if sys.version_info >= (3, 13) else index - 1
        return 0 <= beside < len(instructions) and instructions[beside].opname == "PUSH_NULL"
    above = 0
    for following in instructions[index + 1 :]:
        consumed = {"CALL_FUNCTION": 0, "CALL_FUNCTION_KW": 1}.get(following.opname)
        if consumed is not None and above == (following.arg or 0) + consumed:
            return True
        if following.opname == "CALL_FUNCTION_EX" and above == 1 + ((following.arg or 0) & 1):
            return True
        if following.opcode in JUMPS:
            return False
        has_argument = following.opcode >= dis.HAVE_ARGUMENT
        above += dis.stack_effect(following.opcode, following.arg if has_argument else None)
        if above < 0:
            return False
    return False
