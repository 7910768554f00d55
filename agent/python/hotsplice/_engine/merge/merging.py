"""Taking what was evaluated into the live namespace: operations of the plan, one bound name after the other."""

import functools
import sys
from contextlib import nullcontext
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..evaluate import answering
from ..evaluate.former import Former
from ..evaluate.policy import MISSING, Decision
from ..evaluate.sandbox import made_in, run_in_module
from ..live import lookup
from ..live.code import join
from . import (
    annotations,
    bindings,
    callables,
    decisions,
    decorated,
    defaults,
    deferred,
    earlier,
    edited,
    enums,
    headers,
    imports,
    items,
    keepers,
    lookers,
    members,
    rebuilding,
    references,
    repeated,
    stars,
    wrapped,
)
from .deleted import Deleted

if TYPE_CHECKING:
    from ..evaluate.views import Beside, Containers, EditOutcome, FileChange, FormerCodeWatch, Prepared, Shadow, World
    from ..journal.views import ChangedCode
    from ..live.messages import Edit
    from .layouts import Layouts

# Parts of a function that need its decorators run again.
DECORATED_PARTS = {"decorators", "async", "type-parameters"}
UNBOUND = ("__annotations__", "__annotate__", "__conditional_annotations__", "__builtins__")


class Merger:
    """Runs the edits of one file in one namespace, and plans what becomes of their results."""

    def __init__(
        self,
        transaction: "Prepared",
        change: "FileChange",
        namespace: "lookup.Namespace",
        shadow: "Shadow",
        replaced: list[tuple[Any, Any]],
        superseded: list[tuple[Any, Any]],
        layouts: "Layouts",
        containers: "Containers",
    ) -> None:
        self.plan = transaction.plan
        self.change = change
        self.namespace = namespace
        self.shadow = shadow
        # Name → the outcome of the edit that bound it last.
        self.bound: dict[str, EditOutcome] = {}
        # Class path → {name: outcome}
        self.bound_in_class: dict[tuple[str, ...], dict[str, EditOutcome]] = {}
        self.rebuilt: set[tuple[str, ...]] = set()
        self.kept: set[int] = set()  # Ids of outcomes of deferred assignments that are left alone.
        # id of what stands in for something live, in the shadow of any module → that
        self.stand_ins: dict[int, Any] = {}
        # What every statement of the patch sees of it, and what tells that one is about to run former code.
        self.world: World = None  # type: ignore[assignment]
        # Definitions that came from other files of the patch: name → the live one; ids of those files' namespaces.
        self.moved: dict[str, Any] = {}
        self.moved_from: set[int] = set()
        self.moved_scopes: dict[str, str] = {}  # Qualified names of classes that stand in another scope now → theirs.
        self.moved_in: dict[tuple[str, ...], type] = {}  # Where a class of the module stands in another one now → it.
        self.moved_names: dict[str, set[str]] = {}  # What the former statement of such a class gave.
        # And that, of classes in it too: path → {attribute: (value, its text)}.
        self.moved_attributes: dict[str, dict[str, tuple[Any, str]]] = {}
        # What the statements of the file that are run assign besides names, once that was asked.
        self.assigned_again: set[str] | None = None
        self.former_code: FormerCodeWatch = None  # type: ignore[assignment]
        self.beside: Beside = None  # type: ignore[assignment]
        self.class_statements = lookers.Statements()
        # id of a code object that stays as it is → it, and the live functions that run it.
        self.unchanged_functions: dict[int, tuple[CodeType, list[FunctionType]]] = {}
        # (made while evaluating, live object that takes its place), of all files of the patch
        self.replaced = replaced
        # (live class, one made while evaluating that takes its place), of all files of the patch
        self.superseded = superseded
        # (name, what it held, what it holds now, outcome): whoever holds that is to hold this.
        self.exchanged: list[tuple[str, Any, Any, EditOutcome]] = []
        # (name, what it held, what also stands for that, whether it is in a class, outcome): holders keep that.
        self.left: list[tuple[str, Any, tuple[Any, ...], bool, EditOutcome]] = []
        self.known: callables.Known | None = None  # What else is known of what its names held.
        self._made: set[int] | None = None
        # Ids of functions that decorators made which have gone into live ones.
        self.merged: set[int] = set()
        # Name → what a decorator made that goes into the live object of the name.
        self.held_back: dict[str, Any] = {}
        self.options = transaction.options
        # All files of the patch.
        self.files = transaction.files
        # Class path → names that the sandbox gave another value, which updates of them go on with
        self.evaluated: dict[tuple[str, ...], set[str]] = {}
        # (class path, name) → what becomes of what the name holds
        self.decisions: dict[tuple[tuple[str, ...], str], Decision] = {}
        # (class path, name) of what holds on to what it held though the text says something else
        self.preserved: set[tuple[tuple[str, ...], str]] = set()
        self.repeating: list[range] | None = None  # Lines of loops of more than a round, once that was asked.
        self.outermost_loop: int | None = None  # How far in a loop stands at least.
        self.loops: list[tuple[tuple[str, ...], range]] = []  # Class path and lines of loops that were run.
        self.written: dict[str, Any] = {}  # Plain values that the text gives names which hold on to other ones.
        self.deleted = Deleted(change.text)
        # (live object, one of its type that says what it is going to hold)
        self.in_place: list[tuple[Any, Any]] = []
        # Of classes that calls made: (live one, one made while evaluating, what the former text gives if that is known)
        self.made_classes: list[tuple[EditOutcome, Any, Any, Any]] = []
        # id of a container that is updated in place → (outcome, name, what it held when that was decided)
        self.held_then: dict[int, tuple[EditOutcome, str, Any, Any]] = {}
        # id of an outcome → names that later ones bind or update, too
        self.later: dict[int, set[str]] = {}
        # Whether statements give functions an attribute, of those that were asked for.
        self.assigned: dict[str, bool] = {}
        # Names to which an assignment gave a class that was there before.
        self.given: set[str] = set()
        self.containers = containers
        # Live flag classes, those that were made of them, and what the live ones' members are by value.
        self.flags: list[tuple[Any, Any, dict[Any, Any]]] = []
        # Classes that get another layout, of all files of the patch.
        self.layouts = layouts
        # Those of the statements that are run.
        shadow.globals["__annotations__"] = {}

    # Running

    def take(self, outcome: "EditOutcome") -> None:
        """Runs one edit; raises ``Refusal`` if that fails. What would run former code is deferred or reported."""
        edit = outcome.edit
        if edit.get("conditional") and edit["change"] != "added" and not self._is_live(edit):
            outcome.unneeded("HS0404", f"{edit['definition']} stands in a branch that is not live in this process")
            return
        if self._reads_what_was_kept(edit):
            outcome.unneeded(None, "what it reads is what it was")
            return
        if edit.get("deferred") or deferred.reads_later(self, edit):
            self._put_off(outcome)
            return
        stars.follow_later(self, edit)
        is_assignment = edit["what"] == "assignment" and not edit["scope"]
        repeated.report(self, outcome)
        with self.former_code.statement(may_stop=is_assignment) as ran:
            try:
                self._take(outcome)
            except Refusal as refusal:
                if not answering.is_conflict(refusal):
                    raise
                with self.world.answering.suspended():
                    self._take(outcome)
        if ran and is_assignment:
            # It is what a fresh process would give only once the patch is live.
            for name in edit["binds"]:
                self.bound.pop(name, None)
                self.restore(self.shadow.globals, name, self.shadow.before.get(name, MISSING))
            self._put_off(outcome)
        elif ran:
            outcome.caveat("HS0403", f"evaluating it ran {', '.join(ran)} as it was before the patch")

    def _reads_what_was_kept(self, edit: "Edit") -> bool:
        """Whether the text gives all that it reads what it did, whatever the program made of that since."""
        read = edit.get("changed_reads") or ()
        is_derived = edit["change"] == "derived" and not edit.get("offered")
        kept = (self.decisions.get(((), name)) is Decision.KEEP or imports.gives_same(self, name) for name in read)
        return is_derived and bool(read) and all(kept)

    def _take(self, outcome: "EditOutcome") -> None:
        edit = outcome.edit
        if any(scope == tuple(edit["scope"]) and edit["line"] in lines for scope, lines in self.loops):
            # The loop around it has made it, as often as it does.
            outcome.applied()
        elif edit["scope"]:
            members.take(self, outcome)
        elif self.is_bare(edit):
            name = edit["binds"][0]
            before = self.shadow.globals.get(name, MISSING)
            run_in_module(edit["run"], self.shadow)
            made = self.shadow.globals[name]
            self.restore(self.shadow.globals, name, before)
            # `def f(x=(y := 1))`
            self.bound.update(dict.fromkeys(edit["binds"][1:], outcome))
            headers.transfer(self, outcome, made)
        elif bindings.is_statement(edit):
            items.take(self, outcome, None)
        else:
            if edit["what"] == "class" and edit["change"] in ("changed", "derived"):
                keepers.check(self.namespace.globals.get(edit["binds"][0]))
            before = {name: self.shadow.globals.get(name, MISSING) for name in edit["binds"]}
            run = functools.partial(run_in_module, edit["run"], self.shadow)
            owner = self.namespace.globals.get(edit["binds"][0]) if edit["what"] == "class" else None
            with self.bases(edit), earlier.provided(self, edit, None):
                rebuilding.beside(self, owner, run) if isinstance(owner, type) else run()
            self.world.answering.answer_for(owner, self.shadow.globals.get(edit["binds"][0]))
            if edit.get("superseded"):
                # A definition further down, which is live already, has the last word.
                decorated.take_superseded(self, outcome, edit["binds"])
                for name, value in before.items():
                    self.restore(self.shadow.globals, name, value)
            else:
                self.bound.update(dict.fromkeys(self.names(edit["binds"]), outcome))
                decorated.hold_back(self, edit, before)
            if edit["what"] == "class" and edit["change"] != "added":
                # What stands in it has been run with it.
                self.rebuilt.add((edit["binds"][0],))
            outcome.applied()

    def bases(self, edit: "Edit") -> Any:
        """What a class statement derives from is live."""
        makes_class = edit["what"] == "class" or (edit["what"] == "block" and "class " in join(edit["run"]))
        return self.world.live_classes(self.shadow, edit["run"]) if makes_class else nullcontext()

    def _is_live(self, edit: "Edit") -> bool:
        """Whether a definition in a compound statement is the one that is live."""
        if edit["what"] == "function":
            return bool(headers.live_functions(self, edit))
        return (
            edit["what"] != "class" or lookup.bound_value(self.namespace, edit["scope"], edit["binds"][0]) is not None
        )

    def _put_off(self, outcome: "EditOutcome") -> None:
        deferred.defer(self, outcome)

    def former(self, edit: "Edit") -> Former:
        """What the live text gives the names of an edit."""
        scope = edit["scope"]
        holder = lookup.find_class(self.namespace, scope).__dict__ if scope else self.namespace.globals
        return Former(self, edit, holder)

    def note_later(self, outcomes: "list[EditOutcome]") -> None:
        """Which names are not done when one of these has been run."""
        later: dict[tuple[str, ...], set[str]] = {}
        for outcome in reversed(outcomes):
            scope = tuple(outcome.edit["scope"])
            names = later.setdefault(scope, set())
            self.later[id(outcome)] = set(names)
            names.update(outcome.edit["binds"], outcome.edit.get("updates", ()))

    def names(self, binds: list[str]) -> list[str]:
        if "*" not in binds:
            return [name for name in binds if name in self.shadow.globals]
        before = self.shadow.before
        return [
            name
            for name, value in self.shadow.globals.items()
            if name not in UNBOUND and before.get(name, MISSING) is not value
        ]

    @staticmethod
    def is_bare(edit: "Edit") -> bool:
        return (
            edit["what"] == "function"
            and edit["change"] in ("changed", "derived", "stale")
            and edit["kind"] != "replaced"
            and not DECORATED_PARTS & set(edit["parts"])
        )

    @staticmethod
    def restore(namespace: dict[str, Any], name: str, before: Any) -> None:
        if before is MISSING:
            namespace.pop(name, None)
        else:
            namespace[name] = before

    def take_member(self, scope: tuple[str, ...], owner: Any, name: str, old: Any, new: Any) -> bool:
        """Whether an attribute of a class that was made again stays, or is given what the text says in place."""
        outcome: Any = edited.member(self, scope, name)
        edit: Any = outcome.edit if outcome is not None else {"what": None}
        if bindings.is_statement(edit):
            references.report_bound(self, name, old, new, outcome)
            return decisions.take_member(self, outcome, scope, name, old, new)
        if edit["what"] == "function" and edit["change"] in ("changed", "added"):
            references.move_member(self, (*scope, name), old, new, outcome)
            wrapped.merge_definition(self, edit, new)
        return False

    # Functions

    def code_change(self, edit: "Edit") -> "ChangedCode | None":
        for code_change in self.change.code_changes.get(id(self.namespace), ()):
            unit = code_change.unit
            if unit["line"] == edit["line"] and unit["scope"] == edit["scope"]:
                return code_change
        return None

    def merge_decorated(self, live: Any, made: Any, edit: "Edit") -> None:
        """As `merge_function`, where decorators were run: what the former wrapper gathered stays."""
        if id(made) in self.merged:
            # A wrapper that names itself.
            return
        self.merged.add(id(made))
        parts = {"closure": decorated.closure(self, live, made, edit)}
        if edit.get("observed") and decorated.is_definition(made, edit):
            values, keyword_values = defaults.merged(live, made, edit["fresh_defaults"])
            parts |= {"defaults": values, "kwdefaults": keyword_values}
        changed = decorated.is_decorated_otherwise(live, made, edit)
        self.merge_function(live, made, changed, parts, decorated.attributes(self, live, made, edit))

    def merge_function(
        self,
        live: Any,
        made: Any,
        decorators_changed: bool = False,
        kept: dict[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """The live function takes on everything of one that was just made; its identity stays.

        ``kept`` are parts that it has otherwise, ``attributes`` those of its attributes that it takes.
        """
        globals = made.__globals__
        if globals is self.shadow.globals:
            globals = self.namespace.globals
        parts = {
            "code": made.__code__,
            "closure": made.__closure__,
            "defaults": made.__defaults__,
            "kwdefaults": made.__kwdefaults__,
            "doc": made.__doc__,
            "name": made.__name__,
            "qualname": made.__qualname__,
            "module": made.__module__,
            **annotations.of_function(made),
            **(kept or {}),
        }
        if globals is not live.__globals__:
            parts["globals"] = globals
        if sys.version_info >= (3, 12):
            parts["type_params"] = made.__type_params__
        self.plan.function(live, **parts)
        for key, value in (made.__dict__ if attributes is None else attributes).items():
            if live.__dict__.get(key, MISSING) is not value:
                self.plan.set_name(live.__dict__, key, value)
        for key in list(live.__dict__):
            may_go = key not in made.__dict__ and (decorators_changed or key == "__wrapped__")
            if may_go and not decorated.assigned(self, key):
                self.plan.delete_name(live.__dict__, key)
        self.replaced.append((made, live))

    def is_own_function(self, value: Any, new: Any, edit: "Edit") -> bool:
        """Whether a live function came of the statement that the edit replaces."""
        if not isinstance(value, FunctionType):
            return False
        if edit["what"] == "block" and value.__name__ != "<lambda>":
            # A `def` may have turned into a lambda of the name.
            names = ("<lambda>", value.__qualname__) if value.__qualname__ in edit["binds"] else (value.__qualname__,)
            is_alike = isinstance(new, FunctionType) and new.__qualname__ in names
            return is_alike and value.__globals__ is self.namespace.globals
        if edit["what"] == "function" and edit["change"] != "added":
            own = value.__globals__ is self.namespace.globals or wrapped.takes_on(self, value, new)
            return own and not self._is_another_definition(value, edit)
        is_gone = value.__name__ in edit["binds"] and references.is_gone(self, edit["scope"], value)
        return is_gone or (edit["what"] != "function" and self.is_own_lambda(value, edit))

    def _is_another_definition(self, value: FunctionType, edit: "Edit") -> bool:
        """Whether the program gave the name a function that is another definition's."""
        scope, _, name = value.__qualname__.rpartition(".")
        if value.__qualname__ == edit["definition"] or "<locals>" in scope:
            return False
        return lookup.bound_value(self.namespace, scope.split(".") if scope else [], name) is value

    def is_own_lambda(self, value: Any, edit: "Edit") -> bool:
        """Whether one of the statements made a lambda that gave the edit's names their values."""
        if not isinstance(value, FunctionType) or value.__name__ != "<lambda>":
            return False
        line = value.__code__.co_firstlineno
        is_there = any(first <= line <= last for first, last in edit.get("given_by") or ())
        return is_there and self.namespace.reads(value.__code__)

    def is_new(self, value: Any) -> bool:
        """Whether a value was made while evaluating, as far as the namespace tells."""
        return not any(value is known for known in self.shadow.before.values())

    def made(self) -> set[int]:
        """The ids of functions and classes that were made while evaluating; asked for once that is done."""
        if self._made is None:
            self._made = made_in([self.shadow])
        return self._made

    def finish(self) -> None:
        enums.finish(self)
        if isinstance(self.namespace.module, ModuleType):
            self.replaced.append((self.shadow.module, self.namespace.module))
