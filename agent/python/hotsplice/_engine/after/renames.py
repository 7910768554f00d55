"""Names of a module that the text gives another name everywhere: what they hold goes on under that.

A call that began before finds it there, too: its code gets the new name in the same commit that moves the value, so
that a counter is one counter.
"""

from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared


def of(transaction: "Prepared") -> dict[int, dict[str, str]]:
    """id of a namespace → former name → the new one."""
    found: dict[int, dict[str, str]] = {}
    for globals, former, name in _carried(transaction):
        found.setdefault(id(globals), {})[former] = name
    return found


def _carried(transaction: "Prepared") -> Iterator[tuple[dict[str, Any], str, str]]:
    for change in transaction.files:
        for outcome in change.outcomes:
            if outcome.carries is not None:
                for namespace in change.namespaces:
                    yield namespace.globals, outcome.carries, outcome.edit["binds"][0]


def carry(transaction: "Prepared") -> None:
    """What a name holds when the patch is committed goes on, and not what it held when that was prepared."""
    operations = transaction.plan.operations
    for globals, former, name in _carried(transaction):
        places = {
            kind: index
            for index, (kind, target, *rest) in enumerate(operations)
            if target is globals and (kind, rest[0]) in (("dict-set", name), ("dict-delete", former))
        }
        key = next((key for key in list(globals) if key == former), None)
        if len(places) == 2 and key is not None:
            del operations[places["dict-delete"]]
            operations.append(("dict-keys", globals, [(key, name)], False))


def operations(code: CodeType, names: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Has a code look these names up by others."""
    if native.can_set_names():
        yield "code-names", code, tuple(names.get(name, name) for name in code.co_names)
        return
    for index, name in enumerate(code.co_names):
        if name in names:
            yield "tuple", code.co_names, index, names[name]
