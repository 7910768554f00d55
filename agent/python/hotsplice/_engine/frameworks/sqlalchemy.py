"""SQLAlchemy: a column, a relationship or a hybrid that a mapped class gains is added to its table and its mapper."""

import typing
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Integer, MetaData, event
from sqlalchemy.event import registry as events
from sqlalchemy.orm import MapperProperty, RelationshipProperty, declared_attr, registry
from sqlalchemy.types import TypeDecorator

from ..errors import Refusal
from ..live.lookup import with_subclasses
from ..live.objects import attributes
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome, Plan
    from .observed import Observed

_READ_ONCE = {"__table_args__", "__mapper_args__", "__tablename__"}


def observe(patch: "Observed") -> None:
    """What was read when a class was mapped, or when a statement was compiled, is not read again."""
    for cls, outcomes in patch.classes_below(object):
        mapped = [below.__name__ for below in with_subclasses(cls) if takes_members(below)]
        for outcome in outcomes if mapped else ():
            if _was_read(patch, cls, outcome):
                names = ", ".join(mapped)
                outcome.caveat("HS0403", f"{names}: mapped as before; start the process again to have it mapped anew")
    for cls, outcomes in patch.classes_below(TypeDecorator):
        for outcome in outcomes:
            if outcome.edit["what"] == "function" and outcome.edit["change"] != "changed":
                outcome.caveat("HS0403", f"statements that are compiled do without it: {cls.__name__} was looked at")
    for outcome, functions in patch.functions():
        # Its decorators have run again: what is registered for the live ones was before.
        if "decorators" in outcome.edit["parts"]:
            made = _made(patch, outcome)
            for key in list(events._key_to_collection):
                if key[2] in functions:
                    removal = _removal(patch, outcome, key)
                    if removal is None:
                        outcome.caveat("HS0407", f"it goes on listening for {key[1]} as before, too")
                    else:
                        patch.after(removal)
                elif key[2] in made:
                    removal = _removal(patch, outcome, key)
                    if removal is not None:
                        patch.unless_live(removal)


def _made(patch: "Observed", outcome: "EditOutcome") -> set[int]:
    """The ids of the functions that running a definition again has made."""
    live = {id(namespace.globals) for namespace in patch.namespaces()}
    names = {namespace.name for namespace in patch.namespaces()}
    return {
        id(one)
        for one in native.objects_of_type(FunctionType)
        if one.__qualname__ == outcome.edit["definition"]
        and one.__module__ in names
        and id(one.__globals__) not in live
    }


def _removal(patch: "Observed", outcome: "EditOutcome", key: Any) -> Callable[[], None] | None:
    """What has a function not listen any more."""
    named = patch.named(outcome)
    targets = [*named, *(value for one in named for value in attributes(one).values())]
    # A decorator that is gone named it.
    targets += [value for namespace in patch.namespaces() for value in list(namespace.globals.values())]
    target = next((one for one in targets if id(one) == key[0]), None)
    function = next((one for one in native.objects_of_type(FunctionType) if id(one) == key[2]), None)
    return None if target is None or function is None else partial(_remove, target, key[1], function)


def _remove(target: Any, name: str, function: Any) -> None:
    with suppress(ValueError):
        # It may have gone with what its decorator registered.
        event.remove(target, name, function)


def _was_read(patch: "Observed", cls: Any, outcome: "EditOutcome") -> bool:
    edit = outcome.edit
    if _READ_ONCE & set(edit["binds"]):
        return True
    if edit["what"] in ("assignment", "annotation") and _is_of_fields(cls):
        return True
    if edit["what"] != "function":
        is_column = edit["what"] in ("assignment", "annotation") and not takes_members(cls)
        return is_column and any(map(_is_of_library, patch.named(outcome)))
    # `@declared_attr` runs when a class is mapped, `@validates` is noted then.
    decorators = [one for one in patch.decorators(outcome) if _is_of_library(one)]
    is_called = edit["change"] == "changed" and "decorators" not in edit["parts"]
    return any(one is declared_attr or not is_called for one in decorators)


def _is_of_fields(cls: Any) -> bool:
    """Whether columns are made of the fields that a model has once it is made: SQLModel's."""
    return type(cls).__name__ == "SQLModelMetaclass"


