"""What statements assign besides names: ``TABLE[key] = value``, ``Settings.debug = value``.

Statements run in a shadow while a patch is prepared, but such targets are live objects. Where a dictionary, a list, a
class or an object's own attributes take the value, that is noted, taken back as soon as everything has been run, and
goes in with the commit. Where code of the program or of a C extension takes it (``__setitem__``, a property, an
array), the assignment is put off until the commit is done.
"""

import ast
import dis
import operator
from contextlib import contextmanager
from functools import partial

from . import places
from .places import MISSING

_NAME = "__hotsplice_written__"
_OPCODES = {
    dis.opmap[name]
    for name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "STORE_ATTR", "DELETE_ATTR")
    if name in dis.opmap
}


class Writes:
    """The assignments of one transaction; ``are_read`` says whether what runs for it may read what they change."""

    def __init__(self, are_read, is_dry_run=False):
        self._are_read = are_read
        # Nothing is run that the program could notice.
        self.is_dry_run = is_dry_run
        # (place, what it holds) of items and attributes that go, and that nothing need miss before the commit.
        self._going = []
        # (id of what takes the value, key) → [place, what it held, what it is going to hold, whether it holds that]
        self._places = {}
        # (action, arguments), in the order of the text
        self._put_off = []
        # What those assign, as statements name what they read: `Settings.debug`, `TABLE[]`, `NAME`
        self._pending = set()
        self._withdrawn = False
        # Those of the statement that runs.
        self._touched = {}
        # id of a dictionary that the program changed meanwhile → what it held before
        self._preserved = {}

    def preserve(self, holder, then):
        """What the program put into a dictionary since it held something else stays."""
        self._preserved[id(holder)] = then

    def _is_preserved(self, place, live_of):
        holder = live_of(place.owner) if isinstance(place, places.Item) else None
        then = self._preserved.get(id(holder))
        return then is not None and dict.get(holder, place.key, MISSING) is not then.get(place.key, MISSING)

    def target(self, value, text):
        return Target(value, partial(self._assign, text), self._seen)

    def put_off(self, names, action, *arguments):
        """Has something done after the commit that gives these names their values."""
        self._pending.update(names)
        self._put_off.append((action, list(arguments)))

    def are_put_off(self, names):
        return not self._pending.isdisjoint(names)

    def _assign(self, text, value, action, key, *new):
        place = places.of_assignment(value, action, key)
        if place is None:
            name = text if action in (setattr, delattr) else f"{text.rpartition('[')[0]}[]"
            self.put_off([name], action, value, key, *new)
            return
        entry = self._touched[place.identity()] = self._entry(place)
        if self._are_read:
            entry[3] = True
            action(value, key, *new)
        else:
            # Nobody sees it before the commit.
            entry[2] = place.after(entry[2], action, key, *new)

    def _entry(self, place):
        held = place.held()
        return self._places.setdefault(place.identity(), [place, held, held, False])

    def _seen(self, value, action, key):
        """The item or attribute as it is going to be, where only that is noted; else ``MISSING``."""
        place = places.of_assignment(value, action, key) if self._places else None
        entry = self._places.get(place.identity()) if place is not None else None
        if entry is None or entry[3]:
            return MISSING
        return entry[2][key] if isinstance(place, places.Content) else entry[2]

    def give_up(self, value, action, key):
        """The item or attribute goes with the commit; before, it is taken out only for what is run and may read it."""
        place = places.of_assignment(value, action, key)
        if not self._are_read:
            self._going.append((place, place.held()))
            return
        entry = self._entry(place)
        if entry[0] is place:
            place.remember_order()
        entry[3] = True
        place.put(MISSING)

    def withdraw(self):
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
    def withdrawn(self):
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

    def begin(self):
        """Another statement runs."""
        self._touched.clear()

    def touched(self):
        """``(place, what it held, what it is going to hold)`` of what the statement assigned besides names."""
        return [
            (place, before, place.held() if is_done else new)
            for place, before, new, is_done in self._touched.values()
            if not isinstance(place, places.Content)
        ]

    def keep(self, place):
        """An item or attribute holds on to what it held."""
        entry = self._touched[place.identity()]
        entry[2] = entry[1]
        if entry[3]:
            place.put(entry[1])

    def settle(self, plan, live_of):
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

    def __init__(self, value, assign, seen=lambda *_place: MISSING):
        object.__setattr__(self, "parts", (value, assign, seen))

    def __getitem__(self, key):
        value, _, seen = _parts(self)
        found = seen(value, operator.setitem, key)
        return value[key] if found is MISSING else found

    def __getattribute__(self, name):
        value, _, seen = _parts(self)
        found = seen(value, setattr, name)
        return getattr(value, name) if found is MISSING else found

    def __setitem__(self, key, new):
        value, assign, _ = _parts(self)
        assign(value, operator.setitem, key, new)

    def __delitem__(self, key):
        value, assign, _ = _parts(self)
        assign(value, operator.delitem, key)

    def __setattr__(self, name, new):
        value, assign, _ = _parts(self)
        assign(value, setattr, name, new)

    def __delattr__(self, name):
        value, assign, _ = _parts(self)
        assign(value, delattr, name)


