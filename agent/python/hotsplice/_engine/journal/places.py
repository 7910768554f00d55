"""Places: what holds a reference, as it can be looked at and given something else without any code of the program."""

import operator
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from types import FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from ..live import objects
from .plan import Plan

MISSING: Any = object()
# Methods that are the interpreter's own.
_PLAIN = {
    getattr(kind, name)
    for kind, names in (
        *((kind, ("__setitem__", "__delitem__")) for kind in (dict, OrderedDict, list)),
        *((kind, ("__setattr__", "__delattr__")) for kind in (object, type, ModuleType)),
    )
    for name in names
}
# Keys that can be looked up without any code of the program.
_HASHED_IN_C = (str, int, float, bool, bytes, type(None), type, FunctionType)
LiveOf = Callable[[Any], Any]


class Place:
    """What holds one value."""

    owner: Any
    key: Any

    def identity(self) -> tuple[int, Any]:
        return id(self.owner), self.key

    def held(self) -> Any:
        raise NotImplementedError

    def put(self, value: Any) -> None:
        raise NotImplementedError

    def plan(self, plan: Plan, live_of: LiveOf, before: Any, new: Any) -> None:
        raise NotImplementedError

    def remember_order(self) -> None:
        """Only a dictionary's items have one."""

    def after(self, held: Any, _action: Any, key: Any, *new: Any) -> Any:
        """What it holds after an assignment or a deletion."""
        if not new and held is MISSING:
            raise (KeyError if isinstance(self, Item) and self.holder is self.owner else AttributeError)(key)
        return new[0] if new else MISSING


class Item(Place):
    """An item of a dictionary: the owner itself, or its attributes."""

    def __init__(self, holder: dict[Any, Any], key: Any, owner: Any) -> None:
        self.holder, self.key, self.owner = holder, key, owner
        # The keys, if this one was taken out.
        self.order: list[Any] = []

    def identity(self) -> tuple[int, Any]:
        return id(self.holder), self.key

    def held(self) -> Any:
        return dict.get(self.holder, self.key, MISSING)

    def remember_order(self) -> None:
        self.order = list(self.holder)

    def put(self, value: Any) -> None:
        if value is MISSING:
            if self.key in self.holder:
                del self.holder[self.key]
            return
        returns = self.key not in self.holder and self.key in self.order
        self.holder[self.key] = value
        for key in self.order[self.order.index(self.key) + 1 :] if returns else ():
            # Those that stood behind it do so again.
            if key in self.holder:
                self.holder[key] = self.holder.pop(key)

    def plan(self, plan: Plan, live_of: LiveOf, before: Any, new: Any) -> None:
        owner = live_of(self.owner)
        holder = owner if self.holder is self.owner else objects.attributes(owner)
        if not objects.is_exactly(self.key, *_HASHED_IN_C):
            # Finding its place runs code of the program.
            action, values = (operator.delitem, ()) if new is MISSING else (operator.setitem, (new,))
            plan.afterwards.append(partial(carry_out, action, [holder, self.key, *values]))
        elif new is MISSING:
            plan.delete_name(holder, self.key)
        elif before is MISSING or holder is not self.holder:
            plan.set_name(holder, self.key, new)
        else:
            plan.add("dict-replace", holder, self.key, before, new)


class Slot(Place):
    def __init__(self, owner: Any, name: str, descriptor: Any) -> None:
        self.owner, self.key, self._descriptor = owner, name, descriptor

    def held(self) -> Any:
        try:
            return self._descriptor.__get__(self.owner, type(self.owner))
        except AttributeError:
            return MISSING

    def put(self, value: Any) -> None:
        if value is not MISSING:
            self._descriptor.__set__(self.owner, value)
        elif self.held() is not MISSING:
            self._descriptor.__delete__(self.owner)

    def plan(self, plan: Plan, live_of: LiveOf, before: Any, new: Any) -> None:
        owner = live_of(self.owner)
        if new is MISSING:
            plan.add("attribute-delete", owner, self.key)
        else:
            plan.add("attribute-set", owner, self.key, new)


class ClassAttribute(Place):
    def __init__(self, owner: type, name: str) -> None:
        self.owner, self.key = owner, name

    def held(self) -> Any:
        return objects.members(self.owner).get(self.key, MISSING)

    def put(self, value: Any) -> None:
        if value is not MISSING:
            type.__setattr__(self.owner, self.key, value)
        elif self.key in objects.members(self.owner):
            type.__delattr__(self.owner, self.key)

    def plan(self, plan: Plan, live_of: LiveOf, before: Any, new: Any) -> None:
        owner = live_of(self.owner)
        if new is MISSING:
            plan.delete_class_attribute(owner, self.key)
        else:
            plan.set_class_attribute(owner, self.key, new)


class Content(Place):
    """All items of a list: an assigned slice may move them."""

    key = None

    def __init__(self, owner: list[Any]) -> None:
        self.owner = owner

    def held(self) -> Any:
        return list(self.owner)

    def after(self, held: Any, action: Any, key: Any, *new: Any) -> Any:
        content = list(held)
        action(content, key, *new)
        return content

    def put(self, value: Any) -> None:
        self.owner[:] = value

    def plan(self, plan: Plan, live_of: LiveOf, before: Any, new: Any) -> None:
        # A list that was made while evaluating may lend its content to the live one.
        owner = live_of(self.owner)
        held = before if owner is self.owner else list(map(live_of, before))
        plan.add("list-content", owner, held, list(map(live_of, new)))


def of_assignment(value: Any, action: Any, key: Any) -> "Place | None":
    """What takes an assignment, if no code but the interpreter's own is asked."""
    kind = type(value)
    if action in (operator.setitem, operator.delitem):
        if issubclass(kind, dict) and {kind.__setitem__, kind.__delitem__} <= _PLAIN:
            return Item(value, key, value)
        if issubclass(kind, list) and {kind.__setitem__, kind.__delitem__} <= _PLAIN:
            return Content(value)
        return None
    if not {kind.__setattr__, kind.__delattr__} <= _PLAIN:
        return None
    if issubclass(kind, type):
        return ClassAttribute(value, key)
    found = next((one.__dict__[key] for one in kind.__mro__ if key in one.__dict__), None)
    if type(found) is MemberDescriptorType:
        return Slot(value, key, found)
    members = objects.dictionary(value)
    # A property takes it, or the object has no dictionary.
    is_plain = members is not None and objects.of_type(type(found), "__set__") is None
    return Item(members, key, value) if is_plain and members is not None else None


def carry_out(action: Callable[..., Any], arguments: list[Any]) -> None:
    """A list, because what it holds may be exchanged for something live."""
    action(*arguments)
