"""Statements that computed something from what a patch changes by other means than their text, and are not run again.

From a registry, from a container of a class that is filled when the class is made, from what a decorator or a metaclass
took of a definition. Who reads an edited name is run again or reported by the edit that says so.
"""

import ast
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..live import lookup, objects
from ..live.code import known_names
from ..live.files import live_file
from ..live.reach import Changes, Reach
from ..native import native
from . import entries, enumerated, special, stores

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared

# What tells of a class's text alone.
_OF_TEXT = ("__module__", "__qualname__", "__firstlineno__", "__static_attributes__")
# Operations that change what a container holds.
_FILLING = frozenset(("list-content", "deque-content", "set-add", "set-discard", "dict-set", "dict-delete"))


class Changed:
    """What a patch changes that no text names, and why."""

    def __init__(self, transaction: "Prepared", registries: dict[int, str]) -> None:
        self._transaction = transaction
        # id of a container → the outcome of the edit by which it holds something else, and in which words
        self.containers: dict[int, tuple[EditOutcome, str]] = {}
        # (id of a class, attribute) → the same
        self.attributes: dict[tuple[int, str], tuple[EditOutcome, str]] = {}
        # id of what a decorator made of a function, or of that function, which the decorator has read → the same
        self.decorated: dict[int, tuple[EditOutcome, str]] = {}
        # id of an enumeration that has other members → the same, and those that it has had
        self.enumerations: dict[int, tuple[EditOutcome, str, enumerated.Members]] = {}
        # (id of a class, special method that it gains or loses) → the same
        self.special: dict[tuple[int, str], tuple[EditOutcome, str]] = {}
        # Of what decorators gave back as it was: in these words → what they have put into it
        self.taken: dict[str, set[str]] = {}
        self._by_scope: dict[str, EditOutcome] = {}
        self._bound: set[str] = set()
        for outcome in transaction.outcomes():
            edit = outcome.edit
            if edit["scope"]:
                self._by_scope.setdefault(".".join(edit["scope"]), outcome)
                self._bound.update(f"{'.'.join(edit['scope'])}.{name}" for name in edit["binds"])
            elif edit["what"] == "class":
                self._by_scope.setdefault(edit["definition"], outcome)
        for key, definition in registries.items():
            outcome = next(one for one in transaction.outcomes() if one.edit["definition"] == definition)
            self.containers[key] = outcome, f"a table that {definition} is registered in"
        self._note_classes()
        self._note_decorated()
        self._note_special()

    def __bool__(self) -> bool:
        return bool(self.containers or self.attributes or self.decorated or self.enumerations or self.special)

    def _note_special(self) -> None:
        for change in self._transaction.files:
            for outcome in change.outcomes:
                edit = outcome.edit
                names = [name for name in edit["binds"] if name.startswith("__") and name.endswith("__")]
                if not names or not edit["scope"] or edit["change"] not in ("added", "removed"):
                    continue
                path, how = ".".join(edit["scope"]), "without" if edit["change"] == "added" else "with"
                for namespace in change.namespaces:
                    cls: Any = lookup.find_class(namespace, edit["scope"])
                    for name in names if cls is not None else ():
                        self.special[id(cls), name] = outcome, f"objects of {path} {how} {name}"

    def _note_classes(self) -> None:
        """Containers and attributes of edited classes that their text gives nothing else."""
        filled = {id(one[1]) for one in self._transaction.plan.operations if one[0] in _FILLING}
        given = {
            (id(one[1]), one[2]): one[3]
            for one in self._transaction.plan.operations
            if one[0] == "type-set" and type(one[2]) is str
        }
        enumerations = set(map(id, enumerated.changed(self._transaction)))
        for change in self._transaction.files:
            for namespace in change.namespaces:
                for path, outcome in self._by_scope.items():
                    cls: Any = lookup.find_class(namespace, path.split("."))
                    if cls is None or outcome.path != change.path:
                        continue
                    if id(cls) in enumerations:
                        words = f"the members of {path}, which are others now"
                        self.enumerations[id(cls)] = outcome, words, enumerated.Members(cls)
                    for name, value in list(objects.members(cls).items()):
                        if name.startswith("__"):
                            # The interpreter and decorators give it: `__doc__` of a dataclass says what fields it has.
                            if not entries.equal(given.get((id(cls), name), value), value) and name not in _OF_TEXT:
                                self.attributes[id(cls), name] = outcome, f"{path}.{name}"
                            continue
                        if f"{path}.{name}" in self._bound:
                            continue
                        words = f"{path}.{name}, which is filled when {path} is made"
                        if stores.kind_of(value) is not None and id(value) in filled:
                            self.containers.setdefault(id(value), (outcome, words))
                        if (id(cls), name) in given and not hasattr(type(value), "__get__"):
                            self.attributes[id(cls), name] = outcome, words

    def _note_decorated(self) -> None:
        for change in self._transaction.files:
            for outcome in change.outcomes:
                edit = outcome.edit
                if not edit.get("observed") or edit["scope"] or not edit["binds"]:
                    continue
                words = f"{edit['definition']}, of which a decorator reads what has changed"
                for namespace in change.namespaces:
                    held = namespace.globals.get(edit["binds"][0])
                    self.decorated.update((id(one), (outcome, words)) for one in (held, *native.functions_in(held)))
                    if _is_itself(held):
                        self.taken[words] = set(objects.dictionary(held) or ())


