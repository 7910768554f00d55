"""Classes in compound statements that run as a whole: no edit tells of their members one by one."""

import ast
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..evaluate.equality import equal
from ..evaluate.former import Former
from ..live.code import join
from ..live.files import live_file
from ..live.objects import own
from . import decisions

if TYPE_CHECKING:
    from .merging import Merger

_DEFINITIONS = (*syntax.FUNCTIONS, ast.ClassDef)


def makes(merger: "Merger", scope: tuple[str, ...]) -> bool:
    """Whether a block made a class again."""
    binding = merger.bound.get(scope[0])
    return binding is not None and binding.edit["what"] == "block"


class Bodies:
    """Two versions of such a class: of the statements of its name those that made the live one and the new one."""

    def __init__(self, merger: "Merger", scope: tuple[str, ...], live: Any, made: Any) -> None:
        self._merger, self._scope, self._live = merger, scope, live
        edit, file = merger.bound[scope[0]].edit, live_file(merger.change.path)
        # It may have stood outside of any block.
        first = edit["old_line"] if edit.get("old_line") else None
        text = file.excerpt(first, edit["old_end_line"]) if first else file.text
        # Mostly one of each.
        self._former = [_given(one) for one in _made_by(_statements(text, scope, (first or 1) - 1), live)]
        self._new = [_given(one) for one in _made_by(_statements(join(edit["run"]), scope, 0), made)]
        self._read = {name.partition(".")[0] for name in edit.get("changed_reads") or ()}

    def changed(self) -> set[str]:
        """What the body gives otherwise than the live one did, or may."""
        return {name for name in _names(self._new) if self._is_changed(name)}

    def gone(self) -> set[str]:
        """What only the former one gave."""
        return _names(self._former) - _names(self._new)

    def keeps(self, name: str, old: Any, new: Any) -> bool:
        """Whether what the program gave an attribute stays."""
        found = [given[name] for given in self._former if name in given]
        if not found or any(isinstance(one, _DEFINITIONS) for given in self._new for one in given.get(name, ())):
            return False
        texts = [self._text(statements) for statements in found]
        text = next((one for one in texts if equal(one.value(name, old), old)), texts[-1])
        outcome = self._merger.bound[self._scope[0]]
        return decisions.take_member(self._merger, outcome, self._scope, name, old, new, text)

    def _text(self, statements: list[Any]) -> Former:
        ranges = [(one.lineno, one.end_lineno) for one in statements]
        return Former(self._merger, {"scope": list(self._scope), "former": ranges}, own(self._live))

    def _is_changed(self, name: str) -> bool:
        texts = {tuple(ast.dump(one) for one in given.get(name, ())) for given in (*self._former, *self._new)}
        read = (node for given in self._new for one in given.get(name, ()) for node in syntax.run_at_once(one))
        return len(texts) > 1 or any(isinstance(node, ast.Name) and node.id in self._read for node in read)


def bodies(merger: "Merger", scope: tuple[str, ...], live: Any, made: Any) -> Bodies | None:
    """Nothing where edits tell of the class's members one by one."""
    if scope in merger.change.classes or scope[0] in merger.moved or not makes(merger, scope):
        return None
    return Bodies(merger, scope, live, made)


def _statements(text: str, scope: tuple[str, ...], before: int) -> list[Any]:
    """All class statements of a name, by the lines of the file."""
    try:
        found: list[Any] = [ast.parse(textwrap.dedent(text))]
    except (SyntaxError, ValueError):
        return []
    ast.increment_lineno(found[0], before)
    for name in scope:
        inside = [one for body in found for one in ast.walk(body)]
        found = [one for one in inside if isinstance(one, ast.ClassDef) and one.name == name]
    return found


def _made_by(statements: list[Any], cls: Any) -> list[Any]:
    """Those that may have made a class: one, mostly, which its line tells, or what it has."""
    members = own(cls)
    lines = {members["__firstlineno__"]} if type(members.get("__firstlineno__")) is int else set()
    plain = (one for one in members.values() if type(one) is FunctionType and one.__module__ == cls.__module__)
    lines.update(one.__code__.co_firstlineno for one in plain if one.__qualname__.startswith(f"{cls.__qualname__}."))
    by_line = [one for one in statements if any(_first_line(one) <= line <= one.end_lineno for line in lines)]
    if by_line:
        return by_line
    return [one for one in statements if _given(one).keys() <= members.keys()] or statements


def _first_line(statement: Any) -> int:
    first: int = min((one.lineno for one in statement.decorator_list), default=statement.lineno)
    return first


def _names(bodies: list[dict[str, list[Any]]]) -> set[str]:
    return {name for given in bodies for name in given}


def _given(body: Any) -> dict[str, list[Any]]:
    """Name → the statements that give it something."""
    given: dict[str, list[Any]] = {}
    for statement in body.body:
        for one in syntax.elements(statement):
            for name in syntax.bound(one):
                given.setdefault(name, []).append(one)
    return given
