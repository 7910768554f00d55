"""Objects whose constructor has looked through their class: what it found there then stays with them."""

from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING

from ..live import lookup, objects
from ..live.code import tree
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared

_CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
# What gives all members of a class, or of an object; and what does so of a class that was asked for.
_MEMBERS = frozenset(("dir", "getmembers", "getmembers_static"))
_OF_CLASS = frozenset(("vars", "__dict__", "__annotations__", "get_annotations", "get_type_hints"))
_CLASS = frozenset(("type", "__class__", "__mro__", "mro"))
# More functions than these a constructor is not followed into.
_LIMIT = 50


def follow(transaction: "Prepared") -> None:
    """Reports objects that exist where their class has other members, or decorates them otherwise."""
    looking: dict[int, bool] = {}
    for change in transaction.files:
        for outcome in change.outcomes:
            if not _is_seen(outcome):
                continue
            for namespace in change.namespaces:
                owner = lookup.find_class(namespace, outcome.edit["scope"])
                classes = [] if owner is None or issubclass(owner, type) else lookup.with_subclasses(owner)
                looked = [cls for cls in classes if _has_looked(cls, looking)]
                count = len(native.objects_of_type(*looked)) if looked else 0
                if count:
                    made = "1 existing object" if count == 1 else f"{count} existing objects"
                    outcome.caveat(
                        "HS0403",
                        f"the constructor has looked through the class for {made}: what it found there then stays",
                    )


def _is_seen(outcome: "EditOutcome") -> bool:
    """Whether an edit is of what can be seen of a class without calling its methods."""
    edit = outcome.edit
    if not edit["scope"] or "<locals>" in edit["scope"] or edit["what"] not in ("function", "assignment", "annotation"):
        return False
    return edit["change"] in ("added", "removed") or "decorators" in edit["parts"]


def _has_looked(cls: type, known: dict[int, bool]) -> bool:
    if id(cls) not in known:
        known[id(cls)] = any(map(_looks, _run_by_constructors(cls)))
    return known[id(cls)]


def _run_by_constructors(cls: type) -> Iterator[FunctionType]:
    """The project's functions that run when an object is made: constructors, methods and functions that they name."""
    pending = [found for name in _CONSTRUCTORS for found in _members(cls, name)]
    seen: set[int] = set()
    while pending and len(seen) < _LIMIT:
        function = pending.pop()
        if id(function) in seen or lookup.is_installed(function.__code__.co_filename):
            continue
        seen.add(id(function))
        yield function
        for name in _names(function):
            pending += _members(cls, name)
            pending += native.functions_in(function.__globals__.get(name))


def _members(cls: type, name: str) -> list[FunctionType]:
    """The functions by this name in a class and its bases; a constructor calls those of bases."""
    found = [base.__dict__[name] for base in objects.order(cls) if name in base.__dict__]
    return [function for member in found for function in native.functions_in(member)]


def _names(function: FunctionType) -> set[str]:
    return {name for code in tree(function.__code__) for name in code.co_names}


def _looks(function: FunctionType) -> bool:
    names = _names(function)
    if not names.isdisjoint(_MEMBERS):
        return True
    is_given_class = function.__name__ == "__new__" or not names.isdisjoint(_CLASS)
    return is_given_class and not names.isdisjoint(_OF_CLASS)
