"""The world of a patch, worked out from its plan and the calls that run what it retires."""

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..live import lookup
from ..live.code import fingerprint, pair, tree
from . import calls, dispatch, reach, running
from .calls import Call
from .dispatch import MISSING
from .formers import Formers, innermost
from .worlds import World

# Special methods that a class keeps elsewhere, or that are asked for by others than the call.
_NOT_DISPATCHED = {
    "__new__",
    "__hash__",
    "__eq__",
    "__class_getitem__",
    "__init_subclass__",
    "__set_name__",
    "__slots__",
}
_CLASS_DEPTH = 4


class Changes:
    """What the operations of a plan do to names, functions and classes."""

    def __init__(self, operations: Iterable[tuple[Any, ...]]) -> None:
        # id of a namespace → name → (before, after)
        self.names: dict[int, dict[str, tuple[Any, Any]]] = {}
        self.functions: dict[int, tuple[FunctionType, dict[str, Any]]] = {}
        # (id of a class, name) → (class, before, after)
        self.attributes: dict[tuple[int, str], tuple[type, Any, Any]] = {}
        self.retired: dict[int, CodeType] = {}
        for kind, target, *rest in operations:
            if kind == "function":
                self._function(target, rest[0])
            elif kind in ("dict-set", "dict-delete", "dict-replace") and "__builtins__" in target:
                before = self.names.get(id(target), {}).get(rest[0], (target.get(rest[0], MISSING),))[0]
                after = {"dict-set": 1, "dict-replace": 2}.get(kind)
                after = MISSING if after is None else rest[after]
                self.names.setdefault(id(target), {})[rest[0]] = before, after
                self._gone(before, after)
            elif kind in ("type-set", "type-delete"):
                before = target.__dict__.get(rest[0], MISSING)
                after = MISSING if kind == "type-delete" else rest[1]
                if before is not MISSING and before is not after:
                    self.attributes[id(target), rest[0]] = target, before, after
                    self._gone(before, after)

    def _function(self, function: FunctionType, parts: dict[str, Any]) -> None:
        known = self.functions.get(id(function))
        self.functions[id(function)] = function, {**(known[1] if known else {}), **parts}
        if "code" not in parts:
            return
        old = function.__code__
        kept = {id(one) for one, new in pair(old, parts["code"]) if fingerprint(one) == fingerprint(new)}
        self.retired.update((id(one), one) for one in tree(old) if id(one) not in kept)

    def _gone(self, before: Any, after: Any) -> None:
        """Code of what has no name any more."""
        if before is after:
            return
        values = [*before.__dict__.values()] if isinstance(before, type) and after is MISSING else [before]
        for value in values:
            function = innermost(value)
            if isinstance(function, FunctionType) and function is not innermost(after):
                self.retired.update((id(code), code) for code in tree(function.__code__))


def plan(transaction: Any) -> World | None:
    """The world that the calls running now need, complete but for what goes live with the commit."""
    changes = Changes(transaction.plan.operations)
    earlier = [code for code in running.old_codes() if id(code) not in changes.retired]
    inside = calls.running([*changes.retired.values(), *earlier])
    modules = list(_module_calls(transaction))
    transaction.old_calls = [call for call in inside if id(call.code) in changes.retired]
    transaction.old_calls += [call for change, call in modules if _executing(change, call) is not None]
    if not inside and not modules:
        return None
    world = World(transaction.number, Formers(changes.functions, lambda *given: world.rewritten(*given)), changes.names)
    try:
        _complete(world, changes, transaction, inside, modules)
    except BaseException:
        world.end()
        raise
    return world


def _module_calls(transaction: Any) -> Iterator[tuple[Any, Call]]:
    """Modules of the patch whose own statements are being executed."""
    for change in transaction.files:
        if not change.edits:
            continue
        for call in calls.on_stacks(lambda code: code.co_name == "<module>"):
            if lookup.same_file(call.code.co_filename, change.path):
                yield change, call


def _complete(world: World, changes: Changes, transaction: Any, inside: list[Call], modules: list[Any]) -> None:
    retired = changes.retired
    for code in retired.values():
        world.note_retired(code, keep=False)
    positions: dict[int, tuple[CodeType, set[int], Call, bool]] = {}
    for call in inside:
        entry = positions.setdefault(id(call.code), (call.code, set(), call, id(call.code) in retired))
        entry[1].add(call.offset)
    for change, call in modules:
        entry = positions.setdefault(id(call.code), (call.code, set(), call, _is_edited(change, call)))
        entry[1].add(call.offset)
    names = []
    old = {*retired, *map(id, running.old_codes())}
    for code, offsets, call, is_edited in positions.values():
        world.note_retired(code)
        world.namespaces.append(call.globals)
        names.append((code, world.aliases(code, call.globals, offsets, is_edited, is_edited or id(code) in old)))
        for nested in list(tree(code))[1:]:
            # What is nested and has not changed is live in functions that were made of it, too.
            is_old = id(nested) in old
            names.append((nested, world.aliases(nested, call.globals, None, id(nested) in retired, is_old)))
    codes: list[tuple[CodeType, set[int] | None]] = [(code, offsets) for code, offsets, _, _ in positions.values()]
    _follow_reached(world, codes, names)
    _dispatch(world, changes, transaction, codes)
    _follow_reached(world, codes, names)
    world.watch(code for code, _, _, _ in positions.values())
    world.watch_suspended(call.suspended for call in inside if call.suspended is not None)
    if not world.is_empty(names):
        for code, aliases in names:
            world.give_names(code, aliases)
        world.look_again()
    for globals, name, _ in world.deferred:
        transaction.plan.operations[:] = [
            operation
            for operation in transaction.plan.operations
            if not (operation[0] == "dict-delete" and operation[1] is globals and operation[2] == name)
        ]


