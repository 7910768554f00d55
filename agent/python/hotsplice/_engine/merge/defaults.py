"""Defaults of parameters: those that did not change stay the very objects that live functions have."""

import ast
from collections.abc import Collection
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..live.messages import Edit


def held(function: Any) -> dict[str, Any]:
    """Parameter → default."""
    names = _positional(function.__code__)
    defaults = function.__defaults__ or ()
    return {**dict(zip(names[len(names) - len(defaults) :], defaults)), **(function.__kwdefaults__ or {})}


def merged(live: Any, made: Any, fresh: Collection[str]) -> tuple[Any, Any]:
    """``(__defaults__, __kwdefaults__)`` for a live function; ``fresh`` names the parameters that get new ones."""
    kept = {name: value for name, value in held(live).items() if name not in fresh}
    return _split({name: kept.get(name, value) for name, value in held(made).items()}, made.__code__)


def from_text(function: Any, new: CodeType, edit: "Edit") -> tuple[Any, Any] | None:
    """The same where the text gives literals, and None if one of the new defaults is something else.

    ``new`` is the code that the function gets.
    """
    own, defaults = held(function), {}
    for default in edit["local_defaults"]:
        name, text = default["name"], default["value"]
        if text is not None:
            defaults[name] = ast.literal_eval(f"({text}\n)")
        elif name in edit["fresh_defaults"] or name not in own:
            return None
        else:
            defaults[name] = own[name]
    return _split(defaults, new)


def _positional(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount]


def _split(defaults: dict[str, Any], code: CodeType) -> tuple[Any, Any]:
    names = _positional(code)
    positional = tuple(defaults[name] for name in names if name in defaults)
    return positional or None, {name: value for name, value in defaults.items() if name not in names} or None
