"""Functions that a patch takes the name from while somebody holds them: a timer, a callback, the objects of a class.

Who holds one goes on calling it. What it looks up and the patch takes away, too, goes on meaning something for it, as
for a call that began before.
"""

from collections.abc import Collection, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from . import reach
from .formers import Formers, innermost

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from .changes import Changes


def held(files: "Collection[FileChange]") -> list[FunctionType]:
    """Those whose definitions are gone from the text. Asked before anything here refers to them."""
    found: list[FunctionType] = []
    classes: list[tuple[type, dict[str, Any]]] = []
    for change in files:
        for outcome in change.outcomes:
            edit = outcome.edit
            is_definition = edit["what"] in ("function", "class") and "<locals>" not in edit["scope"]
            if edit["change"] != "removed" or not is_definition:
                continue
            for namespace in change.namespaces:
                for name in edit["binds"]:
                    if edit["what"] == "class":
                        classes.append((lookup.bound_value(namespace, edit["scope"], name), namespace.globals))
                    else:
                        found += _held(lookup.bound_value(namespace, edit["scope"], name), namespace.globals)
    return found + _of_objects([one for one in classes if isinstance(one[0], type)])


def _of_objects(classes: list[tuple[type, dict[str, Any]]]) -> list[FunctionType]:
    """The functions of those classes that have objects."""
    below = [lookup.with_subclasses(cls) for cls, _ in classes]
    wanted = [cls for several in below for cls in several]
    kinds = {type(one) for one in native.objects_of_type(*wanted)} if wanted else set()
    found: list[FunctionType] = []
    for (cls, globals), several in zip(classes, below):
        functions = [innermost(one) for one in cls.__dict__.values()] if not kinds.isdisjoint(several) else []
        found += [one for one in functions if type(one) is FunctionType and one.__globals__ is globals]
    return found


def _held(value: Any, globals: dict[str, Any]) -> list[FunctionType]:
    function = innermost(value)
    if type(function) is not FunctionType or function.__globals__ is not globals:
        return []
    del value
    return [function] if native.reference_count(function) > _OF_NAME else []


def _count_of_name() -> int:
    def asked(function: Any) -> int:
        value = function
        function = innermost(value)
        del value
        return int(native.reference_count(function))

    space: dict[str, Any] = {}
    exec(compile("def one(): pass", "<hotsplice>", "exec"), space)
    return asked(space["one"])


def left_alone(changes: "Changes", functions: list[FunctionType], formers: Formers) -> Iterator[FunctionType]:
    """Those of them that the patch gives no other name and no new code, and takes away what they look up."""
    come = [after for _, _, after in changes.attributes.values()]
    come += [after for names in changes.names.values() for _, after in names.values()]
    going_on = {id(innermost(after)) for after in come}.union(*map(_members, come))
    lost = {name for (_, name), (_, _, after) in changes.attributes.items() if after is objects.MISSING}
    lost |= {name for names in changes.names.values() for name, (_, after) in names.items() if after is objects.MISSING}
    for function in functions:
        if id(function) in changes.functions or id(function) in going_on:
            continue
        names = changes.names.get(id(function.__globals__), {})
        for name, use in ((name, use) for code in tree(function.__code__) for name, use in reach.uses(code).items()):
            before, after = names.get(name, (None, None))
            value = function.__globals__.get(name) if use.opnames & reach.GLOBAL_LOADS else None
            is_gone = before is not None and after is objects.MISSING and bool(use.opnames & reach.GLOBAL_LOADS)
            is_gone = is_gone or (name in lost and bool(use.opnames & reach.ATTRIBUTE_LOADS))
            if is_gone or (type(value) is FunctionType and formers.is_incompatible(value, value)):
                yield function
                break


def _members(value: Any) -> set[int]:
    """The functions of a class that goes on under another name."""
    return {id(innermost(one)) for one in list(value.__dict__.values())} if isinstance(value, type) else set()


_OF_NAME = _count_of_name()
