"""Moving references: what points to one object is made to point to another, where that can be done."""

import functools
import gc
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, CellType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..evaluate.sorts import is_type_variable
from ..live import lookup, objects
from ..native import native
from . import callables, imports

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome, Plan
    from ..live.lookup import Namespace
    from .merging import Merger

# Equal ones may be one object everywhere.
_HOLDERS = (dict, list, tuple, set, MethodType, functools.partial, CellType)
# One object of these may stand for many equal ones: who holds it means something else by it.
_SHARED = (bool, int, float, complex, str, bytes, type(None))
_VALUES = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None), ModuleType)


# Keys that can be set anew without any code of the program.
_HASHED_IN_C = (str, int, float, bool, bytes, type(None), type, FunctionType, BuiltinFunctionType)


def follow(mergers: "list[Merger]") -> None:
    """What was made while evaluating and has a live counterpart leaves its place to that."""
    first = mergers[0]
    pairs = [(made, live) for made, live in first.replaced if made is not live]
    layouts = {id(live) for live in first.layouts.classes()}
    _move_instances(first.plan, pairs, layouts)
    _move_subclasses(first.plan, pairs)
    fresh = {id(made) for made, _ in pairs}
    pairs += first.superseded
    while pairs:
        _move_in_plan(first.plan, {id(old): new for old, new in pairs})
        remade = _Remade(fresh)
        move(first.plan, pairs, mergers, remade)
        pairs = remade.pairs
        fresh = {id(old) for old, _ in pairs}


class _Remade:
    """What holds something that was made while evaluating and can't hold another: it is as new, and is made anew."""

    def __init__(self, fresh: set[int]) -> None:
        self._fresh = fresh
        # (what was made, the same of what is live)
        self.pairs: list[tuple[Any, Any]] = []

    def take(self, holder: Any, moved: dict[int, Any]) -> bool:
        """Whether it is one of those."""

        def other(value: Any) -> Any:
            return moved[id(value)] if id(value) in self._fresh else value

        if type(holder) is MethodType:
            parts = (holder.__func__, holder.__self__)
            make: Callable[..., Any] = MethodType
        elif type(holder) is functools.partial:
            parts = (holder.func, *holder.args, *holder.keywords.values())
            make = functools.partial(_partial, holder)
        else:
            return False
        if not any(id(part) in self._fresh for part in parts):
            return False
        self.pairs.append((holder, make(*map(other, parts))))
        return True


def _partial(former: Any, function: Any, *values: Any) -> Any:
    count = len(former.args)
    made = functools.partial(function, *values[:count], **dict(zip(former.keywords, values[count:])))
    made.__dict__.update(former.__dict__)
    return made


def _is_name(operation: tuple[Any, ...], name: str) -> bool:
    """Whether an operation is about this attribute. Keys of the program's own classes are never compared."""
    return len(operation) > 2 and type(operation[2]) is str and operation[2] == name


# Where the value stands in an operation.
_VALUE_AT = {
    "dict-set": 3,
    "type-set": 3,
    "type-replace": 4,
    "attribute-set": 3,
    "setattr": 3,
    "cell": 2,
    "dict-replace": 4,
    "list": 3,
    "tuple": 3,
    "set-replace": 3,
}


def _move_in_plan(plan: "Plan", moved: dict[int, Any]) -> None:
    """What the plan puts somewhere may be something that has a live counterpart too."""
    for position, operation in enumerate(plan.operations):
        index = _VALUE_AT.get(operation[0])
        new = operation[index] if index is not None else None
        if index is None or id(new) not in moved:
            continue
        while id(new) in moved and moved[id(new)] is not operation[index]:
            new = moved[id(new)]
        plan.operations[position] = (*operation[:index], new, *operation[index + 1 :])


def _move_subclasses(plan: "Plan", pairs: list[tuple[Any, Any]]) -> None:
    """What derives from a class that was only built to lend what it has derives from the live one."""
    live_of = {id(one): other for one, other in pairs}
    for made, _ in pairs:
        for below in type.__subclasses__(made) if isinstance(made, type) else ():
            if id(below) not in live_of:
                bases = tuple(live_of.get(id(base), base) for base in below.__bases__)
                plan.add("bases", below, bases, live_of.get(id(below.__base__)))


