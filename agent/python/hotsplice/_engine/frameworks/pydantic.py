"""Pydantic: a model's validator is compiled for its class, and for those that derive from it or have it as a field."""

import copy
import dataclasses
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.dataclasses import is_pydantic_dataclass, rebuild_dataclass
from pydantic_core import PydanticUndefined

from ..live.code import join
from ..live.lookup import with_subclasses
from ..native import native
from . import described
from .former_defaults import report_former, take_new

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .observed import Observed

# Of methods that are decorated with these pydantic makes a part of the model.
_TAKING = ("validator", "serializer", "computed_field")
# Models of these packages are made of their own only.
_OTHERS = ("pydantic.", "fastapi.")


def observe(patch: "Observed") -> None:
    edited = patch.classes_below(BaseModel)
    for cls, outcomes in edited:
        if any(outcome.edit["what"] == "function" for outcome in outcomes):
            patch.after(partial(_settle, cls, {name for outcome in outcomes for name in _plain(outcome.edit)}))
    changed = list(dict.fromkeys((*(cls for cls, _ in edited), *patch.following_below(BaseModel))))
    below = {model for cls in changed for model in with_subclasses(cls)} - set(changed)
    if below:
        in_order = sorted(below, key=lambda model: len(model.__mro__))
        inherited = {model: _inherited_private(model) for model in in_order}
        patch.after(partial(_inherit, in_order, {cls: dict(cls.model_config) for cls in changed}, inherited))
    for cls, outcomes in edited:
        patch.after(partial(_fill_new, cls, set(_fields(cls)), set(cls.__private_attributes__)))
        for outcome in outcomes:
            _say_lacking(cls, outcome)
            held = {name: _fields(cls)[name].default for name in outcome.edit["binds"] if name in _fields(cls)}
            if outcome.edit["change"] == "changed" and held:
                report_former(
                    [outcome], tuple(outcome.edit["scope"]), cls, held, dict.fromkeys(held), patch.after, patch.at_last
                )
            give = partial(_give_later, patch)
            take_new([outcome], tuple(outcome.edit["scope"]), cls, _defaults, give, patch.after)
    if described.are_edited(patch) or patch.following_below(BaseModel):
        patch.after(_rebuild)


def _inherited_private(model: Any) -> set[str]:
    """Names of the private attributes that a model has from its bases."""
    of_bases = [base.__private_attributes__ for base in model.__mro__[1:] if hasattr(base, "__private_attributes__")]
    own = model.__private_attributes__
    return {name for name in own if any(one.get(name) is own[name] for one in of_bases)}


def _plain(edit: "Edit") -> list[str]:
    """Names of methods that pydantic takes nothing of, as they are decorated now."""
    if edit["what"] != "function" or "decorators" not in edit["parts"]:
        return []
    header = join(edit["run"]).partition("def ")[0] if edit.get("run") else ""
    return [] if any(name in header for name in _TAKING) else list(edit["binds"])


def _settle(model: Any, plain: set[str]) -> None:
    """What pydantic took of methods when it made the model: validators that are gone, and what follows `__init__`."""
    held = model.__pydantic_decorators__
    for kind in dataclasses.fields(held):
        for name in plain:
            getattr(held, kind.name).pop(name, None)
    _inherit_validators(model)
    _note_post_init(model)


def _note_post_init(model: Any) -> None:
    is_plain = model.model_post_init is BaseModel.model_post_init
    model.__pydantic_post_init__ = None if is_plain else "model_post_init"


def _defaults(model: Any) -> dict[str, Any]:
    return {name: info.default for name, info in _fields(model).items() if info.default is not PydanticUndefined}


def _give_later(patch: "Observed", instance: Any, name: str, value: Any) -> None:
    patch.after(partial(instance.__dict__.__setitem__, name, value))


def _say_lacking(cls: Any, outcome: "EditOutcome") -> None:
    """A field without a default can't be given to objects that exist."""
    edit = outcome.edit
    if edit["what"] != "annotation" or edit["change"] != "added":
        return
    names = [name for name in edit["binds"] if not name.startswith("_") and "ClassVar" not in edit["reads"]]
    count = len(native.objects_of_type(*with_subclasses(cls))) if names else 0
    if count:
        objects = "1 existing instance lacks" if count == 1 else f"{count} existing instances lack"
        outcome.caveat("HS0503", f"{objects} {', '.join(names)}: the field has no default")


