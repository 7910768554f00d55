"""Decorators of frameworks that keep the functions which they are given as arguments, and call them later.

`@click.option("--n", callback=check)`: an edit of ``check`` changes nothing of what the decorator made.
"""

import ast
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import join

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Edit

# Packages whose decorators call nothing that they are given.
_KEEPING = {"click", "typer", "flask", "fastapi", "starlette", "celery", "discord", "aiohttp", "textual", "django"}


def kept(transaction: "Prepared") -> list[Any]:
    """Outcomes of definitions to which nothing is to be done, because of that."""
    found = []
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            if edit.get("offered") and all(_are_only_kept(edit, namespace) for namespace in change.namespaces):
                outcome.unneeded(None, "what decorates it calls the edited function later, and then the new code")
                found.append(outcome)
    return found


def _are_only_kept(edit: "Edit", namespace: "Namespace") -> bool:
    """Whether what decorates a definition, and all that is called for it, belongs to such a package."""
    if edit["change"] != "derived" or edit["what"] != "function" or not edit.get("run"):
        return False
    try:
        found = ast.parse(join(edit["run"])).body[-1]
    except (SyntaxError, ValueError, IndexError):
        return False
    while isinstance(found, ast.ClassDef) and found.body:
        found = found.body[-1]
    if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) or not found.decorator_list:
        return False
    called = [one.func if isinstance(one, ast.Call) else one for one in found.decorator_list]
    called += [node.func for one in found.decorator_list for node in ast.walk(one) if isinstance(node, ast.Call)]
    defaults = [one for one in (*found.args.defaults, *found.args.kw_defaults) if one is not None]
    called += [node.func for one in defaults for node in ast.walk(one) if isinstance(node, ast.Call)]
    return all(isinstance(one, (ast.Name, ast.Attribute)) and _is_keeping(one, namespace) for one in called)


def _is_keeping(node: Any, namespace: "Namespace") -> bool:
    value = lookup.dotted(namespace, node)
    while value is None and isinstance(node, ast.Attribute):
        # A method of an application, a router, a group.
        node = node.value
        value = type(lookup.dotted(namespace, node))
    module = objects.attributes(value).get("__module__") if issubclass(type(value), type) else None
    module = module or getattr(value, "__module__", None)
    return type(module) is str and module.partition(".")[0] in _KEEPING
