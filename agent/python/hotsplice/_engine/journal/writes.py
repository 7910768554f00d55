"""What statements assign besides names: ``TABLE[key] = value``, ``Settings.debug = value``.

Statements run in a shadow while a patch is prepared, but such targets are live objects. Where a dictionary, a list, a
class or an object's own attributes take the value, that is noted, taken back as soon as everything has been run, and
goes in with the commit. Where code of the program or of a C extension takes it (``__setitem__``, a property, an
array), the assignment is put off until the commit is done.
"""

import ast
import dis
import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any

from . import places
from .places import MISSING as MISSING

if TYPE_CHECKING:
    from .places import LiveOf, Place
    from .plan import Plan

_NAME = "__hotsplice_written__"
_OPCODES = {
    dis.opmap[name]
    for name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "STORE_ATTR", "DELETE_ATTR")
    if name in dis.opmap
}


class Writes:
    """The assignments of one transaction; ``are_read`` says whether what runs for it may read what they change."""

    def __init__(self, are_read: bool, is_dry_run: bool = False) -> None:
        self._are_read = are_read
        # Nothing is run that the program could notice.
        self.is_dry_run = is_dry_run
        # (place, what it holds) of items and attributes that go, and that nothing need miss before the commit.
        self._going: list[tuple[Place, Any]] = []
        # (id of what takes the value, key) → [place, what it held, what it is going to hold, whether it holds that]
        self._places: dict[tuple[int, Any], list[Any]] = {}
        # (action, arguments), in the order of the text
        self._put_off: list[tuple[Callable[..., Any], list[Any]]] = []
        # What those assign, as statements name what they read: `Settings.debug`, `TABLE[]`, `NAME`
        self._pending: set[str] = set()
        # Names of objects whose own code takes an assignment then.
        self._through: set[str] = set()
        self._withdrawn = False
        # Those of the statement that runs.
        self._touched: dict[tuple[int, Any], list[Any]] = {}
        # id of a dictionary that the program changed meanwhile → what it held before
        self._preserved: dict[int, dict[Any, Any]] = {}

    def preserve(self, holder: Any, then: dict[Any, Any]) -> None:
        """What the program put into a dictionary since it held something else stays."""
        self._preserved[id(holder)] = then

    def _is_preserved(self, place: "Place", live_of: "LiveOf") -> bool:
        holder: Any = live_of(place.owner) if isinstance(place, places.Item) else None
        then = self._preserved.get(id(holder))
        return then is not None and dict.get(holder, place.key, MISSING) is not then.get(place.key, MISSING)

    def target(self, value: Any, text: str) -> "Target":
        return Target(value, partial(self._assign, text), self._seen)

    def put_off(self, names: Iterable[str], action: Callable[..., Any], *arguments: Any) -> None:
        """Has something done after the commit that gives these names their values."""
        self._pending.update(names)
        self._put_off.append((action, list(arguments)))

    def are_put_off(self, names: Iterable[str]) -> bool:
        return not self._pending.isdisjoint(names)

    def are_changed_later(self, names: Iterable[str]) -> bool:
        """Whether any of the names is of an object that only then takes what is assigned to it."""
        return bool(self._through) and not self._through.isdisjoint(map(root, names))

    def _assign(self, text: str, value: Any, action: Callable[..., Any], key: Any, *new: Any) -> None:
        place = places.of_assignment(value, action, key)
        if place is None:
            # Who takes it may change anything of itself.
            self._through.add(root(text))
            self.put_off([as_read(text)], action, value, key, *new)
            return
        entry = self._touched[place.identity()] = self._entry(place)
        if self._are_read:
            entry[3] = True
            action(value, key, *new)
        else:
            # Nobody sees it before the commit.
            entry[2] = place.after(entry[2], action, key, *new)

    def _entry(self, place: "Place") -> list[Any]:
        held = place.held()
        return self._places.setdefault(place.identity(), [place, held, held, False])

    def _seen(self, value: Any, action: Callable[..., Any], key: Any) -> Any:
        """The item or attribute as it is going to be, where only that is noted; else ``MISSING``."""
        place = places.of_assignment(value, action, key) if self._places else None
        entry = self._places.get(place.identity()) if place is not None else None
        if entry is None or entry[3]:
            return MISSING
        return entry[2][key] if isinstance(place, places.Content) else entry[2]

    def give_up(self, value: Any, action: Any, key: Any) -> None:
        """The item or attribute goes with the commit; before, it is taken out only for what is run and may read it."""
        place: Any = places.of_assignment(value, action, key)
        if not self._are_read:
            self._going.append((place, place.held()))
            return
        entry = self._entry(place)
        if entry[0] is place:
            place.remember_order()
        entry[3] = True
        place.put(MISSING)

    def withdraw(self) -> None:
        """Has everything hold what it did before the patch; once it does, that is so."""
        if self._withdrawn:
            return
        self._withdrawn = True
        for entry in reversed(self._places.values()):
            place, before, _, is_done = entry
            if is_done:
                entry[2] = place.held()
                place.put(before)

    @contextmanager
    def withdrawn(self) -> Iterator[None]:
        """Everything holds what it did before the patch for as long as this lasts."""
        if self._withdrawn:
            yield
            return
        self.withdraw()
        try:
            yield
        finally:
            self._withdrawn = False
            for place, before, new, is_done in self._places.values():
                if is_done and (isinstance(place, places.Content) or place.held() is before):
                    place.put(new)

    def begin(self) -> None:
        """Another statement runs."""
        self._touched.clear()

    def touched(self) -> "list[tuple[Place, Any, Any]]":
        """``(place, what it held, what it is going to hold)`` of what the statement assigned besides names."""
        return [
            (place, before, place.held() if is_done else new)
            for place, before, new, is_done in self._touched.values()
            if not isinstance(place, places.Content)
        ]

    def keep(self, place: "Place") -> None:
        """An item or attribute holds on to what it held."""
        entry = self._touched[place.identity()]
        entry[2] = entry[1]
        if entry[3]:
            place.put(entry[1])

    def settle(self, plan: "Plan", live_of: "LiveOf") -> None:
        """Plans the assignments; ``live_of(value)`` is the live object that a value stands for."""
        for place, before in self._going:
            place.plan(plan, live_of, before, MISSING)
        for place, before, new, _ in self._places.values():
            if new is not before and not self._is_preserved(place, live_of):
                place.plan(plan, live_of, before, live_of(new))
        for action, arguments in self._put_off:
            plan.afterwards.append(partial(places.carry_out, action, list(map(live_of, arguments))))
        self._places.clear()
        self._put_off.clear()


