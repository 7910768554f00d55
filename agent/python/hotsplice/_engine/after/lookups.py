"""Attributes of classes and modules that calls in former code look up, and who goes on seeing the former ones."""

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import tree
from . import dispatch, fields, otherwise, reach, renames
from .changes import Changes
from .dispatch import MISSING
from .formers import innermost
from .worlds import World, met

if TYPE_CHECKING:
    from ..journal.views import Prepared


# Special methods that a class keeps elsewhere, or that are asked for by others than the call.
_NOT_DISPATCHED = {
    "__new__",
    "__del__",
    "__hash__",
    "__eq__",
    "__class_getitem__",
    "__init_subclass__",
    "__set_name__",
    "__slots__",
}
# What statements and operators ask of objects without a name.
_IMPLIED = {
    *("__iter__", "__next__", "__aiter__", "__anext__", "__enter__", "__exit__", "__aenter__", "__aexit__"),
    *("__getitem__", "__contains__", "__len__", "__bool__", "__call__", "__await__"),
}
_CLASS_DEPTH = 4


def follow_reached(world: World, codes: list[tuple[CodeType, set[int] | None]], names: list[Any]) -> None:
    """Functions that have lost their names and go on as they are look up former names, too."""
    while reached := world.take_reached():
        follow(world, reached, codes, names)


def follow(
    world: World,
    functions: Iterable[FunctionType],
    codes: list[tuple[CodeType, set[int] | None]],
    names: list[Any],
) -> None:
    for function in functions:
        world.note_retired(function.__code__)
        codes.append((function.__code__, None))
        for code in tree(function.__code__):
            names.append((code, world.aliases(code, function.__globals__, None, True)))


def keep_attributes(
    world: World,
    changes: Changes,
    transaction: "Prepared",
    codes: list[tuple[CodeType, set[int] | None]],
    names: list[Any],
    edited: set[int],
) -> None:
    """Attributes of classes and modules that these codes, or the former functions that they call, look up.

    A call of edited code goes on with the former methods, too: what the new ones give or raise is for the new code.
    """
    candidates = dict(changes.attributes)
    candidates = {**fields.renamed(transaction.plan), **candidates}
    for change in transaction.files:
        for namespace in change.namespaces:
            for owner in _classes(namespace.globals, namespace.name):
                for name, value in list(owner.__dict__.items()):
                    if isinstance(innermost(objects.live(value)), FunctionType):
                        candidates.setdefault((id(owner), name), (owner, value, value))
    look = _Lookups(world, codes, names, edited)
    done = renames.members(transaction)
    while look.again():
        for key, (owner, before, after) in list(candidates.items()):
            if key in done or key[1] in _NOT_DISPATCHED or not look.finds(owner, key[1]):
                continue
            earlier = before if isinstance(before, dispatch.Attribute) else None
            before, after = objects.live(before), objects.live(after)
            former = before if before is MISSING else world.formers.of(before)
            # What the objects have themselves is hidden by a property.
            hides = before is MISSING and hasattr(type(after), "__set__")
            held_as = transaction.plan.renamed_fields.get(key, (owner, None))[1]
            is_fit = hides or held_as is not None or earlier is not None or before is not MISSING
            if not is_fit and not otherwise.overrides(world.formers, owner, key[1], after):
                continue
            does_not_fit = after is MISSING or before is MISSING or world.formers.is_incompatible(before, after)
            if key[1] == "__init__":
                does_not_fit = does_not_fit or look.reads_more(before, after)
            elif (former is not before and look.is_edited(owner, key[1])) or (earlier and after is not before):
                does_not_fit = True
            if not does_not_fit:
                # It is asked for once more when more is known of what is looked up.
                continue
            done.add(key)
            if former is before:
                world.reach(former)
            # What a property gives is not the copy.
            is_copy = former is not before and not hasattr(type(former), "__set__")
            place = dispatch.attribute(owner, key[1], former, after, world.who_sees(after), is_copy, earlier, held_as)
            put(world, transaction, place)
        _inherit(world, changes, transaction, look, done)
        _dispatch_modules(world, changes, transaction, look)


def _inherit(
    world: World, changes: Changes, transaction: "Prepared", look: "_Lookups", done: set[tuple[int, str]]
) -> None:
    """A class has other bases now: what such calls look up is what it has had of the former ones."""
    for key, (owner, before, after) in changes.inherited.items():
        name = key[1]
        is_wanted = look.finds(owner, name) and (after is MISSING or look.is_edited(owner, name))
        if key in done or not is_wanted:
            continue
        done.add(key)
        former = world.formers.of(before)
        world.reach(former)
        is_copy = former is not before and not hasattr(type(former), "__set__")
        put(world, transaction, dispatch.attribute(owner, name, former, MISSING, world.who_sees(after), is_copy))
        users = [code for code, _ in look.codes if "super" in code.co_names and name in reach.attributes(code)]
        first = changes.first_bases.get(id(owner))
        if after is not MISSING or not users:
            continue
        # `super()` looks behind the class.
        if first is not None and not lookup.is_library(first) and name not in objects.own(first):
            put(world, transaction, dispatch.attribute(first, name, former, MISSING, world.is_retired, is_copy))
            continue
        for code in users:
            what = f"looks up {name} by way of super() in line {reach.attributes(code)[name]}, which has none now"
            world.problems.append(met(code, what))


