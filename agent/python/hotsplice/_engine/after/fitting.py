"""Whether something that a code does with a value can be done with one of its type."""

from typing import Any

from ..live import objects
from .flows import Use

# The simple types of which exemplars may be tried.
_EXEMPLARS: dict[type, Any] = {int: 1, float: 1.0, bool: True, str: "a", bytes: b"a", list: [], tuple: (), dict: {}}
_KNOWN: dict[type, Any] = {**_EXEMPLARS, type(None): None}
# What is gone through by nothing, and what has no items.
_SINGLE = (type(None), int, float, bool)


def fails(value: Any, use: Use) -> bool:
    """Whether that certainly can't be done with a value of this type."""
    if use.what == "attribute":
        return objects.is_exactly(value, *_KNOWN, set) and not hasattr(type(value), use.which)
    if use.what in ("item", "set-item"):
        has_none = objects.is_exactly(value, *_SINGLE, set)
        if has_none or (use.what == "set-item" and objects.is_exactly(value, str, bytes, tuple)):
            return True
        return objects.is_exactly(value, str, bytes, list, tuple) and type(use.which) is str
    if use.what in ("unpack", "iterate"):
        return objects.is_exactly(value, *_SINGLE)
    if use.what == "call":
        return objects.is_exactly(value, *_KNOWN)
    if use.what == "operator":
        return _operation_fails(value, *use.which)
    return False


def _operation_fails(value: Any, operator: str, other: type | None, is_left: bool) -> bool:
    if not objects.is_exactly(value, *_KNOWN) or other not in _KNOWN or operator in ("==", "!=", "**", "<<", "%"):
        return False
    here, there = _KNOWN[type(value)], _KNOWN[other]
    try:
        eval(f"a {operator} b", {}, {"a": here, "b": there} if is_left else {"a": there, "b": here})
    except TypeError:
        return True
    except (SyntaxError, ArithmeticError):
        pass
    return False
