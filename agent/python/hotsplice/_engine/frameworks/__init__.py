"""What frameworks keep of a program's functions: routes, commands, receivers.

Each module here knows one framework, and is imported only when the program has imported that. It defines:

(each where it has something to do)

``stand_in(value)``
    A copy of a registry (an application, a group of commands), to run decorators against; None for anything else.
``forget(copy, holds)``
    Takes out what was registered for functions; ``holds(value)`` tells whether a value is, or wraps, one of them.
``hand_on(live, copy, copy_of)``
    Where registries are parts of others: what is new in one goes on to ``copy_of(other)``.
``settle(live, copy, live_of, plan)``
    Plans to give the live registry what the copy has now; ``live_of(value)`` is the live object that something made
    while evaluating stands for (see ``LiveOf``).
``follow(edits, functions)``
    At the end of the preparation, for what the framework computed from ``functions`` whose signatures or docstrings
    change, or from classes. Gives what is to be done after the commit.
``registries(decorator)``
    Containers that a decorator of the framework registers in, where they are not to be found from it.
``observe(patch)``
    The same, for what depends on which classes are edited; what can't be followed is reported (see ``Observed``).
"""

import ast
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from .gaps import Gap, filled
from .observed import Observed

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Definition, Edit, Rewriter

# Adapter → the module that a program has imported if it uses the framework, or several
_KNOWN: dict[str, str | tuple[str, ...]] = {
    "flask": "flask",
    "flask_config": "flask",
    # Before those that build on it.
    "pydantic": "pydantic.main",
    "starlette": "starlette.routing",
    "sqlalchemy": "sqlalchemy.orm.decl_api",
    "marshmallow": "marshmallow.schema",
    "django": "django.urls",
    "django_settings": "django.conf",
    "django_admin": "django.contrib.admin.sites",
    "rest_framework": "rest_framework.routers",
    "click": "click",
    "typer": "typer.main",
    "celery": "celery._state",
    "mcp": ("mcp.server.mcpserver.tools.base", "mcp.server.fastmcp.tools.base"),
    "textual": "textual.app",
    "discord": "discord.ext.commands",
    "aiohttp": "aiohttp.web",
    "dash": "dash.dash",
    "pluggy": "pluggy._hooks",
    "qt": ("PyQt6.sip", "PyQt5.sip", "sip", "shiboken6"),
    "blender": "bpy",
    "cattrs": "cattrs.converters",
    "falcon": "falcon.app",
    "graphql": ("graphene.types.schema", "strawberry.schema.schema"),
    "dependency_injector": "dependency_injector.containers",
}
# Adapter → why it can't be used with the version that the program has
_UNFIT: dict[str, str] = {}
# Parts of a definition that have its decorators run again.
_RUN_AGAIN = {"decorators", "async", "type-parameters"}
# Parts of a definition that can be seen from outside.
_HEADER = {*_RUN_AGAIN, "docstring", "defaults", "annotations", "parameters"}


def _adapter(name: str) -> Any:
    return __import__(f"{__name__}.{name}", fromlist=("",))


def _adapters() -> list[Any]:
    """The adapters of what the program uses; one that a version of its framework does not fit is left out."""
    found = []
    for name, modules in _KNOWN.items():
        if any(module in sys.modules for module in ([modules] if isinstance(modules, str) else modules)):
            try:
                found.append(_adapter(name))
            except (ImportError, AttributeError) as error:
                _UNFIT.setdefault(name, f"{type(error).__name__}: {error}")
    return found


