"""Classes in compound statements that run as a whole: no edit tells of their members one by one."""

import ast
import textwrap
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live.code import join
from ..live.files import live_file

if TYPE_CHECKING:
    from .merging import Merger


def makes(merger: "Merger", scope: tuple[str, ...]) -> bool:
    """Whether a block made a class again."""
    binding = merger.bound.get(scope[0])
    return binding is not None and binding.edit["what"] == "block"


def changed_members(merger: "Merger", scope: tuple[str, ...]) -> set[str]:
    """What the body of such a class gives otherwise than the live text does."""
    if scope in merger.change.classes or scope[0] in merger.moved or not makes(merger, scope):
        return set()
    edit, file = merger.bound[scope[0]].edit, live_file(merger.change.path)
    # It may have stood outside of any block.
    text = file.excerpt(edit["old_line"], edit["old_end_line"]) if edit.get("old_line") else file.text
    former = _given(text, scope)
    new = _given(join(edit["run"]), scope)
    return {name for name, text in new.items() if former.get(name) != text}


def _given(text: str, scope: tuple[str, ...]) -> dict[str, list[str]]:
    """Name → the statements that give it something, in all classes of that name: which branch runs is not known."""
    try:
        bodies: list[Any] = [ast.parse(textwrap.dedent(text))]
    except (SyntaxError, ValueError):
        return {}
    for name in scope:
        inside = [one for body in bodies for one in ast.walk(body)]
        bodies = [one for one in inside if isinstance(one, ast.ClassDef) and one.name == name]
    given: dict[str, list[str]] = {}
    for statement in (one for body in bodies for one in body.body):
        for one in syntax.elements(statement):
            for name in syntax.bound(one):
                given.setdefault(name, []).append(ast.dump(one))
    return given
