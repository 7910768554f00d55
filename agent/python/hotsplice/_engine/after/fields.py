"""Attributes of objects that go on under another name: former code goes on finding them by the one that it knows."""

from typing import TYPE_CHECKING, Any

from ..live import objects
from .dispatch import MISSING

if TYPE_CHECKING:
    from ..journal.plan import Plan


def renamed(plan: "Plan") -> dict[tuple[int, str], tuple[type, Any, Any]]:
    """(id of a class, former name) → (class, what it has under that before the patch, and after it)."""
    planned: dict[tuple[int, str], Any] = {}
    for kind, target, *rest in plan.operations:
        if kind in ("type-set", "type-delete"):
            planned[id(target), rest[0]] = MISSING if kind == "type-delete" else rest[1]
    found = {}
    for key, (owner, _) in plan.renamed_fields.items():
        before = objects.members(owner).get(key[1], MISSING)
        found[key] = owner, before, planned.get(key, before)
    return found