def _fields(model: Any) -> Any:
    return model.__dict__.get("__pydantic_fields__") or model.__dict__.get("model_fields", {})


def _fill_new(cls: Any, before: set[str], private: set[str]) -> None:
    _fill(cls, {name: info for name, info in _fields(cls).items() if name not in before})
    added = {name: one for name, one in cls.__private_attributes__.items() if name not in private}
    for instance in native.objects_of_type(*with_subclasses(cls)) if added else ():
        given = {name: one.get_default() for name, one in added.items()}
        held = {name: value for name, value in given.items() if value is not PydanticUndefined}
        object.__setattr__(instance, "__pydantic_private__", {**held, **(instance.__pydantic_private__ or {})})


def _rebuild() -> None:
    for model in with_subclasses(BaseModel):
        if model is not BaseModel and not model.__module__.startswith(_OTHERS):
            if "__hotsplice_written__" in (model.__pydantic_parent_namespace__ or ()):
                # Where the patch was evaluated: names mean what they mean in the module.
                model.__pydantic_parent_namespace__ = None
            model.model_rebuild(force=True, raise_errors=False, _types_namespace=_namespace(model))
    for cls in with_subclasses(object):
        if "__pydantic_core_schema__" in cls.__dict__ and is_pydantic_dataclass(cls):
            rebuild_dataclass(cls, force=True, raise_errors=False, _types_namespace=_namespace(cls))
    for adapter in native.objects_of_type(*with_subclasses(TypeAdapter)):
        _rebuild_adapter(adapter)
    # What `validate_call` makes of a function: imported where that is used; before 2.10 it was another thing.
    kind: Any = getattr(sys.modules.get("pydantic._internal._validate_call"), "ValidateCallWrapper", None)
    for wrapper in native.objects_of_type(kind) if hasattr(kind, "_create_validators") else ():
        wrapper._create_validators()


def _rebuild_adapter(adapter: Any) -> None:
    """An adapter that can't be made again, because it names types that only its maker knows, stays as it was."""
    if not hasattr(adapter, "rebuild"):
        return
    before = dict(vars(adapter))
    if adapter.rebuild(force=True, raise_errors=False) is False:
        vars(adapter).update(before)


def _namespace(model: Any) -> Any:
    return vars(sys.modules[model.__module__]) if model.__module__ in sys.modules else None


def _inherit(models: list[Any], configured: dict[Any, Any], inherited: dict[Any, set[str]]) -> None:
    """Fields, options, validators and private attributes of the bases, as a model has them that is made now.

    ``configured``: what the options of the edited models were; ``inherited``: which private attributes were the bases'.
    """
    for model in models:
        _inherit_options(model, configured)
        key = "__pydantic_fields__" if "__pydantic_fields__" in model.__dict__ else "model_fields"
        own = model.__dict__.get("__annotations__") or getattr(model, "__annotations__", {})
        held = model.__dict__[key]
        bases = [base for base in reversed(model.__mro__[1:]) if base is not BaseModel and issubclass(base, BaseModel)]
        fields = {name: copy.copy(info) for base in bases for name, info in base.__dict__[key].items()}
        fields.update({name: info for name, info in held.items() if name in own})
        added = fields.keys() - held.keys()
        setattr(model, key, fields)
        _inherit_validators(model)
        private = {name: one for base in bases for name, one in base.__private_attributes__.items()}
        for name, one in private.items():
            if name in inherited[model] or name not in model.__private_attributes__:
                model.__private_attributes__[name] = one
        _note_post_init(model)
        model.model_rebuild(force=True, raise_errors=False, _types_namespace=_namespace(model))
        _fill(model, {name: fields[name] for name in added})


def _inherit_options(model: Any, configured: dict[Any, Any]) -> None:
    options = dict(model.model_config)
    for base in reversed(model.__mro__[1:]):
        before = configured.get(base, {})
        after = base.model_config if before else {}
        for name in {**before, **after}:
            if before.get(name) != after.get(name) and options.get(name) == before.get(name):
                options.pop(name, None)
                options.update({name: after[name]} if name in after else {})
    model.model_config = options


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
        # In the order in which a fresh one has them.
        held = instance.__dict__
        ordered = {name: held[name] for name in (*_fields(model), *held) if name in held}
        object.__setattr__(instance, "__dict__", ordered)