def _move_instances(plan: "Plan", pairs: list[tuple[Any, Any]], layouts: set[int]) -> None:
    """Objects that were made of a class while evaluating are the live one's."""
    classes = {id(made): (made, live) for made, live in pairs if isinstance(made, type) and isinstance(live, type)}
    moved = {id(operation[1]) for operation in plan.operations if _is_name(operation, "__class__")}
    for instance in native.objects_of_type(*(made for made, _ in classes.values())) if classes else ():
        live = classes[id(type(instance))][1]
        # Another layout is that of the class that was made only when the patch is live.
        if id(instance) not in moved and (id(live) in layouts or _may_be_of(instance, live)):
            plan.add("attribute-set", instance, "__class__", live)


def _may_be_of(instance: Any, live: Any) -> bool:
    """Whether CPython takes a class for an object of another one: asked with the object, which nobody has seen yet."""
    made = type(instance)
    try:
        object.__setattr__(instance, "__class__", live)
        object.__setattr__(instance, "__class__", made)
    except TypeError:
        return False
    return True


def is_own(value: Any, namespace: "Namespace") -> bool:
    """Whether a module made this function or class. What another one made goes on there: here it was only imported."""
    return isinstance(value, (FunctionType, type)) and value.__module__ == namespace.name


def is_gone(merger: "Merger", scope: Sequence[str], value: Any) -> bool:
    """Whether a function or a class came of a definition of this scope that is no longer in the text."""
    if not is_own(value, merger.namespace) or value.__qualname__ != ".".join((*scope, value.__name__)):
        return False
    return any(
        outcome.edit["change"] == "removed" and outcome.edit["definition"] == value.__qualname__
        for outcome in merger.change.outcomes
    )


