"""Who holds an object: made to hold another one, or reported."""

import functools
import gc
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    GenericAlias,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from .merging import Merger
    from .references import Remade

# One object of these may stand for many equal ones: who holds it means something else by it.
SHARED = (bool, int, float, complex, str, bytes, type(None))
# Keys that can be set anew without any code of the program.
_HASHED_IN_C = (str, int, float, bool, bytes, type(None), type, FunctionType, BuiltinFunctionType)
# They run what they refer to, or are the module that has the name.
_NO_HOLDERS = (
    FrameType,
    ModuleType,
    FunctionType,
    CodeType,
    GeneratorType,
    CoroutineType,
    AsyncGeneratorType,
)
# What a class or a module says of its names, in places of its own.
_DESCRIBING = ("__annotations__", "__annotations_cache__", "__dataclass_fields__", "__args__")
# How far, and at how many objects, it is looked for what other modules hold.
_DEPTH = 4
_REACHED = 20_000
_REACHED_OF_ALL = 100_000
_CALLABLE = (MethodType, functools.partial, property, staticmethod, classmethod)


def is_common(value: Any) -> bool:
    """Whether it is a class, or a function written in C: others than the name's own may hold it, as libraries do."""
    is_function = type(value) is BuiltinFunctionType and (value.__self__ is None or type(value.__self__) is ModuleType)
    return is_function or issubclass(type(value), type)


class Found:
    """Who holds some objects apart from modules, looked for in one pass for all of them."""

    def __init__(self, mergers: "list[Merger]", wanted: list[Any], exchanged: list[tuple[Any, Any]]) -> None:
        targets = list({id(one): one for one in wanted}.values())
        self._by_target: dict[int, list[Any]] = {id(one): [] for one in targets}
        if not targets:
            return
        own = _own(mergers[0].plan, mergers) | {id(targets), id(wanted)}
        for merger in mergers:
            for changes in merger.change.code_changes.values():
                for code_change in changes:
                    own |= {id(code_change.live), id(code_change.functions)}
            own |= {id(pair) for pair in merger.world.proxies.values()}
        holders = [one for one in native.referrers(targets) if id(one) not in own and may_hold(one)]
        # Nobody holds what all holders exchange.
        gone = _gone(mergers, holders, own) | {id(old) for old, _ in exchanged}
        # They are given what new ones hold.
        gone.update(id(live) for merger in mergers for live, _ in merger.in_place)
        for holder in holders:
            if id(holder) not in gone:
                for key in {id(one) for one in gc.get_referents(holder)} & self._by_target.keys():
                    if key != id(type(holder)):
                        self._by_target[key].append(holder)
        if any(self._by_target[id(one)] for one in targets if is_common(one)):
            self._leave_to_libraries([one for one in targets if is_common(one)])

    def _leave_to_libraries(self, targets: list[Any]) -> None:
        """Of what libraries hold, too, what the program does: what its modules lead to, and its objects."""
        modules = [lookup.members_of(module) for _, module in lookup.project_modules()]
        own = set(map(id, held_from(*modules, limit=_REACHED_OF_ALL)))
        for target in targets:
            for cls in lookup.with_subclasses(target) if isinstance(target, type) else ():
                own -= {id(cls.__mro__), id(cls.__bases__)}
            held = self._by_target[id(target)]
            self._by_target[id(target)] = [one for one in held if id(one) in own]

    def of(self, value: Any, *others: Any, is_in_class: bool = False) -> list[str]:
        """In words; of what is in a class, apart from classes, too. What also stands for it is no holder."""
        if objects.is_builtin(value):
            # Whoever holds that may have it by its own name.
            return []
        known = {id(value), *map(id, others)}
        return [
            f"a {type(holder).__name__}"
            for holder in self._by_target.get(id(value), ())
            if id(holder) not in known and not (is_in_class and type(holder) is dict and "__module__" in holder)
        ]


def held_from(*modules: dict[str, Any], limit: int = _REACHED) -> list[Any]:
    """What modules hold: containers and objects, as far as names lead to them. Annotations follow by themselves."""
    found: dict[int, Any] = {}
    named = [item for members in modules for item in list(members.items())]
    pending = [(value, 0) for name, value in named if name not in _DESCRIBING]
    while pending and len(found) < limit:
        value, depth = pending.pop()
        kind = type(value)
        is_leaf = (
            issubclass(kind, (*SHARED, *_NO_HOLDERS, GenericAlias))
            or kind.__module__ == "typing"
            or (issubclass(kind, type) and depth > 0)
        )
        if is_leaf or depth > _DEPTH or id(value) in found:
            continue
        found[id(value)] = value
        is_namespace = kind is dict and "__module__" in value
        inside = [value[name] for name in value if name not in _DESCRIBING] if is_namespace else gc.get_referents(value)
        pending += [(one, depth + 1) for one in inside]
    return list(found.values())


