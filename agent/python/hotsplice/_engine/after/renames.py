"""Names of a module or a class that the text gives another name everywhere: what they hold goes on under that.

A call that began before finds it there, too: its code gets the new name in the same commit that moves the value, so
that a counter is one counter.
"""

from collections.abc import Iterator
from types import CodeType
from typing import Any

from ..live import lookup, objects
from ..native import native

_Names = dict[str, str]


def of(transaction: Any) -> tuple[dict[int, _Names], dict[int, _Names]]:
    """id of a namespace → former name → the new one; the second are those of which attributes may be called so."""
    found: dict[int, _Names] = {}
    attributes: dict[int, _Names] = {}
    for change, namespace, outcome, former, name in _carried(transaction):
        others = [one for one in transaction.files if one is not change and _is_edited(one)]
        held = _holder(namespace, outcome).get(former)
        across = outcome.edit.get("renamed_across") and all(_has_the_same(one, former, name, held) for one in others)
        for one in (change, *others) if across else (change,):
            for other in one.namespaces if one is not change else (namespace,):
                found.setdefault(id(other.globals), {})[former] = name
                if outcome.edit["scope"] or across:
                    attributes.setdefault(id(other.globals), {})[former] = name
    return found, attributes


def _has_the_same(change: Any, former: str, name: str, held: Any) -> bool:
    """Whether a file means the same by a name as the one that gives it another: it may have one of its own."""
    bound = [one for one in change.outcomes if name in one.edit["binds"] and one.edit["what"] != "import"]
    is_carried = any(one.carries == former for one in bound)
    values = [namespace.globals.get(former, held) for namespace in change.namespaces]
    return is_carried or (not bound and all(value is held for value in values))


def members(transaction: Any) -> set[tuple[int, str]]:
    """The attributes of classes that go on under another name: id of the class, former name."""
    carried = [one for one in _carried(transaction) if one[2].edit["scope"]]
    return {(id(_owner(namespace, outcome)), former) for _, namespace, outcome, former, _ in carried}


def _carried(transaction: Any) -> Iterator[tuple[Any, Any, Any, str, str]]:
    for change in transaction.files:
        for outcome in change.outcomes:
            if outcome.carries is not None:
                name = lookup.mangled(outcome.edit["binds"][0], tuple(outcome.edit["scope"]))
                for namespace in change.namespaces:
                    yield change, namespace, outcome, outcome.carries, name


def _is_edited(change: Any) -> bool:
    return any(edit["change"] != "derived" for edit in change.edits)


def _owner(namespace: Any, outcome: Any) -> Any:
    return lookup.find_class(namespace, outcome.edit["scope"])


def _holder(namespace: Any, outcome: Any) -> dict[str, Any]:
    return objects.own(_owner(namespace, outcome)) if outcome.edit["scope"] else namespace.globals


def carry(transaction: Any) -> None:
    """What a name holds when the patch is committed goes on, and not what it held when that was prepared."""
    operations = transaction.plan.operations
    for _, namespace, outcome, former, name in _carried(transaction):
        if outcome.edit["scope"]:
            _carry_member(operations, _owner(namespace, outcome), former, name)
        else:
            _carry_name(operations, namespace.globals, former, name)


def _carry_name(operations: list[tuple[Any, ...]], globals: dict[str, Any], former: str, name: str) -> None:
    places = _places(operations, globals, ("dict-set", name), ("dict-delete", former))
    key = next((key for key in list(globals) if key == former), None)
    if len(places) == 2 and key is not None:
        del operations[places["dict-delete"]]
        operations.append(("dict-keys", globals, [(key, name)], False))


def _carry_member(operations: list[tuple[Any, ...]], owner: type, former: str, name: str) -> None:
    places = _places(operations, owner, ("type-set", name), ("type-delete", former))
    if len(places) != 2:
        return
    for index in sorted(places.values(), reverse=True):
        del operations[index]
    operations.append(("type-rename", owner, former, name))
    # What the class has is what others have until they have one of their own; all of this text calls it otherwise.
    module = objects.own(owner).get("__module__")
    for cls in lookup.with_subclasses(owner):
        own = objects.own(cls)
        has_own = cls is not owner and own.get("__module__") == module and former in own and name not in own
        if has_own and not _places(operations, cls, ("type-set", name), ("type-delete", former)):
            operations.append(("type-rename", cls, former, name))
    for instance in native.objects_of_type(*lookup.with_subclasses(owner)):
        own = objects.attributes(instance)
        if former in own and name not in own:
            operations.append(("attribute-set", instance, name, own[former]))


def _places(operations: list[tuple[Any, ...]], holder: Any, *wanted: tuple[str, str]) -> dict[str, int]:
    return {
        kind: index
        for index, (kind, target, *rest) in enumerate(operations)
        if target is holder and (kind, rest[0]) in wanted
    }


def operations(code: CodeType, names: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Has a code look these names up by others."""
    if native.can_set_names():
        yield "code-names", code, tuple(names.get(name, name) for name in code.co_names)
        return
    for index, name in enumerate(code.co_names):
        if name in names:
            yield "tuple", code.co_names, index, names[name]
