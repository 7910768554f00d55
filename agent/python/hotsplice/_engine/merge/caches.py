"""Results that the program keeps of code that a patch changes.

Caches and compiled copies of functions that lead to what changes are cleared through their public way once the patch is
live, and that is reported. A cache without arguments that keeps an object with state of its own is left alone: that
object is preserved, as one that a name holds would be.
"""

import enum
import functools
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import fingerprint
from ..live.named import Named
from ..live.reach import Changes, Reach
from ..native import native
from . import class_caches, own_caches

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome, Plan
    from ..journal.views import ChangedCode, Prepared

# What a cache or a compiled copy is cleared by: `functools`, cachetools and others, JAX, Numba.
_WAYS = ("cache_clear", "clear_cache", "recompile")
_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    tuple,
    list,
    dict,
    set,
    frozenset,
    type(None),
    FunctionType,
    type,
)
_SEEN_PARTS = {"docstring", "annotations", "type-parameters"}


class Cache:
    def __init__(self, name: str, value: Any, owner: type | None = None) -> None:
        self.name, self.value, self.owner = name, value, owner


def follow(transaction: "Prepared") -> None:
    changes = _changes(transaction)
    classes = class_caches.edited(transaction)
    if not changes and not classes:
        return
    _forget_dispatch(transaction)
    reach = Reach(changes)
    named = _named(transaction)
    files: dict[str, str | None] = {path: None for path, _ in lookup.project_modules()}
    files |= {change.path: change.text for change in transaction.files}
    if changes:
        own_caches.follow(reach, named, files)
    if classes:
        class_caches.report(named, classes, files)
    for cache in _caches(named):
        is_plain = type(cache.value) is functools._lru_cache_wrapper
        if is_plain and not cache.value.cache_info().currsize:
            continue
        # To forget what is right does no harm.
        outcome = reach.of(cache.value, cache.owner, loosely=is_plain and _kept_object(cache.value) is None)
        outcome = outcome or (class_caches.kept_in(cache.value, classes) if classes else None)
        if outcome is None:
            continue
        if type(cache.value) is functools.cached_property:
            _forget_properties(transaction.plan, cache, outcome)
        elif _is_given_out(cache.value):
            _clear_in_instances(transaction.plan, cache, outcome)
        else:
            _clear(transaction.plan, cache, outcome)


def _changes(transaction: "Prepared") -> Changes:
    found = Changes()
    for change in transaction.files:
        for namespace in change.namespaces:
            for code_change in change.code_changes.get(id(namespace), ()):
                outcomes = change.outcomes_of(code_change.unit)
                seen = [one for one in outcomes if not one.edit["parts"] or set(one.edit["parts"]) - _SEEN_PARTS]
                for function in code_change.functions if seen and not _does_the_same(code_change, seen) else ():
                    found.functions[id(function)] = seen[0]
            for outcome in change.outcomes:
                edit = outcome.edit
                if edit["what"] == "function" and edit["change"] == "derived" and "defaults" in edit["parts"]:
                    held = lookup.bound_value(namespace, edit["scope"], edit["binds"][0]) if edit["binds"] else None
                    for function in native.functions_in(held):
                        found.functions.setdefault(id(function), outcome)
                keeps_name = edit["what"] in ("function", "docstring", "annotation") or edit.get("offered")
                is_rebound = edit["change"] == "removed" or "decorators" in edit["parts"]
                if (keeps_name and not is_rebound) or "<locals>" in edit["scope"]:
                    continue
                owner = lookup.find_class(namespace, edit["scope"]) if edit["scope"] else None
                holder = namespace.globals if not edit["scope"] else owner
                for name in edit["binds"] if holder is not None else ():
                    if edit["what"] != "import" and edit["change"] != "added":
                        found.names[id(holder), lookup.mangled(name, edit["scope"])] = outcome
    _add_moved(transaction, found)
    _add_followers(transaction, found)
    return found


def _does_the_same(code_change: "ChangedCode", outcomes: "list[EditOutcome]") -> bool:
    """Whether another text was compiled to what there was: a `global` that only reads, a comment among statements."""
    is_text = all(set(one.edit["parts"]) <= {"body", *_SEEN_PARTS} and one.edit["parts"] for one in outcomes)
    return is_text and all(fingerprint(old) == fingerprint(new) for old, new in code_change.pairs.values())


def _add_moved(transaction: "Prepared", found: Changes) -> None:
    """Functions of definitions that stand elsewhere now, and do something else."""
    known = {
        id(function)
        for change in transaction.files
        for changed in change.code_changes.values()
        for one in changed
        for function in one.functions
    }
    for operation in transaction.plan.operations:
        if operation[0] != "function" or id(operation[1]) in known or "code" not in operation[2]:
            continue
        code: CodeType = operation[2]["code"]
        outcome = next(_added_at(transaction, code), None)
        if outcome is not None and fingerprint(code) != fingerprint(operation[1].__code__):
            found.functions.setdefault(id(operation[1]), outcome)
            found.moved.add(code.co_name)


def _added_at(transaction: "Prepared", code: CodeType) -> "Iterator[EditOutcome]":
    for change in transaction.files:
        if any(code.co_filename in namespace.filenames for namespace in change.namespaces):
            for outcome in change.outcomes:
                edit = outcome.edit
                if edit["change"] == "added" and edit["line"] <= code.co_firstlineno <= edit["end_line"]:
                    yield outcome


def _add_followers(transaction: "Prepared", found: Changes) -> None:
    """Names that other modules have from these."""
    by_name: dict[str, Any] = {}
    for (_, name), outcome in found.names.items():
        by_name.setdefault(name, outcome)
    for operation in transaction.plan.operations:
        # A key of the program's own class is never compared.
        if operation[0] != "dict-set" or type(operation[2]) is not str or operation[2] == "__builtins__":
            continue
        if operation[2] in by_name and "__name__" in operation[1]:
            found.names.setdefault((id(operation[1]), operation[2]), by_name[operation[2]])


