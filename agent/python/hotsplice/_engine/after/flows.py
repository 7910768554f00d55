"""Where the values of a code come from and what is done with them, as far as its bytecode shows without doubt."""

import dis
import inspect
import sys
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator
from types import CodeType, FunctionType
from typing import Any

from . import reach

CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT", "RETURN_CONST")
_LOADS = ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF")
_STORES = ("STORE_FAST", "STORE_DEREF")
_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
_NEUTRAL = {"CACHE", "NOP", "RESUME", "KW_NAMES", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN", "MAKE_CELL"}
_POPS = {
    **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD", "GET_ITER", "UNPACK_SEQUENCE", "TO_BOOL", "FORMAT_VALUE"), 1),
    **dict.fromkeys(("FORMAT_SIMPLE", "CONVERT_VALUE", "STORE_FAST", "STORE_DEREF", "POP_TOP", "RETURN_VALUE"), 1),
    **dict.fromkeys(("YIELD_VALUE", "GET_AWAITABLE", "UNARY_NOT", "UNARY_NEGATIVE", "UNARY_INVERT"), 1),
    **dict.fromkeys(("BINARY_OP", "BINARY_SUBSCR", "COMPARE_OP", "IS_OP", "CONTAINS_OP", "STORE_ATTR"), 2),
    **dict.fromkeys(("FORMAT_WITH_SPEC", "LIST_APPEND", "BINARY_SLICE"), 2),
    "STORE_SUBSCR": 3,
}
# Before 3.11 each operator is an instruction.
_FORMER_OPERATORS = {
    **{"ADD": "+", "SUBTRACT": "-", "MULTIPLY": "*", "TRUE_DIVIDE": "/", "FLOOR_DIVIDE": "//", "MODULO": "%"},
    **{"POWER": "**", "LSHIFT": "<<", "RSHIFT": ">>", "AND": "&", "OR": "|", "XOR": "^"},
}
_BUILDING: dict[str, type] = {
    **dict.fromkeys(("BUILD_LIST", "LIST_EXTEND", "LIST_TO_TUPLE"), list),
    **dict.fromkeys(("BUILD_MAP", "BUILD_CONST_KEY_MAP", "DICT_UPDATE", "DICT_MERGE"), dict),
    **dict.fromkeys(("BUILD_SET", "SET_UPDATE"), set),
    **dict.fromkeys(("BUILD_STRING", "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC"), str),
    **dict.fromkeys(("COMPARE_OP", "IS_OP", "CONTAINS_OP", "UNARY_NOT"), bool),
    "BUILD_TUPLE": tuple,
    "LIST_TO_TUPLE": tuple,
}
_COMMON: dict[str, Any] = {"None": None, "True": True, "False": False, "''": "", "-1": -1}
_NAMES = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_FAST")
_CALLS = ("CALL", "CALL_METHOD")
PUTTING = {"append", "appendleft", "add", "put", "put_nowait", "insert"}
TAKING = {"pop", "popleft", "get", "get_nowait", "popitem"}
_SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# How many calls are followed inwards.
_DEPTH = 3


# One instruction; what does two things at once is two of them.
Step = namedtuple("Step", "name value line arg shown effect")
# What is done with a value: ("attribute", "append"), ("operator", ("+", int, True)), ("item", 0).
Use = namedtuple("Use", "what which")


def steps_of(code: CodeType) -> list[Step]:
    found: list[Step] = []
    line = code.co_firstlineno
    for one in reach.instructions_of(code):
        line = reach.line_of(one) or line
        if one.opname in _PAIRS:
            for name, value in zip(_PAIRS[one.opname], one.argval):
                found.append(Step(name, value, line, 0, "", 1 if name == "LOAD_FAST" else -1))
            continue
        name = "LOAD_FAST" if one.opname in _LOADS else one.opname
        name = f"BINARY_{name[8:]}" if name.startswith("INPLACE_") else name
        operator = _FORMER_OPERATORS.get(name[7:]) if name.startswith("BINARY_") else None
        shown = operator or one.argrepr.rstrip("=") if name == "BINARY_OP" or operator else one.argrepr
        name = "BINARY_OP" if operator else "BINARY_SUBSCR" if name == "BINARY_OP" and shown == "[]" else name
        has_argument = one.opcode >= dis.HAVE_ARGUMENT
        effect = dis.stack_effect(one.opcode, one.arg if has_argument else None, jump=False)
        value = one.argval
        if name == "KW_NAMES":
            value = code.co_consts[one.arg or 0]
        elif name == "LOAD_COMMON_CONSTANT" and one.argrepr in _COMMON:
            name, value = "LOAD_CONST", _COMMON[one.argrepr]
        if sys.version_info[:2] == (3, 11) and name in ("PRECALL", "CALL"):
            # Together they take the arguments, and what is called.
            effect = 0 if name == "PRECALL" else -(one.arg or 0) - 1
        found.append(Step(name, value, line, one.arg or 0, shown, effect))
    return found


def _pops(step: Step) -> int | None:
    """How many values an instruction takes from the stack; nothing where that is not known."""
    if step.name in _NEUTRAL:
        return 0
    if step.name in _POPS:
        return _POPS[step.name]
    if step.name.startswith(("LOAD_", "PUSH_")):
        return 0
    if step.name in ("BUILD_LIST", "BUILD_TUPLE", "BUILD_SET", "BUILD_STRING"):
        return int(step.arg)
    if step.name in ("BUILD_MAP", "BUILD_CONST_KEY_MAP"):
        return int(2 * step.arg if step.name == "BUILD_MAP" else step.arg + 1)
    if step.name.startswith("POP_JUMP"):
        return 1
    return {
        "CALL": step.arg + 2,
        "CALL_KW": step.arg + 3,
        "CALL_METHOD": step.arg + 2,
        "CALL_FUNCTION": step.arg + 1,
        "CALL_FUNCTION_KW": step.arg + 2,
    }.get(step.name)


def uses(steps: list[Step], what: str, name: str) -> dict[Use, int]:
    """What is done with a variable (``local``), or with an ``attribute`` of anything, with a line of each."""
    found: dict[Use, int] = {}
    for index, step in enumerate(steps):
        loads = step.name == "LOAD_FAST" if what == "local" else step.name in ("LOAD_ATTR", "LOAD_METHOD")
        if loads and step.value == name:
            found.setdefault(_consumer(steps, index), step.line)
    return found


def _consumer(steps: list[Step], index: int) -> Use:
    # `self.rows.put(…)` may have loaded what it is bound to as well: only what is read is followed.
    above = 0
    for at in range(index + 1, len(steps)):
        step = steps[at]
        pops = _pops(step)
        if pops is None:
            break
        if pops > above:
            return _use(steps, at, above, steps[index - 1] if index else None)
        above += step.effect
    return Use("other", None)


def _use(steps: list[Step], at: int, above: int, before: Step | None) -> Use:
    step = steps[at]
    name = step.name
    if name in ("LOAD_ATTR", "LOAD_METHOD"):
        return Use("attribute", step.value)
    if name in ("BINARY_SUBSCR", "STORE_SUBSCR") and above == 1:
        key = steps[at - 1]
        constant = key.value if key.name in CONSTANTS and type(key.value) in (int, str) else None
        return Use("item" if name == "BINARY_SUBSCR" else "set-item", constant)
    if name == "UNPACK_SEQUENCE":
        return Use("unpack", step.value)
    if name == "GET_ITER":
        return Use("iterate", None)
    if name in ("BINARY_OP", "COMPARE_OP") and above < 2:
        other = steps[at - 1] if above else before
        is_constant = other is not None and other.name in CONSTANTS
        kind = type(other.value) if is_constant and other is not None else None
        return Use("operator", (step.shown, kind, above == 1))
    if name.startswith("CALL"):
        return _argument(steps, at, above)
    if name in ("IS_OP", "TO_BOOL", "UNARY_NOT") or name.startswith("POP_JUMP"):
        return Use("test", None)
    return Use("other", name)


def _argument(steps: list[Step], at: int, above: int) -> Use:
    step, names = steps[at], keywords(steps, at)
    above -= step.name in ("CALL_KW", "CALL_FUNCTION_KW")
    position = step.arg - 1 - above
    if position < 0:
        return Use("call", None)
    callee = called(steps, at)
    if callee is None:
        return Use("other", step.name)
    first = step.arg - len(names)
    where: int | str = position if position < first else names[position - first]
    return Use("argument", (callee[0], where, callee[1]))


def keywords(steps: list[Step], at: int) -> tuple[str, ...]:
    """The names of the arguments that a call gives by name."""
    step = steps[at]
    given = steps[at - 1] if step.name in ("CALL_KW", "CALL_FUNCTION_KW") else None
    if step.name == "CALL":
        given = next((one for one in steps[max(at - 2, 0) : at] if one.name == "KW_NAMES"), None)
    return given.value if given is not None and type(given.value) is tuple else ()


def begin(steps: list[Step], at: int) -> int | None:
    """Where the expression begins whose value the instruction gives; nothing if it is not in one piece."""
    total = 0
    for index in range(at, -1, -1):
        step = steps[index]
        if "JUMP" in step.name or "SEND" in step.name or step.name in ("FOR_ITER", "RETURN_VALUE"):
            return None
        total += step.effect
        if total > 0:
            return index
    return None


def called(steps: list[Step], at: int) -> tuple[str, bool] | None:
    """What a call calls, by the last name of it, and whether that is an attribute."""
    chain = _chain(steps, at)
    return (chain[-1], len(chain) > 1) if chain else None


def _chain(steps: list[Step], at: int) -> list[str]:
    """What a call calls: ``self``, ``jobs``, ``put``; nothing stands for what is no name."""
    step, index = steps[at], at - 1
    for _ in range(step.arg + (step.name in ("CALL_KW", "CALL_FUNCTION_KW"))):
        beginning = begin(steps, index)
        if beginning is None:
            return []
        index = beginning - 1
    while index > 0 and (steps[index].name in _NEUTRAL or steps[index].name == "PUSH_NULL"):
        index -= 1
    found: list[str] = []
    while index >= 0 and steps[index].name in ("LOAD_ATTR", "LOAD_METHOD"):
        found.insert(0, str(steps[index].value))
        index -= 1
    is_named = index >= 0 and steps[index].name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST")
    if is_named or found:
        found.insert(0, str(steps[index].value) if is_named else "")
    return found


def stored(steps: list[Step], name: str) -> Iterator[int]:
    """Where the values come from that a variable is given: the index of what gives each, below 0 if not known."""
    for index, step in enumerate(steps):
        if step.name in _STORES and step.value == name:
            yield _giving(steps, index)


def _giving(steps: list[Step], at: int) -> int:
    """``rows, count = make(), 0`` stores what is on the stack one after the other, in one order or the other."""
    first = at
    while first > 0 and steps[first - 1].name in _STORES:
        first -= 1
    exchange = steps[first - 1] if first else None
    count = 2 if exchange is not None and exchange.name == "ROT_TWO" else 0
    last = first - 2
    if exchange is not None and exchange.name == "SWAP" and exchange.arg in (2, 3):
        count = exchange.arg
    elif count and steps[first - 2].name == "ROT_THREE":
        count, last = 3, first - 3
    if not count:
        last = first - 1
    elif at - first >= count:
        return -1
    for _ in range(count - 1 - (at - first) if count else at - first):
        beginning = begin(steps, last)
        if beginning is None:
            return -1
        last = beginning - 1
    return last


def awaited(steps: list[Step], at: int) -> int | None:
    """What gives the coroutine whose result an instruction gives."""
    if at < 0 or steps[at].name not in ("END_SEND", "YIELD_FROM", "JUMP_BACKWARD_NO_INTERRUPT"):
        return None
    before = (index for index in range(at, -1, -1) if steps[index].name == "GET_AWAITABLE")
    found = next(before, None)
    return None if found is None else found - 1


Resolve = Callable[[FunctionType], CodeType]
Kinds = set[type | None]


def kinds_of(steps: list[Step], at: int, globals: dict[str, Any], resolve: Resolve, depth: int = 0) -> Kinds:
    """The types of what an instruction gives; nothing stands for those that are not known."""
    if at < 0:
        return {None}
    step = steps[at]
    if step.name in CONSTANTS:
        return {type(step.value)}
    if step.name in _BUILDING:
        return {_BUILDING[step.name]}
    if step.name.startswith("CALL") and step.name != "CALL_INTRINSIC_1":
        callee = called(steps, at)
        builtins = globals.get("__builtins__")
        known = builtins if type(builtins) is dict else vars(builtins) if builtins is not None else {}
        value = globals.get(callee[0], known.get(callee[0])) if callee is not None and not callee[1] else None
        if isinstance(value, type) and type(value) is type:
            return {value}
        if type(value) is FunctionType and not value.__code__.co_flags & _SUSPENDED and depth < _DEPTH:
            return given(resolve(value), value.__globals__, resolve, depth + 1)
    return {None}


def given(code: CodeType, globals: dict[str, Any], resolve: Resolve, depth: int = 0) -> Kinds:
    """The types of what a function gives."""
    steps = steps_of(code)
    found: Kinds = set()
    for index, step in enumerate(steps):
        if step.name == "RETURN_CONST":
            found.add(type(step.value))
        elif step.name == "RETURN_VALUE":
            found |= kinds_of(steps, index - 1, globals, resolve, depth)
    return found


def _has(code: CodeType, name: str) -> bool:
    return dis.opmap[name] in code.co_code[::2]


def given_attributes(code: CodeType, globals: dict[str, Any], resolve: Resolve) -> dict[str, Kinds]:
    """The types of what a method gives the attributes of its own object."""
    if not _has(code, "STORE_ATTR"):
        return {}
    steps = steps_of(code)
    own = code.co_varnames[0] if code.co_argcount else None
    found: dict[str, Kinds] = {}
    for index, step in enumerate(steps):
        if step.name == "STORE_ATTR" and index > 1:
            before = steps[index - 1]
            is_own = before.name == "LOAD_FAST" and before.value == own
            if (is_own or before.name in ("SWAP", "ROT_TWO")) and _is_more_of(steps, index - 2, step.value):
                continue
            kinds = kinds_of(steps, index - 2, globals, resolve) if is_own else {None}
            found.setdefault(step.value, set()).update(kinds)
    return found


def given_cells(code: CodeType, globals: dict[str, Any], resolve: Resolve) -> dict[str, Kinds]:
    """The types of what a function gives the variables that it shares with those in it."""
    steps = steps_of(code) if code.co_cellvars else []
    names = [name for name in code.co_cellvars if name not in code.co_varnames[: code.co_argcount]]
    found = {name: [kinds_of(steps, at, globals, resolve) for at in stored(steps, name)] for name in names}
    return {name: set().union(*kinds) for name, kinds in found.items() if kinds}


def _is_more_of(steps: list[Step], at: int, name: str) -> bool:
    """``self.total += n`` gives what it is given a value of its own type."""
    if steps[at].name != "BINARY_OP":
        return False
    left = _before(steps, at - 1)
    return left is not None and steps[left].name == "LOAD_ATTR" and steps[left].value == name


def given_items(
    code: CodeType, globals: dict[str, Any], resolve: Resolve, putting: Collection[str] = PUTTING
) -> dict[str, Kinds]:
    """The types of what is put into a container, by the name of the variable, or of the attribute, that it has."""
    if not _has(code, "STORE_SUBSCR") and not any(name in putting for name in code.co_names):
        return {}
    steps = steps_of(code)
    found: dict[str, Kinds] = {}
    for index, step in enumerate(steps):
        at = container = None
        if step.name == "STORE_SUBSCR":
            container = _before(steps, index - 1)
            at = _before(steps, container) if container is not None else None
        elif step.name in _CALLS and step.arg:
            chain = _chain(steps, index)
            if len(chain) > 1 and chain[-1] in putting:
                last = index - 1 - (steps[index - 1].name == "PRECALL")
                found.setdefault(chain[-2], set()).update(kinds_of(steps, last, globals, resolve))
        if at is not None and container is not None and steps[container].name in _NAMES:
            found.setdefault(steps[container].value, set()).update(kinds_of(steps, at, globals, resolve))
    return found


def item_uses(steps: list[Step], name: str) -> dict[Use, int]:
    """What is done with what is taken out of a container, by the name that it has."""
    found: dict[Use, int] = {}
    for index, step in enumerate(steps):
        container: int | None = None
        if step.name == "BINARY_SUBSCR":
            container = _before(steps, index - 1)
        elif step.name == "FOR_ITER" and index > 1 and steps[index - 1].name == "GET_ITER":
            container = index - 2
        elif step.name in _CALLS:
            chain = _chain(steps, index)
            if len(chain) < 2 or chain[-1] not in TAKING or chain[-2] != name:
                continue
        else:
            continue
        if container is not None and not (steps[container].name in _NAMES and steps[container].value == name):
            continue
        use = _consumer(steps, index)
        following = steps[index + 1] if index + 1 < len(steps) else step
        if use == Use("other", "STORE_FAST"):
            found.update({**uses(steps, "local", following.value), **found})
        else:
            found.setdefault(use, step.line)
    return found


def _before(steps: list[Step], at: int) -> int | None:
    """Where that ends which stands on the stack below what an instruction gives."""
    beginning = begin(steps, at)
    return beginning - 1 if beginning else None
