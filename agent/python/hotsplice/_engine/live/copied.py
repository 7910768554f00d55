"""Classes that a statement gives to a function of a C module, which copies what they have.

``csv.register_dialect("own", Own)``
"""

import ast
import builtins
from collections.abc import Iterable
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from . import objects
from .code import join

if TYPE_CHECKING:
    from .lookup import Namespace
    from .messages import Edit

# How the server names what such a function may have copied.
_COPIED = ".__dict__"


def is_only_kept(edit: "Edit", namespaces: "Iterable[Namespace]") -> bool:
    """Whether a statement was derived for classes that it gives away, and what it calls keeps these themselves."""
    reads = edit.get("changed_reads") or ()
    if edit["what"] != "statement" or not reads or not all(read.endswith(_COPIED) for read in reads):
        return False
    try:
        body = ast.parse(join(edit["run"])).body
    except (SyntaxError, ValueError):
        return False
    called = [node.func for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return not any(_copies(_value(one, namespace.globals)) for one in called for namespace in namespaces)


def _value(function: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(function, ast.Name):
        return objects.live(names.get(function.id), None)
    if not isinstance(function, ast.Attribute):
        return None
    holder = _value(function.value, names)
    return objects.attributes(holder).get(function.attr) if type(holder) is ModuleType else None


def _copies(function: Any) -> bool:
    """Built-in functions have no registries, and methods of containers keep what they are given."""
    holder = function.__self__ if type(function) is BuiltinFunctionType else None
    return type(holder) is ModuleType and holder is not builtins
