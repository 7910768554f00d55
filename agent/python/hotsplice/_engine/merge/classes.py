"""A class that was built again lends its namespace to the live one, which keeps its identity and its instances."""

import abc
import dis
import enum
import typing
from collections.abc import Collection, Iterable
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..live import lookup, objects
from ..live.code import compile_excerpt, find_class_body
from ..native import native
from . import (
    blocks,
    collected,
    edited,
    enums,
    fields,
    former_classes,
    instances,
    layouts,
    local_bodies,
    lookers,
    made_below,
    references,
    replacing,
    virtual,
    wrapped,
)

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from ..live.lookup import Namespace
    from .merging import Merger

MISSING = object()
REPLACED = object()
_set_bases: Any = type.__dict__["__bases__"].__set__  # type: ignore[index]
# Parts of a class's namespace that belong to the object itself.
OWN_KEYS = {"__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"}
# What `type.__new__` makes of plain functions with these names.
IMPLICIT = {"__new__": staticmethod, "__init_subclass__": classmethod, "__class_getitem__": classmethod}


def is_own(value: Any, namespace: "Namespace", name: str) -> bool:
    return isinstance(value, type) and objects.module_of(value) == namespace.name and value.__qualname__ == name


def beside(values: Iterable[Any]) -> dict[int, type]:
    """The classes that have the bases of these, by id."""
    held = [value for value in values if isinstance(value, type) and native.is_made_in_python(value)]
    return {id(cls): cls for value in held for base in value.__bases__ for cls in type.__subclasses__(base)}


def is_made_here(new: Any, old: Any) -> bool:
    return (
        isinstance(new, type)
        and new is not old
        and new.__module__ == old.__module__
        and (new.__qualname__ == old.__qualname__)
    )


def merge(merger: "Merger", live: Any, made: Any, scope: tuple[str, ...], made_by_call: bool = False) -> None:
    """Plans to give the live class what a newly built one has. Raises ``Refusal`` where the layout forbids it."""
    plan = merger.plan
    merger.rebuilt.add(scope)
    other_fields = instances.say_other_fields(live, made)
    if other_fields is not None:
        edited.caveat(merger, scope, "HS0503", other_fields)
    bases = tuple(_live_base(merger, base) for base in made.__bases__)
    problem = _fit(merger, live, made, scope, bases)
    if problem is REPLACED:
        return
    if isinstance(live, enum.EnumMeta):

        def merge_attribute(name: str, old: Any, new: Any) -> None:
            _merge_attribute(merger, live, scope, name, old, new, True)

        enums.merge(
            merger, live, made, edited.names(merger, scope), edited.removed_names(merger, scope), merge_attribute
        )
        return
    old, new = dict(live.__dict__), dict(made.__dict__)
    changed = edited.names(merger, scope)
    changed |= former_classes.edited(merger, scope, old)
    inside = blocks.bodies(merger, scope, live, made)
    changed |= inside.changed() if inside is not None else set()
    written = _written_names(merger, scope)
    collected.have_kept(live, made, written, changed)
    local = local_bodies.LocalBody(made, merger)
    is_asked_for = any(
        edit["change"] == "stale" and edit["what"] == "class" and (*edit["scope"], *edit["binds"]) == scope
        for edit in (outcome.edit for outcome in merger.change.outcomes)
    )
    for name, value in new.items():
        if name in OWN_KEYS or isinstance(value, (GetSetDescriptorType, MemberDescriptorType)):
            continue
        # What the class statement does not write itself came of its metaclass or of a decorator.
        is_taken = name in changed or name.startswith("__") or name not in written
        # Who asks for the class to be built again wants what its statements' objects make of it.
        is_taken = is_taken or (is_asked_for and lookers.has_hook(value))
        if name not in written and not name.startswith("__") and type(old.get(name)) is type(value):
            fields.hand_down(merger, live, scope, name, old[name], value)
        if name not in written and not name.startswith("__") and name in old:
            made_below.follow(merger, live, scope, name, old[name], value)
        if name in changed and name in old and inside is not None and inside.keeps(name, old[name], value):
            continue
        if name not in written and name in old and local.keeps(name, old[name], value):
            continue
        _merge_attribute(merger, live, scope, name, old.get(name, MISSING), value, is_taken)
    collected.follow(merger, live, made, written, changed)
    # A field's default that is gone from the text.
    lost = {
        name
        for name in _annotated_names(merger, scope)
        if name in live.__dict__.get("__dataclass_fields__", ()) and name not in new
    }
    # A class that a call made (`namedtuple("P", "x y")`) has no statement whose members could be told.
    binding = merger.bound.get(scope[0])
    is_bound = binding is not None and len(scope) == 1 and binding.edit["what"] == "assignment"
    made_by_call = made_by_call or is_bound
    gone = {*lost, *edited.removed_names(merger, scope), *(inside.gone() if inside is not None else ())}
    gone |= lookers.given_by_removed_decorators(merger, scope)
    gone |= lookers.given_by_former_makers(live, made) - set(written)
    gone |= merger.moved_names.get(".".join(scope), set())
    for name in old:
        goes = made_by_call or name in gone or _is_generated(name)
        if goes and name not in new and name not in OWN_KEYS:
            plan.delete_class_attribute(live, name)
    point_class_cells(plan, live, made, new)
    if "__abstractmethods__" in new or "__abstractmethods__" in old:
        plan.add("setattr", live, "__abstractmethods__", new.get("__abstractmethods__", frozenset()))
        if "__abstractmethods__" not in new:
            plan.delete_class_attribute(live, "__abstractmethods__")
    if not _are_same(bases, live.__bases__):
        if issubclass(live, type):
            layouts.follow_metaclass(plan, live, made)
        plan.add("bases", live, bases, _live_base(merger, made.__base__) if problem else None)
        if "__dict__" in made.__dict__ and "__dict__" not in live.__dict__:
            # A base that goes gave it to the class's objects.
            plan.set_class_attribute(live, "__dict__", native.dictionary_descriptor(live))
    fields.follow(merger, live, made, scope, point_class_cells)
    virtual.follow(merger, live, scope)
    merger.replaced.append((made, live))
    plan.discarded.append(made)


