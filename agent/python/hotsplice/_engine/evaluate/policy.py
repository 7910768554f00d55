"""What becomes of a binding whose text, or what it reads, is another one now: the one place where that is decided.

Objects of the program are looked at through their types only: none of their properties, ``==`` or ``hash`` is asked.
"""

import dis
import sys
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from ..live.code import fingerprint

MISSING: Any = object()
# What the former text gave a name where that can't be told without running code of the program.
UNKNOWN: Any = object()


class Sort(Enum):
    """What a name holds."""

    VALUE = "equal to another by what it is"
    CONTAINER = "a plain container"
    RECORD = "an object of a class whose constructor only stores what it is given"
    THING = "an object with state of its own"
    ACTING = "something that acts"


class Decision(Enum):
    """What becomes of a binding."""

    # The text means what it did: whatever the name holds stays, and there is nothing to report.
    KEEP = "keep"
    # What the name holds stays though the text says something else: reported.
    PRESERVE = "preserve"
    # The object stays and gets what the text says.
    IN_PLACE = "in place"
    # The name gets what the text says.
    REPLACE = "replace"


def decide(
    live: Any, former: Any, new: Any, one_type: bool, changed_by_others: bool = False, loosely: bool = False
) -> Decision:
    """For a name that was evaluated again: ``former`` is what the live text gives it, ``new`` what the new one gives.

    ``loosely``: code of the program made what the text gives, each time with other objects in it.
    """
    if live is MISSING or live is new:
        return Decision.REPLACE
    held = sort(live)
    if former is not UNKNOWN and former is not MISSING:
        if equal(former, new):
            return Decision.KEEP
        if held not in (Sort.THING, Sort.ACTING) and not equal(former, live, loosely):
            return Decision.PRESERVE
    elif changed_by_others:
        return Decision.PRESERVE
    if held in (Sort.THING, Sort.ACTING):
        return Decision.PRESERVE
    if held in (Sort.CONTAINER, Sort.RECORD) and one_type:
        if former is UNKNOWN and held is Sort.RECORD:
            return Decision.PRESERVE
        return Decision.IN_PLACE
    return Decision.REPLACE


# Types, by the module that defines them: named, so that nothing is imported for the question.
_VALUES = {
    "builtins": "int float complex bool str bytes NoneType ellipsis NotImplementedType range slice object property "
    "staticmethod classmethod super",
    "re": "Pattern",
    "datetime": "date datetime time timedelta timezone tzinfo",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "zoneinfo": "ZoneInfo",
    "ipaddress": "_IPAddressBase",
    "pathlib": "PurePath",
    "pathlib._local": "PurePath",
    "logging": "Logger LoggerAdapter",
    "functools": "partial partialmethod _lru_cache_wrapper cached_property singledispatchmethod",
    "operator": "itemgetter attrgetter methodcaller",
    "_struct": "Struct",
    "string": "Template",
    "weakref": "ref",
    "types": "MappingProxyType",
}
_CONTAINERS = (list, dict, set, bytearray)
_DICTIONARIES = "OrderedDict defaultdict Counter"
_ACTING = {
    "threading": "Thread Timer",
    "subprocess": "Popen",
    "multiprocessing.process": "BaseProcess",
    "multiprocessing.pool": "Pool",
    "concurrent.futures._base": "Executor",
    "socket": "socket",
    "_socket": "socket",
    "socketserver": "BaseServer",
    "asyncio.events": "AbstractServer AbstractEventLoop TimerHandle",
    "asyncio.futures": "Future",
    "_asyncio": "Future Task",
    "sched": "scheduler",
    "wsgiref.simple_server": "WSGIServer",
}
# What others hold and wait in.
_SHARED = {
    "_thread": "lock RLock",
    "threading": "_RLock Event Condition Semaphore Barrier local",
    "queue": "Queue",
    "_queue": "SimpleQueue",
    "asyncio.locks": "Lock Event Condition Semaphore",
    "asyncio.queues": "Queue",
    "multiprocessing.queues": "Queue SimpleQueue",
    "sqlite3": "Connection",
    "_io": "TextIOWrapper _IOBase",
}
_PLAIN_TYPES = (
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MappingProxyType,
    GenericAlias,
    ModuleType,
)
# How deep tuples and containers are looked into, and how many items of one.
_DEPTH = 5
_ITEMS = 1_000


