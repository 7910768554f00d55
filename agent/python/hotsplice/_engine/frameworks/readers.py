"""Statements that computed something from a registry which a patch changes: they are not run again, and reported."""

import ast
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import entries, stores

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared


def report(transaction: "Prepared", changed: dict[int, str]) -> None:
    """``changed``: ids of registries, with the definition whose registration is another one now."""
    for change in transaction.files if changed else ():
        for namespace in change.namespaces:
            names = namespace.globals
            registries = {name for name, value in list(names.items()) if id(value) in changed}
            modules = {name for name, value in list(names.items()) if stores.is_a(value, ModuleType)}
            if registries or modules:
                _report(change, names, changed)


def _report(change: "FileChange", names: dict[str, Any], changed: dict[int, str]) -> None:
    try:
        statements = ast.parse(change.text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError):
        return
    edited = {name for outcome in change.outcomes if not outcome.edit["scope"] for name in outcome.edit["binds"]}
    for statement in statements:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        bound = [target.id for target in targets if isinstance(target, ast.Name) and target.id not in edited]
        if isinstance(statement.value, (ast.Name, ast.Attribute, ast.Lambda)) or not bound:
            continue
        read = {id(_value(node, names)) for node in ast.walk(statement.value)} & changed.keys()
        if read and not entries.reaches(names.get(bound[0]), read):
            definition = changed[next(iter(read))]
            outcome = next(one for one in change.outcomes if one.edit["definition"] == definition)
            outcome.caveat(
                "HS0403",
                f"{', '.join(bound)} was computed from a table that {definition} is registered in: it stays as it was; "
                "run that statement again",
            )


def _value(node: ast.AST, names: dict[str, Any]) -> Any:
    """What a name, or a name in a module, leads to."""
    if isinstance(node, ast.Name):
        return names.get(node.id, stores.MISSING)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        if stores.is_a(module, ModuleType):
            return module.__dict__.get(node.attr, stores.MISSING)
    return stores.MISSING