def _is_generated(name: str) -> bool:
    """Whether a decorator, a base or ``type`` itself puts it into classes, not the program into this one."""
    return (name.startswith("__") and name.endswith("__")) or name == "_is_runtime_protocol"


def _fit(merger: "Merger", live: Any, made: Any, scope: tuple[str, ...], bases: tuple[type, ...]) -> Any:
    """Has the live class become of the kind and of the layout of the one that was built anew.

    Gives what CPython says against the new bases, if anything, or ``REPLACED`` if the new class takes its place.
    """
    other = layouts.has_other_fields(live, made)
    if other is not None:
        if native.objects_of_type(*lookup.with_subclasses(live)) or type.__subclasses__(live):
            raise Refusal(
                "HS0502",
                f"the {other} changed, and what exists of {live.__qualname__} can't follow; start the process again",
            )
        replacing.replace(merger, live, made, scope, f"the {other} changed")
        return REPLACED
    problem = None if _are_same(bases, live.__bases__) else _layout_problem(live, made, bases)
    if problem and layouts.made_in_c(live) is not layouts.made_in_c(made):
        replacing.replace(merger, live, made, scope, f"CPython can't change the bases in place ({problem})")
        return REPLACED
    metaclass = _live_base(merger, type(made))
    if layouts.metaclass_to_be(merger.plan, live) is not metaclass:
        change = f"the metaclass changed from {type(live).__name__} to {metaclass.__name__}"
        if not layouts.can_change_metaclass(live, metaclass):
            replacing.replace(merger, live, made, scope, change)
            return REPLACED
        below = layouts.change_metaclass(merger.plan, live, made, metaclass)
        below = [cls for cls in below if not edited.is_made_again(merger, cls)]
        if below:
            names = ", ".join(sorted(cls.__qualname__ for cls in below))
            edited.caveat(
                merger, scope, "HS0403", f"{change}: {names} below it were made before, and are not made again by it"
            )
    if layouts.slots(live) == layouts.slots(made) and not problem:
        return None
    if native.can_set_base() and layouts.fits(live, made):
        return problem
    change = f"CPython can't change the bases in place ({problem})" if problem else "the __slots__ changed"
    merger.layouts.request(live, made, change)
    return change