class Registries:
    """Copies of the registries that the patched modules name, for one transaction.

    Decorators that are run while a patch is prepared register with the copies: nothing is seen of that before the
    commit, nothing is registered twice, and what a framework forbids once it serves (Flask's setup methods) works.
    """

    def __init__(self, shadows: Iterable[Any]) -> None:
        # (adapter, live, copy)
        self._copies: list[tuple[Any, Any, Any]] = []
        by_live: dict[int, Any] = {}
        adapters = _adapters()
        for shadow in shadows if adapters else ():
            for name, value in list(shadow.globals.items()):
                if type(value).__module__ == "builtins":
                    continue
                if id(value) not in by_live:
                    by_live[id(value)] = self._copy(adapters, value)
                copy = by_live[id(value)]
                if copy is not None:
                    shadow.globals[name] = shadow.before[name] = copy

    def _copy(self, adapters: list[Any], value: Any) -> Any:
        for adapter in adapters:
            copy = adapter.stand_in(value) if hasattr(adapter, "stand_in") else None
            if copy is not None:
                self._copies.append((adapter, value, copy))
                return copy
        return None

    def live(self) -> set[int]:
        """The ids of the registries that have copies."""
        return {id(live) for _, live, _ in self._copies}

    def stand_ins(self) -> dict[int, Any]:
        return {id(copy): live for _, live, copy in self._copies}

    def forget(self, transaction: "Prepared") -> None:
        """Takes out what definitions had registered whose decorators run again, or that are gone."""
        if not self._copies:
            return
        for change in transaction.files:
            for outcome in change.outcomes:
                if registers_anew(outcome.edit, transaction.options):
                    for namespace in change.namespaces:
                        self._forget(namespace, outcome.edit)

    def _forget(self, namespace: "Namespace", edit: "Edit") -> None:
        registrars = {id(namespace.globals.get(name)) for name in edit["registrars"]}
        for name in edit["binds"] or [edit["definition"]]:
            value = lookup.bound_value(namespace, edit["scope"], name)
            if value is None:
                continue
            unit: Definition = {"scope": edit["scope"], "name": name, "old_line": edit["old_line"]}
            functions = lookup.find_unit(namespace, unit) if edit["what"] == "function" else []
            holds = partial(_holds, value, {id(function.__code__) for function in functions})
            for adapter, live, copy in self._copies:
                if id(live) in registrars:
                    adapter.forget(copy, holds)

    def settle(self, transaction: "Prepared", replaced: list[tuple[Any, Any]]) -> None:
        live_of = LiveOf(transaction, replaced, self.stand_ins())
        plan = transaction.plan
        for adapter, live, copy in list(self._copies):
            adapter.hand_on(live, copy, partial(self._copy_of, adapter))
        for adapter, live, copy in self._copies:
            adapter.settle(live, copy, live_of, plan)
            replaced.append((copy, live))

    def _copy_of(self, adapter: Any, wanted: Any) -> Any:
        for _, live, copy in self._copies:
            if live is wanted:
                return copy
        return self._copy([adapter], wanted)


class LiveOf:
    """From what was made while evaluating to the live object that it stands for."""

    def __init__(self, transaction: "Prepared", replaced: list[tuple[Any, Any]], stand_ins: dict[int, Any]) -> None:
        self._live = {id(made): live for made, live in replaced} | stand_ins
        self._lines = {
            (namespace.filename, unit["old_line"]): unit["line"]
            for change in transaction.files
            for namespace in change.namespaces
            for unit in (*change.units, *change.moves)
        }
        self._namespaces = {id(namespace.globals) for change in transaction.files for namespace in change.namespaces}
        self._texts = {
            namespace.name: (namespace.filename, change)
            for change in transaction.files
            for namespace in change.namespaces
        }
        # Module's name → its classes' lines in the new text, by qualified name
        self._classes: dict[str, dict[str, int]] = {}

    def __call__(self, value: Any) -> Any:
        return self._live.get(id(value), value)

    def place(self, value: Any) -> tuple[str, int]:
        """File and line of a function or class in the new text."""
        function = objects.wrapped(value)
        if objects.is_class(function):
            return self._place_of_class(function)
        if type(function) is not FunctionType:
            return "", 0
        code = function.__code__
        # What was made while evaluating stands in a shadow, and where the new text says.
        is_live = id(function.__globals__) in self._namespaces
        line = code.co_firstlineno
        filename: str = code.co_filename
        return filename, self._lines.get((filename, line), line) if is_live else line

    def _place_of_class(self, cls: type) -> tuple[str, int]:
        filename, change = self._texts.get(cls.__module__, ("", None))
        if change is None:
            return "", 0
        if cls.__module__ not in self._classes:
            self._classes[cls.__module__] = _lines_of_classes(change.text)
        line = self._classes[cls.__module__].get(cls.__qualname__)
        return ("", 0) if line is None else (filename, line)


def _lines_of_classes(text: str) -> dict[str, int]:
    try:
        pending: list[tuple[str, ast.AST]] = [("", ast.parse(text.removeprefix("\ufeff")))]
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for around, node in pending:
        for one in ast.iter_child_nodes(node):
            name = f"{around}{one.name}" if isinstance(one, ast.ClassDef) else ""
            if name and isinstance(one, ast.ClassDef):
                found[name] = one.lineno
            if not isinstance(one, (ast.expr, ast.FunctionDef, ast.AsyncFunctionDef)):
                pending.append((f"{name}." if name else around, one))
    return found


def registers_anew(edit: "Edit", options: Any) -> bool:
    if edit["change"] == "derived" and edit.get("offered") and not options.get("run_statements"):
        # Its decorators are not run again.
        return False
    if edit["what"] not in ("function", "class") or "<locals>" in edit["scope"]:
        return False
    if edit["what"] == "class" and edit["change"] == "removed":
        # Its bases may have registered it.
        return True
    if not edit.get("registrars"):
        return False
    return edit["change"] == "removed" or edit["kind"] == "replaced" or bool(_RUN_AGAIN & set(edit["parts"]))


