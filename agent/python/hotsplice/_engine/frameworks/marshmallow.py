"""marshmallow: a schema's objects have copies of its fields and options, made when they were."""

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from marshmallow import Schema

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed


def observe(patch: "Observed") -> None:
    schemas = {one for cls, _ in patch.classes_below(Schema) for one in with_subclasses(cls)}
    if schemas:
        patch.after(partial(_look_again, {cls: cls.opts for cls in schemas}))


def _look_again(options: dict[Any, Any]) -> None:
    for cls in options:
        # Its bases' hooks are looked for when a class is made.
        cls._hooks = cls.resolve_hooks()
    for schema in native.objects_of_type(*options):
        cls = type(schema)
        before = options[cls]
        schema.declared_fields = copy.deepcopy(cls._declared_fields)
        for name in ("unknown", "many", "context"):
            own, given = getattr(cls.opts, name, None), getattr(before, name, None)
            if name in vars(schema) and vars(schema)[name] == given != own:
                setattr(schema, name, own)
        schema._init_fields()