def report(transaction: "Prepared", registries: dict[int, str]) -> None:
    """``registries``: ids, with the definition whose registration is another one now."""
    changed = Changed(transaction, registries)
    if not changed:
        return
    texts: dict[int, tuple[dict[str, Any], str, FileChange | None]] = {
        id(one.globals): (one.globals, change.text, change) for change in transaction.files for one in change.namespaces
    }
    for path, names in _leading(changed):
        if id(names) not in texts:
            try:
                texts[id(names)] = names, live_file(path).text, None
            except EngineError:
                continue
    reach = Reach(_changes(changed))
    # By the outcome and the words: names that were computed from it.
    found: dict[tuple[int, str], tuple[EditOutcome, list[str]]] = {}
    for names, text, change in texts.values():
        outcomes = change.outcomes if change is not None else ()
        edited = {".".join((*one.edit["scope"], name)) for one in outcomes for name in one.edit["binds"]}
        for outcome, bound, words in _computed(names, text, changed, reach, edited):
            known = found.setdefault((id(outcome), words), (outcome, []))[1]
            known += [name for name in bound if name not in known]
    for (_, words), (outcome, bound) in found.items():
        was, stays = "was", "it stays as it was; run that statement again"
        if len(bound) > 1:
            was, stays = "were", "they stay as they were; run those statements again"
        outcome.caveat("HS0403", f"{', '.join(bound)} {was} computed from {words}: {stays}")


def _changes(changed: Changed) -> Changes:
    found = Changes()
    found.functions.update(changed.decorated)
    return found


def _leading(changed: Changed) -> Iterator[tuple[str, dict[str, Any]]]:
    """The project's modules by whose names something of it is found, in them or in a module that they name."""
    modules = [(path, module, lookup.members_of(module)) for path, module in lookup.project_modules()]
    wanted = {*changed.containers, *changed.decorated, *(owner for owner, _ in changed.attributes)}
    wanted |= changed.enumerations.keys()
    classes_told = {owner for owner, _ in changed.special}
    wanted |= classes_told
    # id of a module → where it has a name
    naming: dict[int, list[int]] = {}
    pending: list[int] = []
    for place, (_, _, names) in enumerate(modules):
        values = list(names.values())
        for value in [one for one in values if issubclass(type(one), ModuleType)]:
            naming.setdefault(id(value), []).append(place)
        # What a class holds is found by the class's name, too.
        values += [type(one) for one in values] if classes_told else []
        classes = [objects.members(one) for one in values if changed.containers and objects.is_class(one)]
        inside = [value for held in classes for value in list(held.values())]
        if not wanted.isdisjoint(map(id, (*values, *inside))):
            pending.append(place)
    found: set[int] = set()
    while pending:
        place = pending.pop()
        if place not in found:
            found.add(place)
            pending += naming.get(id(modules[place][1]), ())
    for place in sorted(found):
        path, _, names = modules[place]
        yield path, names