def _parts(target):
    return object.__getattribute__(target, "parts")


def are_in(code):
    """Whether the statements of a module's or a class's code may assign anything but names."""
    bodies = [code, *(one for one in code.co_consts if isinstance(one, type(code)) and not one.co_flags & 1)]
    return any(not _OPCODES.isdisjoint(one.co_code[::2]) for one in bodies) or any(map(are_in, bodies[1:]))


def targets(tree):
    """What the statements of a syntax tree assign besides names, as text, outside of functions."""
    found = _Targets()
    found.visit(tree)
    return found.texts


def rewritten(tree, namespace, target):
    """A syntax tree whose statements, outside of functions, assign what is no name through ``target(value, text)``."""
    namespace[_NAME] = target
    return _Targets().visit(tree)


def forget(namespace):
    namespace.pop(_NAME, None)


class _Targets(ast.NodeTransformer):
    def __init__(self):
        self.texts = []

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def _visit_target(self, node):
        is_target = not isinstance(node.ctx, ast.Load)
        text = ast.unparse(node) if is_target else None
        self.generic_visit(node)
        if is_target:
            self.texts.append(text)
            call = ast.Call(ast.Name(_NAME, ast.Load()), [node.value, ast.Constant(text)], [])
            node.value = ast.fix_missing_locations(ast.copy_location(call, node.value))
        return node

    visit_Subscript = visit_Attribute = _visit_target

    def visit_Call(self, node):
        self.generic_visit(node)
        if is_setattr(node):
            text = f"{ast.unparse(node.args[0])}.{ast.unparse(node.args[1])}"
            call = ast.Call(ast.Name(_NAME, ast.Load()), [node.args[0], ast.Constant(text)], [])
            node.args[0] = ast.fix_missing_locations(ast.copy_location(call, node.args[0]))
        return node


def sets_attribute(statement):
    """Whether a statement calls ``setattr``."""
    return isinstance(statement, ast.Expr) and is_setattr(statement.value)


def is_setattr(node):
    """Whether a node is a call that is carried out as an assignment of an attribute."""
    is_named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
    return is_named and len(node.args) == 3 and not node.keywords


def identity(value, action, key):
    """Which place takes an assignment, as :meth:`Writes.touched` names it; nothing where none does."""
    place = places.of_assignment(value, action, key)
    return place.identity() if place is not None else None


def held(value, action, key):
    """What an assigned item or attribute holds, where that can be told without asking any code; else ``MISSING``."""
    place = places.of_assignment(value, action, key)
    if place is None:
        return MISSING
    try:
        return value[key] if isinstance(place, places.Content) else place.held()
    except (IndexError, TypeError):
        return MISSING
