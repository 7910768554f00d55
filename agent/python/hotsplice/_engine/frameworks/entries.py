"""What stands in a registry: which function or class an entry is about, and whether two entries are one."""

import ast
import re
from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.files import live_file
from ..native import native
from . import gathering, stores

if TYPE_CHECKING:
    from ..live.lookup import Namespace
    from ..live.messages import Definition, Edit

# Longer ones are left alone: a registry of functions is short.
LIMIT = 10_000
# How far into tuples, closures and objects a registered function is looked for.
_DEPTH = 4
# What a decorator fills while calls run: empty when it is made, and full later.
_GATHERING = (list, dict, set, deque, OrderedDict, defaultdict)
_VALUES = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None), range, slice)
Entries = list[tuple[Any, Any]]


def same(one: Entries, other: Entries) -> bool:
    return len(one) == len(other) and all(stores.is_same(a, b) for a, b in zip(one, other))


def without(entries: Entries, others: Entries) -> Entries:
    """Entries but for those of others, each as often as it stands there; the last ones stay."""
    counts: dict[tuple[int | str, int], int] = {}
    for entry in others:
        counts[identity(entry)] = counts.get(identity(entry), 0) + 1
    left = []
    for entry in entries:
        if counts.get(identity(entry), 0):
            counts[identity(entry)] -= 1
        else:
            left.append(entry)
    return left


def with_others(wanted: Entries, gone: Entries, came: Entries) -> Entries:
    """Entries without those that are gone, and with those that came: under a key that was there in its place."""
    counts: dict[tuple[int | str, int], int] = {}
    for entry in gone:
        counts[identity(entry)] = counts.get(identity(entry), 0) + 1
    came, found = list(came), []
    for entry in wanted:
        if not counts.get(identity(entry), 0):
            found.append(entry)
            continue
        counts[identity(entry)] -= 1
        instead = next((one for one in came if entry[0] is not None and equal(one[0], entry[0])), None)
        if instead is not None:
            came.remove(instead)
            found.append((entry[0], instead[1]))
    return [*found, *(one for one in came if one[0] is None or not any(equal(one[0], key) for key, _ in found))]


def identity(entry: tuple[Any, Any]) -> "tuple[int | str, int]":
    """A dictionary that is given an equal key keeps the one that it has: a text is its text, whichever object."""
    key, value = entry
    return key if type(key) is str else id(key), id(value)


def equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    with suppress(Exception):
        return bool(one == other)
    return False


def called(namespace: "Namespace", edit: "Edit") -> set[str]:
    """What an entry that holds no function may call a definition by."""
    name = edit["definition"].rpartition(".")[2]
    if len(name.strip("_")) < 2:
        return set()
    return {name, edit["definition"], f"{namespace.name}.{name}", f"{namespace.name}.{edit['definition']}"}


def leads_to(namespace: "Namespace", scope: Sequence[str], name: str) -> list[Any]:
    """What a dotted name leads to, without asking properties: for a method, the object or class and the function."""
    head, *rest = name.split(".")
    value = namespace.globals.get(head)
    if value is None and scope:
        value = lookup.bound_value(namespace, scope, head)
    for part in rest:
        members: Any = objects.attributes(value) if stores.is_a(value, ModuleType) else {}
        if value is not None and stores.is_a(value, type):
            members = next((one for one in map(objects.members, objects.order(value)) if part in one), {})
            if stores.is_a(members.get(part), classmethod):
                return [value, members[part].__func__]
        if part not in members:
            method = next((cls.__dict__[part] for cls in type(value).__mro__ if part in cls.__dict__), None)
            return [value, method] if stores.is_a(method, FunctionType) else [value]
        value = members[part]
    return [value]


def cells(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):
            found.append(cell.cell_contents)
    return found


def is_state(held: Any, given: Any, made: set[int]) -> bool:
    """Whether a value is what the program has made of it since, and not what a decorator computes when it is called."""
    kind = type(held)
    if kind is not type(given) or objects.is_exactly(held, *_VALUES) or kind is FunctionType or issubclass(kind, type):
        return False
    if objects.is_exactly(held, *_GATHERING):
        return not len(given)
    if objects.of_type(kind, "__eq__") is not object.__eq__:
        return False
    # An object with a state of its own: a lock, a cache, a client.
    return not reaches(given, made) and not _is_made_of_text(held, given)


def _is_made_of_text(held: Any, given: Any) -> bool:
    """Whether two objects are what their constructor was given, and that is something else: `stop_after(3)`."""
    before, after = objects.dictionary(held), objects.dictionary(given)
    if not before or not after or before.keys() != after.keys():
        return False
    if not all(map(_is_plain, (*before.values(), *after.values()))):
        return False
    if before.keys() & gathering.stored_by_methods(type(held)):
        return False
    changed = [name for name in before if not _is_alike(before[name], after[name])]
    # Numbers may have been counted.
    counted = [name for name in changed if not objects.is_exactly(before[name], str, bytes)]
    inside = {one for name in counted for one in _attributes_inside(before[name])}
    return bool(changed) and not any(map(_is_assigned, inside.union(counted)))


def _attributes_inside(value: Any, depth: int = 2) -> set[str]:
    """Names of the attributes of what is an object of such a kind itself."""
    members = objects.dictionary(value) if depth and native.is_made_in_python(type(value)) else None
    if not members or objects.is_exactly(value, FunctionType, MethodType) or issubclass(type(value), type):
        return set()
    return set(members).union(*(_attributes_inside(one, depth - 1) for one in members.values()))