def move_binding(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """A name holds another value: copies that other modules imported follow while they still hold the old one."""
    redefined = outcome.edit["change"] == "added" and outcome.edit["kind"] != "replaced"
    own = is_own(old, merger.namespace)
    # A decorator may have made anything of a function: a command, a task.
    decorated = outcome.edit["what"] == "function" and not isinstance(old, (FunctionType, type, *_VALUES))
    decorated = decorated or wraps(old, merger.namespace, name)
    is_moved = ((own and old.__qualname__ == name) or decorated) and not (redefined and not is_gone(merger, (), old))
    if is_moved or callables.is_made_by_statement(merger, name, old, outcome.edit):
        move_object(merger, name, old, new, outcome)
        return
    leave_shared(merger, name, old, new, outcome)


def leave_shared(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """Imports of a name follow; who holds what it held may have that by another name."""
    for holder, alias in imports.followers(merger.namespace.globals, name, old):
        merger.plan.set_name(holder, alias, new)
    edit = outcome.edit
    is_own = isinstance(old, FunctionType) and old.__globals__ is merger.namespace.globals
    is_own = is_own and (old.__name__ != name or "<locals>" in old.__qualname__)
    is_made = objects.is_exactly(old, *callables.MADE) or (
        edit["what"] == "function" and not isinstance(old, (FunctionType, BuiltinFunctionType, type, *_VALUES))
    )
    if is_own or (is_made and edit.get("given_by")):
        report_left(merger, name, old, outcome)


def report_left(merger: "Merger", name: str, old: Any, outcome: "EditOutcome") -> None:
    """Who holds what a name or an attribute held keeps it."""
    left = _holders_of(merger, old, is_in_class=True)
    if left:
        _say_left(outcome, name, left)


def wraps(old: Any, namespace: "Namespace", name: str) -> bool:
    """Whether a function is what a decorator made of the module's definition of that name."""

    def is_it(value: Any) -> bool:
        is_own = isinstance(value, FunctionType) and value.__globals__ is namespace.globals
        return is_own and value.__qualname__ == name

    return isinstance(old, FunctionType) and "<locals>" in old.__qualname__ and lookup.search(old, is_it) is not None


def move_object(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """Whoever holds one object is to hold the other; what can't be moved is reported."""
    if type(old) in _SHARED:
        # Others hold the same number, and mean another thing by it.
        for holder, alias in imports.followers(merger.namespace.globals, name, old):
            merger.plan.set_name(holder, alias, new)
        return
    left = move(merger.plan, [(old, new)], [merger])
    if left and not is_type_variable(type(old)):
        # Annotations that name it are made again.
        _say_left(outcome, name, left)


def move_member(merger: "Merger", path: tuple[str, ...], old: Any, new: Any, outcome: "EditOutcome") -> None:
    """What a decorator made of a method is another object: other names of the former one follow."""
    if isinstance(old, FunctionType) and old.__qualname__ == ".".join((*path[:-1], "<lambda>")):
        # A method that was written as an assignment.
        move_object(merger, path[-1], old, new, outcome)
        return
    if isinstance(old, _VALUES) or (isinstance(old, (FunctionType, type)) and old.__qualname__ != ".".join(path)):
        return
    if outcome.edit["change"] == "added":
        return
    left = move(merger.plan, [(old, new)], [merger])
    if type(old) is not FunctionType:
        # Those of plain methods are moved to the new object, or said already.
        left += _bound_otherwise(merger, old, new)
    if left:
        _say_left(outcome, path[-1], left)


def report_bound(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """An assignment gives a name what a method was."""
    left = _bound_otherwise(merger, old, new)
    if left:
        _say_left(outcome, name, left)


def _bound_otherwise(merger: "Merger", old: Any, new: Any) -> list[str]:
    """Who holds the function of a method that is bound in another way now: it gets other arguments there."""
    if type(old) is type(new) or not objects.is_exactly(old, staticmethod, classmethod, FunctionType):
        return []
    is_plain = type(old) is FunctionType
    return _holders_of(merger, old if is_plain else old.__func__, old, new, is_in_class=is_plain)


def _holders_of(merger: "Merger", function: Any, *others: Any, is_in_class: bool = False) -> list[str]:
    """What holds a function apart from modules, in words; of one that is in a class, apart from classes, too."""
    own = _own_holders(merger.plan, [merger]) | {id(one) for one in (function, *others)}
    for changes in merger.change.code_changes.values():
        for code_change in changes:
            own |= {id(code_change.live), id(code_change.functions)}
    own |= {id(pair) for pair in merger.world.proxies.values()}
    targets = [function]
    holders = (holder for holder in native.referrers(targets) if id(holder) not in own and holder is not targets)
    return [
        f"a {type(holder).__name__}"
        for holder in holders
        # Those by ids are the engine's.
        if objects.is_exactly(holder, *_HOLDERS)
        and not (type(holder) is tuple and any(_is_engines(one) for one in holder))
        and not (type(holder) is dict and any(type(key) is int for key in holder))
        and not (type(holder) is dict and ("__builtins__" in holder or (is_in_class and "__module__" in holder)))
    ]


def _is_engines(value: Any) -> bool:
    return (objects.module_of(type(value)) or "").startswith("hotsplice.")


def _say_left(outcome: "EditOutcome", name: str, left: list[str]) -> None:
    outcome.caveat(
        "HS0303",
        f"{len(left)} reference{'s' if len(left) > 1 else ''} to the old {name} stay: " + ", ".join(sorted(set(left))),
    )


def move(
    plan: "Plan", pairs: list[tuple[Any, Any]], mergers: "list[Merger]", remade: "_Remade | None" = None
) -> list[str]:
    """Plans to replace every reference to the first of each pair by the second, in one pass over the heap.

    Returns what still refers to one, in words. What has to be made anew for it is left to ``remade``.
    """
    pairs = [pair for pair in pairs if type(pair[0]) not in _SHARED]
    if not pairs:
        return []
    own = _own_holders(plan, mergers) | {id(pairs), *map(id, pairs)}
    for one in {id(one): one for pair in pairs for one in pair if isinstance(one, type)}.values():
        # CPython keeps these itself: `bases` operations exchange them.
        for cls in lookup.with_subclasses(one):
            own.update((id(cls.__mro__), id(cls.__bases__)))
    left: list[str] = []
    # What an edit gives a dictionary is newer than what is found there.
    planned = {
        (id(operation[1]), operation[2])
        for operation in plan.operations
        if operation[0] in ("dict-set", "dict-delete") and type(operation[2]) in _HASHED_IN_C
    }
    moved = {id(old): new for old, new in pairs}
    # What takes a place may leave it to another one in turn.
    moved = {old: moved.get(id(new), new) for old, new in moved.items()}
    targets = [old for old, _ in pairs]
    holders = [one for one in native.referrers(targets) if id(one) not in own and one is not targets]
    classes = _classes_of(holders)
    for holder in holders:
        if isinstance(holder, FrameType) or (remade is not None and remade.take(holder, moved)):
            continue
        _move_in(plan, classes.get(id(holder), holder), moved, left, planned)
    return left


def _classes_of(holders: list[Any]) -> dict[int, Any]:
    """id of a namespace → the class that it is the namespace of: CPython has to know what is changed there."""
    namespaces = [one for one in holders if type(one) is dict and "__module__" in one]
    known = {id(one) for one in namespaces}
    classes = native.referrers(namespaces) if namespaces else ()
    return {
        id(namespace): cls
        for cls in classes
        if issubclass(type(cls), type)
        for namespace in gc.get_referents(cls)
        if id(namespace) in known
    }


def _own_holders(plan: "Plan", mergers: "list[Merger]") -> set[int]:
    """Ids of the engine's own objects that hold what a patch is about."""
    own = {id(plan.operations), id(plan.discarded)}
    own.update(id(operation) for operation in plan.operations)
    own.update(id(operation[2]) for operation in plan.operations if operation[0] == "function")
    for merger in mergers:
        own.update((id(merger.shadow.globals), id(merger.shadow.before), id(merger.replaced), id(merger.superseded)))
        own.update(id(pair) for pair in (*merger.replaced, *merger.superseded))
        own.update(id(seen) for seen in merger.shadow.classes.values())
        own.update((id(merger.made_classes), *map(id, merger.made_classes), *map(id, merger.held_then.values())))
        own.update(id(entry) for _, noted in merger.containers.noted.before.values() for entry in noted)
    return own


def _move_in(plan: "Plan", holder: Any, moved: dict[int, Any], left: list[str], planned: set[tuple[int, Any]]) -> None:
    if isinstance(holder, dict):
        for key, value in list(holder.items()):
            if id(value) in moved and (id(holder), key) not in planned:
                plan.add("dict-replace", holder, key, value, moved[id(value)])
        keys = list(holder)
        pairs = [(key, moved[id(key)]) for key in keys if id(key) in moved]
        if pairs:
            plan.add(
                "dict-keys",
                holder,
                pairs,
                len(keys) <= 1000 and all(objects.is_exactly(key, *_HASHED_IN_C) for key in keys),
            )
    elif isinstance(holder, list):
        for value in {id(value): value for value in list(holder)}.values():
            if id(value) in moved:
                plan.add("list", holder, value, moved[id(value)])
    elif isinstance(holder, tuple):
        for index, value in enumerate(holder):
            if id(value) in moved:
                plan.add("tuple", holder, index, moved[id(value)])
    elif isinstance(holder, set):
        for value in list(holder):
            if id(value) in moved:
                plan.add("set-replace", holder, value, moved[id(value)])
    elif isinstance(holder, CellType):
        new = moved.get(id(holder.cell_contents))
        if new is not None:
            plan.add("cell", holder, new)
    elif isinstance(holder, type):
        for name, value in list(holder.__dict__.items()):
            if id(value) in moved:
                plan.add("type-replace", holder, name, value, moved[id(value)])
    elif isinstance(holder, (MethodType, BuiltinFunctionType, functools.partial, property, staticmethod, classmethod)):
        left.append(f"a {type(holder).__name__}")
    elif isinstance(holder, (FunctionType, ModuleType, type(FunctionType.__code__))):
        return
    else:
        _move_in_instance(plan, holder, moved, left)


def _move_in_instance(plan: "Plan", holder: Any, moved: dict[int, Any], left: list[str]) -> None:
    found = False
    attributes = objects.dictionary(holder)
    for name, value in list(attributes.items()) if attributes is not None else ():
        if id(value) in moved:
            plan.add("dict-replace", attributes, name, value, moved[id(value)])
            found = True
    for base in type(holder).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in slots if isinstance(slots, (tuple, list)) else ():
            member = base.__dict__.get(lookup.mangled(name, (base.__name__,)))
            try:
                value = member.__get__(holder, type(holder)) if member is not None else None
            except AttributeError:
                continue
            if id(value) in moved:
                plan.add("attribute-set", holder, name, moved[id(value)])
                found = True
    if not found:
        left.append(f"a {type(holder).__name__}")
