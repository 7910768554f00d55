"""Pydantic: a model's validator is compiled for its class, and for those that derive from it or have it as a field."""

import copy
import dataclasses
import sys
from functools import partial
from typing import Any

from pydantic import BaseModel

from ..live.lookup import with_subclasses
from ..native import native
from . import change_classes

# Models of these packages are made of their own only.
_OTHERS = ("pydantic.", "fastapi.")


def observe(patch: Any) -> None:
    changed = [cls for cls, _ in patch.classes_below(BaseModel)]
    below = {model for cls in changed for model in with_subclasses(cls)} - set(changed)
    if below:
        patch.after(partial(_inherit, sorted(below, key=lambda model: len(model.__mro__))))


def follow(edits: Any, functions: Any) -> Any:
    if change_classes(edits):
        yield _rebuild


def _rebuild() -> None:
    for model in with_subclasses(BaseModel):
        if model is not BaseModel and not model.__module__.startswith(_OTHERS):
            model.model_rebuild(force=True, raise_errors=False, _types_namespace=_namespace(model))


def _namespace(model: Any) -> Any:
    return vars(sys.modules[model.__module__]) if model.__module__ in sys.modules else None


def _inherit(models: list[Any]) -> None:
    """Fields, validators and private attributes of the bases, as a model has them that is made now."""
    for model in models:
        key = "__pydantic_fields__" if "__pydantic_fields__" in model.__dict__ else "model_fields"
        own = model.__dict__.get("__annotations__") or getattr(model, "__annotations__", {})
        held = model.__dict__[key]
        bases = [base for base in reversed(model.__mro__[1:]) if base is not BaseModel and issubclass(base, BaseModel)]
        fields = {name: copy.copy(info) for base in bases for name, info in base.__dict__[key].items()}
        fields.update({name: info for name, info in held.items() if name in own})
        added = fields.keys() - held.keys()
        setattr(model, key, fields)
        _inherit_validators(model)
        for base in bases:
            for name, value in base.__private_attributes__.items():
                model.__private_attributes__.setdefault(name, value)
        model.model_rebuild(force=True, raise_errors=False, _types_namespace=_namespace(model))
        _fill(model, {name: fields[name] for name in added})


def _inherit_validators(model: Any) -> None:
    held = model.__pydantic_decorators__
    made = type(held).build(model)
    for kind in dataclasses.fields(made):
        own = {name: one for name, one in getattr(held, kind.name).items() if name in model.__dict__}
        getattr(made, kind.name).update(own)
    model.__pydantic_decorators__ = made


def _fill(model: Any, fields: dict[str, Any]) -> None:
    """Objects that exist get the default of a field that is new."""
    for instance in native.objects_of_type(model) if fields else ():
        for name, info in fields.items():
            if name not in instance.__dict__ and not info.is_required():
                instance.__dict__[name] = info.get_default(call_default_factory=True)
