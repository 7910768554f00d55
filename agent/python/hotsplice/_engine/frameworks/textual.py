"""Textual: key bindings and styles that widgets and applications took from their classes are taken again."""

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.dom import DOMNode
from textual.reactive import Reactive

from ..live.lookup import with_subclasses
from ..native import native
from .entries import equal

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from .observed import Observed

_STYLES = {"CSS", "DEFAULT_CSS", "CSS_PATH", "COMPONENT_CLASSES"}
# What an application takes from its class when it is made.
_TITLES = {"TITLE": "title", "SUB_TITLE": "sub_title"}


def observe(patch: "Observed") -> None:
    for cls, outcomes in patch.classes_below(DOMNode):
        names = {name for outcome in outcomes for name in outcome.edit["binds"]}
        for name in _TITLES.keys() & names if issubclass(cls, App) else ():
            patch.after(partial(_call_again, cls, name, getattr(cls, name)))
        _report_composed(cls, outcomes)
        _report_held(patch, cls, outcomes)
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


def _call_again(cls: Any, name: str, former: Any) -> None:
    """A title that the application has not been given since is the new one."""
    attribute, new = _TITLES[name], getattr(cls, name)
    given = {"title": [former, cls.__name__] if former is None else [former], "sub_title": [former or ""]}[attribute]
    for app in native.objects_of_type(*with_subclasses(cls)):
        if getattr(app, attribute) in given and type(app).__dict__.get(name, new) is new:
            value = str(new) if new is not None else {"title": type(app).__name__, "sub_title": ""}[attribute]
            loop = getattr(app, "_loop", None)
            if loop is not None and loop.is_running():
                loop.call_soon_threadsafe(setattr, app, attribute, value)
            else:
                setattr(app, attribute, value)


def _report_composed(cls: Any, outcomes: "list[EditOutcome]") -> None:
    edited = [one for one in outcomes if one.edit["definition"].rpartition(".")[2] in ("compose", "on_mount")]
    shown = [one for one in native.objects_of_type(*with_subclasses(cls)) if one.is_running] if edited else []
    for outcome in edited if shown else ():
        if outcome.edit["scope"] and outcome.edit["scope"][-1] == cls.__name__:
            name = outcome.edit["definition"].rpartition(".")[2]
            how = ": refresh(recompose=True) has it shown anew" if name == "compose" else ""
            outcome.caveat("HS0403", f"it ran when {cls.__name__} was shown and does not run again{how}")


def _report_held(patch: "Observed", cls: Any, outcomes: "list[EditOutcome]") -> None:
    """Objects hold the former default of a reactive attribute."""
    for outcome in outcomes:
        for name in outcome.edit["binds"] if outcome.edit["change"] == "changed" else ():
            former = cls.__dict__.get(name)
            if isinstance(former, Reactive) and not callable(former._default):
                held = [
                    one
                    for one in native.objects_of_type(*with_subclasses(cls))
                    if equal(vars(one).get(f"_reactive_{name}", one), former._default)
                ]
                patch.after(partial(_say_former, patch, outcome, cls, name, former._default, len(held)))


def _say_former(patch: "Observed", outcome: "EditOutcome", cls: Any, name: str, former: Any, count: int) -> None:
    now = cls.__dict__.get(name)
    if count and isinstance(now, Reactive) and not equal(now._default, former):
        what = "1 widget holds" if count == 1 else f"{count} widgets hold"
        outcome.caveat("HS0410", f"{what} the former default of {name}: set it if you want the new one there, too")
