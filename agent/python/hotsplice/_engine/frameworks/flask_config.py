"""Flask: `config.from_object` copies what a class or a module holds; what changes there goes on to the application."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import flask

from ..live import objects
from ..live.lookup import with_subclasses
from ..native import native
from .entries import equal

if TYPE_CHECKING:
    from .observed import Observed


def observe(patch: "Observed") -> None:
    sources = [(source, _settings(source)) for source in _sources(patch)]
    sources = [(source, before) for source, before in sources if before]
    # Looking for applications is a pass over the heap.
    for app in native.objects_of_type(*with_subclasses(flask.Flask)) if sources else ():
        for source, before in sources:
            if _was_loaded(app, before):
                patch.after(partial(_load_again, app, source, before))


def _sources(patch: "Observed") -> Iterator[Any]:
    """Patched modules, their classes, and the classes below these."""
    for namespace in patch.namespaces():
        yield namespace.globals
        seen: set[int] = set()
        for value in list(namespace.globals.values()):
            if issubclass(type(value), type) and value.__dict__.get("__module__") == namespace.name:
                for cls in with_subclasses(value) if any(map(str.isupper, value.__dict__)) else ():
                    if id(cls) not in seen:
                        seen.add(id(cls))
                        yield cls


def _settings(source: Any) -> dict[str, Any]:
    spaces = [source] if type(source) is dict else [cls.__dict__ for cls in reversed(source.__mro__)]
    found = {}
    for space in spaces:
        found.update({name: space[name] for name in list(space) if type(name) is str and name.isupper()})
    return {name: value for name, value in found.items() if objects.of_type(type(value), "__get__") is None}


def _was_loaded(app: Any, settings: dict[str, Any]) -> bool:
    """Whether the application has all of these, and one at least that it has of nobody else."""
    if not settings or not all(name in app.config for name in settings):
        return False
    default = app.default_config
    return any(
        equal(app.config[name], value) and not (name in default and equal(default[name], value))
        for name, value in settings.items()
    )


def _load_again(app: Any, source: Any, before: dict[str, Any]) -> None:
    """Takes what has changed; what the program had set otherwise since stays."""
    after, config = _settings(source), app.config
    for name in {**before, **after}:
        if name not in before:
            config.setdefault(name, after[name])
        elif equal(config.get(name), before[name]):
            if name in after:
                config[name] = after[name]
            elif name in app.default_config:
                config[name] = app.default_config[name]
            else:
                del config[name]
