"""Moving references: what points to one object is made to point to another, where that can be done."""

import ast
import functools
import weakref
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..evaluate.policy import MISSING
from ..evaluate.sorts import is_type_variable
from ..frameworks import stores
from ..live import lookup, objects
from ..live.code import join
from ..native import native
from . import callables, holders, imports

if TYPE_CHECKING:
    from ..evaluate.sandbox import Shadow
    from ..journal.plan import EditOutcome, Plan
    from ..live.lookup import Namespace
    from ..live.messages import Edit
    from .merging import Merger

_VALUES = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None), ModuleType)


def follow(mergers: "list[Merger]") -> None:
    """What was made while evaluating and has a live counterpart leaves its place to that."""
    first = mergers[0]
    pairs = [(made, live) for made, live in first.replaced if made is not live]
    layouts = {id(live) for live in first.layouts.classes()}
    _move_instances(first.plan, pairs, layouts)
    _move_subclasses(first.plan, pairs)
    fresh = {id(made) for made, _ in pairs}
    pairs += [*first.superseded, *_weak(pairs)]
    while pairs:
        _move_in_plan(first.plan, {id(old): new for old, new in pairs})
        remade = Remade(fresh)
        holders.move(first.plan, pairs, mergers, remade)
        pairs = remade.pairs
        fresh = {id(old) for old, _ in pairs}


