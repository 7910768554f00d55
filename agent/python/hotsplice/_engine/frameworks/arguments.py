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
# Class methods that make an object which calls the methods of its class later.
_MAKING = ("as_manager", "from_queryset", "as_view")


def kept(transaction: "Prepared") -> list[Any]:
    """Outcomes of definitions to which nothing is to be done, because of that."""
    found = []
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            # What it reads by itself is another thing once it is decorated.
            if (
                edit.get("offered")
                and not edit.get("changed_reads")
                and all(_are_only_kept(edit, namespace) for namespace in change.namespaces)
            ):
                outcome.unneeded(None, "what decorates it calls the edited function later, and then the new code")
                found.append(outcome)
    return found


def _are_only_kept(edit: "Edit", namespace: "Namespace") -> bool:
    """Whether what decorates a definition or makes a value, and all that is called for it, is such a package's."""
    if edit["change"] != "derived" or edit["what"] not in ("function", "assignment") or not edit.get("run"):
        return False
    try:
        found = ast.parse(join(edit["run"])).body[-1]
    except (SyntaxError, ValueError, IndexError):
        return False
    while isinstance(found, ast.ClassDef) and found.body:
        found = found.body[-1]
    if isinstance(found, (ast.Assign, ast.AnnAssign)) and found.value is not None:
        calls = [node.func for node in ast.walk(found.value) if isinstance(node, ast.Call)]
        return bool(calls) and all(_makes(one, namespace) for one in calls)
    if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) or not found.decorator_list:
        return False
    called = [one.func if isinstance(one, ast.Call) else one for one in found.decorator_list]
    called += [node.func for one in found.decorator_list for node in ast.walk(one) if isinstance(node, ast.Call)]
    defaults = [one for one in (*found.args.defaults, *found.args.kw_defaults) if one is not None]
    called += [node.func for one in defaults for node in ast.walk(one) if isinstance(node, ast.Call)]
    return all(isinstance(one, (ast.Name, ast.Attribute)) and _is_keeping(one, namespace) for one in called)


def _makes(node: Any, namespace: "Namespace") -> bool:
    """Whether a call makes an object of such a package, or of what lists what can be called: `Things.as_manager()`."""
    value = lookup.dotted(namespace, node)
    owner: Any = lookup.dotted(namespace, node.value) if isinstance(node, ast.Attribute) else None
    if value is None and objects.is_class(owner):
        found = (objects.members(cls)[node.attr] for cls in objects.order(owner) if node.attr in objects.members(cls))
        value = getattr(next(found, None), "__func__", None)
        if getattr(value, "__name__", None) not in _MAKING:
            return False
    elif not objects.is_class(value):
        return False
    return _is_of_package(value)


def _is_keeping(node: Any, namespace: "Namespace") -> bool:
    value = lookup.dotted(namespace, node)
    while value is None and isinstance(node, ast.Attribute):
        # A method of an application, a router, a group.
        node = node.value
        value = type(lookup.dotted(namespace, node))
    return _is_of_package(value)


def _is_of_package(value: Any) -> bool:
    module = objects.attributes(value).get("__module__") if issubclass(type(value), type) else None
    module = module or getattr(value, "__module__", None)
    return type(module) is str and module.partition(".")[0] in _KEEPING
