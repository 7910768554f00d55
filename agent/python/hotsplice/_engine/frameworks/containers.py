"""Lists and dictionaries of the program in which decorators and base classes keep what they are given.

Decorators and class statements that run while a patch is prepared register what they make there and then. That is
taken out again as soon as everything has been run, and goes in with the commit, where the former version stood: a
registry neither doubles nor keeps the old entry, and a patch that is refused leaves it as it was.
"""

from collections import defaultdict, deque
from functools import partial
from itertools import zip_longest
from types import FunctionType, MethodType, ModuleType

from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from . import Gap, LiveOf, filled, registers_anew

# Longer ones are left alone: a registry of functions is short. So are any beyond so many items in all.
_LIMIT = 10_000
_LIMIT_OF_ALL = 50_000
# Only those whose code is the interpreter's own.
_CONTAINERS = (list, dict, defaultdict)
# How far into tuples, closures and objects a registered function is looked for.
_DEPTH = 4


class Containers:
    """What the containers that this patch may register in held before, for one transaction."""

    def __init__(self, shadows, excluded):
        # id → (container, a copy of what it held)
        self._before = {}
        # How many items those have.
        self._noted = 0
        # (container, what was registered: items, or for a dictionary new values by key)
        self._taken = []
        # (outcome, ids of the containers that its former decorators use, ids of what it made)
        self._edits = []
        self._excluded = excluded
        self._shadows = shadows
        self._withdrawn = False

    def note(self, transaction):
        """Notes what the containers hold that the transaction's decorators and classes may use."""
        for shadow in self._shadows:
            for value in list(shadow.namespace.globals.values()):
                self._note(value, 1)
        for change in transaction.files:
            for outcome in change.outcomes:
                for namespace in change.namespaces:
                    self._note_edit(namespace, outcome)

    def _note_edit(self, namespace, outcome):
        edit = outcome.edit
        if edit["what"] not in ("function", "class"):
            return
        for name in edit["reads"]:
            self._note(_resolved(namespace, name), 2)
        is_class = edit["what"] == "class" and edit["change"] in ("changed", "derived")
        if is_class or registers_anew(edit):
            used = set()
            for name in edit["registrars"]:
                self._note(_resolved(namespace, name), 2, used)
            value = lookup.bound_value(namespace, edit["scope"], edit["binds"][0] if edit["binds"] else "")
            if isinstance(value, type) and (is_class or edit["change"] == "removed"):
                self._note_class(value, used)
            self._edits.append((outcome, used, _live_functions(namespace, edit)))

    def _note_class(self, cls, used):
        """What bases and a metaclass may register a class in when it is made."""
        for base in cls.__mro__[1:]:
            if native.is_made_in_python(base):
                self._note(base, 1, used)
                made = base.__dict__.get("__init_subclass__")
                self._note(objects.wrapped(made), 2, used)
        for name in ("__new__", "__init__", "__call__"):
            for meta in type(cls).__mro__:
                made = meta.__dict__.get(name) if native.is_made_in_python(meta) else None
                self._note(objects.wrapped(made), 2, used)

    def _note(self, value, depth, used=None):
        """Notes the containers that a value is, or leads to."""
        if id(value) in self._excluded:
            return
        if objects.is_exactly(value, *_CONTAINERS):
            self._note_container(value, used)
            # `handlers["start"]`, and no deeper: what lies below is data.
            for one in _items(value) if id(value) in self._before else ():
                if objects.is_exactly(one, *_CONTAINERS):
                    self._note_container(one, used)
            return
        if depth == 0:
            return
        if isinstance(value, FunctionType):
            names = {name for code in tree(value.__code__) for name in code.co_names}
            inner = [value.__globals__[name] for name in names if name in value.__globals__]
            inner = [one for one in (*inner, *_cells(value)) if not isinstance(one, ModuleType)]
        elif isinstance(value, MethodType):
            inner = (value.__func__, value.__self__)
        elif isinstance(value, type):
            made = [cls for cls in value.__mro__ if native.is_made_in_python(cls)]
            inner = [one for cls in made for one in cls.__dict__.values() if objects.is_exactly(one, *_CONTAINERS)]
        elif isinstance(value, ModuleType):
            return
        else:
            inner = _attributes(value)
        for one in inner:
            self._note(one, depth - 1, used)

    def _note_container(self, container, used):
        if id(container) not in self._before:
            self._noted += len(container)
            is_namespace = isinstance(container, dict) and "__builtins__" in container
            if len(container) > _LIMIT or self._noted > _LIMIT_OF_ALL or is_namespace:
                return
            self._before[id(container)] = (container, container.copy())
        if used is not None:
            used.add(id(container))

    def withdraw(self):
        """Takes out what was registered while evaluating; once that is done, it is done."""
        if self._withdrawn:
            return
        self._withdrawn = True
        made = {id(function) for shadow in self._shadows for function in shadow.functions()}
        for shadow in self._shadows:
            known = {id(value) for value in shadow.before.values()}
            made.update(id(one) for one in shadow.globals.values() if isinstance(one, type) and id(one) not in known)
        if not (made and self._before):
            return
        for container, before in self._before.values():
            if isinstance(container, list):
                known = set(map(id, before))
                new = [one for one in container if id(one) not in known and _reaches(one, made)]
                for one in new:
                    del container[next(index for index, other in enumerate(container) if other is one)]
            else:
                new = {
                    key: value
                    for key, value in list(container.items())
                    if before.get(key, self) is not value and _reaches((key, value), made)
                }
                for key in new:
                    if key in before:
                        container[key] = before[key]
                    else:
                        del container[key]
            if new:
                self._taken.append((container, new))
            if any(one is not other for one, other in zip_longest(_entries(container), _entries(before))):
                self._say_left(container)

    def _say_left(self, container):
        for outcome, used, _ in self._edits:
            if id(container) in used and outcome.edit["change"] != "removed":
                outcome.caveat(
                    "HS0407",
                    f"what decorates or makes {outcome.edit['definition']} was run again, and what that did besides "
                    "registering it may have been done twice",
                )

    def settle(self, transaction, replaced):
        """Plans what the containers get with the commit."""
        live_of = LiveOf(transaction, replaced, {})
        news = {id(container): (container, new) for container, new in self._taken}
        for _, used, _ in self._edits:
            for key in used:
                news.setdefault(key, (self._before[key][0], ()))
        for container, new in news.values():
            settle = self._settle_list if isinstance(container, list) else self._settle_dict
            settle(transaction.plan, container, new, live_of)

    def _former(self, container, key, value, new, live_of):
        """Whether an entry is what the former version of something had registered."""
        former = (key, None if isinstance(value, (list, dict)) else _function(value))
        pairs = [pair for one in new for pair in zip((one[0], _function(one[1])), former)]
        return any(made is not old and live_of(made) is old for made, old in pairs) or any(
            id(container) in used or any(_names(one, outcome.edit) for one in new)
            for outcome, used, live in self._edits
            if not isinstance(value, (list, dict)) and _reaches(value, live)
        )

    def _settle_list(self, plan, container, new, live_of):
        entries = [(None, one) for one in new]
        before = list(container)
        items = list(before)
        for index, one in enumerate(items):
            if self._former(container, None, one, entries, live_of):
                items[index] = Gap(_function(one))
        items = filled([*items, *new], _function, live_of, before)
        items = [live_of(one) for one in items]
        if len(items) != len(before) or any(one is not other for one, other in zip(items, before)):
            plan.add("list-content", container, before, items)

    def _settle_dict(self, plan, container, new, live_of):
        entries = list(dict(new).items())
        kept = {live_of(key) for key, _ in entries}
        for key, value in list(container.items()):
            if key not in kept and self._former(container, key, value, entries, live_of):
                plan.delete_name(container, key)
        for key, value in entries:
            plan.set_name(container, live_of(key), live_of(value))


