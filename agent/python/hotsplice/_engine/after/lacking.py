"""Attributes that a new method gives an object and new code reads: objects that exist have never passed through it.

What a constructor gives them is filled in where that can be done (`merge/instances`); what any other method gives,
only the program can have done at the right moment.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import set_on_first, tree
from ..native import native
from . import reach, shapes
from .begun import BEGINNING
from .dispatch import MISSING
from .formers import innermost

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from .changes import Changes

_CONSTRUCTORS = {"__init__", "__new__", "__post_init__", "__setstate__"}


def problems(transaction: "Prepared", changes: "Changes") -> Iterator[tuple[CodeType, str, str]]:
    """(the code whose definition is edited, the code of a caveat, its words) of each method that gives such."""
    readers = [(function, changes.code_of(function)) for function, _ in list(changes.functions.values())]
    readers = [(function, new) for function, new in readers if new is not function.__code__]
    added = [(innermost(value), owner, name) for owner, name, value in _added(transaction)]
    readers += [(one, one.__code__) for one, _, _ in added if type(one) is FunctionType]
    for owner, given in methods_given(transaction, changes, added).items():
        if not any(_gives_more(method, code) for method, code, constructor in given if not constructor):
            continue
        classes = [*objects.order(owner), *objects.with_subclasses(owner)[1:]]
        known = {name for cls in classes for name in objects.members(cls)}
        for one in (innermost(value) for cls in classes for value in objects.own(cls).values()):
            if type(one) is FunctionType:
                known |= reach.stored(one.__code__)
        for _, code, constructor in given:
            known |= reach.stored(code) if constructor else set()
        for method, code, constructor in given:
            fresh = set_on_first(code) - known if not constructor else set()
            for name in sorted(fresh):
                reader = next((one for one, new in readers if _reads(one, new, name, method)), None)
                lacking = _count(owner, name) if reader is not None else 0
                if lacking and reader is not None:
                    objects_ = "1 object that exists lacks" if lacking == 1 else f"{lacking} objects that exist lack"
                    message = f"{objects_} {name}, which {method.__name__} gives now and {reader.__qualname__} reads"
                    yield method.__code__, "HS0503", message


def _gives_more(method: FunctionType, code: CodeType) -> bool:
    """Whether new code gives its object what the former code did not; a new method has one code."""
    given = set_on_first(code)
    return bool(given if code is method.__code__ else given - set_on_first(method.__code__))


def _added(transaction: "Prepared") -> Iterator[tuple[type, str, Any]]:
    for kind, target, *rest in list(transaction.plan.operations):
        if kind == "type-set" and rest[0] not in objects.members(target):
            yield target, rest[0], rest[1]


def methods_given(
    transaction: "Prepared", changes: "Changes", added: "list[tuple[Any, type, str]]"
) -> dict[type, list[tuple[FunctionType, CodeType, bool]]]:
    """Of each class the methods that are edited or new: (function, code from now on, if a constructor)."""
    found: dict[type, list[tuple[FunctionType, CodeType, bool]]] = {}
    for change in transaction.files:
        edits = [one.edit for one in change.outcomes if one.edit["what"] == "function" and one.edit["scope"]]
        for edit in edits:
            for namespace in change.namespaces if "<locals>" not in edit["scope"] else ():
                owner: type | None = lookup.find_class(namespace, edit["scope"])
                for name in edit["binds"] if owner is not None else ():
                    method = innermost(objects.own(owner).get(name)) if owner is not None else None
                    if owner is not None and type(method) is FunctionType:
                        is_constructor = name in _CONSTRUCTORS
                        found.setdefault(owner, []).append((method, changes.code_of(method), is_constructor))
    for method, owner, name in added:
        if type(method) is FunctionType:
            found.setdefault(owner, []).append((method, method.__code__, name in _CONSTRUCTORS))
    return found


def _reads(function: FunctionType, code: CodeType, name: str, giver: FunctionType) -> bool:
    """Whether a code may read an attribute that it has not given a value itself."""
    if giver.__name__ == BEGINNING.get(function.__name__):
        # That is reported with the loops that stand in it.
        return False
    for one in tree(code):
        if name not in one.co_names or shapes.is_careful(one):
            continue
        instructions = reach.instructions_of(one)
        stores = [each.offset for each in instructions if each.opname == "STORE_ATTR" and each.argval == name]
        there = reach.reached(one, instructions, [0], stores)
        if any(each.offset in there and _loads(each.opname, each.argval, name) for each in instructions):
            return True
    return False


def _loads(opname: str, argument: Any, name: str) -> bool:
    return opname in ("LOAD_ATTR", "LOAD_METHOD") and argument == name


def _count(owner: type, name: str) -> int:
    existing = native.objects_of_type(*lookup.with_subclasses(owner))
    return sum(name not in objects.attributes(one) for one in existing)


def of_gone_classes(changes: "Changes") -> Iterator[tuple[CodeType, str, str]]:
    """Objects of a class that is gone, where edited code names another one in its place and takes more of that."""
    gone: dict[str, list[type]] = {}
    made: dict[str, list[type]] = {}
    for name, before, after in ((name, *one) for names in changes.names.values() for name, one in names.items()):
        if isinstance(before, type) and after is MISSING:
            gone.setdefault(name, []).append(before)
        elif isinstance(after, type) and before is MISSING:
            made.setdefault(name, []).append(after)
    existing = _Existing()
    for function, _ in list(changes.functions.values()) if gone and made else ():
        code, new = function.__code__, changes.code_of(function)
        former = [one for one in code.co_names if one in gone and one not in new.co_names]
        pairs = [(one, now) for one in former for now in new.co_names if now in made]
        for name, now in pairs if not shapes.asks_names(new) else ():
            for before, after in ((one, other) for one in gone[name] for other in made[now]):
                lost = {one for one in objects.own(after) if not one.startswith("__")} - objects.own(before).keys()
                lost |= _stored(after) - _stored(before)
                takes = lost.intersection(new.co_names).difference(code.co_names)
                count = existing.count(before) if takes else 0
                if count:
                    what = "1 object" if count == 1 else f"{count} objects"
                    message = f"{what} of {name} exist, which have no {', '.join(sorted(takes))} as those of {now} have"
                    yield code, "HS0503", message


class _Existing:
    """How many objects classes have: all that lives is looked through once for those that have none."""

    def __init__(self) -> None:
        self._alive: set[int] | None = None

    def count(self, cls: type) -> int:
        if self._alive is None:
            self._alive = native.kinds_alive()
        return len(native.objects_of_type(cls)) if id(cls) in self._alive else 0


def _stored(cls: type) -> set[str]:
    functions = (one for one in objects.own(cls).values() if type(one) is FunctionType)
    return {name for one in functions for name in reach.stored(one.__code__)}
