"""Functions as they were before a patch: copies with the former code, for retired code to call.

The functions themselves are updated in place. A copy is made only of what is called by name; nobody gets to keep it.
"""

import functools
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from ..live import objects

# How far wrappers are followed inwards.
_DEPTH = 6
_VARARGS, _VARKEYWORDS = 0x4, 0x8
# What a call gives: a generator, a coroutine, an async generator.
_KINDS = 0x20 | 0x80 | 0x100 | 0x200


class Formers:
    """The former of each value; the value itself where no function in it changes."""

    def __init__(
        self, changed: dict[int, tuple[FunctionType, dict[str, Any]]], rewrite: Callable[..., CodeType]
    ) -> None:
        # id of a function that the patch changes → (function, its new parts)
        self.changed = changed
        self._rewrite = rewrite
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        known = self._made.get(id(value))
        if known is not None:
            return known[1]
        if depth > _DEPTH:
            return value
        kind = type(value)
        if kind is FunctionType:
            return self._function(value, depth)
        if kind is staticmethod or kind is classmethod:
            inner = self.of(value.__func__, depth + 1)
            made = value if inner is value.__func__ else kind(inner)
        elif kind is property:
            accessors = (value.fget, value.fset, value.fdel)
            inners = [accessor and self.of(accessor, depth + 1) for accessor in accessors]
            made = (
                value
                if all(a is b for a, b in zip(accessors, inners))
                else property(inners[0], inners[1], inners[2], value.__doc__)
            )
        elif kind is functools.partial:
            inner = self.of(value.func, depth + 1)
            made = value if inner is value.func else functools.partial(inner, *value.args, **value.keywords)
        elif kind is functools._lru_cache_wrapper:
            inner = self.of(value.__wrapped__, depth + 1)
            made = value if inner is value.__wrapped__ else functools.lru_cache(**value.cache_parameters())(inner)
        else:
            return value
        self._made[id(value)] = (value, made)
        return made

    def _function(self, function: FunctionType, depth: int) -> FunctionType:
        cells = function.__closure__ or ()
        inners = {}
        for index, cell in enumerate(cells):
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if type(content) is FunctionType and content is not function:
                inner = self.of(content, depth + 1)
                if inner is not content:
                    inners[index] = CellType(inner)
        if id(function) not in self.changed and not inners:
            return function
        closure = tuple(inners.get(index, cell) for index, cell in enumerate(cells)) or None
        code, globals = function.__code__, function.__globals__
        copy = FunctionType(code, globals, function.__name__, function.__defaults__, closure)
        # Known before its code is made: a recursive function calls its own former.
        self._made[id(function)] = (function, copy)
        copy.__kwdefaults__ = function.__kwdefaults__ and dict(function.__kwdefaults__)
        copy.__qualname__ = function.__qualname__
        copy.__doc__ = function.__doc__
        copy.__dict__.update(function.__dict__)
        copy.__code__ = self._rewrite(code, globals)
        return copy

    def forget(self) -> None:
        self._made.clear()
        self.changed.clear()

    def is_incompatible(self, before: Any, after: Any) -> bool:
        """Whether what was done with a value before may fail with the one that takes its place."""
        if type(before) is property and type(after) is property:
            accessors = [(before.fget, after.fget), (before.fset, after.fset), (before.fdel, after.fdel)]
            return any(old is not None and self.is_incompatible(old, new) for old, new in accessors)
        old, new = innermost(before), innermost(after)
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            if type(before) is not type(after):
                return True
            parts = self.changed[id(new)][1] if id(new) in self.changed else {}
            return not accepts(Parameters.of(new, parts), Parameters.of(old, {}))
        if type(old) is not type(new) or (isinstance(old, (ModuleType, type)) and old is not new):
            return True
        if objects.is_exactly(old, list, tuple, dict, set, frozenset, str, bytes):
            kinds = [[id(type(item)) for item in value] for value in (old, new)] if type(old) is tuple else [[], []]
            return len(old) != len(new) or kinds[0] != kinds[1]
        return False


def innermost(value: Any) -> Any:
    """The function in plain wrappers."""
    for _ in range(_DEPTH):
        kind = type(value)
        # Compared, a type would ask its metaclass.
        if kind is staticmethod or kind is classmethod:
            value = value.__func__
        elif kind is property:
            value = value.fget
        elif kind is functools._lru_cache_wrapper:
            value = value.__wrapped__
        elif kind is FunctionType and "__wrapped__" in value.__dict__:
            value = value.__dict__["__wrapped__"]
        else:
            break
    return value


class Parameters:
    """What a function can be called with."""

    def __init__(self, code: CodeType, defaults: tuple[Any, ...], keyword_defaults: dict[str, Any]) -> None:
        names = code.co_varnames
        self.positional = names[: code.co_argcount]
        self.only_positional = code.co_posonlyargcount
        self.keywords = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.required = self.positional[: code.co_argcount - len(defaults)]
        self.required_keywords = {name for name in self.keywords if name not in keyword_defaults}
        self.has_varargs = bool(code.co_flags & _VARARGS)
        self.has_varkeywords = bool(code.co_flags & _VARKEYWORDS)
        self.kind = code.co_flags & _KINDS

    @classmethod
    def of(cls, function: FunctionType, parts: dict[str, Any]) -> "Parameters":
        defaults = parts.get("defaults", function.__defaults__)
        keyword_defaults = parts.get("kwdefaults", function.__kwdefaults__)
        return cls(parts.get("code", function.__code__), defaults or (), keyword_defaults or {})

    def take(self, count: int, keywords: tuple[str, ...]) -> bool:
        """Whether a call with so many positional arguments and these others fits."""
        if count > len(self.positional) and not self.has_varargs:
            return False
        given = {*self.positional[:count], *keywords}
        named = {*self.positional[self.only_positional :], *self.keywords}.difference(self.positional[:count])
        if not self.has_varkeywords and not named.issuperset(keywords):
            return False
        return given.issuperset(self.required) and given.issuperset(self.required_keywords)


def accepts(new: Parameters, old: Parameters) -> bool:
    """Whether every call that fits the old parameters fits the new ones, with each argument under its name."""
    if new.kind != old.kind or len(new.required) > len(old.required):
        return False
    if (old.has_varargs and not new.has_varargs) or (old.has_varkeywords and not new.has_varkeywords):
        return False
    common = old.positional[: len(new.positional)]
    if new.positional[: len(common)] != common or (len(new.positional) < len(old.positional) and not new.has_varargs):
        return False
    if new.only_positional > old.only_positional:
        return False
    named = {*new.positional, *new.keywords}
    if not new.has_varkeywords and not {*old.positional[old.only_positional :], *old.keywords} <= named:
        return False
    return new.required_keywords <= old.required_keywords
