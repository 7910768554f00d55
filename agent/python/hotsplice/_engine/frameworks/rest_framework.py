"""Django REST framework: a router looks for the actions of its view sets when it is asked for its URLs."""

from typing import TYPE_CHECKING, Any

from rest_framework.routers import BaseRouter
from rest_framework.viewsets import ViewSetMixin

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed

_ACTIONS = ("list", "create", "retrieve", "update", "partial_update", "destroy")


def observe(patch: "Observed") -> None:
    edited = [(cls, one) for cls, outcomes in patch.classes_below(ViewSetMixin) for one in outcomes]
    actions = [(cls, one) for cls, one in edited if _changes_actions(cls, one.edit)]
    routers = native.objects_of_type(*with_subclasses(BaseRouter)) if actions else []
    routed = {id(viewset) for router in routers for _, viewset, _ in router.registry}
    for cls, outcome in actions:
        if any(id(one) in routed for one in with_subclasses(cls)):
            outcome.caveat("HS0403", "routers looked for actions when they gave their URLs: these stay as they were")


def _changes_actions(cls: Any, edit: Any) -> bool:
    name = edit["definition"].rpartition(".")[2]
    if edit["what"] != "function" or (edit["change"] == "changed" and "decorators" not in edit["parts"]):
        return False
    is_one = name in _ACTIONS or any(read.rpartition(".")[2] == "action" for read in edit["reads"])
    return is_one or hasattr(getattr(cls, name, None), "mapping")
