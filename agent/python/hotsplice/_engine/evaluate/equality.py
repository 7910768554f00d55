"""Whether two objects hold the same, as far as that can be told without code of the program."""

from types import FunctionType, MemberDescriptorType
from typing import Any

from ..live import objects
from ..live.code import fingerprint
from ..native import native
from .sorts import DICTIONARIES, PLAIN_TYPES, VALUES, Sort, attributes, found_in, is_frozen, is_one_of, sort

# Values of the standard library that compare by identity, with what they are made of.
_PARTS = {
    ("functools", "partial"): ("func", "args", "keywords"),
    ("functools", "partialmethod"): ("func", "args", "keywords"),
    ("builtins", "property"): ("fget", "fset", "fdel"),
    ("builtins", "staticmethod"): ("__func__",),
    ("builtins", "classmethod"): ("__func__",),
    ("_struct", "Struct"): ("format", "size"),
    ("string", "Template"): ("template",),
}


def equal(one: Any, other: Any, loosely: bool = False, depth: int = 0) -> bool:
    """Whether two objects are the same or hold the same, as far as that can be told without code of the program.

    ``loosely``: what can't be told is equal if it is of one type.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other) or depth > 50:
        return False
    if kind is list or kind is tuple:
        return len(one) == len(other) and all(equal(a, b, loosely, depth + 1) for a, b in zip(one, other))
    if kind is dict or is_one_of(kind, {"collections": DICTIONARIES}, exactly=True):
        if dict.__len__(one) != dict.__len__(other):
            return False
        if getattr(one, "default_factory", None) is not getattr(other, "default_factory", None):
            return False
        pairs = zip(dict.items(one), dict.items(other))
        return all(
            equal(key, key2, loosely, depth + 1) and equal(value, value2, loosely, depth + 1)
            for (key, value), (key2, value2) in pairs
        )
    if is_one_of(kind, {"collections": "deque"}, exactly=True):
        return one.maxlen == other.maxlen and equal(list(one), list(other), loosely, depth + 1)
    if kind is FunctionType:
        is_lambda = one.__name__ == other.__name__ == "<lambda>"
        if fingerprint(one.__code__) != fingerprint(other.__code__):
            # Two definitions of one name, in two branches.
            return False
        if loosely:
            return bool(one.__qualname__ == other.__qualname__)
        if not is_lambda or one.__module__ != other.__module__:
            return False
        given, given2 = (one.__defaults__, one.__kwdefaults__), (other.__defaults__, other.__kwdefaults__)
        return equal(given, given2, loosely, depth + 1)
    if kind is set or kind is frozenset:
        (atoms, rest), (atoms2, rest2) = _parted(one), _parted(other)
        return atoms == atoms2 and (rest == rest2 or (loosely and len(rest) == len(rest2)))
    parts = _parts(one), _parts(other)
    if parts[0]:
        return equal(*parts, loosely, depth + 1)
    found = sort(one)
    if found is Sort.RECORD:
        return equal(_given(one), _given(other), loosely, depth + 1)
    if found is not Sort.VALUE and not _is_plain(kind):
        return loosely
    if is_frozen(kind):
        return equal(attributes(one), attributes(other), loosely, depth + 1)
    if issubclass(kind, tuple) and not _is_of_program_eq(kind):
        return equal(tuple(tuple.__iter__(one)), tuple(tuple.__iter__(other)), loosely, depth + 1)
    if _is_of_program_eq(kind):
        # What has no attributes may hold something natively.
        holds_all = bool(attributes(one)) or all(map(native.is_made_in_python, objects.order(kind)[:-1]))
        return holds_all and equal(attributes(one), attributes(other), loosely, depth + 1)
    if loosely and found_in(kind, "__eq__") is object:
        # A sentinel.
        return True
    try:
        # Both not a number.
        return bool(one == other) or (kind is float and one != one and other != other)
    except Exception:
        return False


def _parts(value: Any) -> tuple[Any, ...]:
    """What a value of the standard library is made of, where that is all there is to it."""
    kind = type(value)
    if is_one_of(kind, {"operator": "itemgetter attrgetter methodcaller"}, exactly=True):
        return tuple(value.__reduce__())
    return tuple(getattr(value, name) for name in _PARTS.get((kind.__module__, kind.__name__), ()))


def _given(value: Any) -> dict[str, Any]:
    """What is stored in an object, but for what it remembers of what it has computed: `cached_property`."""
    kind = type(value)
    return {name: one for name, one in attributes(value).items() if not _remembers(kind, name)}


def _remembers(kind: type, name: str) -> bool:
    where = found_in(kind, name)
    member = type(where.__dict__[name]) if where is not None else MemberDescriptorType
    return member not in PLAIN_TYPES and found_in(member, "__get__") is not None and found_in(member, "__set__") is None


def _is_plain(kind: type) -> bool:
    return kind is bytearray or kind.__module__ == "array"


def _is_of_program_eq(kind: type) -> bool:
    where = found_in(kind, "__eq__")
    return where is not None and type(where.__dict__["__eq__"]) is FunctionType and kind.__module__ not in VALUES


def _parted(items: Any) -> tuple[set[Any], set[int]]:
    """What compares by content without code of the program, and the rest by identity."""
    return {item for item in items if _is_atom(item)}, {id(item) for item in items if not _is_atom(item)}


def _is_atom(value: Any) -> bool:
    return objects.is_exactly(value, int, float, complex, bool, str, bytes, type(None)) or issubclass(type(value), type)