def _follow_reached(world: World, codes: list[tuple[CodeType, set[int] | None]], names: list[Any]) -> None:
    """Functions that have lost their names and go on as they are look up former names, too."""
    while reached := world.take_reached():
        for function in reached:
            world.note_retired(function.__code__)
            codes.append((function.__code__, None))
            for code in tree(function.__code__):
                names.append((code, world.aliases(code, function.__globals__, None, True)))


def _executing(change: Any, call: Call) -> Any:
    """The outcome of the edited statement of a module that is being executed."""
    for outcome in change.outcomes:
        edit = outcome.edit
        own = edit["change"] == "changed" and edit["what"] in ("statement", "block") and not edit["scope"]
        if own and edit.get("old_line") and edit["old_line"] <= call.line <= edit["old_end_line"]:
            return outcome
    return None


def _is_edited(change: Any, call: Call) -> bool:
    """Whether a module's statement that is being executed, or one after it, is edited."""
    return any(
        edit["change"] == "changed" and edit["what"] not in ("function", "class") and edit["old_end_line"] >= call.line
        for edit in change.edits
        if not edit["scope"] and edit.get("old_end_line")
    )


def _dispatch(world: World, changes: Changes, transaction: Any, codes: list[tuple[CodeType, set[int] | None]]) -> None:
    """Attributes of classes and modules that these codes, or the former functions that they call, look up."""
    candidates = dict(changes.attributes)
    for change in transaction.files:
        for namespace in change.namespaces:
            for owner in _classes(namespace.globals, namespace.name):
                for name, value in list(owner.__dict__.items()):
                    if isinstance(innermost(value), FunctionType):
                        candidates.setdefault((id(owner), name), (owner, value, value))
    wanted: dict[str, int] = {}
    named: set[str] = set()
    for code, offsets in codes:
        wanted.update(reach.attributes(code, offsets))
        named.update(name for one in tree(code) for name in reach.uses(one))
    # Special methods are looked up without being named: of the classes that are.
    called = {id(globals[name]) for globals in world.namespaces for name in named if name in globals}
    done: set[tuple[int, str]] = set()
    while True:
        for code in world.take_rewritten():
            wanted.update(reach.attributes(code))
        found = [
            (key, entry)
            for key, entry in candidates.items()
            if key not in done and key[1] not in _NOT_DISPATCHED
            if key[1] in wanted or (key[1].startswith("__") and (key[0] in called or entry[0].__name__ in wanted))
        ]
        if not found:
            break
        for key, (owner, before, after) in found:
            done.add(key)
            if after is not MISSING and not world.formers.is_incompatible(before, after):
                continue
            former = world.formers.of(before)
            # What a property gives is not the copy.
            is_copy = former is not before and not hasattr(type(former), "__set__")
            _put(world, transaction, owner, key[1], former, after, is_copy)
    _dispatch_modules(world, changes, transaction, wanted, [code for code, _ in codes])


def _classes(globals: dict[str, Any], module: str | None) -> Iterator[type]:
    pending = [(value, 0) for value in list(globals.values()) if isinstance(value, type)]
    seen: set[int] = set()
    while pending:
        owner, depth = pending.pop()
        if id(owner) in seen or owner.__module__ != module:
            continue
        seen.add(id(owner))
        yield owner
        if depth < _CLASS_DEPTH:
            pending += [(value, depth + 1) for value in list(owner.__dict__.values()) if isinstance(value, type)]


def _put(world: World, transaction: Any, owner: type, name: str, former: Any, live: Any, is_copy: bool) -> None:
    place = dispatch.attribute(owner, name, former, live, world.is_retired, is_copy)
    operations = transaction.plan.operations
    operations[:] = [
        operation
        for operation in operations
        if not (operation[0] in ("type-set", "type-delete") and operation[1] is owner and operation[2] == name)
    ]
    transaction.plan.set_class_attribute(owner, name, place)
    world.attributes.append(place)


def _dispatch_modules(
    world: World, changes: Changes, transaction: Any, wanted: dict[str, int], codes: list[CodeType]
) -> None:
    loads_modules = any("IMPORT_NAME" in use.opnames for code in codes for use in reach.uses(code).values())
    for change in transaction.files:
        for namespace in change.namespaces:
            module = namespace.module
            if type(module) is not ModuleType or not (loads_modules or world.is_held(module)):
                continue
            formers = {}
            for name in wanted.keys() & namespace.globals.keys():
                kept = world.former(namespace.globals, name, False, True)
                if kept is not None:
                    formers[name] = kept[0], kept[0] is not kept[1]
            if formers:
                world.modules.append((module, type(module)))
                module.__class__ = dispatch.module_class(module, formers, world.is_retired)
