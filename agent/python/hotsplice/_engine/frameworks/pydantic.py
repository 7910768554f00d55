"""Pydantic: a model's validator is compiled for its class, and for those that it is a field of."""

import sys

from pydantic import BaseModel

from ..live.lookup import with_subclasses
from . import change_classes


def stand_in(value):
    return None


def follow(edits, functions):
    if change_classes(edits):
        yield _rebuild


def _rebuild():
    models = [model for model in with_subclasses(BaseModel) if model is not BaseModel]
    for model in models:
        # Those of other packages are made of their own only.
        if not model.__module__.startswith(("pydantic.", "fastapi.")):
            model.model_rebuild(force=True, raise_errors=False, _types_namespace=_namespace(model))


def _namespace(model):
    return vars(sys.modules[model.__module__]) if model.__module__ in sys.modules else None