def may_hold(holder: Any) -> bool:
    kind = type(holder)
    if issubclass(kind, _NO_HOLDERS) or issubclass(kind, type) or is_engines(holder):
        return False
    if kind is tuple:
        return not any(is_engines(one) for one in holder)
    if kind is dict:
        return "__builtins__" not in holder
    is_container = issubclass(kind, (dict, list, tuple, set)) or objects.is_exactly(holder, CellType, *_CALLABLE)
    return is_container or kind.__module__ == "collections" or native.is_made_in_python(kind)


def is_engines(value: Any) -> bool:
    return (objects.module_of(type(value)) or "").startswith("hotsplice.")


def _gone(mergers: "list[Merger]", holders: list[Any], own: set[int]) -> set[int]:
    """Ids of those that nothing but a name has, which is given another value."""
    displaced = {}
    headers: set[int] = set()
    for operation in mergers[0].plan.operations:
        if operation[0] in ("dict-set", "type-set") and type(operation[2]) is str:
            members = operation[1] if operation[0] == "dict-set" else objects.members(operation[1])
            held = members.get(operation[2]) if type(operation[1]) is dict or operation[0] == "type-set" else None
            displaced[id(held)] = held
        elif operation[0] == "function" and "defaults" in operation[2]:
            headers.add(id(operation[1]))
            displaced[id(operation[1].__defaults__)] = operation[1].__defaults__
    found = {id(one): one for one in holders if id(one) in displaced}
    # What stands in the dictionary of an object is the object's.
    dicts = [one for one in holders if type(one) is dict]
    of_objects = {id(objects.dictionary(one)): one for one in displaced.values()} if dicts else {}
    of_objects = {id(one): of_objects[id(one)] for one in dicts if id(one) in of_objects}
    found |= {id(one): one for one in of_objects.values()}
    if not found:
        return set()
    targets = list(found.values())
    known = own | {id(displaced), id(found), id(targets), id(holders)}
    for holder in native.referrers(targets):
        is_name = type(holder) is dict and ("__builtins__" in holder or "__module__" in holder)
        is_name = is_name or id(holder) in headers
        if id(holder) not in known and not is_name:
            for one in gc.get_referents(holder):
                found.pop(id(one), None)
    return set(found) | {key for key, one in of_objects.items() if id(one) in found}


def move(
    plan: "Plan", pairs: list[tuple[Any, Any]], mergers: "list[Merger]", remade: "Remade | None" = None
) -> dict[int, list[str]]:
    """Plans to replace every reference to the first of each pair by the second, in one pass over the heap.

    Returns what still refers to one, in words, by its id. What has to be made anew for it is left to ``remade``.
    """
    pairs = [pair for pair in pairs if type(pair[0]) not in SHARED]
    if not pairs:
        return {}
    own = _own(plan, mergers) | {id(pairs), *map(id, pairs)}
    for one in {id(one): one for pair in pairs for one in pair if isinstance(one, type)}.values():
        # CPython keeps these itself: `bases` operations exchange them.
        for cls in lookup.with_subclasses(one):
            own.update((id(cls.__mro__), id(cls.__bases__)))
    left: dict[int, list[str]] = {}
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


def _own(plan: "Plan", mergers: "list[Merger]") -> set[int]:
    """Ids of the engine's own objects that hold what a patch is about."""
    own = {id(plan.operations), id(plan.discarded), id(plan.left), *map(id, plan.left)}
    own.update(id(operation) for operation in plan.operations)
    own.update(id(operation[2]) for operation in plan.operations if operation[0] == "function")
    own |= mergers[0].beside.own()
    for merger in mergers:
        own.update((id(merger.shadow.globals), id(merger.shadow.before), id(merger.replaced), id(merger.superseded)))
        own.update(id(pair) for pair in (*merger.replaced, *merger.superseded))
        own.update(id(seen) for seen in merger.shadow.classes.values())
        own.update((id(merger.made_classes), *map(id, merger.made_classes), *map(id, merger.held_then.values())))
        own.update(id(entries) for _, _, entries, _ in merger.held_then.values())
        own.update(id(entry) for _, noted in merger.containers.noted.before.values() for entry in noted)
        own.update((id(merger.stand_ins), id(merger.moved), id(merger.held_back), id(merger.written)))
        own.update((id(merger.exchanged), id(merger.left), *map(id, merger.exchanged), *map(id, merger.left)))
    return own


def _leave(holder: Any, moved: dict[int, Any], left: dict[int, list[str]]) -> None:
    for key in {id(one) for one in gc.get_referents(holder)} & moved.keys():
        left.setdefault(key, []).append(f"a {type(holder).__name__}")


def _move_in(
    plan: "Plan", holder: Any, moved: dict[int, Any], left: dict[int, list[str]], planned: set[tuple[int, Any]]
) -> None:
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
        _leave(holder, moved, left)
    elif isinstance(holder, (FunctionType, ModuleType, type(FunctionType.__code__))):
        return
    else:
        _move_in_instance(plan, holder, moved, left)


def _move_in_instance(plan: "Plan", holder: Any, moved: dict[int, Any], left: dict[int, list[str]]) -> None:
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
        _leave(holder, moved, left)
