"""Objects that were made with a default of a field which is another one now: those of modules are reported."""

import ast
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from types import FunctionType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from ..._loaded import Remembered
from ..errors import EngineError
from ..live import lookup, objects
from ..live.files import live_file
from ..native import native
from .entries import equal

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome

_MISSING = object()
# How far it is looked for objects that are attributes of others, and into containers, and how many items of one.
_DEPTH = 1
_DEPTH_OF_CONTAINERS = 2
_INSIDE = "[]"
_ITEMS = 1_000
# What makes a container that the program fills.
_CONTAINERS = ("dict", "list", "set", "frozenset", "tuple", "deque", "defaultdict", "OrderedDict", "Counter")
_CASES: tuple[Any, ...] = (ast.match_case,)
# Where classes keep what they know of their fields.
_FIELDS = ("__dataclass_fields__", "__pydantic_fields__")


# (id of a class, field) → the class, and defaults that the field had before: what objects that exist may hold.
_former: dict[tuple[int, str], "tuple[weakref.ref[type], list[Any]]"] = {}


def report_former(
    outcomes: "list[EditOutcome]",
    scope: tuple[str, ...],
    cls: type,
    before: dict[str, Any],
    after: Any,
    later: Callable[[Any], None],
    at_last: Callable[[Any], None],
) -> None:
    """Reports which objects of modules hold the former default of a field: a fresh process makes them with the new.

    ``later`` takes what is to be done once the patch is live, ``at_last`` what is once all else was done.
    """
    changed = [name for name in before if name in after and not equal(before[name], after[name])]
    for name in changed if changed and _has_objects(cls) else ():
        later(partial(_remember, cls, name, before[name]))
        holders = _holding(cls, name, before[name])
        for outcome in outcomes if holders else ():
            if tuple(outcome.edit["scope"]) == scope and name in outcome.edit["binds"]:
                outcome.caveat(
                    "HS0410",
                    f"{', '.join(holders)}: made with the former default of {name}; "
                    "give existing objects the new one if you want",
                )
                at_last(partial(_retract_made_again, outcome, cls, name, before[name], holders))


def _retract_made_again(outcome: "EditOutcome", cls: type, field: str, value: Any, holders: list[str]) -> None:
    """Once the patch is live: what it has made again holds the new default."""
    left = _holding(cls, field, value)
    made_again = [name for name in holders if name not in left]
    if made_again and not left:
        outcome.retract("HS0410", f": made with the former default of {field};")


def take_new(
    outcomes: "list[EditOutcome]",
    scope: tuple[str, ...],
    cls: type,
    defaults: Callable[[Any], dict[str, Any]],
    give: Callable[[Any, str, Any], None],
    later: Callable[[Any], None],
) -> None:
    """Where a field is asked to be run again: objects that hold a former default of it get the one that it has now."""
    for outcome in outcomes:
        if outcome.edit["change"] != "stale" or tuple(outcome.edit["scope"]) != scope:
            continue
        for name in outcome.edit["binds"]:
            known, former = _former.get((id(cls), name), (None, []))
            now = defaults(cls).get(name, _MISSING)
            if known is None or known() is not cls or now is _MISSING:
                continue
            # One that is derived may have a default of its own.
            found = [
                one
                for one in native.objects_of_type(*lookup.with_subclasses(cls))
                if equal(defaults(type(one)).get(name, _MISSING), now)
                and any(equal(_held(one, name), value) for value in former)
            ]
            for one in found:
                give(one, name, now)
            later(partial(_former.pop, (id(cls), name), None))
            objects = "1 object was" if len(found) == 1 else f"{len(found)} objects were"
            outcome.note("applied", "HS0411", f"{objects} given the new default of {name}")


def _remember(cls: type, name: str, value: Any) -> None:
    key = (id(cls), name)
    known, former = _former.get(key, (None, []))
    if known is None or known() is not cls:
        _former[key] = (weakref.ref(cls, lambda _: _former.pop(key, None)), [value])
    elif not any(equal(value, one) for one in former):
        former.append(value)


def _holding(cls: type, field: str, value: Any) -> list[str]:
    classes = set(map(id, lookup.with_subclasses(cls)))
    found = [
        name
        for module in _holding_any(classes)
        for name, held in _kept(module)
        if id(type(held)) in classes
        and equal(_held(held, field), value)
        and _is_of_text(module, name, type(held), field)
    ]
    return list(dict.fromkeys(name.removesuffix(_INSIDE) for name in found))


def _has_objects(cls: type) -> bool:
    """Whether a class had objects when the patch began: of many classes it is asked for each."""
    alive: set[int] | None = Remembered.notes.get("kinds alive")
    if alive is None:
        alive = Remembered.notes["kinds alive"] = native.kinds_alive()
    return not alive.isdisjoint(map(id, lookup.with_subclasses(cls)))


