"""What a code makes values of, and what it takes out of them: keys, indices, attributes, how many are unpacked."""

import dis
from collections.abc import Collection
from types import CodeType
from typing import Any

from ..live.code import tree
from . import reach

# ("key", "a"), ("index", 0), ("attribute", "a"), ("unpack", 2)
Read = tuple[str, Any]
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")
_DICTIONARIES = ("BUILD_MAP", "BUILD_CONST_KEY_MAP")
# What text that names what is there asks beforehand.
_ASKS = {"hasattr", "getattr", "AttributeError", "KeyError", "isinstance"}


def reads(code: CodeType, offsets: Collection[int] | None = None) -> dict[Read, int]:
    """What a code takes out of values from these offsets on, or from anywhere, with a line of each."""
    found: dict[Read, int] = {}
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
            found.setdefault(read, line)
    return found


def _is_subscript(one: dis.Instruction) -> bool:
    return one.opname == "BINARY_SUBSCR" or (one.opname == "BINARY_OP" and one.argrepr == "[]")


def is_careful(code: CodeType) -> bool:
    """Whether a code asks what it has got before it takes something out of it."""
    return any(not _ASKS.isdisjoint(one.co_names) for one in tree(code))


def set_on_first(code: CodeType) -> set[str]:
    """The attributes that a method gives its first parameter."""
    own, found = code.co_varnames[:1], set()
    before: Any = None
    for one in reach.instructions_of(code):
        loaded = before[-1:] if isinstance(before, tuple) else (before,)
        if one.opname == "STORE_ATTR" and loaded == own:
            found.add(one.argval)
        before = one.argval
    return found


class Made:
    """What a code makes values of."""

    def __init__(self, code: CodeType) -> None:
        self.texts: set[str] = set()
        # ("tuple", 2), ("list", 3), ("dict", 0)
        self.kinds: set[tuple[str, int]] = set()
        for one in tree(code):
            self._add(one)

    def _add(self, code: CodeType) -> None:
        for constant in code.co_consts:
            if type(constant) is str:
                self.texts.add(constant)
            elif type(constant) is tuple:
                self.texts.update(item for item in constant if type(item) is str)
        for one in reach.instructions_of(code):
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
        return (kind is tuple or kind is list) and (kind.__name__, len(value)) in self.kinds

    def _has(self, value: dict[Any, Any]) -> bool:
        keys = list(value)
        return all(type(key) is str for key in keys) and self.texts.issuperset(keys)


_KEYS = 50


def has(value: Any, read: Read) -> bool:
    """Whether something can be taken out of a plain container."""
    what, which = read
    if what == "unpack":
        return type(value) is not dict and len(value) == which
    if type(value) is dict:
        return what == "key" and which in value
    return what == "index" and -len(value) <= which < len(value)


def concerns(value: Any, read: Read) -> bool:
    """Whether something can be meant to be taken out of what is there in place of a plain container."""
    what, which = read
    if what == "attribute":
        return type(value) is dict and which in value
    return True
