"""Values that hold all members of an enumeration, or what these are called: somebody has gone through it."""

import enum
import re
from collections.abc import Iterable
from itertools import islice
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..native import native
from . import stores

if TYPE_CHECKING:
    from ..journal.views import Prepared

# How far it is looked into containers and objects, and at how many items of one.
_DEPTH = 3
_ITEMS = 1_000
_OPAQUE = (type, ModuleType, FunctionType, enum.Enum)


def changed(transaction: "Prepared") -> list[Any]:
    """The enumerations that have other members, or these in another order, once the patch is live."""
    given = (one[1:] for one in transaction.plan.operations if one[0] == "type-set" and one[2] == "_member_names_")
    return [cls for cls, name, names in given if list(objects.members(cls).get(name, names)) != list(names)]


class Members:
    """The members of an enumeration as it is live."""

    def __init__(self, cls: Any) -> None:
        members: dict[str, Any] = objects.members(cls).get("_member_map_", {})
        self._ids = {id(one) for one in members.values()}
        self._names = set(members)
        self._values = [one._value_ for one in members.values()]
        self._are_plain = all(objects.is_exactly(one, str, int, float, bytes) for one in self._values)

    def are_in(self, value: Any, depth: int = _DEPTH) -> bool:
        """Whether a value holds them, or their names or values, all of them in one place."""
        if not self._ids or depth < 0 or stores.is_a(value, _OPAQUE):
            return False
        if type(value) is str:
            return self._names <= set(re.findall(r"\w+", value))
        inside: list[Any]
        if stores.kind_of(value) is not None or objects.is_exactly(value, tuple, frozenset):
            if stores.kind_of(value) is dict:
                pairs = list(islice(stores.entries(value), _ITEMS))
                inside = [one for _, one in pairs]
                if self._are_all([key for key, _ in pairs]):
                    return True
            else:
                inside = list(islice(value, _ITEMS))
            if self._are_all(inside):
                return True
        elif native.is_made_in_python(type(value)):
            inside = stores.attributes(value)
        else:
            return False
        return any(self.are_in(one, depth - 1) for one in inside)

    def _are_all(self, items: Iterable[Any]) -> bool:
        held = list(items)
        if self._ids <= {id(one) for one in held}:
            return True
        texts = {one for one in held if type(one) is str}
        if self._names <= texts:
            return True
        plain = [one for one in held if objects.is_exactly(one, str, int, float, bytes)]
        return self._are_plain and all(one in plain for one in self._values)
