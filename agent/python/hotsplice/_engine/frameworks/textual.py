"""Textual: key bindings and styles that widgets and applications took from their classes are taken again."""

from functools import partial
from typing import Any

from textual.app import App
from textual.dom import DOMNode

from ..live.lookup import with_subclasses
from ..native import native

_STYLES = {"CSS", "DEFAULT_CSS", "CSS_PATH", "COMPONENT_CLASSES"}


def observe(patch: Any) -> None:
    for cls, outcomes in patch.classes_below(DOMNode):
        names = {name for outcome in outcomes for name in outcome.edit["binds"]}
        if "BINDINGS" in names:
            patch.after(partial(_bind_again, cls))
        if names & _STYLES and native.objects_of_type(*with_subclasses(cls)):
            for outcome in outcomes:
                if set(outcome.edit["binds"]) & _STYLES:
                    outcome.caveat(
                        "HS0403",
                        f"the styles of {cls.__name__} were read when it was shown: they stay until it is made",
                    )


def _bind_again(cls: type) -> None:
    classes = with_subclasses(cls)
    before = {one: one.__dict__.get("_merged_bindings") for one in classes}
    for one in sorted(classes, key=lambda one: len(one.__mro__)):
        one._merged_bindings = one._merge_bindings()
    for node in native.objects_of_type(*classes):
        former = before[type(node)]
        added = node._bindings.key_to_bindings if former is None else _added(node._bindings, former)
        node._bindings = type(node)._merged_bindings.copy()
        for key, bindings in added.items():
            # What the object bound itself.
            node._bindings.key_to_bindings.setdefault(key, bindings)
        app = node if isinstance(node, App) else node._app if hasattr(node, "_app") else None
        if app is not None and getattr(app, "_loop", None) is not None:
            app._loop.call_soon_threadsafe(_refresh, app)


def _added(bindings: Any, former: Any) -> dict[str, Any]:
    return {key: value for key, value in bindings.key_to_bindings.items() if key not in former.key_to_bindings}


def _refresh(app: Any) -> None:
    if app.screen_stack:
        app.screen.refresh_bindings()