def _resolved(namespace, name):
    """What a dotted name leads to, without asking properties."""
    head, *rest = name.split(".")
    value = namespace.globals.get(head)
    for part in rest:
        members = objects.attributes(value)
        if not isinstance(value, (ModuleType, type)) or part not in members:
            # A method of an object: what the object holds is meant.
            break
        value = members[part]
    return value


def _items(container):
    return list(container.values() if isinstance(container, dict) else container)


def _entries(container):
    """What a container holds, one after the other, keys too."""
    return [part for pair in container.items() for part in pair] if isinstance(container, dict) else list(container)


def _cells(function):
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            continue
    return found


def _attributes(value):
    return list(objects.attributes(value).values())


def _inside(value):
    if objects.is_exactly(value, *_CONTAINERS):
        return _items(value) if len(value) <= _LIMIT else ()
    if isinstance(value, tuple):
        return list(tuple.__iter__(value))
    if objects.is_exactly(value, set, frozenset, deque):
        return list(value)
    if isinstance(value, FunctionType):
        return [*_cells(value), value.__dict__.get("__wrapped__")]
    if isinstance(value, (MethodType, staticmethod, classmethod)):
        return (value.__func__,)
    if isinstance(value, property):
        return (value.fget, value.fset, value.fdel)
    if isinstance(value, partial):
        return (value.func, *value.args)
    if isinstance(value, (type, ModuleType, str, int, float, bytes)) or value is None:
        return ()
    return _attributes(value)


def _reaches(value, wanted, depth=_DEPTH):
    """Whether a value is, or holds, one of the objects with these ids."""
    if id(value) in wanted:
        return True
    return depth > 0 and any(_reaches(one, wanted, depth - 1) for one in _inside(value))


def _function(value, depth=_DEPTH):
    """The function or class that an entry is about."""
    if isinstance(value, (FunctionType, type)):
        return value
    if depth > 0:
        for one in _inside(value):
            found = _function(one, depth - 1)
            if found is not None:
                return found
    return None


def _names(entry, edit):
    function = _function(entry)
    return function is not None and function.__qualname__ == edit["definition"]


def _live_functions(namespace, edit):
    value = lookup.bound_value(namespace, edit["scope"], edit["binds"][0] if edit["binds"] else edit["definition"])
    unit = {"scope": edit["scope"], "name": edit["definition"].rpartition(".")[2], "old_line": edit["old_line"]}
    functions = lookup.find_unit(namespace, unit) if edit["what"] == "function" else ()
    return {id(value), *map(id, functions)}
