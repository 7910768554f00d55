"""What the operations of a plan do to names, functions and classes."""

from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from ..live import objects
from ..live.code import fingerprint, pair, tree
from . import otherwise
from .dispatch import MISSING
from .formers import innermost


def _order_of(bases: tuple[type, ...]) -> list[type] | None:
    """The order in which a class with these bases looks names up, after itself."""
    pending = [*([*objects.order(base)] for base in bases), [*bases]]
    found: list[type] = []
    while pending := [one for one in pending if one]:
        behind = {id(cls) for one in pending for cls in one[1:]}
        first = next((one[0] for one in pending if id(one[0]) not in behind), None)
        if first is None:
            return None
        found.append(first)
        pending = [one[1:] if one[0] is first else one for one in pending]
    return found


def _first(classes: Iterable[Any], name: str) -> Any:
    return next((members[name] for members in map(objects.own, classes) if name in members), MISSING)


class Changes:
    """What the operations of a plan do to names, functions and classes."""

    def __init__(self, operations: Iterable[tuple[Any, ...]]) -> None:
        # id of a namespace → name → (before, after)
        self.names: dict[int, dict[str, tuple[Any, Any]]] = {}
        self.functions: dict[int, tuple[FunctionType, dict[str, Any]]] = {}
        # (id of a class, name) → (class, before, after)
        self.attributes: dict[tuple[int, str], tuple[type, Any, Any]] = {}
        # (id of a class, name) → (class, what it has inherited, what it inherits from now on)
        self.inherited: dict[tuple[int, str], tuple[type, Any, Any]] = {}
        self.first_bases: dict[int, type] = {}
        self.retired: dict[int, CodeType] = {}
        for kind, target, *rest in operations:
            if kind == "function":
                self._function(target, rest[0])
            elif kind in ("dict-set", "dict-delete", "dict-replace") and "__builtins__" in target:
                before = self.names.get(id(target), {}).get(rest[0], (target.get(rest[0], MISSING),))[0]
                after = {"dict-set": 1, "dict-replace": 2}.get(kind)
                after = MISSING if after is None else rest[after]
                self.names.setdefault(id(target), {})[rest[0]] = before, after
                self._gone(before, after)
            elif kind in ("type-set", "type-delete"):
                before = target.__dict__.get(rest[0], MISSING)
                after = MISSING if kind == "type-delete" else rest[1]
                is_looked_up = before is not MISSING or otherwise.inherited(target, rest[0]) is not MISSING
                is_looked_up = is_looked_up or hasattr(type(after), "__set__")
                if is_looked_up and before is not after:
                    self.attributes[id(target), rest[0]] = target, before, after
                    self._gone(before, after)
            elif kind == "bases":
                self._inherit(target, rest[0])

    def _inherit(self, owner: type, bases: tuple[type, ...]) -> None:
        """A class gets other bases: what it had of those that go."""
        self.first_bases[id(owner)] = bases[0]
        former, own = objects.order(owner)[1:], objects.own(owner)
        order = _order_of(bases)
        if order is None:
            return
        stays = set(map(id, order))
        for base in (one for one in former if id(one) not in stays):
            for name in objects.own(base):
                before, after = _first(former, name), _first(order, name)
                if before is not after and name not in own and not name.startswith("__"):
                    self.inherited[id(owner), name] = owner, before, after

    def code_of(self, function: FunctionType) -> CodeType:
        """The code that a function has from the commit on."""
        _, parts = self.functions.get(id(function), (function, {}))
        code: CodeType = parts.get("code", function.__code__)
        return code

    def _function(self, function: FunctionType, parts: dict[str, Any]) -> None:
        known = self.functions.get(id(function))
        self.functions[id(function)] = function, {**(known[1] if known else {}), **parts}
        if "code" not in parts:
            return
        old = function.__code__
        kept = {id(one) for one, new in pair(old, parts["code"]) if fingerprint(one) == fingerprint(new)}
        self.retired.update((id(one), one) for one in tree(old) if id(one) not in kept)

    def _gone(self, before: Any, after: Any) -> None:
        """Code of what has no name any more."""
        if before is after:
            return
        values = [*before.__dict__.values()] if isinstance(before, type) and after is MISSING else [before]
        for value in values:
            function = innermost(value)
            if isinstance(function, FunctionType) and function is not innermost(after):
                self.retired.update((id(code), code) for code in tree(function.__code__))
