"""pydevd, which debugpy and PyCharm have: what it knows of code it works out of the code, and can do so again."""

import sys
from typing import Any

# Its packages and modules have names that begin so; of what is compiled the first part is missing.
_NAMES = ("pydevd", "_pydevd")


def is_table(container: Any) -> bool:
    """Whether a dictionary is one in which the debugger keeps what it knows of code."""
    pydevd: Any = sys.modules.get("pydevd")
    if pydevd is None or type(container) is not dict:
        return False
    # Of a table in its compiled part only the values tell.
    if any(_is_own(type(value).__module__) for value in container.values()):
        return True
    holders = [vars(module) for name, module in list(sys.modules.items()) if _is_own(name)]
    get = getattr(pydevd, "get_global_debugger", None) or getattr(pydevd, "GetGlobalDebugger", None)
    holders.append(getattr(get() if get is not None else None, "__dict__", {}))
    return any(value is container for holder in holders for value in list(holder.values()))


def _is_own(name: Any) -> bool:
    return type(name) is str and name.startswith(_NAMES)
