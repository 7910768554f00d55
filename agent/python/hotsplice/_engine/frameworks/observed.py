"""What an adapter is shown of a patch."""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from typing import TYPE_CHECKING, Any

from ..live import lookup
from ..live.code import join

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.lookup import Namespace

_GENERATORS = CO_GENERATOR | CO_ASYNC_GENERATOR


class Observed:
    """The edits of one patch, as far as adapters ask for them; once all has been evaluated, before the commit."""

    def __init__(self, transaction: "Prepared", carry_out: Callable[[Callable[[], Any]], None]):
        self._transaction = transaction
        # Runs an action; what goes wrong is reported.
        self._carry_out = carry_out
        # id of a live class → (class, outcomes of the edits in it); and of what in it follows from others
        self._classes: dict[int, tuple[Any, list[Any]]] = {}
        self._following: dict[int, tuple[Any, list[Any]]] = {}
        for change in transaction.files:
            for namespace in change.namespaces:
                for outcome in change.outcomes:
                    self._note(namespace, outcome)

    def _note(self, namespace: "Namespace", outcome: "EditOutcome") -> None:
        edit = outcome.edit
        scope = [*edit["scope"], edit["definition"].rpartition(".")[2]] if edit["what"] == "class" else edit["scope"]
        is_derived = edit["change"] == "derived"
        if not scope or "<locals>" in scope or (is_derived and edit.get("offered")):
            return
        classes = self._following if is_derived else self._classes
        for depth in range(1, len(scope) + 1):
            cls = lookup.find_class(namespace, scope[:depth])
            if cls is not None:
                classes.setdefault(id(cls), (cls, []))[1].append(outcome)

    def classes_below(self, base: type) -> list[tuple[Any, list[Any]]]:
        """Edited classes that derive from a framework's, with the edits in them."""
        return [(cls, outcomes) for cls, outcomes in self._classes.values() if base in cls.__mro__]

    def following_below(self, base: type) -> list[Any]:
        """Classes that derive from a framework's, in which something is evaluated again because of what it reads."""
        return [cls for cls, _ in self._following.values() if base in cls.__mro__]

    def outcomes(self) -> list[Any]:
        return [outcome for change in self._transaction.files for outcome in change.outcomes]

    def registrations(self) -> Iterator[tuple[Any, list[Any]]]:
        """Edits of functions, with the objects that their decorators name."""
        for change in self._transaction.files:
            for outcome in change.outcomes:
                edit = outcome.edit
                if edit["what"] == "function" and "<locals>" not in edit["scope"]:
                    yield outcome, list(self._named(change, (*edit["registrars"], *edit["reads"])))

    def decorated(self) -> Iterator[tuple[Any, list[Any]]]:
        """Edits of a module's functions whose decorators run again, with the namespaces that have them."""
        for change in self._transaction.files:
            for outcome in change.outcomes:
                edit = outcome.edit
                is_again = edit["change"] == "changed" and (edit["kind"] == "replaced" or "decorators" in edit["parts"])
                if edit["what"] == "function" and not edit["scope"] and is_again:
                    yield outcome, [namespace.globals for namespace in change.namespaces]

    def functions(self) -> Iterator[tuple[Any, set[int]]]:
        """Edits of functions, with the ids of the live ones."""
        for change in self._transaction.files:
            for code_changes in change.code_changes.values():
                for code_change in code_changes:
                    ids = {id(function) for function in code_change.functions}
                    for outcome in change.outcomes_of(code_change.unit):
                        yield outcome, ids

    def taking(self, *counts: int) -> list[tuple[Any, set[int]]]:
        """Those of functions that take so many arguments, and of generators: what may run at the start."""
        found = []
        for change in self._transaction.files:
            for code_changes in change.code_changes.values():
                for code_change in code_changes:
                    codes = [function.__code__ for function in code_change.functions]
                    if any(code.co_argcount in counts or code.co_flags & _GENERATORS for code in codes):
                        ids = {id(function) for function in code_change.functions}
                        found += [(outcome, ids) for outcome in change.outcomes_of(code_change.unit)]
        return found

    def is_of_bodies(self) -> bool:
        """Whether nothing but functions have other bodies."""
        edits = [outcome.edit for outcome in self.outcomes()]
        return all(edit["change"] == "changed" and set(edit["parts"]) == {"body"} for edit in edits)

    def named(self, outcome: "EditOutcome") -> list[Any]:
        """What the names mean that a statement reads."""
        return list(self._named(self._change(outcome), outcome.edit["reads"]))

    def decorators(self, outcome: "EditOutcome") -> list[Any]:
        """What the decorators of a function mean; for those that are called, what is called."""
        edit = outcome.edit
        change = self._change(outcome)
        if not edit.get("run"):
            return list(self._named(change, edit.get("registrars") or ()))
        tree = ast.parse(join(edit["run"]))
        names = {one.name: one for one in ast.walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        found = names.get(edit["definition"].rpartition(".")[2])
        nodes = [one.func if isinstance(one, ast.Call) else one for one in found.decorator_list] if found else []
        return [lookup.dotted(namespace, node) for namespace in change.namespaces for node in nodes]

    def _change(self, outcome: "EditOutcome") -> Any:
        return next(one for one in self._transaction.files if any(outcome is other for other in one.outcomes))

    @staticmethod
    def _named(change: "FileChange", names: Any) -> Iterator[Any]:
        heads = {name.partition(".")[0] for name in names}
        for namespace in change.namespaces:
            yield from (namespace.globals[head] for head in heads if head in namespace.globals)

    def bindings(self) -> "Iterator[tuple[str | None, dict[str, Any], str, EditOutcome]]":
        """Names of modules that get another value: (module's name, its namespace, name, outcome)."""
        for change in self._transaction.files:
            for namespace in change.namespaces:
                for outcome in change.outcomes:
                    if not outcome.edit["scope"] and outcome.edit["what"] != "import":
                        for name in outcome.edit["binds"]:
                            yield namespace.name, namespace.globals, name, outcome

    def namespaces(self) -> Iterator[Any]:
        """The namespaces of the modules that are patched."""
        for change in self._transaction.files:
            yield from change.namespaces

    def after(self, action: Callable[[], Any]) -> None:
        """Has something done once the patch is live."""
        self._transaction.plan.afterwards.append(partial(self._carry_out, action))

    def at_last(self, action: Callable[[], None]) -> None:
        """Has what was reported looked at again, once all else was done."""
        self._transaction.plan.at_last.append(action)

    def unless_live(self, action: Callable[[], Any]) -> None:
        """Has something done if the patch does not go live."""
        self._transaction.undoing.append(partial(self._carry_out, action))
