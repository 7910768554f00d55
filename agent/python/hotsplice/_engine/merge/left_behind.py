"""Code that closures keep because they lack a variable of the new one (HS0301), or because it is the same as that.

A later patch may fit them.
"""

import weakref
from collections.abc import Iterable
from types import CodeType

# id of the code that took its place → that code, and what some closures still run. Code is compared by identity: equal
# code of two definitions is not one, and its hash changes with its line.
_left: dict[int, "tuple[weakref.ref[CodeType], list[weakref.ref[CodeType]]]"] = {}


def of(code: CodeType) -> list[CodeType]:
    """What closures of the definition whose code this is still run instead of it."""
    known, former = _left.get(id(code), (None, []))
    if known is None or known() is not code:
        return []
    return [one for one in (reference() for reference in former) if one is not None]


def keep(code: CodeType, former: Iterable[CodeType]) -> None:
    """Such closures run ``former`` though the definition has this code now."""
    # A module that was executed twice has the new code twice.
    unique = {id(one): weakref.ref(one) for one in (*of(code), *former) if one is not code}
    if not unique:
        return
    key = id(code)
    _left[key] = (weakref.ref(code, lambda _: _left.pop(key, None)), list(unique.values()))