def _holding_any(classes: set[int]) -> list[ModuleType]:
    """The project's modules in which objects of these classes are kept. Of many classes it is asked for each."""
    modules = [module for _, module in lookup.project_modules()]
    known: dict[int, list[int]] | None = Remembered.notes.get("kinds kept")
    if known is None:
        known = Remembered.notes["kinds kept"] = {}
        for place, module in enumerate(modules):
            for kind in {id(type(held)) for _, held in _kept(module)}:
                known.setdefault(kind, []).append(place)
    places = {place for kind in classes for place in known.get(kind, ())}
    return [modules[place] for place in sorted(places) if place < len(modules)]


def _kept(module: Any) -> Iterator[tuple[str, Any]]:
    """What a module made when it was imported and still has: values of names, and defaults of its definitions."""
    own = lookup.members_of(module).get("__name__")
    for name, value in list(lookup.members_of(module).items()):
        yield name, value
        # `CONFIG.database`: its constructor made that.
        yield from _attributes(name, value)
        yield from _items(name, value)
        if type(value) is FunctionType:
            for one in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
                yield f"a default of {name}", one
        elif issubclass(type(value), type) and value.__dict__.get("__module__") == own:
            for key, one in list(value.__dict__.items()):
                yield f"{name}.{key}", one
                for inner, info in list(one.items()) if key in _FIELDS and type(one) is dict else ():
                    yield f"{name}.{inner}", getattr(info, "default", None)


def _attributes(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (type, ModuleType, FunctionType)) or not native.is_made_in_python(type(value)):
        return
    for attribute, one in list((objects.dictionary(value) or {}).items()):
        yield f"{name}.{attribute}", one
        if depth < _DEPTH:
            yield from _attributes(f"{name}.{attribute}", one, depth + 1)


def _items(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if not objects.is_exactly(value, list, tuple, set, frozenset, dict):
        return
    inside = [*islice(value, _ITEMS), *(islice(value.values(), _ITEMS) if type(value) is dict else ())]
    for one in inside:
        yield f"{name}{_INSIDE}", one
        if depth < _DEPTH_OF_CONTAINERS:
            yield from _items(name, one, depth + 1)


def _is_of_text(module: ModuleType, name: str, cls: type, field: str) -> bool:
    """Whether the module's text may have made it with the default: it gives no value of its own.

    What the program has put into a container is its state: something of that the text must have made.
    """
    name, is_inside, _ = name.partition(_INSIDE)
    if not name.isidentifier():
        return True
    path = lookup.members_of(module).get("__file__")
    try:
        statements = _statements(ast.parse(live_file(path).text)) if type(path) is str else []
    except (EngineError, SyntaxError, ValueError):
        return not is_inside
    giving = [one for one in statements if name in _given(one)]
    calls = [node for one in giving for node in ast.walk(one) if isinstance(node, ast.Call)]
    named = [(ast.unparse(call.func).rpartition(".")[2], call) for call in calls]
    own = [call for called, call in named if called == cls.__name__]
    if own and all(_gives(call, cls, field) for call in own):
        return False
    return not is_inside or any(called not in _CONTAINERS for called, _ in named)


def _gives(call: ast.Call, cls: type, field: str) -> bool:
    """Whether a call of a class gives a field a value, by its name or its place."""
    if any(one.arg == field for one in call.keywords):
        return True
    made: Any = objects.of_type(cls, "__init__")
    code = made.__code__ if type(made) is FunctionType else None
    positional = code.co_varnames[1 : code.co_argcount] if code is not None else ()
    are_plain = not any(isinstance(one, ast.Starred) for one in call.args)
    return are_plain and field in positional[: len(call.args)]


def _statements(node: ast.AST) -> list[ast.stmt]:
    """The simple statements of a module, those of compound ones too."""
    found: list[ast.stmt] = []
    for one in ast.iter_child_nodes(node):
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(one, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)):
            found.append(one)
        elif isinstance(one, (ast.stmt, ast.ExceptHandler, *_CASES)):
            found += _statements(one)
    return found


def _given(statement: ast.stmt) -> set[str]:
    """The names that a simple statement gives something: `rows = [Row()]`, `TABLE[1] = Row()`, `rows.append(Row())`."""
    targets: list[Any] = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    if isinstance(statement, ast.Expr):
        targets = [statement.value.func] if isinstance(statement.value, ast.Call) else []
    names = (node for target in targets if target is not None for node in ast.walk(target))
    return {node.id for node in names if isinstance(node, ast.Name)}


def _held(value: Any, name: str) -> Any:
    member = objects.of_type(type(value), name)
    try:
        return member.__get__(value) if type(member) is MemberDescriptorType else lookup.members(value)[name]
    except (AttributeError, KeyError):
        return _MISSING