def sort(value: Any, depth: int = 0) -> Sort:
    """What sort of object a name holds."""
    kind = type(value)
    if kind in _CONTAINERS or _is_one_of(kind, {"collections": f"{_DICTIONARIES} deque"}, exactly=True):
        return (
            Sort.ACTING
            if depth < 2 and any(_is_shared(item, depth + 1) for item in _contents(value))
            else Sort.CONTAINER
        )
    if _is_one_of(kind, _ACTING):
        return Sort.ACTING
    if issubclass(kind, type) or issubclass(kind, _PLAIN_TYPES) or _is_one_of(kind, _VALUES, exactly=False, plain=True):
        return Sort.VALUE
    if issubclass(kind, (tuple, frozenset)):
        if depth >= _DEPTH or not all(_is_value(item, depth + 1) for item in _items(value, kind)):
            return Sort.THING
        return Sort.VALUE
    if _is_enum(kind) or _is_frozen(kind) or kind.__module__ in ("typing", "typing_extensions"):
        return Sort.VALUE
    if _is_equal_by_content(kind):
        return Sort.VALUE
    return Sort.RECORD if is_record(kind) else Sort.THING


def _contents(value: Any) -> list[Any]:
    found = list(dict.values(value)) if isinstance(value, dict) else list(value) if type(value) is not bytearray else []
    return found[:_ITEMS]


def _is_shared(item: Any, depth: int) -> bool:
    return _is_one_of(type(item), _SHARED) or sort(item, depth) is Sort.ACTING


def is_type_variable(kind: type) -> bool:
    """Whether objects are told apart by identity, though nothing of theirs changes: `type Number = int`."""
    names = ("TypeAliasType", "NewType", "TypeVar", "ParamSpec", "TypeVarTuple")
    return kind.__module__ in ("typing", "typing_extensions") and kind.__name__ in names


def holds_things(value: Any) -> bool:
    """Whether a plain container holds objects with state of their own."""
    is_container = sort(value) is Sort.CONTAINER
    return is_container and any(sort(item, 2) is Sort.THING for item in _contents(value))


def _items(value: Any, kind: type) -> Any:
    return tuple.__iter__(value) if issubclass(kind, tuple) else frozenset.__iter__(value)


def _is_value(item: Any, depth: int) -> bool:
    # A list in a tuple is state, but not of the tuple's own.
    return sort(item, depth) in (Sort.VALUE, Sort.CONTAINER, Sort.RECORD)


def _is_one_of(kind: type, table: dict[str, str], exactly: bool = False, plain: bool = False) -> bool:
    """``plain``: subclasses of the program's own add state; only what the standard library derives counts."""
    for cls in (kind,) if exactly else kind.__mro__:
        names = table.get(cls.__module__)
        if names is not None and cls.__name__ in names.split():
            if cls is object:
                return kind is object
            return True
        if plain and _is_of_program(cls):
            return False
    return False


def _is_of_program(cls: type) -> bool:
    """Whether a class has instances with a dictionary that a statement in Python gave it."""
    return bool(cls.__flags__ & (1 << 9)) and cls.__module__ not in _VALUES


def _is_enum(kind: type) -> bool:
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(kind, enum.EnumMeta)


def _is_frozen(kind: type) -> bool:
    parameters = kind.__dict__.get("__dataclass_params__")
    if parameters is not None and type(parameters).__module__ == "dataclasses":
        return bool(parameters.frozen)
    return False