def _weak(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Weak references to functions that were made: who keeps only such a one is to go on with the live one."""
    return [
        (reference, stores.reference_to(live, reference))
        for made, live in pairs
        if type(made) is FunctionType and type(live) is FunctionType
        for reference in weakref.getweakrefs(made)
        if objects.is_exactly(reference, weakref.ref, weakref.KeyedRef)
    ]


class Remade:
    """What holds something that was made while evaluating and can't hold another: it is as new, and is made anew."""

    def __init__(self, fresh: set[int]) -> None:
        self._fresh = fresh
        # (what was made, the same of what is live)
        self.pairs: list[tuple[Any, Any]] = []

    def take(self, holder: Any, moved: dict[int, Any]) -> bool:
        """Whether it is one of those."""

        def other(value: Any) -> Any:
            return moved[id(value)] if id(value) in self._fresh else value

        if type(holder) is MethodType:
            parts = (holder.__func__, holder.__self__)
            make: Callable[..., Any] = MethodType
        elif type(holder) is functools.partial:
            parts = (holder.func, *holder.args, *holder.keywords.values())
            make = functools.partial(_partial, holder)
        else:
            return False
        if not any(id(part) in self._fresh for part in parts):
            return False
        self.pairs.append((holder, make(*map(other, parts))))
        return True


def _partial(former: Any, function: Any, *values: Any) -> Any:
    count = len(former.args)
    made = functools.partial(function, *values[:count], **dict(zip(former.keywords, values[count:])))
    made.__dict__.update(former.__dict__)
    return made


def _is_name(operation: tuple[Any, ...], name: str) -> bool:
    """Whether an operation is about this attribute. Keys of the program's own classes are never compared."""
    return len(operation) > 2 and type(operation[2]) is str and operation[2] == name


# Where the value stands in an operation.
_VALUE_AT = {
    "dict-set": 3,
    "type-set": 3,
    "type-replace": 4,
    "attribute-set": 3,
    "setattr": 3,
    "cell": 2,
    "dict-replace": 4,
    "list": 3,
    "tuple": 3,
    "set-replace": 3,
}


def _move_in_plan(plan: "Plan", moved: dict[int, Any]) -> None:
    """What the plan puts somewhere may be something that has a live counterpart too."""
    for position, operation in enumerate(plan.operations):
        index = _VALUE_AT.get(operation[0])
        new = operation[index] if index is not None else None
        if index is None or id(new) not in moved:
            continue
        while id(new) in moved and moved[id(new)] is not operation[index]:
            new = moved[id(new)]
        plan.operations[position] = (*operation[:index], new, *operation[index + 1 :])


def _move_subclasses(plan: "Plan", pairs: list[tuple[Any, Any]]) -> None:
    """What derives from a class that was only built to lend what it has derives from the live one."""
    live_of = {id(one): other for one, other in pairs}
    for made, _ in pairs:
        for below in type.__subclasses__(made) if isinstance(made, type) else ():
            if id(below) not in live_of:
                bases = tuple(live_of.get(id(base), base) for base in below.__bases__)
                plan.add("bases", below, bases, live_of.get(id(below.__base__)))


def _move_instances(plan: "Plan", pairs: list[tuple[Any, Any]], layouts: set[int]) -> None:
    """Objects that were made of a class while evaluating are the live one's."""
    classes = {id(made): (made, live) for made, live in pairs if isinstance(made, type) and isinstance(live, type)}
    moved = {id(operation[1]) for operation in plan.operations if _is_name(operation, "__class__")}
    for instance in native.objects_of_type(*(made for made, _ in classes.values())) if classes else ():
        live = classes[id(type(instance))][1]
        if id(instance) in moved:
            continue
        if id(live) in layouts:
            # Another layout is that of the class that was made only when the patch is live.
            plan.add("attribute-set", instance, "__class__", live)
        elif _may_be_of(instance, live):
            # Once bases are other ones it may be so no more.
            plan.add_first("attribute-set", instance, "__class__", live)


def _may_be_of(instance: Any, live: Any) -> bool:
    """Whether CPython takes a class for an object of another one: asked with the object, which nobody has seen yet."""
    made = type(instance)
    try:
        object.__setattr__(instance, "__class__", live)
        object.__setattr__(instance, "__class__", made)
    except TypeError:
        return False
    return True


def is_own(value: Any, namespace: "Namespace") -> bool:
    """Whether a module made this function or class. What another one made goes on there: here it was only imported."""
    return isinstance(value, (FunctionType, type)) and value.__module__ == namespace.name


def is_gone(merger: "Merger", scope: Sequence[str], value: Any) -> bool:
    """Whether a function or a class came of a definition of this scope that is no longer in the text."""
    if not is_own(value, merger.namespace) or value.__qualname__ != ".".join((*scope, value.__name__)):
        return False
    return any(
        outcome.edit["change"] == "removed" and outcome.edit["definition"] == value.__qualname__
        for outcome in merger.change.outcomes
    )


def move_binding(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """A name holds another value: copies that other modules imported follow while they still hold the old one."""
    redefined = outcome.edit["change"] == "added" and outcome.edit["kind"] != "replaced"
    own = is_own(old, merger.namespace)
    # A decorator may have made anything of a function: a command, a task.
    decorated = outcome.edit["what"] in ("function", "block") and is_made_of(old, merger.namespace, name)
    decorated = decorated or wraps(old, merger.namespace, name)
    is_moved = ((own and old.__qualname__ == name) or decorated) and not (redefined and not is_gone(merger, (), old))
    if is_moved or callables.is_made_by_statement(merger, name, old, outcome.edit):
        move_object(merger, name, old, new, outcome)
        return
    leave_shared(merger, name, old, new, outcome)


def leave_shared(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """Imports of a name follow; who holds what it held may have that by another name."""
    for holder, alias in imports.followers(merger.namespace.globals, name, old):
        merger.plan.set_name(holder, alias, new)
    edit = outcome.edit
    is_own = isinstance(old, FunctionType) and old.__globals__ is merger.namespace.globals
    is_own = is_own and (old.__name__ != name or "<locals>" in old.__qualname__)
    is_made = objects.is_exactly(old, *callables.MADE) or (
        edit["what"] == "function" and not isinstance(old, (FunctionType, BuiltinFunctionType, type, *_VALUES))
    )
    # Another name of a function of another module, which holds it too, or of a class.
    is_alias = type(old) is FunctionType and old.__globals__ is not merger.namespace.globals
    is_alias = is_alias or holders.is_common(old)
    is_alias = is_alias and edit["what"] in ("import", "assignment") and edit["change"] == "changed"
    if is_own or (is_made and edit.get("given_by")) or is_alias:
        report_left(merger, name, old, outcome, is_alias)


def report_left(merger: "Merger", name: str, old: Any, outcome: "EditOutcome", is_alias: bool = False) -> None:
    """Who holds what a name or an attribute held keeps it; of another module's, others than that."""
    others = holders.held_from(old.__globals__) if is_alias and type(old) is FunctionType else ()
    merger.left.append((name, old, tuple(others), True, outcome))


def wraps(old: Any, namespace: "Namespace", name: str) -> bool:
    """Whether a function is what a decorator made of the module's definition of that name."""
    return isinstance(old, FunctionType) and "<locals>" in old.__qualname__ and _leads_to(old, namespace, name)


def is_made_of(old: Any, namespace: "Namespace", name: str) -> bool:
    """Whether an object is what a decorator made of a definition, and not what the program put in its place."""
    if isinstance(old, (FunctionType, BuiltinFunctionType, type, *_VALUES)):
        return False
    return _leads_to(old, namespace, name)


def _leads_to(old: Any, namespace: "Namespace", name: str) -> bool:
    def is_it(value: Any) -> bool:
        is_own = isinstance(value, FunctionType) and value.__globals__ is namespace.globals
        return is_own and value.__qualname__ == name

    return lookup.search(old, is_it) is not None


def move_object(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """Whoever holds one object is to hold the other; what can't be moved is reported."""
    if type(old) in holders.SHARED:
        # Others hold the same number, and mean another thing by it.
        for holder, alias in imports.followers(merger.namespace.globals, name, old):
            merger.plan.set_name(holder, alias, new)
        return
    merger.exchanged.append((name, old, new, outcome))


def exchange(mergers: "list[Merger]") -> None:
    """Has whoever holds what names held hold what they hold now, once all are bound; what can't is reported."""
    wanted: dict[int, list[tuple[Merger, Any]]] = {}
    for merger in mergers:
        for request in merger.exchanged:
            wanted.setdefault(id(request[1]), []).append((merger, request))
    pairs = []
    for requests in wanted.values():
        _, (_, old, new, _) = requests[0]
        if all(request[2] is new for _, request in requests):
            pairs.append((old, new))
            continue
        # Of several names that had it: there is no telling from which one a holder has it.
        for merger, (name, _, made, outcome) in requests:
            for holder, alias in imports.followers(merger.namespace.globals, name, old):
                merger.plan.set_name(holder, alias, made)
            report_left(merger, name, old, outcome)
    stay = holders.move(mergers[0].plan, pairs, mergers)
    left = [request[1] for merger in mergers for request in merger.left]
    found = holders.Found(mergers, left, pairs)
    copies = callables.copies([*left, *(old for old, _ in pairs)])
    told: dict[tuple[int, str], tuple[EditOutcome, list[str]]] = {}
    for requests in wanted.values():
        for _, (name, old, _, outcome) in requests:
            # Annotations that name a type variable are made again.
            if not is_type_variable(type(old)):
                known = told.setdefault((id(outcome), name), (outcome, []))[1]
                known += [*stay.get(id(old), ()), *copies.get(id(old), ())]
                mergers[0].plan.left.append((outcome, old, None))
    for merger in mergers:
        for name, old, others, is_in_class, outcome in merger.left:
            held = found.of(old, *others, is_in_class=is_in_class)
            merger.plan.left.append((outcome, old, others))
            told.setdefault((id(outcome), name), (outcome, []))[1].extend([*held, *copies.get(id(old), ())])
    for (_, name), (outcome, left) in told.items():
        if left:
            _say_left(outcome, name, left)
    # A copy is held by whoever has it, and refers to nothing that could be looked for.
    copied = {id(outcome) for requests in wanted.values() for _, (_, old, _, outcome) in requests if id(old) in copies}
    copied |= {id(request[-1]) for merger in mergers for request in merger.left if id(request[1]) in copies}
    plan = mergers[0].plan
    plan.left = [one for one in plan.left if id(one[0]) not in copied]


def move_member(merger: "Merger", path: tuple[str, ...], old: Any, new: Any, outcome: "EditOutcome") -> None:
    """What a decorator made of a method is another object: other names of the former one follow."""
    if isinstance(old, FunctionType) and old.__qualname__ == ".".join((*path[:-1], "<lambda>")):
        # A method that was written as an assignment.
        move_object(merger, path[-1], old, new, outcome)
        return
    name = ".".join(path)
    is_definition = isinstance(old, (FunctionType, type)) and old.__qualname__ == name
    if not is_definition and not is_made_of(old, merger.namespace, name):
        if not isinstance(old, (FunctionType, BuiltinFunctionType, type, *_VALUES)):
            report_left(merger, path[-1], old, outcome)
        return
    if outcome.edit["change"] == "added" and not _is_extended(old, new, outcome.edit, path[-1]):
        return
    merger.exchanged.append((path[-1], old, new, outcome))
    if type(old) is not FunctionType:
        # Those of plain methods are moved to the new object, or said already.
        report_bound(merger, path[-1], old, new, outcome)


def _is_extended(old: Any, new: Any, edit: "Edit", name: str) -> bool:
    """Whether a definition that is new goes on with what the former one gave: `@size.setter`."""
    if type(old) is not type(new) or not edit.get("run"):
        return False
    definitions = [node for node in ast.walk(ast.parse(join(edit["run"]))) if getattr(node, "name", None) == name]
    read = {
        node.id
        for definition in definitions
        for decorator in getattr(definition, "decorator_list", ())
        for node in ast.walk(decorator)
        if isinstance(node, ast.Name)
    }
    return name in read


def report_bound(merger: "Merger", name: str, old: Any, new: Any, outcome: "EditOutcome") -> None:
    """Who holds the function of a method that is bound in another way now: it gets other arguments there."""
    if type(old) is functools.partialmethod:
        # What it was for an object is a `partial`.
        report_left(merger, name, old, outcome)
        return
    if type(old) is type(new) or not objects.is_exactly(old, staticmethod, classmethod, FunctionType):
        return
    is_plain = type(old) is FunctionType
    merger.left.append((name, old if is_plain else old.__func__, (old, new), is_plain, outcome))


def _say_left(outcome: "EditOutcome", name: str, left: list[str]) -> None:
    outcome.caveat(
        "HS0303",
        f"{len(left)} reference{'s' if len(left) > 1 else ''} to the old {name} stay: " + ", ".join(sorted(set(left))),
    )


def show_to_others(merger: "Merger", others: "list[Shadow]") -> None:
    """Other modules that are evaluated later see what is new here under the names by which they imported it."""
    # By the id of what was live, or of what stands for it. Who has imported it is asked where others may have the same.
    shown: dict[int, list[tuple[Any, Any, set[tuple[int, str]] | None]]] = {}
    for name in {*merger.bound, *(scope[0] for scope in merger.rebuilt)}:
        old, new = merger.namespace.globals.get(name, MISSING), merger.shadow.globals.get(name, MISSING)
        if old is MISSING or new is MISSING or new is old:
            continue
        proxy = merger.world.proxy_of(old)
        following = None
        if not is_own(old, merger.namespace):
            found = imports.followers(merger.namespace.globals, name, old)
            following = {(id(holder), alias) for holder, alias in found}
        for one in (old, proxy) if proxy is not None else (old,):
            shown.setdefault(id(one), []).append((one, new, following))
    for other in others if shown else ():
        for alias, value in list(other.globals.items()):
            for _, new, following in shown.get(id(value), ()):
                if following is None or (id(other.namespace.globals), alias) in following:
                    other.globals[alias] = other.before[alias] = new
                    break