def _computed(
    names: dict[str, Any], text: str, changed: Changed, reach: Reach, edited: set[str]
) -> "Iterator[tuple[EditOutcome, list[str], str]]":
    """Names that were computed from something of it."""
    try:
        statements = ast.parse(text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError):
        return
    for prefix, statement in _assignments(statements, ""):
        value = statement.value
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        bound = [prefix + one.id for one in targets if isinstance(one, ast.Name) and prefix + one.id not in edited]
        if value is None or not bound or isinstance(value, (ast.Name, ast.Lambda)):
            continue
        found = next(_read(value, names, changed, reach), None) or _gone_through(value, bound[0], names, changed)
        found = found or next(_operated(value, names, changed), None)
        if found is None:
            continue
        held = names.get(bound[0]) if not prefix else None
        if not entries.reaches(held, {found[0]} & changed.containers.keys()):
            yield found[1], bound, found[2]


def _assignments(statements: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Any]]:
    for one in statements:
        if isinstance(one, (ast.Assign, ast.AnnAssign)):
            yield prefix, one
        elif isinstance(one, ast.ClassDef):
            yield from _assignments(one.body, f"{prefix}{one.name}.")


def _read(
    value: ast.expr, names: dict[str, Any], changed: Changed, reach: Reach
) -> "Iterator[tuple[int, EditOutcome, str]]":
    """What of it an expression reads: (id, why, in which words)."""
    for node in ast.walk(value):
        key = id(_value(node, names))
        if key in changed.containers and (node is not value or not isinstance(node, ast.Attribute)):
            yield key, *changed.containers[key]
        if isinstance(node, ast.Attribute):
            owner = _value(node.value, names)
            if (id(owner), node.attr) in changed.attributes:
                yield id(owner), *changed.attributes[id(owner), node.attr]
            own = objects.dictionary(owner) if id(owner) in changed.decorated else None
            if own and node.attr in own:
                yield id(owner), *changed.decorated[id(owner)]
        if isinstance(node, ast.Call):
            called = _value(node.func, names)
            if id(called) in changed.decorated:
                if not _is_itself(called):
                    yield id(called), *changed.decorated[id(called)]
            elif type(called) is FunctionType and changed.decorated and (why := reach.of(called)) is not None:
                # Who calls a function that decorators gave back has nothing of what these took of it.
                taken = changed.taken.get(why[1])
                if taken is None or taken & known_names(called.__code__):
                    yield id(called), *why


def _operated(value: ast.expr, names: dict[str, Any], changed: Changed) -> "Iterator[tuple[int, EditOutcome, str]]":
    """Classes with whose objects an expression does something by a special method that they gain or lose."""
    for node, methods in special.asked(value, names) if changed.special else ():
        made = _value(node.func, names) if isinstance(node, ast.Call) else stores.MISSING
        kind: Any = made if objects.is_class(made) else type(_value(node, names))
        for base in objects.order(kind):
            for name in methods:
                if (id(base), name) in changed.special:
                    yield id(base), *changed.special[id(base), name]


def _gone_through(
    value: ast.expr, bound: str, names: dict[str, Any], changed: Changed
) -> "tuple[int, EditOutcome, str] | None":
    """The enumeration that an expression hands to what has gone through it, as what came of that shows."""
    given = [*value.args, *(one.value for one in value.keywords)] if isinstance(value, ast.Call) else []
    given += [one for node in ast.walk(value) if isinstance(node, ast.Call) and node is not value for one in node.args]
    for key in [id(_value(node, names)) for node in given if changed.enumerations]:
        outcome, words, members = changed.enumerations.get(key, (None, "", None))
        if outcome is None or members is None:
            continue
        if members.are_in(_value(ast.parse(bound, mode="eval").body, names)):
            return key, outcome, words
    return None


def _is_itself(called: Any) -> bool:
    """Whether decorators gave back the function that they were given."""
    return type(called) is FunctionType and called.__code__.co_name == called.__name__ and not called.__closure__


def _value(node: ast.AST, names: dict[str, Any]) -> Any:
    """What a name, or a name in a module or a class, leads to."""
    if isinstance(node, ast.Name):
        return names.get(node.id, stores.MISSING)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        if stores.is_a(owner, ModuleType):
            return objects.attributes(owner).get(node.attr, stores.MISSING)
        if objects.is_class(owner):
            members = (objects.members(cls) for cls in objects.order(owner))
            return next((one[node.attr] for one in members if node.attr in one), stores.MISSING)
    return stores.MISSING
