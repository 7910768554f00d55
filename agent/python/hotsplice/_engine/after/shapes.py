"""What a code makes values of, and what it takes out of them: keys, indices, attributes, how many are unpacked."""

import dis
from collections import Counter
from collections.abc import Collection, Iterator
from types import CodeType
from typing import Any

from ..live import objects
from ..live.code import tree
from . import reach

# ("key", "a"), ("index", 0), ("attribute", "a"), ("unpack", 2)
Read = tuple[str, Any]
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT")
_NAMED_BY = ("BUILD_CONST_KEY_MAP", "CALL_KW", "CALL_FUNCTION_KW")
_DICTIONARIES = ("BUILD_MAP", "BUILD_CONST_KEY_MAP")
# What text that names what is there asks beforehand.
_ASKS = {"hasattr", "getattr", "AttributeError", "KeyError", "isinstance"}


def reads(code: CodeType, offsets: Collection[int] | None = None) -> dict[Read, int]:
    """What a code takes out of values from these offsets on, or from anywhere, with a line of each."""
    found: dict[Read, int] = {}
    for read, line in _each_read(code, offsets):
        found.setdefault(read, line)
    return found


def count_reads(code: CodeType) -> Counter[Read]:
    """How often a code takes each out of values."""
    return Counter(read for read, _ in _each_read(code, None))


def _each_read(code: CodeType, offsets: Collection[int] | None) -> Iterator[tuple[Read, int]]:
    instructions = reach.instructions_of(code)
    wanted = None if offsets is None else reach.reached(code, instructions, offsets)
    line = code.co_firstlineno
    for before, one in zip([None, *instructions], instructions):
        line = reach.line_of(one) or line
        if wanted is not None and one.offset not in wanted:
            continue
        read: Read | None = None
        if _is_subscript(one) and before is not None and before.opname in _CONSTANTS:
            kind = {str: "key", int: "index"}.get(type(before.argval))
            read = None if kind is None else (kind, before.argval)
        elif one.opname == "UNPACK_SEQUENCE":
            read = "unpack", one.argval
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            read = "attribute", one.argval
        if read is not None:
            yield read, line


def _is_subscript(one: dis.Instruction) -> bool:
    return one.opname == "BINARY_SUBSCR" or (one.opname == "BINARY_OP" and one.argrepr == "[]")


def is_careful(code: CodeType) -> bool:
    """Whether a code asks what it has got before it takes something out of it."""
    return any(not _ASKS.isdisjoint(one.co_names) for one in tree(code))


def asks_names(code: CodeType) -> bool:
    """Whether a code asks for attributes that may not be there."""
    return any(not (_ASKS - {"isinstance"}).isdisjoint(one.co_names) for one in tree(code))


_MAKING = {dis.opmap[name] for name in ("BUILD_TUPLE", "BUILD_LIST", *_DICTIONARIES) if name in dis.opmap}


def may_make(code: CodeType, globals: dict[str, Any]) -> bool:
    """Whether a code may make values that :class:`Made` knows: asked of all that is edited, and quickly."""
    return any(
        not _MAKING.isdisjoint(one.co_code[::2])
        or any(type(constant) is tuple for constant in one.co_consts)
        or any(isinstance(globals.get(name), type) for name in one.co_names)
        for one in tree(code)
    )


class Made:
    """What a code makes values of."""

    def __init__(self, code: CodeType, globals: dict[str, Any]) -> None:
        # Classes that it names, by their ids.
        self.classes: dict[int, type] = {}
        self.texts: set[str] = set()
        # ("tuple", 2), ("list", 3), ("dict", 0)
        self.kinds: set[tuple[str, int]] = set()
        for one in tree(code):
            self._add(one)
            for name in one.co_names:
                value = globals.get(name)
                if isinstance(value, type) and "__builtins__" in globals:
                    self.classes[id(value)] = value

    def _add(self, code: CodeType) -> None:
        for constant in code.co_consts:
            if type(constant) is str:
                self.texts.add(constant)
            elif type(constant) is tuple:
                self.texts.update(item for item in constant if type(item) is str)
        instructions = reach.instructions_of(code)
        for one, following in zip(instructions, [*instructions[1:], None]):
            if following is not None and following.opname in _NAMED_BY:
                # The keys of a dictionary, or the names of arguments.
                continue
            if one.opname in ("BUILD_TUPLE", "BUILD_LIST") and one.arg:
                self.kinds.add((one.opname[6:].lower(), one.arg))
            elif one.opname in _DICTIONARIES and one.arg:
                self.kinds.add(("dict", 0))
            elif one.opname in ("LOAD_CONST", "RETURN_CONST") and type(one.argval) is tuple and one.argval:
                self.kinds.add(("tuple", len(one.argval)))

    def makes(self, value: Any) -> bool:
        """Whether a value may come from there, as far as its shape tells."""
        kind = type(value)
        if kind is dict:
            return bool(value) and len(value) < _KEYS and ("dict", 0) in self.kinds and self._has(value)
        if kind is tuple or kind is list:
            return (kind.__name__, len(value)) in self.kinds
        return id(kind) in self.classes

    def serves(self, read: Read, but: "Made") -> bool:
        """Whether something can be taken out of what comes from here, and not from the other."""
        what, which = read
        if what == "key":
            return self._has_key(which) and not but._has_key(which)
        own = {count for kind, count in self.kinds - but.kinds if kind != "dict"}
        if what == "unpack":
            return which in own and not any(count == which for _, count in but.kinds)
        return what == "index" and any(which < count for count in own)

    def _has_key(self, key: str) -> bool:
        return ("dict", 0) in self.kinds and key in self.texts

    def _has(self, value: dict[Any, Any]) -> bool:
        keys = list(value)
        return all(type(key) is str for key in keys) and self.texts.issuperset(keys)


_KEYS = 50


def has(value: Any, read: Read) -> bool:
    """Whether something can be taken out of a value."""
    what, which = read
    kind = type(value)
    if kind is dict:
        return what == "key" and which in value
    if kind is tuple or kind is list:
        if what == "unpack":
            return bool(len(value) == which)
        return what == "index" and -len(value) <= which < len(value)
    if what == "attribute":
        return which in objects.attributes(value) or objects.of_type(kind, which) is not None
    return objects.of_type(kind, "__iter__" if what == "unpack" else "__getitem__") is not None


def concerns(value: Any, read: Read) -> bool:
    """Whether something can be meant to be taken out of what is there in place of a value."""
    what, which = read
    return what != "attribute" or (type(value) is dict and which in value)