def _named(transaction: "Prepared") -> Named:
    """What the project's modules and their classes name."""
    holders: dict[int, tuple[Any, dict[str, Any]]] = {
        id(module.__dict__): (module.__name__, module.__dict__) for _, module in lookup.project_modules()
    }
    for change in transaction.files:
        for namespace in change.namespaces:
            holders.setdefault(id(namespace.globals), (namespace.name, namespace.globals))
    return Named(holders.values())


def _caches(named: Named) -> Iterator[Cache]:
    """Those that modules and their classes name."""
    kinds: dict[int, bool] = {}
    seen: set[int] = set()
    for name, value, owner in named.made_of_functions():
        if owner is None:
            if _is_cache(value, kinds) and id(value) not in seen:
                seen.add(id(value))
                yield Cache(name, value)
            continue
        member = value.__func__ if objects.is_exactly(value, staticmethod, classmethod) else value
        if type(member) is functools.cached_property or _is_given_out(member) or _is_cache(member, kinds):
            yield Cache(f"{owner.__qualname__}.{name}", member, owner)


def _is_cache(value: Any, kinds: dict[int, bool]) -> bool:
    kind = type(value)
    if kind is FunctionType:
        return getattr(value, "cache_clear", None) is not None
    # By the type's id: a metaclass may compare and hash.
    if id(kind) not in kinds:
        names = {name for cls in objects.order(kind) for name in objects.members(cls)}
        kinds[id(kind)] = kind is not ModuleType and not names.isdisjoint(_WAYS)
    return kinds[id(kind)]


def _is_given_out(value: Any) -> bool:
    """Whether a class's attribute may put one into each object, under the name that it was told: `cachedmethod`."""
    kind = type(value)
    is_told = native.is_made_in_python(kind) and objects.of_type(kind, "__set_name__") is not None
    return is_told and objects.of_type(kind, "__get__") is not None


def _forget_dispatch(transaction: "Prepared") -> None:
    """What `functools.singledispatch` remembers of a registry that an edited decorator fills."""
    names = {
        name.partition(".")[0] for outcome in transaction.outcomes() for name in outcome.edit.get("registrars", ())
    }
    for change in transaction.files:
        for namespace in change.namespaces:
            for name in names:
                value = namespace.globals.get(name)
                if type(value) is FunctionType and "_clear_cache" in value.__dict__ and "registry" in value.__dict__:
                    transaction.plan.afterwards.append(value.__dict__["_clear_cache"])


def _way(value: Any) -> Callable[[], Any] | None:
    if type(value) is FunctionType:
        way: Callable[[], Any] = value.__dict__["cache_clear"]
        return way
    return next((getattr(value, way) for way in _WAYS if hasattr(type(value), way)), None)


def _clear(plan: "Plan", cache: Cache, outcome: "EditOutcome") -> None:
    value = cache.value
    if type(value) is functools._lru_cache_wrapper:
        kept = _kept_object(value)
        if kept is not None:
            outcome.caveat(
                "HS0403",
                f"{cache.name} keeps {kept} that it made before: it is preserved; {cache.name}.cache_clear() has the "
                "next call make another",
            )
            return
    way = _way(value)
    if way is None:
        return
    plan.afterwards.append(way)
    outcome.caveat("HS0304", f"the results that {cache.name} had cached came of the old code: they are dropped")


def _kept_object(cache: Any) -> str | None:
    """The object that a cached function without arguments keeps, in words, if it has state of its own."""
    wrapped = cache.__wrapped__
    code = getattr(wrapped, "__code__", None)
    if code is None or code.co_argcount or code.co_kwonlyargcount or code.co_flags & 0x0C:
        return None
    # It is cached: no code runs.
    kept = cache()
    kind = type(kept)
    if issubclass(kind, (*_PLAIN, enum.Enum)):
        return None
    return f"the {kind.__qualname__}"


def _clear_in_instances(plan: "Plan", cache: Cache, outcome: "EditOutcome") -> None:
    name = cache.name.rpartition(".")[2]
    held = native.objects_of_type(*lookup.with_subclasses(cache.owner)) if cache.owner is not None else []
    kept = [one for one in ((objects.dictionary(item) or {}).get(name) for item in held) if _is_cache(one, {})]
    ways = [way for way in map(_way, kept) if way is not None]
    plan.afterwards += ways
    if ways:
        outcome.caveat("HS0304", f"the results that {cache.name} had cached came of the old code: they are dropped")


def _forget_properties(plan: "Plan", cache: Cache, outcome: "EditOutcome") -> None:
    name, owner = cache.value.attrname, cache.owner
    if not name or owner is None:
        return
    kept = []
    for item in native.objects_of_type(*lookup.with_subclasses(owner)):
        attributes = objects.dictionary(item)
        if attributes is not None and name in attributes:
            kept.append(attributes)
    for attributes in kept:
        plan.add("dict-delete", attributes, name)
    if kept:
        outcome.caveat("HS0304", f"{len(kept)} instances had cached {cache.name}: it is computed again when read")


def is_kept_in(members: dict[str, Any], name: str) -> bool:
    """Whether a function of a module looks in a container of this name before it puts something into it."""
    functions = [one for value in list(members.values()) for one in native.functions_in(value)]
    named = (one.__code__ for one in functions if name in one.__code__.co_names and own_caches.stores(one.__code__))
    return any(kept.text.rpartition(".")[2] == name for code in named for kept in own_caches.kept_by(code, {}))
