"""SQLAlchemy: a column, a relationship or a hybrid that a mapped class gains is added to its table and its mapper."""

import typing
from functools import partial
from typing import Any

from sqlalchemy import Column, Integer, MetaData
from sqlalchemy.orm import MapperProperty, RelationshipProperty, registry

from ..errors import Refusal


def takes_members(owner: Any) -> bool:
    """Whether a class is told of its new members one by one, because its statement can't run twice."""
    return "__mapper__" in owner.__dict__ and "__table__" in owner.__dict__


def add_member(owner: Any, name: str, value: Any, annotation: Any, outcome: Any, plan: Any) -> None:
    edit = outcome.edit
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
    elif isinstance(value, RelationshipProperty) and value.argument is None:
        _point(value, annotation)
    # Relationships first: mappers that name each other are only configured together.
    at = 0 if isinstance(value, RelationshipProperty) else len(plan.afterwards)
    plan.afterwards.insert(at, partial(setattr, owner, name, value))


def remove_member(owner: Any, name: str, outcome: Any) -> bool:
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
        return next(column for column in made.__table__.columns if column.name != "hotsplice_key")._copy()
    except Exception as error:
        raise Refusal("HS0103", f"mapping {owner.__name__}.{name} raised {type(error).__name__}: {error}") from None
    finally:
        aside.dispose()
