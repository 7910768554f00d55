"""A function that gets new code: the types of what it gives, and what it does with values that fit another one."""

import dis
import inspect
from types import CodeType, FunctionType
from typing import Any

from . import flows, shapes
from .fitting import fails
from .flows import Use

_SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_NUMBERS = (bool, int, float, complex)
# What no value fails at.
_HARMLESS = ("test", "argument", "other")


# From 3.14 on one instruction is for all operators, and for this.
_SUBSCRIPTING = [dis.opmap[name] for name in ("BINARY_SUBSCR", "STORE_SUBSCR") if name in dis.opmap]
_SUBSCRIPTING += [] if "BINARY_SUBSCR" in dis.opmap else [dis.opmap["BINARY_OP"]]


def differs_in_values(old: CodeType, new: CodeType) -> bool:
    """Whether codes differ in nothing but the values of constants, whose types are the same and which are no index."""
    if old.co_code != new.co_code or len(old.co_consts) != len(new.co_consts):
        return False
    if (old.co_names, old.co_varnames, old.co_freevars) != (new.co_names, new.co_varnames, new.co_freevars):
        return False
    if any(one in old.co_code[::2] for one in _SUBSCRIPTING) and repr(old.co_consts) != repr(new.co_consts):
        return False
    pairs = list(zip(old.co_consts, new.co_consts))
    inner = [pair for pair in pairs if type(pair[0]) is type(pair[1]) is CodeType]
    # What is in a tuple may be gone through.
    are_alike = all(type(one) is type(other) and (type(one) is not tuple or one == other) for one, other in pairs)
    return are_alike and all(differs_in_values(*pair) for pair in inner)


class Edited:
    """A function that gets new code."""

    def __init__(self, function: FunctionType, new: CodeType, resolve: flows.Resolve) -> None:
        self.function, self.old, self.new = function, function.__code__, new
        self.name = function.__qualname__
        self._resolve = resolve
        self._given: set[type | None] | None = None
        self._steps: tuple[list[flows.Step], list[flows.Step]] | None = None

    def given(self) -> set[type | None]:
        """The types of what it gives from now on."""
        if self._given is None:
            self._given = flows.given(self.new, self.function.__globals__, self._resolve)
        return self._given

    def may_give_less(self) -> bool:
        """Whether something that it has given may be of a type that it gives no more."""
        before = flows.given(self.old, self.function.__globals__, code_of_old)
        return None in before or not before <= self.given()

    def may_miss(self) -> bool:
        """Whether its new code does something with a variable that may fail, and that it did not do before."""
        parameters = [one.co_varnames[: parameter_count(one)] for one in (self.old, self.new)]
        if parameters[0] != parameters[1]:
            return True
        old, new = self.steps()
        names = {step.value for step in new if step.name == "LOAD_FAST"}
        return any(
            use.what not in _HARMLESS
            for name in names
            for use in flows.uses(new, "local", name).keys() - flows.uses(old, "local", name).keys()
        )

    def may_miss_items(self) -> bool:
        """Whether its new code does something with items of a container that it did not do before."""
        old, new = self.steps()
        names = {*self.new.co_names, *self.new.co_varnames}
        return any(flows.item_uses(new, name).keys() - flows.item_uses(old, name).keys() for name in names)

    def steps(self) -> tuple[list[flows.Step], list[flows.Step]]:
        if self._steps is None:
            self._steps = flows.steps_of(self.old), flows.steps_of(self.new)
        return self._steps

    def is_suspended(self) -> bool:
        """Whether a call gives what is awaited, or gone through."""
        return bool(self.old.co_flags & _SUSPENDED)

    def is_method(self) -> bool:
        return "." in self.name.rpartition("<locals>.")[2]

    def misses(self, value: Any, what: str, before: str, after: str, gives_other: bool) -> int | None:
        """The line in which its new code does what a value does not fit that the former one was served by."""
        steps = self.steps()
        if what == "item":
            old, new = flows.item_uses(steps[0], before), flows.item_uses(steps[1], after)
        else:
            old, new = flows.uses(steps[0], what, before), flows.uses(steps[1], what, after)
        fresh = {use: line for use, line in new.items() if use not in old}
        is_asked = value is None and any(use.what == "test" for use in new)
        if not fresh or is_asked or shapes.is_careful(self.new) or any(fails(value, use) for use in old):
            return None
        lines = [line for use, line in fresh.items() if fails(value, use) or (gives_other and _may_fail(use))]
        return min(lines, default=None)


def code_of_old(function: FunctionType) -> CodeType:
    return function.__code__


def _may_fail(use: Use) -> bool:
    return use.what in ("item", "set-item", "operator")


def is_other(kind: type, given: set[type | None]) -> bool:
    """Whether none of these types, which are all that is given, is like this one."""
    known = [one for one in given if one is not None]
    if not known or len(known) != len(given):
        return False
    is_number = any(kind is one for one in _NUMBERS)
    return not any(issubclass(kind, one) or (is_number and one in _NUMBERS) for one in known)


def parameter_count(code: CodeType) -> int:
    extra = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + extra