def _annotated_names(merger: "Merger", scope: tuple[str, ...]) -> list[str]:
    edits = (outcome.edit for outcome in merger.change.outcomes)
    own = (edit for edit in edits if edit["what"] == "annotation" and tuple(edit["scope"]) == scope)
    return [lookup.mangled(name, scope) for edit in own for name in edit["binds"]]


def _written_names(merger: "Merger", scope: tuple[str, ...]) -> Collection[str]:
    """Names that the statements of the new class body bind."""
    unit: Any = merger.change.classes.get(scope)
    if unit is None and (scope[0] in merger.moved_attributes or blocks.makes(merger, scope)):
        unit = merger.bound[scope[0]].edit
    if unit is None:
        return ()
    body = find_class_body(compile_excerpt(unit["run"], merger.namespace.filename), scope)
    if body is None:
        return merger.moved_names.get(".".join(scope), ())
    return {one.argval for one in dis.get_instructions(body) if one.opname == "STORE_NAME"}


def _merge_attribute(
    merger: "Merger", live: Any, scope: tuple[str, ...], name: str, old: Any, new: Any, is_taken: bool
) -> None:
    """Functions keep their identity, values that the edit did not touch keep their state."""
    plan = merger.plan
    if old is new:
        return
    wrapped.merge(merger, old, new)
    if old is MISSING:
        plan.set_class_attribute(live, name, new)
    elif isinstance(old, FunctionType) and isinstance(new, FunctionType):
        # A method may be written as an assignment now.
        is_gone = is_taken and old.__name__ == name and references.is_gone(merger, scope, old)
        if wrapped.takes_on(merger, old, new) or is_gone or (is_taken and _is_edited(merger, scope, name, old)):
            merger.merge_function(old, new, decorators_changed=is_taken)
        else:
            plan.set_class_attribute(live, name, new)
            outcome = edited.member(merger, scope, name)
            if outcome is not None:
                # A wrapper of another module's decorator: bound methods hold it.
                references.move_member(merger, (*scope, name), old, new, outcome)
    elif isinstance(old, type) and isinstance(new, type) and old.__qualname__ == new.__qualname__:
        merge(merger, old, new, (*scope, name))
    elif type(old) is type(new) and isinstance(old, (staticmethod, classmethod)) and _both_plain(merger, old, new):
        merger.merge_function(old.__func__, new.__func__, decorators_changed=is_taken)
    elif isinstance(old, property) and isinstance(new, property) and _same_accessors(merger, old, new):
        for accessor in ("fget", "fset", "fdel"):
            if getattr(old, accessor) is not None:
                merger.merge_function(getattr(old, accessor), getattr(new, accessor))
    elif is_taken and not merger.take_member(scope, live, name, old, new):
        plan.set_class_attribute(live, name, new)


def _is_edited(merger: "Merger", scope: tuple[str, ...], name: str, old: Any) -> bool:
    """Whether a definition of this name in the class is edited: what its decorators gave may be called anything."""
    edits = (outcome.edit for outcome in merger.change.outcomes)
    return old.__globals__ is merger.namespace.globals and any(
        edit["what"] == "function" and tuple(edit["scope"]) == scope and name in edit["binds"] for edit in edits
    )


def _both_plain(merger: "Merger", old: Any, new: Any) -> bool:
    both = isinstance(old.__func__, FunctionType) and isinstance(new.__func__, FunctionType)
    return both and wrapped.takes_on(merger, old.__func__, new.__func__)


def _same_accessors(merger: "Merger", old: Any, new: Any) -> bool:
    pairs = [(getattr(old, name), getattr(new, name)) for name in ("fget", "fset", "fdel")]
    return all(
        isinstance(one, FunctionType) and isinstance(other, FunctionType) and wrapped.takes_on(merger, one, other)
        for one, other in pairs
        if one is not None or other is not None
    )


