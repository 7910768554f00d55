"""Django's admin: models that are registered with a site, and the addresses of their pages."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.admin.sites import all_sites
from django.urls import URLResolver

from ..live.lookup import with_subclasses
from ..native import native
from .django import _read_urls_again

if TYPE_CHECKING:
    from .observed import Observed


def registries(decorator: Any) -> list[Any]:
    is_register = getattr(decorator, "__module__", "") == "django.contrib.admin.decorators"
    return [site._registry for site in all_sites] if is_register and decorator.__name__ == "register" else []


def observe(patch: "Observed") -> None:
    patch.after(partial(_follow, [(site, dict(site._registry)) for site in all_sites]))


def _follow(before: list[tuple[Any, dict[Any, Any]]]) -> None:
    changed = [site for site, registered in before if site._registry.keys() != registered.keys()]
    for resolver in native.objects_of_type(*with_subclasses(URLResolver)) if changed else ():
        for site in changed:
            if resolver.namespace == site.name and type(resolver.urlconf_name) is list:
                resolver.urlconf_name[:] = site.get_urls()
    if changed:
        _read_urls_again()
