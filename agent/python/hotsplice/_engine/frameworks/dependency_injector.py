"""Dependency Injector: a container has copies of the providers that its class had when it was made."""

from functools import partial
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed


def observe(patch: "Observed") -> None:
    for cls, outcomes in patch.classes_below(containers.DeclarativeContainer):
        edited = [(outcome, name) for outcome in outcomes for name in outcome.edit["binds"]]
        made = native.objects_of_type(*with_subclasses(containers.DynamicContainer)) if edited else []
        below = with_subclasses(cls)
        held = [one for one in made if one.declarative_parent in below]
        for outcome, name in edited if held else ():
            if outcome.edit["change"] == "added":
                patch.after(partial(_provide, held, name))
            elif outcome.edit["change"] == "removed":
                patch.after(partial(_withdraw, held, name))


def _provide(held: list[Any], name: str) -> None:
    for container in held:
        of_class = container.declarative_parent.providers
        if name in of_class and name not in container.providers:
            # What it is made with are the container's own.
            known = {id(of_class[other]): own for other, own in container.providers.items() if other in of_class}
            container.set_provider(name, providers.deepcopy(of_class[name], known))


def _withdraw(held: list[Any], name: str) -> None:
    for container in held:
        if name in container.providers and name not in container.declarative_parent.providers:
            delattr(container, name)
