"""logging: a configuration that is made of a changed value is read again."""

import logging.config
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..live.lookup import Namespace
    from ..live.messages import Edit


def configures(edit: "Edit", namespace: "Namespace") -> bool:
    """Whether a statement only hands a configuration to ``logging``."""
    if edit["what"] != "statement":
        return False
    wanted = (logging.config.dictConfig, logging.config.fileConfig)
    return any(_value(namespace.globals, name) in wanted for name in edit["reads"])


def _value(names: dict[str, Any], dotted: str) -> Any:
    first, *rest = dotted.split(".")
    value = names.get(first)
    for name in rest:
        value = vars(value).get(name) if isinstance(value, type(logging)) else None
    return value