def _is_of_library(value: Any) -> bool:
    """Whether something of SQLAlchemy's own, but for what its extensions ask for anew each time."""
    name = getattr(value, "__module__", None) or ""
    return name.startswith("sqlalchemy.") and not name.startswith("sqlalchemy.ext.")


def takes_members(owner: Any) -> bool:
    """Whether a class is told of its new members one by one, because its statement can't run twice."""
    return "__mapper__" in owner.__dict__ and getattr(owner, "__table__", None) is not None


def add_member(
    owner: Any, name: str, value: Any, annotation: Any, later: set[str], outcome: "EditOutcome", plan: "Plan"
) -> None:
    """``later`` are names that stand below it in the class."""
    edit = outcome.edit
    if _is_of_fields(owner) and annotation is not None:
        # That is reported.
        return
    is_column = _is_mapped(value) or (value is None and annotation is not None)
    if not is_column:
        plan.set_class_attribute(owner, name, value)
        return
    if edit["change"] != "added":
        outcome.caveat(
            "HS0403",
            f"{owner.__name__}.{name} is mapped as it was when the class was made: start the process again for this",
        )
        return
    if isinstance(value, Column) or _needs_column(value):
        value = _column(owner, name, value, annotation)
        if "__dataclass_fields__" in owner.__dict__:
            outcome.caveat(
                "HS0403",
                f"{owner.__name__}.{name} is a column, and nothing that its constructor takes: start the process again",
            )
        if not later.isdisjoint(owner.__mapper__.columns.keys()):
            outcome.caveat(
                "HS0403",
                f"{owner.__name__}.{name} stands last in the table: start the process again to have it in its place",
            )
    elif isinstance(value, RelationshipProperty) and value.argument is None:
        _point(value, annotation)
    if isinstance(value, RelationshipProperty):
        # First of all, and not one by one: mappers that name each other are only configured together.
        plan.afterwards.insert(0, partial(_relate, owner, name, value))
    else:
        plan.afterwards.append(partial(setattr, owner, name, value))


def _relate(owner: Any, name: str, relation: Any) -> None:
    """Adds a relationship as a mapper has it that is new: it is looked into when one of the registry is used next."""
    owner.__mapper__.configured = False
    setattr(owner, name, relation)
    owner.registry._flag_new_mapper(owner.__mapper__)


def remove_member(owner: Any, name: str, outcome: "EditOutcome") -> bool:
    if name not in owner.__mapper__.all_orm_descriptors:
        return False
    outcome.caveat("HS0403", f"{owner.__name__}.{name} stays mapped; start the process again to do without it")
    return True


def _point(relation: Any, annotation: Any) -> None:
    """What `Mapped[list["Post"]]` says of a relationship."""
    wanted = next(iter(typing.get_args(annotation)), None)
    parts = [one for one in typing.get_args(wanted) if one is not type(None)]
    kind = typing.get_origin(wanted)
    if kind in (list, set):
        relation.collection_class = kind
    relation.uselist = kind in (list, set)
    wanted = parts[0] if parts else wanted
    relation.argument = wanted.__forward_arg__ if isinstance(wanted, typing.ForwardRef) else wanted


def _is_mapped(value: Any) -> bool:
    return isinstance(value, (Column, MapperProperty)) or _needs_column(value)


def _needs_column(value: Any) -> bool:
    return value is None or type(value).__name__ == "MappedColumn"


def _column(owner: Any, name: str, value: Any, annotation: Any) -> Any:
    """The column as a class of its own gets it, beside the program's registry."""
    aside = registry(metadata=MetaData(), type_annotation_map=owner.registry.type_annotation_map)
    members: dict[str, Any] = {
        "__tablename__": owner.__table__.name,
        "__module__": owner.__module__,
        "hotsplice_key": Column(Integer, primary_key=True),
    }
    if annotation is not None:
        members["__annotations__"] = {name: annotation}
    if value is not None:
        members[name] = value
    try:
        made = aside.mapped(type(owner.__name__, (), members))
        found = next(column for column in made.__table__.columns if column.name != "hotsplice_key")
        column = found._copy()
        for key in found.foreign_keys:
            # A copy has none of those that are a table's constraints by now.
            column.append_foreign_key(key._copy())
        return column
    except Exception as error:
        raise Refusal("HS0103", f"mapping {owner.__name__}.{name} raised {type(error).__name__}: {error}") from None
    finally:
        aside.dispose()