def _is_plain(value: Any, depth: int = 2) -> bool:
    """Whether it is a value, or an object that holds nothing else and is never changed by its methods."""
    if objects.is_exactly(value, tuple, frozenset):
        return all(_is_plain(one, depth) for one in value)
    if objects.is_exactly(value, *_VALUES, FunctionType, MethodType) or issubclass(type(value), type):
        return True
    members = objects.dictionary(value) if depth and native.is_made_in_python(type(value)) else None
    if members is None or members.keys() & gathering.stored_by_methods(type(value)):
        return False
    return all(_is_plain(one, depth - 1) for one in members.values())


def _is_alike(one: Any, other: Any) -> bool:
    if objects.is_exactly(one, *_VALUES):
        return equal(one, other)
    if type(one) is type(other) is MethodType:
        # Of the object itself.
        return one.__func__ is other.__func__
    return one is other


def _is_assigned(name: str) -> bool:
    """Whether code of the project may give objects such an attribute besides their constructors."""
    mention = re.compile(rf"(?<!self)\.{re.escape(name)}\b|[\"']{re.escape(name)}[\"']")
    texts = (live_file(path).text for path, _ in lookup.project_modules())
    return any(name in text and mention.search(text) and _assigns(text, name) for text in texts)


def _assigns(text: str, name: str) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return True
    if any(isinstance(node, ast.Call) and _sets(node, name) for node in nodes):
        return True
    stored = (node for node in nodes if isinstance(node, ast.Attribute) and node.attr == name)
    others = (node for node in stored if not (isinstance(node.value, ast.Name) and node.value.id == "self"))
    return any(not isinstance(node.ctx, ast.Load) for node in others)


def _sets(call: ast.Call, name: str) -> bool:
    """`setattr(limit, "left", 2)`; `object.__setattr__` too."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    is_setter = called in ("setattr", "__setattr__")
    return is_setter and any(isinstance(one, ast.Constant) and one.value == name for one in call.args[:2])


def _inside(value: Any) -> Any:
    if stores.kind_of(value) is not None:
        return [one for _, one in stores.entries(value)] if stores.size(value) <= LIMIT else ()
    if stores.is_a(value, tuple):
        return list(tuple.__iter__(value))
    if type(value) is frozenset:
        return list(value)
    if stores.is_a(value, FunctionType):
        return [*cells(value), value.__dict__.get("__wrapped__")]
    if stores.is_a(value, (MethodType, staticmethod, classmethod)):
        return (value.__func__,)
    if stores.is_a(value, property):
        return (value.fget, value.fset, value.fdel)
    if stores.is_a(value, partial):
        return (value.func, *value.args)
    if stores.is_a(value, (type, ModuleType, str, int, float, bytes)) or value is None:
        return ()
    if lookup.has_own_class(value):
        return [*type(value).__dict__.values(), *stores.attributes(value)]
    referent = stores.referent(value)
    return stores.attributes(value) if referent is value else [referent, *stores.attributes(value)]


def reaches(value: Any, wanted: set[int], beside: Any = (), depth: int = _DEPTH) -> bool:
    """Whether a value is, or holds, one of the objects with these ids; what is ``beside`` it holds others too."""
    if id(value) in wanted or id(type(value)) in wanted or (type(value) is int and value in wanted):
        # Some registries have objects of classes, or know functions by their ids.
        return True
    if depth == 0 or id(value) in beside:
        return False
    return any(reaches(one, wanted, beside, depth - 1) for one in _inside(value))


def function(value: Any) -> Any:
    """The function that an entry is about, or the class where there is none: one that it holds, or its own."""
    found = _first(value, FunctionType, _DEPTH)
    found = found if found is not None else _first(value, type, _DEPTH)
    if found is None and objects.is_class(type(value)) and not objects.is_exactly(value, *_VALUES, *_GATHERING):
        return type(value) if native.is_made_in_python(type(value)) else None
    return found


def _first(value: Any, kind: type, depth: int) -> Any:
    """The nearest one: what is further away may be of something else that is registered in the same place."""
    level, seen = [value], {id(value)}
    for remaining in range(depth, -1, -1):
        found = next((one for one in level if stores.is_a(one, kind)), None)
        if found is not None or not remaining:
            return found
        inner = [one for outer in level for one in _inside(outer)]
        level = [one for one in inner if id(one) not in seen]
        seen.update(map(id, level))
    return None


def _is_indented(path: str, edit: "Edit") -> bool:
    line = live_file(path).excerpt(edit["old_line"], edit["old_line"]) if edit["old_line"] else ""
    return line[:1].isspace()


def live_functions(namespace: "Namespace", edit: "Edit", path: str) -> set[int]:
    value = lookup.bound_value(namespace, edit["scope"], edit["binds"][0] if edit["binds"] else edit["definition"])
    unit: Definition = {
        "scope": edit["scope"],
        "name": edit["definition"].rpartition(".")[2],
        "old_line": edit["old_line"],
    }
    functions = lookup.find_unit(namespace, unit) if edit["what"] == "function" else []
    may_be_several = bool(functions) and bool(edit.get("registrars")) and _is_indented(path, edit)
    if may_be_several and any(native.unaccounted(functions, [])):
        # A loop made several of one statement. To find them is a pass over all that lives.
        functions = [one for several in native.functions_of([one.__code__ for one in functions]) for one in several]
    found = set(map(id, functions))
    # Several definitions may have the name: `def _(value: int)`.
    if not found or reaches(value, found):
        found.add(id(value))
    return found
