"""Django: URL tables that are edited are read again, and receivers of signals follow their decorators."""

import copy
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import AppConfig, apps
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager
from django.dispatch import Signal
from django.urls import URLResolver, clear_url_caches, resolvers
from django.urls.converters import get_converters
from django.views import View

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from ..live.messages import Edit
    from . import LiveOf
    from .observed import Observed

# What a resolver computed from its table: what `cached_property` keeps in it, and what its constructor sets.
_COMPUTED = ("urlconf_module", "url_patterns")
_COLLECTED = ("_reverse_dict", "_namespace_dict", "_app_dict", "_callback_strs")


def stand_in(value: Any) -> Any:
    if not isinstance(value, Signal):
        return None
    twin = copy.copy(value)
    twin.receivers = list(value.receivers)
    return twin


def forget(twin: Any, holds: Callable[[Any], bool]) -> None:
    twin.receivers = [entry for entry in twin.receivers if not holds(_receiver(entry))]


def hand_on(live: Any, twin: Any, copy_of: Callable[[Any], Any]) -> None:
    """Nothing: a signal holds its receivers itself."""


def settle(live: Any, twin: Any, live_of: "LiveOf", plan: "Plan") -> None:
    receivers = []
    for entry in twin.receivers:
        made = _receiver(entry)
        receiver = live_of(made)
        if receiver is not made:
            # (lookup key, reference, …): the key tells receivers apart by their ids.
            (own, *sender), reference, *more = entry
            own = id(receiver) if own == id(made) else own
            if isinstance(reference, weakref.ReferenceType):
                reference = weakref.ref(receiver)
            entry = ((own, *sender), reference if reference is not made else receiver, *more)
        receivers.append(entry)
    if receivers != live.receivers:
        plan.set_name(vars(live), "receivers", receivers)
        plan.afterwards.append(live.sender_receivers_cache.clear)


def _receiver(entry: Any) -> Any:
    reference = entry[1]
    return reference() if isinstance(reference, weakref.ReferenceType) else reference


def observe(patch: "Observed") -> None:
    """Models are what they were when they were registered; views, managers and URL tables took from classes."""
    for _, outcomes in patch.classes_below(AppConfig):
        for outcome in outcomes:
            if "ready" in outcome.edit["binds"] and apps.ready:
                outcome.caveat("HS0403", "it ran when Django was set up and does not run again: start it again")
    for cls, outcomes in patch.classes_below(Model):
        for outcome in outcomes:
            edit = outcome.edit
            if (
                edit["what"] in ("assignment", "annotation")
                or edit["scope"][-1:] == ["Meta"]
                or "Meta" in edit["binds"]
            ):
                outcome.caveat(
                    "HS0403",
                    f"{cls.__name__} is registered with the fields and options that it had: start the process again, "
                    "and migrate, to have others",
                )
    edited = {below for cls, _ in patch.classes_below(View) for below in with_subclasses(cls)}
    if edited and not patch.is_of_bodies():
        patch.after(partial(_look_at_views_again, {cls: dict(cls.dispatch.__dict__) for cls in edited}))
    querysets = {below for cls, _ in patch.classes_below(QuerySet) for below in with_subclasses(cls)}
    if querysets and not patch.is_of_bodies():
        patch.after(partial(_give_managers, {cls: set(_offered(cls)) for cls in querysets}))
    converters = {type(one) for one in get_converters().values()}
    for cls, outcomes in patch.classes_below(object):
        if not converters.isdisjoint(with_subclasses(cls)) and any("regex" in one.edit["binds"] for one in outcomes):
            patch.after(_read_routes_again)
    for _, namespace, name, _ in patch.bindings():
        if name == "app_name":
            patch.after(partial(_name_again, namespace, namespace.get(name)))


def _look_at_views_again(before: dict[Any, dict[str, Any]]) -> None:
    """What `as_view` took from a class: its docstring, and what decorators left on `dispatch`."""
    for view in native.objects_of_type(FunctionType):
        cls = vars(view).get("view_class")
        if cls not in before:
            continue
        view.__doc__ = cls.__doc__
        for name, value in before[cls].items():
            if vars(view).get(name) is value:
                del vars(view)[name]
        vars(view).update(cls.dispatch.__dict__)
        if cls.view_is_async and not iscoroutinefunction(view):
            markcoroutinefunction(view)


def _offered(queryset: Any) -> Any:
    return BaseManager._get_queryset_methods(queryset)


def _give_managers(before: dict[Any, set[str]]) -> None:
    """A manager that was made from a query set has a method for each public one of that."""
    for manager in with_subclasses(BaseManager):
        queryset = manager.__dict__.get("_queryset_class")
        for name in before.get(queryset, ()):
            if name not in _offered(queryset) and getattr(manager.__dict__.get(name), "__wrapped__", None) is not None:
                delattr(manager, name)
        if queryset in before:
            for name, method in manager._get_queryset_methods(queryset).items():
                setattr(manager, name, method)


def _name_again(namespace: dict[str, Any], former: Any) -> None:
    """`include` took the name of an application, and of its namespace, from the module."""
    name = namespace.get("app_name")
    for resolver in native.objects_of_type(*with_subclasses(URLResolver)):
        if getattr(resolver.urlconf_name, "__dict__", None) is namespace:
            resolver.namespace = name if resolver.namespace in (None, former) else resolver.namespace
            resolver.app_name = name
    _read_urls_again()


def follow(edits: "list[Edit]", functions: set[FunctionType]) -> Iterator[Callable[[], Any]]:
    if any("urlpatterns" in edit["binds"] for edit in edits):
        yield _read_urls_again


def _read_routes_again() -> None:
    """What the converters of a route match was read when it was made."""
    resolvers._route_to_regex.cache_clear()
    for pattern in native.objects_of_type(*with_subclasses(resolvers.RoutePattern)):
        vars(pattern).pop("regex", None)
        pattern.__init__(pattern._route, pattern.name, pattern._is_endpoint)
    _read_urls_again()


def _read_urls_again() -> None:
    clear_url_caches()
    for resolver in native.objects_of_type(*with_subclasses(URLResolver)):
        for name in _COMPUTED:
            vars(resolver).pop(name, None)
        for name in _COLLECTED:
            if name in vars(resolver):
                setattr(resolver, name, type(vars(resolver)[name])())
        if "_populated" in vars(resolver):
            resolver._populated = False
