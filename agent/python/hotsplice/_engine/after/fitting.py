"""Whether something that a code does with a value can be done with one of its type."""

from typing import Any

from .flows import Use

# The simple types of which exemplars may be tried.
_EXEMPLARS: dict[type, Any] = {int: 1, float: 1.0, bool: True, str: "a", bytes: b"a", list: [], tuple: (), dict: {}}


def fails(value: Any, use: Use) -> bool:
    """Whether that certainly can't be done with a value of this type."""
    kind = type(value)
    if use.what == "attribute":
        return kind in _EXEMPLARS | {type(None): None, set: set()} and not hasattr(kind, use.which)
    if use.what in ("item", "set-item"):
        if kind in (type(None), int, float, bool, set) or (use.what == "set-item" and kind in (str, bytes, tuple)):
            return True
        return kind in (str, bytes, list, tuple) and type(use.which) is str
    if use.what in ("unpack", "iterate"):
        return kind in (type(None), int, float, bool)
    if use.what == "call":
        return kind in _EXEMPLARS or value is None
    if use.what == "operator":
        return _operation_fails(value, *use.which)
    return False


def _operation_fails(value: Any, operator: str, other: type | None, is_left: bool) -> bool:
    known = {**_EXEMPLARS, type(None): None}
    if type(value) not in known or other not in known or operator in ("==", "!=", "**", "<<", "%"):
        return False
    here, there = known[type(value)], known[other]
    try:
        eval(f"a {operator} b", {}, {"a": here, "b": there} if is_left else {"a": there, "b": here})
    except TypeError:
        return True
    except (SyntaxError, ArithmeticError):
        pass
    return False
