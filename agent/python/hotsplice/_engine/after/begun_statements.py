"""A statement that has begun a call need not run again where that goes on in the new code: ``Thread(…).start()``."""

import ast
import threading
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..live.code import join

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.calls import Call

# What begins a call of what it is given, or of what the object was made of.
_BEGINNING = {"start", "start_new_thread", "create_task", "ensure_future", "submit", "run_in_executor"}


def retract(transaction: "Prepared") -> None:
    """What such statements were reported for is not so."""
    calls: dict[str, list[Call]] = {}
    for call in transaction.old_calls:
        calls.setdefault(call.code.co_name, []).append(call)
    going_on = {name for name, several in calls.items() if all(call.moved is not None for call in several)}
    going_on = {name for name in going_on if all(call.moved != "caught" for call in calls[name])}
    outcomes = [outcome for change in transaction.files for outcome in change.outcomes] if going_on else []
    edited = {outcome.edit["definition"].rpartition(".")[2] for outcome in outcomes if _is_edited(outcome)}
    for change in transaction.files if going_on else ():
        for outcome in change.outcomes:
            edit = outcome.edit
            is_doubted = not _is_edited(outcome) and [code for code, _ in outcome.notes] == ["HS0401"]
            if not is_doubted or edit["scope"] or edit.get("changed_reads"):
                continue
            begun = _begun(join(edit.get("run") or []), edited, [one.globals for one in change.namespaces])
            read = edited.intersection(name.rpartition(".")[2] for name in edit.get("reads", ()))
            if begun and begun <= going_on and read <= begun:
                outcome.retract("HS0401")


def _is_edited(outcome: "EditOutcome") -> bool:
    return outcome.edit["change"] != "derived"


def _begun(text: str, edited: set[str], spaces: list[dict[str, Any]]) -> set[str]:
    """The edited functions that a statement begins calls of, and does not call itself."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    if not any(_name(one) in _BEGINNING for one in called):
        return set()
    for node in nodes:
        name = _name(node)
        if name in edited and any(node is one for one in called):
            return set()
        if name in edited:
            found.add(name)
    for one in called:
        held = one.value if isinstance(one, ast.Attribute) and one.attr in _BEGINNING else None
        for globals in spaces if isinstance(held, ast.Name) else ():
            thread = globals.get(held.id) if isinstance(held, ast.Name) else None
            # What a thread calls it has let go once that has ended.
            target = objects.attributes(thread).get("_target") if isinstance(thread, threading.Thread) else None
            target = target.__func__ if type(target) is MethodType else target
            found.update({target.__name__} & edited if type(target) is FunctionType else ())
    return found


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
