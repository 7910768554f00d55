"""A patch that changes texts and nothing else: `by=3` becomes `by=K`, and K is 3. What follows from it is as it was."""

import ast
import builtins
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live.code import join
from .proven import Same, shape

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.lookup import Namespace

_PLAIN = (int, float, complex, bool, str, bytes, type(None))
# What every class has of its own, and what tells of its text alone.
_OF_CLASSES = frozenset(
    ("__dict__", "__weakref__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__")
)
# What of a definition a function shows in what is compared here.
_COMPARED = frozenset(("body", "defaults"))
_DEPTH = 6
_NAMES = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.expr_context)


class Unchanged:
    """What all edits of a patch bind: noted before the commit, compared after it."""

    def __init__(self, transaction: "Prepared") -> None:
        outcomes = [outcome for change in transaction.files for outcome in change.outcomes]
        self._doubted = [one for one in outcomes if _is_doubted(one)]
        self._transaction = transaction
        self._before: list[Any] | None = None
        self._before = self._states() if self._doubted else None

    def settle(self) -> None:
        if self._before is not None and self._states() == self._before:
            for outcome in self._doubted:
                outcome.retract(outcome.code or "")

    def _states(self) -> "list[Any] | None":
        """All that the other edits may have made another one; nothing where that can't be told."""
        found: list[Any] = []
        try:
            for change in self._transaction.files:
                for outcome in change.outcomes:
                    if any(outcome is one for one in self._doubted):
                        continue
                    names = _bound(outcome)
                    if _is_new_constant(outcome):
                        # Nobody reads it but what is edited.
                        if self._before is None and any(_is_known(name, change.namespaces) for name in names):
                            raise _Untold
                        continue
                    for namespace in change.namespaces:
                        found += [_state(namespace.globals[name]) for name in names]
        except (_Untold, KeyError):
            return None
        return found


class _Untold(Exception):
    """It may be another one, as far as can be told."""


def _is_doubted(outcome: "EditOutcome") -> bool:
    return outcome.edit["change"] == "derived" and outcome.code in ("HS0401", "HS0403") and len(outcome.notes) == 1


def _bound(outcome: "EditOutcome") -> list[str]:
    """The names of a module in which an edit can be seen."""
    edit = outcome.edit
    is_whole = (edit["change"] in ("changed", "derived") or _is_new_constant(outcome)) and _COMPARED.issuperset(
        edit["parts"]
    )
    names = [edit["scope"][0]] if edit["scope"] else edit["binds"]
    if not is_whole or not names or outcome.code is not None or edit["what"] not in ("assignment", "function"):
        raise _Untold
    if not _only_names(join(edit.get("run") or [])):
        raise _Untold
    return names


def _is_new_constant(outcome: "EditOutcome") -> bool:
    edit = outcome.edit
    return edit["change"] == "added" and edit["what"] == "assignment" and not edit["scope"]


def _is_known(name: str, namespaces: "list[Namespace]") -> bool:
    """Whether code that is not edited may mean something by it."""
    return hasattr(builtins, name) or any(name in one.globals for one in namespaces)


def _only_names(text: str) -> bool:
    """Whether a statement, inside its classes, computes nothing: it gives what names hold, and constants."""
    try:
        pending: list[ast.stmt] = list(ast.parse(text).body)
    except (SyntaxError, ValueError):
        return False
    for statement in pending:
        given: list[ast.expr] = []
        if isinstance(statement, ast.ClassDef):
            pending += statement.body
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = list(statement.args.defaults)
            given += [one for one in statement.args.kw_defaults if one is not None]
            if statement.decorator_list:
                return False
        elif isinstance(statement, ast.Assign) and all(isinstance(one, ast.Name) for one in statement.targets):
            given = [statement.value]
        elif not isinstance(statement, (ast.Pass, ast.Import, ast.ImportFrom)):
            return False
        if not all(isinstance(node, _NAMES) for one in given for node in ast.walk(one)):
            return False
    return True


def _state(value: Any, depth: int = 0) -> Any:
    kind = type(value)
    if depth > _DEPTH:
        raise _Untold
    if any(kind is one for one in _PLAIN):
        return kind, Same(value)
    if kind is FunctionType:
        own = _state(dict(value.__dict__), depth + 1)[1:]
        return _Itself(value), shape(value, 1), Same(value.__doc__), own
    if kind is type:
        members = {name: one for name, one in value.__dict__.items() if name not in _OF_CLASSES}
        return _Itself(value), _Itself(value.__bases__), sorted(members), _all(members.values(), depth)
    if kind is staticmethod or kind is classmethod:
        return kind, _state(value.__func__, depth + 1)
    if kind is property:
        return kind, _all((value.fget, value.fset, value.fdel), depth)
    if kind is dict:
        return _Itself(value), _all(value, depth), _all(value.values(), depth)
    if kind is list or kind is tuple:
        return _Itself(value), _all(value, depth)
    raise _Untold


def _all(values: Any, depth: int) -> list[Any]:
    return [_state(one, depth + 1) for one in values]


class _Itself:
    """Equal to itself alone; it lives as long as it is compared."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self._value is other._value

    __hash__ = None  # type: ignore[assignment]
