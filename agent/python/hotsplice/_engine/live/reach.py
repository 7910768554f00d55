"""Whether a live function leads to something that changes, through what it calls and reads, over modules."""

import dis
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType
from typing import Any

from ..native import native
from . import lookup, objects
from .code import known, tree

MISSING = object()
# More functions than these no answer is worth.
_LIMIT = 2000
# Containers with more items, and classes with more below them, are not followed.
_ITEMS = 50
_MAKING = ("__init__", "__new__", "__post_init__")


# What an instruction does to the value that attributes are read of.
_NAME, _ATTRIBUTE, _LOCAL, _CELL, _OTHER = range(5)


_KINDS = {
    **dict.fromkeys(("LOAD_GLOBAL", "LOAD_NAME"), _NAME),
    **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD"), _ATTRIBUTE),
    **dict.fromkeys(("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"), _LOCAL),
    # Two in one instruction: what is read then is read from the second.
    **dict.fromkeys(("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "STORE_FAST_LOAD_FAST"), _LOCAL),
    "LOAD_DEREF": _CELL,
}
_NEUTRAL = frozenset(("CACHE", "PUSH_NULL", "COPY", "NOP"))


class Changes:
    """What a patch changes, each with the outcome of the edit that does so; asked by ids."""

    def __init__(self) -> None:
        # id of a function → why
        self.functions: dict[int, Any] = {}
        # (id of a module's namespace or of a class, name) → why
        self.names: dict[tuple[int, str], Any] = {}
        # Names of functions that no edit is of by itself: those of a class that stands elsewhere now.
        self.moved: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.functions or self.names)


class Reach:
    """Answers for many functions, each looked at once."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        # id of a container of the program → functions and classes in it
        self._inside: dict[int, list[Any]] = {}
        # id of a class → who overrides what of it
        self._below: dict[int, dict[str, list[type]]] = {}
        # Ids of a function and of the class that it was looked at for → where it leads: strictly, and loosely.
        self._leads: tuple[dict[tuple[int, int], _Leads], dict[tuple[int, int], _Leads]] = ({}, {})

    def of(self, start: Any, owner: type | None = None, loosely: bool = False) -> Any:
        """Why a function leads to a change; nothing if it does not.

        ``loosely``: what it reads of an object that is not known is what changes, if it has the name of that, and
        what stands in tables that it reads is called.
        """
        self._is_loose = loosely
        self._of_unknown = self._by_attribute() if loosely else {}
        known = self._leads[loosely]
        pending = self._functions(start, owner)
        seen: set[tuple[int, int]] = set()
        while pending and len(seen) < _LIMIT:
            function, owner = pending.pop()
            key = id(function), id(owner)
            if key in seen:
                continue
            seen.add(key)
            leads = known.get(key)
            if leads is None:
                leads = known[key] = self._leads_of(function, owner)
            if leads.why is not MISSING:
                return leads.why
            pending += leads.to
        return None

    def _functions(self, value: Any, owner: type | None) -> "list[tuple[FunctionType, type | None]]":
        return [(function, owner) for function in native.functions_in(value)]

    def _leads_of(self, function: FunctionType, owner: type | None) -> "_Leads":
        """Where one function leads by itself."""
        leads = _Leads(function, owner, self.changes.functions.get(id(function), MISSING))
        # What is installed imports nothing of the project.
        if leads.why is not MISSING or lookup.is_installed(function.__code__.co_filename):
            return leads
        for code in tree(function.__code__):
            for found in self._in_code(code, function, owner):
                if len(found) == 1:
                    leads.why = found[0]
                    return leads
                leads.to += self._functions(*found)
        return leads

    def _by_attribute(self) -> dict[str, Any]:
        """What changes in classes, by name."""
        found = {name: why for (_, name), why in self.changes.names.items() if why.edit["scope"]}
        for why in self.changes.functions.values():
            if why.edit["scope"] and "<locals>" not in why.edit["scope"]:
                found.update(dict.fromkeys(why.edit["binds"], why))
        return found

    def _in_code(self, code: CodeType, function: FunctionType, owner: type | None) -> Iterator[tuple[Any, ...]]:
        """``(why,)`` of a change that the code reads, and ``(value, class)`` of what it may call."""
        cells = dict(zip(code.co_freevars, function.__closure__ or ())) if code is function.__code__ else {}
        first = code.co_varnames[0] if code.co_argcount and owner is not None else None
        current: Any = MISSING
        # Classes that it has taken by then: what it reads of an object that is not known may be of one of these.
        taken: list[type] = []
        for kind, name in _steps_of(code):
            if kind == _NAME:
                why = self.changes.names.get((id(function.__globals__), name), MISSING)
                if why is not MISSING:
                    yield (why,)
                current = function.__globals__.get(name, MISSING)
                yield from self._of_value(current)
            elif kind == _ATTRIBUTE:
                if current is not MISSING:
                    current = yield from self._attribute(current, name)
                else:
                    # `Page(name).render()`
                    for cls in taken:
                        yield from self._member(cls, name)
                    if name in self._of_unknown:
                        yield (self._of_unknown[name],)
            elif kind == _LOCAL and name == first:
                current = _Instance(owner)
            elif kind == _CELL and name in cells:
                current = _content(cells[name])
                yield from self._of_value(current)
            else:
                current = MISSING
            if current is not MISSING:
                taken += self._classes(current)

    def _classes(self, value: Any) -> list[type]:
        """The class that a value is, or those in a table: of the project only."""
        kind = type(value)
        if objects.is_class(value):
            found = [value]
        elif kind is dict or kind is list or kind is tuple:
            found = [one for one in self._items(value) if objects.is_class(one)]
        else:
            return []
        return [one for one in found if not lookup.is_installed_module(one.__module__)]

    def _items(self, table: Any) -> list[Any]:
        """Functions and classes in a table."""
        known = self._inside.get(id(table))
        if known is None:
            items = list(table.values() if type(table) is dict else table) if len(table) <= _ITEMS else []
            known = [one for one in items if type(one) is FunctionType or objects.is_class(one)]
            self._inside[id(table)] = known
        return known

    def _of_value(self, value: Any) -> Iterator[tuple[Any, ...]]:
        if objects.is_class(value):
            if not lookup.is_installed_module(value.__module__):
                for name in _MAKING:
                    yield from self._member(value, name)
        elif self._is_loose and objects.is_exactly(value, dict, list, tuple):
            # `TABLE[name]()`
            for item in self._items(value):
                yield from self._of_value(item)
        elif value is not MISSING and not objects.is_module(value):
            yield value, None

    def _attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, _Instance):
            # It may be of a class that derives from it.
            for cls in self._overriding(value.owner, name):
                yield from self._member(cls, name)
            return (yield from self._member(value.owner, name))
        if objects.is_module(value):
            why = self.changes.names.get((id(value.__dict__), name), MISSING)
            if why is not MISSING:
                yield (why,)
            found = value.__dict__.get(name, MISSING)
            yield from self._of_value(found)
            return found
        owner = value if issubclass(type(value), type) else type(value)
        if owner.__module__ == "builtins":
            return MISSING
        return (yield from self._member(owner, name))

    def _overriding(self, owner: type, name: str) -> list[type]:
        """The classes that derive from one and have a member of this name themselves."""
        known = self._below.get(id(owner))
        if known is None:
            below = [
                cls for cls in objects.with_subclasses(owner)[1:] if not lookup.is_installed_module(cls.__module__)
            ]
            known = self._below[id(owner)] = {}
            for cls in below if len(below) <= _ITEMS else ():
                for member in objects.members(cls):
                    known.setdefault(member, []).append(cls)
        return known.get(name, [])

    def _member(self, owner: Any, name: str) -> Any:
        for cls in owner.__mro__:
            why = self.changes.names.get((id(cls), name), MISSING)
            if why is not MISSING:
                yield (why,)
            if name in cls.__dict__:
                member = cls.__dict__[name]
                yield member, owner
                return member
        return MISSING


class _Leads:
    """What a function changes by, or what it may call, each with the class that it is a member of."""

    def __init__(self, function: FunctionType, owner: type | None, why: Any) -> None:
        # Known by their ids: they live as long as this.
        self._of = function, owner
        self.why = why
        self.to: list[tuple[FunctionType, type | None]] = []


class _Instance:
    def __init__(self, owner: Any) -> None:
        self.owner = owner


def _steps_of(code: CodeType) -> Iterator[tuple[int, str]]:
    found = known(code)
    if found.steps is None:
        found.steps = _decoded(code)
    return zip(*found.steps)


def _decoded(code: CodeType) -> tuple[bytes, tuple[str, ...]]:
    kinds = bytearray()
    names: list[str] = []
    for one in dis.get_instructions(code):
        kind = _KINDS.get(one.opname, _OTHER)
        if kind != _OTHER:
            kinds.append(kind)
            names.append(one.argval[-1] if type(one.argval) is tuple else one.argval)
        elif one.opname not in _NEUTRAL and not (kinds and kinds[-1] == kind):
            kinds.append(kind)
            names.append("")
    return bytes(kinds), tuple(names)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
