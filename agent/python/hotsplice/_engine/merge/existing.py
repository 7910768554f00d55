"""Objects that exist of the classes that a patch is about."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..evaluate.sorts import Sort, attributes, sort
from ..live import lookup
from ..native import native

if TYPE_CHECKING:
    from ..journal.views import Prepared


class Instances:
    """Objects of the classes that edits of a patch stand in: all that lives is looked at once for all of them."""

    def __init__(self, transaction: "Prepared", given: list[tuple[Any, Any]]) -> None:
        """``given``: objects, with those that lend them what they hold from the commit on."""
        self._transaction = transaction
        self._given = {id(live): attributes(new) for live, new in given if sort(live) is Sort.RECORD}
        # By the id of their type, once somebody wanted to know.
        self._by_type: dict[int, list[Any]] | None = None

    def of(self, owner: type) -> list[Any]:
        if self._by_type is None:
            self._by_type = {}
            kinds = {id(kind): kind for one in self._owners() for kind in lookup.with_subclasses(one)}
            for one in native.objects_of_type(*kinds.values()):
                self._by_type.setdefault(id(type(one)), []).append(one)
        return [one for kind in lookup.with_subclasses(owner) for one in self._by_type.get(id(kind), ())]

    def is_given(self, instance: Any, name: str) -> bool:
        """Whether the statement that made an object is evaluated again, and its object has the attribute."""
        return name in self._given.get(id(instance), ())

    def _owners(self) -> Iterator[type]:
        for change in self._transaction.files:
            for edit in (one.edit for one in change.outcomes):
                scope = (*edit["scope"], *edit["binds"]) if edit["what"] == "class" else edit["scope"]
                is_wanted = edit.get("attributes") or (edit["what"] == "class" and "bases" in edit["parts"])
                for namespace in change.namespaces if is_wanted else ():
                    owner = lookup.find_class(namespace, scope)
                    if owner is not None:
                        yield owner
