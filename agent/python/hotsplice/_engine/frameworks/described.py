"""Classes that describe data: what frameworks compute from their fields is computed again when such a class changes."""

import enum
import typing
from typing import TYPE_CHECKING, Any

from . import change_classes

if TYPE_CHECKING:
    from .observed import Observed

_HOOKS = ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__get_validators__")


def are_edited(patch: "Observed") -> bool:
    """Whether a patch does more than give methods new code, in a class of which a schema may have been made."""
    classes = patch.classes_below(object)
    known = {id(outcome) for _, outcomes in classes for outcome in outcomes}
    if any(change_classes([one.edit for one in outcomes]) and _describes(cls) for cls, outcomes in classes):
        return True
    # What comes and goes may be what a model names.
    return any(one.edit["what"] == "class" and id(one) not in known for one in patch.outcomes())


def _describes(cls: Any) -> bool:
    if issubclass(cls, (enum.Enum, tuple)) or "__dataclass_fields__" in cls.__dict__ or typing.is_typeddict(cls):
        return True
    if "__orig_bases__" in cls.__dict__ and type(cls).__name__ in ("_TypedDictMeta", "_ProtocolMeta"):
        return True
    return any(name in base.__dict__ for base in cls.__mro__ for name in _HOOKS)
