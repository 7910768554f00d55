"""Django: URL tables that are edited are read again, and receivers of signals follow their decorators."""

import copy
import weakref
from functools import partial

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models import Model
from django.dispatch import Signal
from django.urls import URLResolver, clear_url_caches

from ..live.lookup import with_subclasses
from ..native import native

# What a resolver computed from its table: what `cached_property` keeps in it, and what its constructor sets.
_COMPUTED = ("urlconf_module", "url_patterns")
_READ_AT_START = {"INSTALLED_APPS", "MIDDLEWARE", "DATABASES", "CACHES", "LOGGING", "ROOT_URLCONF", "TEMPLATES"}
_COLLECTED = ("_reverse_dict", "_namespace_dict", "_app_dict", "_callback_strs")


def stand_in(value):
    if not isinstance(value, Signal):
        return None
    twin = copy.copy(value)
    twin.receivers = list(value.receivers)
    return twin


def forget(twin, holds):
    twin.receivers = [entry for entry in twin.receivers if not holds(_receiver(entry))]


def hand_on(live, twin, copy_of):
    """Nothing: a signal holds its receivers itself."""


def settle(live, twin, live_of, plan):
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


def _receiver(entry):
    reference = entry[1]
    return reference() if isinstance(reference, weakref.ReferenceType) else reference


def observe(patch):
    """Settings are copied when the program asks for the first; models are what they were when they were registered."""
    module = getattr(settings._wrapped, "SETTINGS_MODULE", None) if settings.configured else None
    for name_of_module, namespace, name, outcome in patch.bindings():
        if name_of_module == module and name.isupper():
            patch.after(partial(_set, namespace, name))
            if name in _READ_AT_START:
                outcome.caveat("HS0403", f"Django read {name} when it started: start the process again to have it")
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


def _set(namespace, name):
    if name in namespace:
        setattr(settings, name, namespace[name])
    else:
        delattr(settings, name)


def follow(edits, functions):
    if any("urlpatterns" in edit["binds"] for edit in edits):
        yield _read_urls_again


def _read_urls_again():
    clear_url_caches()
    for resolver in native.objects_of_type(*with_subclasses(URLResolver)):
        for name in _COMPUTED:
            vars(resolver).pop(name, None)
        for name in _COLLECTED:
            if name in vars(resolver):
                setattr(resolver, name, type(vars(resolver)[name])())
        if "_populated" in vars(resolver):
            resolver._populated = False