def point_class_cells(plan: "Plan", live: Any, made: Any, namespace: dict[str, Any]) -> None:
    """``super()`` and ``__class__`` in the new functions mean the live class."""
    seen = set()
    pending = list(namespace.values())
    while pending:
        value = pending.pop()
        if isinstance(value, (staticmethod, classmethod)):
            pending.append(value.__func__)
        elif isinstance(value, property):
            pending.extend(filter(None, (value.fget, value.fset, value.fdel)))
        elif isinstance(value, FunctionType):
            for cell in value.__closure__ or ():
                try:
                    content = cell.cell_contents
                except ValueError:
                    continue
                if content is made and id(cell) not in seen:
                    seen.add(id(cell))
                    plan.add("cell", cell, live)
                elif isinstance(content, FunctionType) and id(content) not in seen:
                    seen.add(id(content))
                    pending.append(content)


def _live_base(merger: "Merger", base: type) -> Any:
    for made, live in merger.replaced:
        if base is made:
            return live
    return merger.world.answering.live_of(base) or base


def _are_same(bases: tuple[type, ...], others: tuple[type, ...]) -> bool:
    return len(bases) == len(others) and all(one is other for one, other in zip(bases, others))


def _layout_problem(live: Any, made: Any, bases: tuple[type, ...]) -> str | None:
    """Asks CPython, with the class that was built anew, whether the two kinds of bases fit; what it says if not."""
    before = made.__bases__
    try:
        made.__bases__ = live.__bases__
        made.__bases__ = bases
    except TypeError as error:
        return str(error)
    finally:
        if not _are_same(made.__bases__, before):
            made.__bases__ = before
    return None


def follow_equality(merger: "Merger", owner: Any, scope: tuple[str, ...]) -> None:
    """A class that defines ``__eq__`` and no ``__hash__`` has no hash: ``type.__new__`` says so in its namespace."""
    if "__hash__" in _written_names(merger, scope):
        return
    removed = edited.removed_names(merger, scope)
    defines_eq = "__eq__" in edited.names(merger, scope) or ("__eq__" in owner.__dict__ and "__eq__" not in removed)
    if defines_eq and (owner.__dict__.get("__hash__", MISSING) is MISSING or "__hash__" in removed):
        merger.plan.set_class_attribute(owner, "__hash__", None)
    elif not defines_eq and owner.__dict__.get("__hash__", MISSING) is None:
        merger.plan.delete_class_attribute(owner, "__hash__")


def update_abstract(owner: Any) -> None:
    """Which methods of a class and of its subclasses are abstract (``abc.update_abstractmethods``)."""
    abc.update_abstractmethods(owner)
    if issubclass(type(owner), abc.ABCMeta):
        owner._abc_caches_clear()
    if typing.Protocol in owner.__mro__:
        _update_protocol(owner)
    for subclass in type.__subclasses__(owner):
        update_abstract(subclass)


def _update_protocol(owner: Any) -> None:
    """What a protocol asks for: 3.12 and later note it once."""
    members_of = getattr(typing, "_get_protocol_attrs", None)
    if members_of is None or "__protocol_attrs__" not in owner.__dict__:
        return
    owner.__protocol_attrs__ = members_of(owner)
    for callable_only in ("__callable_proto_members_only__", "__non_callable_proto_members__"):
        if callable_only in owner.__dict__:
            names = [name for name in owner.__protocol_attrs__ if not callable(getattr(owner, name, None))]
            setattr(owner, callable_only, not names if callable_only.endswith("only__") else set(names))


class _Discarded:
    """Takes the place of the bases of a class that was only built to lend its namespace."""


def discard(made: Any) -> None:
    """Takes the helper class out of its bases' ``__subclasses__``."""
    try:
        # Its metaclass is not asked.
        _set_bases(made, (_Discarded,))
    except TypeError:
        # Where the layout forbids it, the collector takes the class out later.
        pass
