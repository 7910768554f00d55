"""Falcon: a route has the responders that its resource had when it was added, an application its middleware's hooks."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import falcon

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed

_HOOKS = "process_"
_RESPONDERS = "on_"


def observe(patch: "Observed") -> None:
    """Methods that come, go or are decorated otherwise are looked for again."""
    looked_at = {_RESPONDERS: set[Any](), _HOOKS: set[Any]()}
    for cls, outcomes in patch.classes_below(object):
        for beginning, classes in looked_at.items():
            if any(_is_otherwise(outcome.edit, beginning) for outcome in outcomes):
                classes.update(with_subclasses(cls))
    if not any(looked_at.values()):
        return
    for app in native.objects_of_type(*with_subclasses(falcon.App)):
        for node in _nodes(getattr(app._router, "_roots", ())):
            if type(node.resource) in looked_at[_RESPONDERS]:
                patch.after(partial(_add_again, app, node, _suffix(node)))
        if any(type(one) in looked_at[_HOOKS] for one in app._unprepared_middleware):
            patch.after(partial(app.add_middleware, []))


def _is_otherwise(edit: Any, beginning: str) -> bool:
    is_again = edit["change"] in ("added", "removed") or edit["kind"] == "replaced" or "decorators" in edit["parts"]
    return edit["what"] == "function" and is_again and edit["definition"].rpartition(".")[2].startswith(beginning)


def _nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        yield from _nodes(node.children)


def _suffix(node: Any) -> str | None:
    """What the route was given, by the names of its responders: `on_get_item`."""
    for responder in (node.method_map or {}).values():
        if getattr(responder, "__self__", None) is node.resource:
            return "_".join(responder.__name__.split("_")[2:]) or None
    return None


def _add_again(app: Any, node: Any, suffix: str | None) -> None:
    app.add_route(node.uri_template, node.resource, **({"suffix": suffix} if suffix else {}))