def _holds(wanted: Any, codes: set[int], value: Any) -> bool:
    if value is wanted:
        return True
    return isinstance(value, FunctionType) and id(value.__code__) in codes


def follow(transaction: "Prepared") -> None:
    """Has the frameworks follow functions that get new code; what goes wrong is told beside the verdicts."""
    adapters = _adapters()
    if not adapters:
        return
    functions = {
        function
        for change in transaction.files
        for code_changes in change.code_changes.values()
        for code_change in code_changes
        if any(_HEADER & set(outcome.edit["parts"]) for outcome in change.outcomes_of(code_change.unit))
        for function in code_change.functions
    }
    edits = [outcome.edit for change in transaction.files for outcome in change.outcomes]
    for adapter in adapters:
        if hasattr(adapter, "observe"):
            seen = Observed(transaction, partial(_carry_out, transaction, adapter))
            _carry_out(transaction, adapter, partial(adapter.observe, seen))
        for action in adapter.follow(edits, functions) if hasattr(adapter, "follow") else ():
            transaction.plan.afterwards.append(partial(_carry_out, transaction, adapter, action))
    for name, reason in _UNFIT.items():
        _say_unfit(transaction, name, reason)
    _UNFIT.clear()


def registries_of(decorator: Any) -> list[Any]:
    """Containers that a framework's decorator registers in."""
    found = (adapter.registries(decorator) for adapter in _adapters() if hasattr(adapter, "registries"))
    return [container for containers in found for container in containers]


def kinds_of_fields() -> list[Any]:
    """Modules that know classes whose methods are generated from fields, besides those of the standard library."""
    return [_adapter("attrs")] if "attr._make" in sys.modules else []


def keeper(owner: type) -> Any:
    """The adapter that adds members to a class which can't be made again."""
    if "sqlalchemy.orm.decl_api" not in sys.modules:
        return None
    adapter = _adapter("sqlalchemy")
    return adapter if adapter.takes_members(owner) else None


def configures(edit: "Edit", namespace: "Namespace") -> bool:
    """Whether a statement whose values have changed may be run again, because configuring is all that it does."""
    if "logging.config" not in sys.modules:
        return False
    return bool(_adapter("logging").configures(edit, namespace))


def rewriter(module: ModuleType | None) -> "Rewriter | None":
    """What makes a tree of a text for this module, where that is not CPython's parser alone."""
    if "_pytest.assertion.rewrite" not in sys.modules:
        return None
    found: Rewriter | None = _adapter("pytest").rewriter(module)
    return found


def change_classes(edits: "Iterable[Edit]") -> bool:
    """Whether a patch does more to classes than giving methods new code."""
    return any(
        edit["what"] == "class"
        or (edit["scope"] and "<locals>" not in edit["scope"])
        and (edit["what"] != "function" or edit["change"] != "changed" or "decorators" in edit["parts"])
        for edit in edits
    )


def _carry_out(transaction: "Prepared", adapter: Any, action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception as error:
        _say_unfit(transaction, adapter.__name__.rpartition(".")[2], f"{type(error).__name__}: {error}")


def _say_unfit(transaction: "Prepared", name: str, reason: str) -> None:
    transaction.say_afterwards("HS0602", f"the patch is live, but {name} could not be told of it: {reason}")


def copied(value: Any) -> Any:
    """A registry's dictionaries, lists and sets, copied all the way down; what they hold stays."""
    if isinstance(value, dict):
        copy = value.copy()
        for key, inner in copy.items():
            copy[key] = copied(inner)
        return copy
    if isinstance(value, (list, set)):
        return type(value)(map(copied, value)) if isinstance(value, list) else value.copy()
    return value


def without(value: Any, holds: Callable[[Any], bool]) -> None:
    """Takes what ``holds`` says out of copied dictionaries and lists, in place."""
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            if holds(inner):
                del value[key]
            else:
                without(inner, holds)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if holds(inner):
                value[index] = Gap(inner)
            else:
                without(inner, holds)


def resolved(value: Any, live_of: "LiveOf", known: Any = None) -> Any:
    """The copied dictionaries and lists with live objects for those made while evaluating, and without gaps.

    ``known`` is what it was copied from: what is new comes before what the same file defines further down.
    """
    if isinstance(value, dict):
        copy = value.copy()
        for key, inner in copy.items():
            copy[key] = resolved(inner, live_of, known.get(key) if isinstance(known, dict) else None)
        return copy
    if isinstance(value, list):
        inner = [one if isinstance(one, Gap) else resolved(one, live_of) for one in value]
        return filled(inner, lambda one: one, live_of, known if isinstance(known, list) else inner)
    return live_of(value)
