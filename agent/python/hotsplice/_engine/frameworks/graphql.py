"""Graphene and Strawberry: a schema is compiled from the types that it was given, and those that these name."""

import enum
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed

_LIBRARIES = ("graphene", "strawberry")


def observe(patch: "Observed") -> None:
    if not _is_of_types(patch):
        return
    for name, made_again in (("graphene", _graphene), ("strawberry", _strawberry)):
        kind = getattr(sys.modules.get(name), "Schema", None)
        for schema in native.objects_of_type(*with_subclasses(kind)) if isinstance(kind, type) else ():
            patch.after(made_again(schema))


def _is_of_types(patch: "Observed") -> bool:
    """Whether a patch does more than give resolvers new code."""
    edited = {id(outcome): cls for cls, outcomes in patch.classes_below(object) for outcome in outcomes}
    for outcome in patch.outcomes():
        edit = outcome.edit
        if edit["change"] == "changed" and set(edit["parts"]) == {"body"}:
            continue
        cls = edited.get(id(outcome))
        if (cls is not None and _is_type(cls)) or any(map(_is_of_library, patch.named(outcome))):
            return True
    return False


def _is_type(cls: type) -> bool:
    is_one = issubclass(cls, enum.Enum) or hasattr(cls, "__strawberry_definition__")
    return is_one or any(map(_is_of_library, cls.__mro__))


def _is_of_library(value: Any) -> bool:
    name = getattr(value, "__module__", None) or getattr(value, "__name__", None)
    return isinstance(name, str) and name.partition(".")[0] in _LIBRARIES


def _graphene(schema: Any) -> Callable[[], None]:
    types = {name: getattr(one, "graphene_type", None) for name, one in schema.graphql_schema.type_map.items()}
    roots = (schema.query, schema.mutation, schema.subscription)
    options = {"directives": list(schema.graphql_schema.directives), "auto_camelcase": _is_camel_case(schema)}
    return partial(
        _make_graphene, schema, roots, options, _besides(types, type(schema)(*roots, **options).graphql_schema)
    )


def _make_graphene(schema: Any, roots: Any, options: dict[str, Any], types: list[Any]) -> None:
    schema.graphql_schema = type(schema)(*roots, types=types, **options).graphql_schema


def _is_camel_case(schema: Any) -> bool:
    """The types ask the map that they were made by for their fields."""
    fields = getattr(schema.graphql_schema.query_type, "_fields", None)
    of_map = getattr(getattr(fields, "func", None), "__self__", None)
    return getattr(of_map, "auto_camelcase", True)


def _strawberry(schema: Any) -> Callable[[], None]:
    definitions = {name: _definition(one) for name, one in schema._schema.type_map.items()}
    types = {name: getattr(one, "origin", None) for name, one in definitions.items()}
    options = {
        "query": schema.query,
        "mutation": schema.mutation,
        "subscription": schema.subscription,
        **{name: getattr(schema, name) for name in _KEPT if hasattr(schema, name)},
    }
    overrides = getattr(schema.schema_converter, "scalar_registry", None)
    if overrides:
        options["scalar_overrides"] = dict(overrides)
    return partial(_make_strawberry, schema, options, _besides(types, type(schema)(**options)._schema))


_KEPT = ("directives", "extensions", "execution_context_class", "config", "schema_directives", "exception_handlers")


def _definition(one: Any) -> Any:
    return next(iter((one.extensions or {}).values()), None)


def _make_strawberry(schema: Any, options: dict[str, Any], types: list[Any]) -> None:
    before = dict(vars(schema))
    try:
        schema.__init__(types=types, **options)
    except Exception:
        vars(schema).update(before)
        raise


def _besides(types: dict[str, Any], reached: Any) -> list[Any]:
    """Types that a schema was given besides its roots: what these do not lead to."""
    return list(_named(types, reached.type_map))


def _named(types: dict[str, Any], reached: Any) -> Iterator[Any]:
    yield from (one for name, one in types.items() if isinstance(one, type) and name not in reached)