def _is_equal_by_content(kind: type) -> bool:
    """A class that says how its objects compare and hash promises not to change them; what has items does not."""
    if _found(kind, "__eq__") in (None, object) or _found(kind, "__hash__") in (None, object):
        return False
    if any(
        _found(kind, name) is not None for name in ("__setitem__", "__enter__", "__array__", "__next__", "__await__")
    ):
        return False
    return kind.__hash__ is not None


def _found(kind: type, name: str) -> type | None:
    return next((cls for cls in kind.__mro__ if name in cls.__dict__), None)


# Instructions of a constructor that only stores what it is given.
_STORES = {
    "RESUME", "NOP", "CACHE", "EXTENDED_ARG", "POP_TOP", "PUSH_NULL", "COPY", "SWAP", "DUP_TOP", "ROT_TWO", "ROT_THREE",
    "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_FAST", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_FAST_AND_CLEAR", "LOAD_COMMON_CONSTANT", "STORE_FAST",
    "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST", "STORE_ATTR", "LOAD_FAST__LOAD_FAST",
    "BUILD_LIST", "BUILD_MAP", "BUILD_TUPLE", "BUILD_SET", "BUILD_CONST_KEY_MAP", "LIST_EXTEND", "SET_UPDATE",
    "DICT_UPDATE", "LIST_TO_TUPLE", "UNPACK_SEQUENCE", "RETURN_VALUE", "RETURN_CONST", "NOT_TAKEN",
    "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE", "POP_JUMP_FORWARD_IF_NONE", "POP_JUMP_FORWARD_IF_NOT_NONE",
    "CALL", "CALL_FUNCTION", "CALL_METHOD", "CALL_KW", "CALL_FUNCTION_KW", "KW_NAMES", "PRECALL", "LOAD_DEREF",
    "COPY_FREE_VARS", "BINARY_OP", "BINARY_ADD", "BINARY_SUBTRACT", "BINARY_MULTIPLY", "COMPARE_OP", "TO_BOOL",
    "POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "JUMP_FORWARD", "IS_OP",
}  # fmt: skip


# What a constructor may call.
_PLAIN_CALLS = frozenset(
    ("super", "dict", "list", "set", "tuple", "frozenset", "int", "float", "str", "bytes", "bool", "len")
)


def is_record(kind: type) -> bool:
    """Whether making an object of a class does nothing but store values in it, so that it can be done to compare."""
    base: Any = object
    if type(kind) is not type or kind.__setattr__ is not base.__setattr__ or kind.__new__ is not base.__new__:
        return False
    if _found(kind, "__del__") is not None or not _is_in_python(kind):
        return False
    constructors = [
        (cls, cls.__dict__["__init__"]) for cls in kind.__mro__ if cls is not object and "__init__" in cls.__dict__
    ]
    return all(_is_plain_constructor(cls, made, kind) for cls, made in constructors)


def _is_plain_constructor(where: type, made: Any, kind: type) -> bool:
    if type(made) is not FunctionType:
        return False
    if "__dataclass_fields__" in where.__dict__ and made.__code__.co_filename == "<string>":
        return _found(kind, "__post_init__") is None and _has_plain_factories(where)
    return _only_stores(made, kind)


def _is_in_python(kind: type) -> bool:
    return all(cls is object or cls.__flags__ & (1 << 9) for cls in kind.__mro__)


def _has_plain_factories(kind: type) -> bool:
    fields = kind.__dict__["__dataclass_fields__"].values()
    factories = [field.default_factory for field in fields]
    return all(type(one) is not FunctionType and (one in _CONTAINERS or type(one) is not type) for one in factories)


def _only_stores(function: FunctionType, kind: type) -> bool:
    """Whether a constructor calls nothing but those of its bases and plain types, and sets nothing but attributes."""
    for instruction in dis.get_instructions(function):
        name, argument = instruction.opname, instruction.argval
        if name == "LOAD_GLOBAL":
            if argument not in _PLAIN_CALLS or argument in function.__globals__:
                return False
        elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            if argument != "__init__":
                return False
        elif name == "STORE_ATTR":
            where = _found(kind, argument)
            member = type(where.__dict__[argument]) if where is not None else MemberDescriptorType
            if hasattr(member, "__set__") and member is not MemberDescriptorType:
                return False
        elif name not in _STORES:
            return False
    return True