class Target:
    """Stands for an object in a statement that assigns its items or attributes: each goes through ``assign``."""

    def __init__(
        self, value: Any, assign: Callable[..., Any], seen: Callable[..., Any] = lambda *_place: MISSING
    ) -> None:
        object.__setattr__(self, "parts", (value, assign, seen))

    def __getitem__(self, key: Any) -> Any:
        value, _, seen = _parts(self)
        found = seen(value, operator.setitem, key)
        return value[key] if found is MISSING else found

    def __getattribute__(self, name: str) -> Any:
        value, _, seen = _parts(self)
        found = seen(value, setattr, name)
        return getattr(value, name) if found is MISSING else found

    def __setitem__(self, key: Any, new: Any) -> None:
        value, assign, _ = _parts(self)
        assign(value, operator.setitem, key, new)

    def __delitem__(self, key: Any) -> None:
        value, assign, _ = _parts(self)
        assign(value, operator.delitem, key)

    def __setattr__(self, name: str, new: Any) -> None:
        value, assign, _ = _parts(self)
        assign(value, setattr, name, new)

    def __delattr__(self, name: str) -> None:
        value, assign, _ = _parts(self)
        assign(value, delattr, name)


def _parts(target: "Target") -> Any:
    return object.__getattribute__(target, "parts")


def root(text: str) -> str:
    """The name that a target begins with."""
    return text.replace("[", ".").partition(".")[0]


def as_read(text: str) -> str:
    """A target as statements name what they read: `Settings.debug`, `TABLE[]`."""
    return f"{text.rpartition('[')[0]}[]" if text.endswith("]") else text


def are_in(code: CodeType) -> bool:
    """Whether the statements of a module's or a class's code may assign anything but names."""
    bodies = [code, *(one for one in code.co_consts if isinstance(one, type(code)) and not one.co_flags & 1)]
    return any(not _OPCODES.isdisjoint(one.co_code[::2]) for one in bodies) or any(map(are_in, bodies[1:]))


def targets(tree: ast.AST) -> list[str]:
    """What the statements of a syntax tree assign besides names, as text, outside of functions."""
    found = _Targets()
    found.visit(tree)
    return found.texts


def rewritten(tree: ast.AST, namespace: dict[str, Any], target: Callable[[Any, str], Any]) -> Any:
    """A syntax tree whose statements, outside of functions, assign what is no name through ``target(value, text)``."""
    namespace[_NAME] = target
    return _Targets().visit(tree)


def forget(namespace: dict[str, Any]) -> None:
    namespace.pop(_NAME, None)


class _Targets(ast.NodeTransformer):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def visit_FunctionDef(self, node: ast.AST) -> ast.AST:
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def _visit_target(self, node: Any) -> Any:
        is_target = not isinstance(node.ctx, ast.Load)
        text = ast.unparse(node) if is_target else ""
        self.generic_visit(node)
        if is_target:
            self.texts.append(text)
            call = ast.Call(ast.Name(_NAME, ast.Load()), [node.value, ast.Constant(text)], [])
            node.value = ast.fix_missing_locations(ast.copy_location(call, node.value))
        return node

    visit_Subscript = visit_Attribute = _visit_target

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if is_setattr(node):
            text = f"{ast.unparse(node.args[0])}.{ast.unparse(node.args[1])}"
            call = ast.Call(ast.Name(_NAME, ast.Load()), [node.args[0], ast.Constant(text)], [])
            node.args[0] = ast.fix_missing_locations(ast.copy_location(call, node.args[0]))
        return node


def sets_attribute(statement: ast.AST) -> bool:
    """Whether a statement calls ``setattr``."""
    return isinstance(statement, ast.Expr) and is_setattr(statement.value)


def is_setattr(node: Any) -> bool:
    """Whether a node is a call that is carried out as an assignment of an attribute."""
    is_named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
    return is_named and len(node.args) == 3 and not node.keywords


def identity(value: Any, action: Callable[..., Any], key: Any) -> tuple[int, Any] | None:
    """Which place takes an assignment, as :meth:`Writes.touched` names it; nothing where none does."""
    place = places.of_assignment(value, action, key)
    return place.identity() if place is not None else None


def held(value: Any, action: Callable[..., Any], key: Any) -> Any:
    """What an assigned item or attribute holds, where that can be told without asking any code; else ``MISSING``."""
    place = places.of_assignment(value, action, key)
    if place is None:
        return MISSING
    try:
        return value[key] if isinstance(place, places.Content) else place.held()
    except (IndexError, TypeError):
        return MISSING