class _Lookups:
    """The attributes that retired code looks up, and the former functions that it comes to call."""

    def __init__(self, world: World, codes: list[Any], names: list[Any], edited: set[int]) -> None:
        self.world = world
        self.codes = codes
        self.names = names
        self.edited = edited
        self.wanted: set[str] = set()
        # Those that code edited by this patch looks up.
        self._by_edited: set[str] = set()
        self.loads_modules = False
        # Whether names of attributes are computed.
        self._computes = False
        self._called: set[int] = set()
        self._seen = 0

    def again(self) -> bool:
        """Whether there is code that has not been looked at."""
        follow_reached(self.world, self.codes, self.names)
        rewritten = [(code, None) for code in self.world.take_rewritten()]
        fresh = [*self.codes[self._seen :], *rewritten]
        self._seen = len(self.codes)
        own = {*self.edited, *(id(code) for code, _ in rewritten)}
        named: set[str] = set()
        for code, offsets in fresh:
            found = {*reach.attributes(code, offsets), *reach.texts(code)}
            self.wanted |= found
            self._computes = self._computes or reach.computes_names(code)
            if id(code) in own:
                self._by_edited |= found
            for one in tree(code):
                uses = reach.uses(one)
                named.update(uses)
                self.loads_modules |= any("IMPORT_NAME" in use.opnames for use in uses.values())
        # Special methods are looked up without being named: of the classes that are.
        self._called |= {id(globals[name]) for globals in self.world.namespaces for name in named if name in globals}
        return bool(fresh)

    def finds(self, owner: type, name: str) -> bool:
        return name in self.wanted or self._computes or self._is_special(owner, name)

    def is_edited(self, owner: type, name: str) -> bool:
        """Whether edited code looks the name up in objects of the class, as far as can be seen."""
        return name in self._by_edited or (bool(self._by_edited or self.edited) and self._is_special(owner, name))

    def reads_more(self, before: Any, after: Any) -> bool:
        """Whether an attribute is read that the former function gives an object, and the new one does not."""
        old, new = innermost(before), innermost(after)
        if type(old) is not FunctionType or type(new) is not FunctionType:
            return False
        parts = self.world.formers.changed.get(id(new), (new, {}))[1]
        gone = reach.stored(old.__code__) - reach.stored(parts.get("code", new.__code__))
        return not gone.isdisjoint(self.wanted)

    def _is_special(self, owner: type, name: str) -> bool:
        # Objects come from anywhere, also from where their class is not named.
        if self.edited and name in _IMPLIED:
            return True
        return name.startswith("__") and (id(owner) in self._called or owner.__name__ in self.wanted)


def _classes(globals: dict[str, Any], module: str | None) -> Iterator[type]:
    pending = [(value, 0) for value in list(globals.values()) if isinstance(value, type)]
    seen: set[int] = set()
    while pending:
        owner, depth = pending.pop()
        if id(owner) in seen or objects.module_of(owner) != module:
            continue
        seen.add(id(owner))
        yield owner
        if depth < _CLASS_DEPTH:
            pending += [(value, depth + 1) for value in list(owner.__dict__.values()) if isinstance(value, type)]


def put(world: World, transaction: "Prepared", place: dispatch.Attribute) -> None:
    operations = transaction.plan.operations
    operations[:] = [
        operation
        for operation in operations
        if not (
            operation[0] in ("type-set", "type-delete") and operation[1] is place.owner and operation[2] == place.name
        )
    ]
    transaction.plan.set_class_attribute(place.owner, place.name, place)
    world.attributes.append(place)


def _dispatch_modules(world: World, changes: Changes, transaction: "Prepared", look: _Lookups) -> None:
    for change in transaction.files:
        for namespace in change.namespaces:
            module: Any = namespace.module
            if not objects.is_module(module) or not (look.loads_modules or world.is_held(module)):
                continue
            followed = world.renamed_attributes.get(id(namespace.globals), {})
            for name in look.wanted & namespace.globals.keys() - followed.keys():
                kept = world.former(namespace.globals, name, False, True)
                if kept is not None:
                    former, real, is_removed, _ = kept
                    world.give_attributes(
                        module, {name: (former, former is not real)}, world.who_sees(MISSING if is_removed else real)
                    )
                    world.reach(real)
