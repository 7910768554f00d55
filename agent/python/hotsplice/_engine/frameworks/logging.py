"""logging: a configuration that is made of a changed value is read again."""

import logging.config


def configures(edit, namespace):
    """Whether a statement only hands a configuration to ``logging``."""
    if edit["what"] != "statement":
        return False
    wanted = (logging.config.dictConfig, logging.config.fileConfig)
    return any(_value(namespace.globals, name) in wanted for name in edit["reads"])


def _value(names, dotted):
    first, *rest = dotted.split(".")
    value = names.get(first)
    for name in rest:
        value = vars(value).get(name) if isinstance(value, type(logging)) else None
    return value
