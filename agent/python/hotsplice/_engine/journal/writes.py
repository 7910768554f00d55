"""What statements assign besides names: ``TABLE[key] = value``, ``Settings.debug = value``.

Statements run in a shadow while a patch is prepared, but such targets are live objects. Where a dictionary, a list, a
class or an object's own attributes take the value, that is noted, taken back as soon as everything has been run, and
goes in with the commit. Where code of the program or of a C extension takes it (``__setitem__``, a property, an
array), the assignment is put off until the commit is done.
"""

import ast
import dis
import operator
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from types import FunctionType, MemberDescriptorType, ModuleType

from ..live import objects

MISSING = object()
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
_HASHED_IN_C = {str, int, float, bool, bytes, type(None), type, FunctionType}
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
        holder = live_of(place.owner) if isinstance(place, _Item) else None
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
        place = _place(value, action, key)
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
        place = _place(value, action, key) if self._places else None
        entry = self._places.get(place.identity()) if place is not None else None
        if entry is None or entry[3]:
            return MISSING
        return entry[2][key] if isinstance(place, _Content) else entry[2]

    def give_up(self, value, action, key):
        """The item or attribute goes with the commit; before, it is taken out only for what is run and may read it."""
        place = _place(value, action, key)
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
                if is_done and (isinstance(place, _Content) or place.held() is before):
                    place.put(new)

    def begin(self):
        """Another statement runs."""
        self._touched.clear()

    def touched(self):
        """``(place, what it held, what it is going to hold)`` of what the statement assigned besides names."""
        return [
            (place, before, place.held() if is_done else new)
            for place, before, new, is_done in self._touched.values()
            if not isinstance(place, _Content)
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
            # A list, because what it holds may be exchanged for something live.
            plan.afterwards.append(partial(_carry_out, action, list(map(live_of, arguments))))
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
    place = _place(value, action, key)
    return place.identity() if place is not None else None


def held(value, action, key):
    """What an assigned item or attribute holds, where that can be told without asking any code; else ``MISSING``."""
    place = _place(value, action, key)
    if place is None:
        return MISSING
    try:
        return value[key] if isinstance(place, _Content) else place.held()
    except (IndexError, TypeError):
        return MISSING


def _place(value, action, key):
    """What takes an assignment, if no code but the interpreter's own is asked."""
    kind = type(value)
    if action in (operator.setitem, operator.delitem):
        if isinstance(value, dict) and {kind.__setitem__, kind.__delitem__} <= _PLAIN:
            return _Item(value, key, value)
        if isinstance(value, list) and {kind.__setitem__, kind.__delitem__} <= _PLAIN:
            return _Content(value)
        return None
    if not {kind.__setattr__, kind.__delattr__} <= _PLAIN:
        return None
    if isinstance(value, type):
        return _ClassAttribute(value, key)
    found = next((one.__dict__[key] for one in kind.__mro__ if key in one.__dict__), None)
    if isinstance(found, MemberDescriptorType):
        return _Slot(value, key, found)
    members = objects.dictionary(value)
    # A property takes it, or the object has no dictionary.
    is_plain = members is not None and objects.of_type(type(found), "__set__") is None
    return _Item(members, key, value) if is_plain else None


def _carry_out(action, arguments):
    action(*arguments)


class _One:
    """A place that holds one value."""

    def after(self, held, _action, key, *new):
        """What it holds after an assignment or a deletion."""
        if not new and held is MISSING:
            raise (KeyError if isinstance(self, _Item) and self.holder is self.owner else AttributeError)(key)
        return new[0] if new else MISSING


class _Item(_One):
    """An item of a dictionary: the owner itself, or its attributes."""

    def __init__(self, holder, key, owner):
        self.holder, self.key, self.owner = holder, key, owner
        # The keys, if this one was taken out.
        self.order = ()

    def identity(self):
        return id(self.holder), self.key

    def held(self):
        return dict.get(self.holder, self.key, MISSING)

    def remember_order(self):
        self.order = list(self.holder)

    def put(self, value):
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

    def plan(self, plan, live_of, before, new):
        owner = live_of(self.owner)
        holder = owner if self.holder is self.owner else objects.attributes(owner)
        if not objects.is_exactly(self.key, *_HASHED_IN_C):
            # Finding its place runs code of the program.
            action, values = (operator.delitem, ()) if new is MISSING else (operator.setitem, (new,))
            plan.afterwards.append(partial(_carry_out, action, [holder, self.key, *values]))
        elif new is MISSING:
            plan.delete_name(holder, self.key)
        elif before is MISSING or holder is not self.holder:
            plan.set_name(holder, self.key, new)
        else:
            plan.add("dict-replace", holder, self.key, before, new)


class _Slot(_One):
    def __init__(self, owner, name, descriptor):
        self.owner, self.key, self._descriptor = owner, name, descriptor

    def identity(self):
        return id(self.owner), self.key

    def held(self):
        try:
            return self._descriptor.__get__(self.owner, type(self.owner))
        except AttributeError:
            return MISSING

    def remember_order(self):
        """Slots have none."""

    def put(self, value):
        if value is not MISSING:
            self._descriptor.__set__(self.owner, value)
        elif self.held() is not MISSING:
            self._descriptor.__delete__(self.owner)

    def plan(self, plan, live_of, before, new):
        owner = live_of(self.owner)
        if new is MISSING:
            plan.add("attribute-delete", owner, self.key)
        else:
            plan.add("attribute-set", owner, self.key, new)


class _ClassAttribute(_One):
    def __init__(self, owner, name):
        self.owner, self.key = owner, name

    def identity(self):
        return id(self.owner), self.key

    def held(self):
        return self.owner.__dict__.get(self.key, MISSING)

    def remember_order(self):
        """A class's attributes are not read in an order."""

    def put(self, value):
        if value is not MISSING:
            type.__setattr__(self.owner, self.key, value)
        elif self.key in self.owner.__dict__:
            type.__delattr__(self.owner, self.key)

    def plan(self, plan, live_of, before, new):
        owner = live_of(self.owner)
        if new is MISSING:
            plan.delete_class_attribute(owner, self.key)
        else:
            plan.set_class_attribute(owner, self.key, new)


class _Content:
    """All items of a list: an assigned slice may move them."""

    key = None

    def __init__(self, owner):
        self.owner = owner

    def identity(self):
        return id(self.owner), None

    def held(self):
        return list(self.owner)

    def after(self, held, action, key, *new):
        content = list(held)
        action(content, key, *new)
        return content

    def put(self, value):
        self.owner[:] = value

    def plan(self, plan, live_of, before, new):
        plan.add("list-content", self.owner, before, list(map(live_of, new)))
