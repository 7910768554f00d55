"""What one definition has registered in containers of the program."""

import ast
import re
import textwrap
from typing import TYPE_CHECKING, Any

from ..live.code import join, read_only
from ..live.files import live_file
from . import LiveOf, entries, stores

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import ClassUnit


class Registration:
    """What one definition has registered, and where."""

    def __init__(
        self,
        outcome: "EditOutcome",
        used: set[int],
        live: set[int],
        names: set[str],
        beside: Any,
        is_gone: bool = False,
        registrars: Any = (),
        holders: Any = (),
    ):
        self.outcome = outcome
        # Something else than a definition gives the name now.
        self._is_gone = is_gone
        # Ids of all registries, which lead to what others have registered.
        self.beside = beside
        # Ids of the objects in registries that hold several definitions.
        self.holders = holders
        # What decorates it, as far as those are functions.
        self.registrars = list(registrars)
        # Ids of the containers that its former decorators use.
        self.used = used
        # Ids of the functions and objects that it made, and what an entry may call it.
        self.live, self.names = live, names

    def made(self, key: Any, value: Any) -> bool:
        """Whether an entry is what the live definition registered."""
        # What others are registered in, too, is no entry of this one, whatever its name.
        return self.reaches(key, value) or (id(value) not in self.holders and self.names_it(key, value))

    def reaches(self, key: Any, value: Any) -> bool:
        """Whether an entry leads to the live definition."""
        leads = (entries.reaches(one, self.live, self.beside) for one in (value, key))
        return stores.kind_of(value) is None and any(leads)

    def is_about(self, entry: tuple[Any, Any], live_of: "LiveOf") -> bool:
        """Whether an entry is of the definition, or may be: it leads to no function."""
        function = entries.function(entry[1])
        own = function is not None and id(live_of(function)) in self.live
        return own or function is None or self.names_it(*entry)

    def names_it(self, key: Any, value: Any) -> bool:
        if type(key) is str:
            return key in self.names
        if type(value) is str:
            return value in self.names
        return type(value) is tuple and any(type(one) is str and one in self.names for one in value)

    def may_be_of_calls(self, key: Any, value: Any) -> bool:
        """Whether calls of a class that is only rebuilt have filled this in: an object of it, a count for it."""
        is_rebuilt = self.outcome.edit["what"] != "class" and bool(self.outcome.edit["scope"])
        return is_rebuilt and id(value) not in self.live and (id(type(value)) in self.live or id(key) in self.live)

    def is_kept_by_itself(self) -> bool:
        """Whether what a definition registered goes even where nothing is registered instead."""
        edit = self.outcome.edit
        # Of a block only what is touched runs again.
        return self._is_gone or (not edit.get("observed") and (edit["what"] != "block" or edit["change"] == "removed"))


def defines(text: str, name: str) -> bool:
    """Whether a text has a function or a class of this name, in a compound statement or not."""
    return re.search(rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(name)}\b", text, re.MULTILINE) is not None


def definitions_in(path: str, edit: Any) -> dict[str, list[str]]:
    """The functions and classes of a compound statement, also of one that is gone, each with what decorates it."""
    if edit["change"] == "removed":
        return former_definitions_in(path, edit)
    own = edit["binds"] or edit["definition"].split(", ")
    found = _definitions(join(edit["run"]) if edit.get("run") else "")
    return {name: decorators for name, decorators in found.items() if name in own}


def former_definitions_in(path: str, edit: Any) -> dict[str, list[str]]:
    """The same, as it was: also those whose names something else gives now, as an import does."""
    first, last = edit.get("old_line"), edit.get("old_end_line")
    return _definitions(textwrap.dedent(live_file(path).excerpt(first, last))) if first and last else {}


def loops(path: str, edit: Any) -> bool:
    """Whether a compound statement, as it was, runs something more than once."""
    first, last = edit.get("old_line"), edit.get("old_end_line")
    text = live_file(path).excerpt(first, last) if first and last else ""
    return re.search(r"^[ \t]*(?:async[ \t]+for|for|while)\b", text, re.MULTILINE) is not None


def _definitions(text: str) -> dict[str, list[str]]:
    try:
        statements: list[ast.AST] = list(ast.parse(text).body)
    except (SyntaxError, ValueError):
        return {}
    found = {}
    while statements:
        node = statements.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            called = (one.func if isinstance(one, ast.Call) else one for one in node.decorator_list)
            found[node.name] = [ast.unparse(one) for one in called if isinstance(one, (ast.Name, ast.Attribute))]
        else:
            statements += ast.iter_child_nodes(node)
    return found


def decorators(unit: "ClassUnit", scope: tuple[str, ...]) -> list[str]:
    """Names of what decorates a class in the new text."""
    try:
        found: Any = read_only(unit["run"])
    except (SyntaxError, ValueError):
        return []
    for name in scope:
        inside = [one for one in ast.walk(found) if isinstance(one, ast.ClassDef) and one.name == name]
        if not inside:
            return []
        found = inside[-1]
    called = (one.func if isinstance(one, ast.Call) else one for one in found.decorator_list)
    return [ast.unparse(one) for one in called if isinstance(one, (ast.Name, ast.Attribute))]