def attributes(value: Any) -> dict[str, Any]:
    """What is stored in an object, in its dictionary and its slots."""
    kind = type(value)
    found: dict[str, Any] = {}
    for cls in kind.__mro__:
        for name, member in cls.__dict__.items():
            if type(member) is MemberDescriptorType:
                try:
                    found[name] = member.__get__(value, kind)
                except AttributeError:
                    continue
    try:
        found.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        pass
    return found


def equal(one: Any, other: Any, loosely: bool = False, depth: int = 0) -> bool:
    """Whether two objects are the same or hold the same, as far as that can be told without code of the program.

    ``loosely``: what can't be told is equal if it is of one type.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other) or depth > 50:
        return False
    if kind in (list, tuple):
        return len(one) == len(other) and all(equal(a, b, loosely, depth + 1) for a, b in zip(one, other))
    if kind is dict or _is_one_of(kind, {"collections": _DICTIONARIES}, exactly=True):
        if dict.__len__(one) != dict.__len__(other):
            return False
        if getattr(one, "default_factory", None) is not getattr(other, "default_factory", None):
            return False
        pairs = zip(dict.items(one), dict.items(other))
        return all(
            equal(key, key2, loosely, depth + 1) and equal(value, value2, loosely, depth + 1)
            for (key, value), (key2, value2) in pairs
        )
    if _is_one_of(kind, {"collections": "deque"}, exactly=True):
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
    if kind in (set, frozenset):
        (atoms, objects), (atoms2, objects2) = _parted(one), _parted(other)
        return atoms == atoms2 and (objects == objects2 or (loosely and len(objects) == len(objects2)))
    found = sort(one)
    if found is Sort.RECORD:
        return equal(_given(one), _given(other), loosely, depth + 1)
    if found is not Sort.VALUE and not _is_plain(kind):
        return loosely
    if _is_frozen(kind):
        return equal(attributes(one), attributes(other), loosely, depth + 1)
    if issubclass(kind, tuple) and not _is_of_program_eq(kind):
        return equal(tuple(tuple.__iter__(one)), tuple(tuple.__iter__(other)), loosely, depth + 1)
    if _is_of_program_eq(kind):
        return equal(attributes(one), attributes(other), loosely, depth + 1) and bool(attributes(one))
    try:
        # Both not a number.
        return bool(one == other) or (kind is float and one != one and other != other)
    except Exception:
        return False


def _given(value: Any) -> dict[str, Any]:
    """What is stored in an object, but for what it remembers of what it has computed: `cached_property`."""
    kind = type(value)
    return {name: one for name, one in attributes(value).items() if not _remembers(kind, name)}


def _remembers(kind: type, name: str) -> bool:
    where = _found(kind, name)
    member = type(where.__dict__[name]) if where is not None else MemberDescriptorType
    return member not in _PLAIN_TYPES and _found(member, "__get__") is not None and _found(member, "__set__") is None


def _is_plain(kind: type) -> bool:
    return kind is bytearray or kind.__module__ == "array"


def _is_of_program_eq(kind: type) -> bool:
    where = _found(kind, "__eq__")
    return where is not None and type(where.__dict__["__eq__"]) is FunctionType and kind.__module__ not in _VALUES


def _parted(items: Any) -> tuple[set[Any], set[int]]:
    """What compares by content without code of the program, and the rest by identity."""
    return {item for item in items if _is_atom(item)}, {id(item) for item in items if not _is_atom(item)}


def _is_atom(value: Any) -> bool:
    return type(value) in (int, float, complex, bool, str, bytes, type(None)) or issubclass(type(value), type)
