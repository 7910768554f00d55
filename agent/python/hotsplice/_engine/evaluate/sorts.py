"""What sort of thing an object is: a value, a container, something with state of its own, something that acts.

Objects of the program are looked at through their types only: none of their properties, ``==`` or ``hash`` is asked.
"""

import dis
import sys
from enum import Enum
from types import (
    BuiltinFunctionType,
    CodeType,
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

from ..live import objects


class Sort(Enum):
    """What a name holds."""

    VALUE = "equal to another by what it is"
    CONTAINER = "a plain container"
    RECORD = "an object of a class whose constructor only stores what it is given"
    THING = "an object with state of its own"
    ACTING = "something that acts"


# Types, by the module that defines them: named, so that nothing is imported for the question.
VALUES = {
    "builtins": "int float complex bool str bytes NoneType ellipsis NotImplementedType range slice object property "
    "staticmethod classmethod super",
    "re": "Pattern Match",
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
    # Statements and conditions: each method of theirs gives another one.
    "sqlalchemy.sql.selectable": "Select CompoundSelect ScalarSelect Exists",
    "sqlalchemy.sql.dml": "Insert Update Delete",
    "sqlalchemy.sql.elements": "TextClause BinaryExpression BooleanClauseList",
    "django.db.models.query_utils": "Q",
    "django.db.models.expressions": "F Value",
    "click.types": "Choice DateTime File FloatRange IntRange Path Tuple",
}
_CONTAINERS = (list, dict, set, bytearray)
DICTIONARIES = "OrderedDict defaultdict Counter"
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
PLAIN_TYPES = (
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
    is_container = any(kind is one for one in _CONTAINERS)
    if is_container or is_one_of(kind, {"collections": f"{DICTIONARIES} deque"}, exactly=True):
        return (
            Sort.ACTING
            if depth < 2 and any(_is_shared(item, depth + 1) for item in _contents(value))
            else Sort.CONTAINER
        )
    if is_one_of(kind, _ACTING):
        return Sort.ACTING
    if kind is FunctionType and counts(value.__code__):
        return Sort.THING
    if issubclass(kind, type) or issubclass(kind, PLAIN_TYPES) or is_one_of(kind, VALUES, exactly=False, plain=True):
        return Sort.VALUE
    if issubclass(kind, (tuple, frozenset)):
        if depth >= _DEPTH or not all(_is_value(item, depth + 1) for item in _items(value, kind)):
            return Sort.THING
        return Sort.VALUE
    if _is_enum(kind) or is_frozen(kind) or kind.__module__ in ("typing", "typing_extensions"):
        return Sort.VALUE
    if _is_equal_by_content(kind):
        return Sort.VALUE
    return Sort.RECORD if is_record(kind) else Sort.THING


_REBINDING = frozenset((dis.opmap["STORE_DEREF"], dis.opmap["DELETE_DEREF"]))


def counts(code: CodeType) -> bool:
    """Whether a function keeps something between its calls: it rebinds a variable of the function around it."""
    if not code.co_freevars or _REBINDING.isdisjoint(code.co_code[::2]):
        return False
    rebinding = (one for one in dis.get_instructions(code) if one.opcode in _REBINDING)
    return any(one.argval in code.co_freevars for one in rebinding)


def _contents(value: Any) -> list[Any]:
    found = list(dict.values(value)) if isinstance(value, dict) else list(value) if type(value) is not bytearray else []
    return found[:_ITEMS]


def _is_shared(item: Any, depth: int) -> bool:
    return is_one_of(type(item), _SHARED) or sort(item, depth) is Sort.ACTING


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


def is_one_of(kind: type, table: dict[str, str], exactly: bool = False, plain: bool = False) -> bool:
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
    return bool(cls.__flags__ & (1 << 9)) and cls.__module__ not in VALUES


def _is_enum(kind: type) -> bool:
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(kind, enum.EnumMeta)


def is_frozen(kind: type) -> bool:
    parameters = kind.__dict__.get("__dataclass_params__")
    if parameters is not None and type(parameters).__module__ == "dataclasses":
        return bool(parameters.frozen)
    return False


def _is_equal_by_content(kind: type) -> bool:
    """A class that says how its objects compare and hash promises not to change them; what has items does not."""
    if found_in(kind, "__eq__") in (None, object) or found_in(kind, "__hash__") in (None, object):
        return False
    if any(
        found_in(kind, name) is not None for name in ("__setitem__", "__enter__", "__array__", "__next__", "__await__")
    ):
        return False
    return kind.__hash__ is not None


def found_in(kind: type, name: str) -> type | None:
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
    if found_in(kind, "__del__") is not None or not _is_in_python(kind):
        return False
    constructors = [
        (cls, cls.__dict__["__init__"]) for cls in kind.__mro__ if cls is not object and "__init__" in cls.__dict__
    ]
    return all(_is_plain_constructor(cls, made, kind) for cls, made in constructors)


def _is_plain_constructor(where: type, made: Any, kind: type) -> bool:
    if type(made) is not FunctionType:
        return False
    if "__dataclass_fields__" in where.__dict__ and made.__code__.co_filename == "<string>":
        return found_in(kind, "__post_init__") is None and _has_plain_factories(where)
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
            where = found_in(kind, argument)
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
    found.update(objects.dictionary(value) or {})
    return found
