"""cattrs: a converter keeps functions that it has compiled from the fields of a class."""

from types import FunctionType
from typing import TYPE_CHECKING, Any

from cattrs import BaseConverter

from ..live.lookup import with_subclasses
from ..native import native
from . import change_classes

if TYPE_CHECKING:
    from .observed import Observed

_COMPILED = "<cattrs generated"


def observe(patch: "Observed") -> None:
    edited = [one for one in patch.classes_below(object) if change_classes(outcome.edit for outcome in one[1])]
    converters = native.objects_of_type(*with_subclasses(BaseConverter)) if edited else []
    tables = [table for one in converters for table in (one._structure_func, one._unstructure_func)]
    for table in tables:
        patch.after(table.clear_cache)
    for cls, outcomes in edited:
        if any(_is_given(table, below) for table in tables for below in with_subclasses(cls)):
            outcomes[0].caveat(
                "HS0403",
                f"a converter was given a function that was made of the fields of {cls.__name__}: give it anew",
            )


def _is_given(table: Any, cls: type) -> bool:
    """Whether the program has registered a compiled function: `make_dict_structure_fn(P, …)` gives one."""
    hook = table._single_dispatch.registry.get(cls)
    return type(hook) is FunctionType and hook.__code__.co_filename.startswith(_COMPILED)
