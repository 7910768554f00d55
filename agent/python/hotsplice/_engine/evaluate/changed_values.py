"""Values that the program changed since their statement ran are kept."""

import ast
import copy
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..journal import writes
from ..live import lookup, objects
from ..live.code import as_part, join
from ..live.files import live_file
from . import syntax
from .effects import Effects
from .equality import equal
from .former import is_pure
from .sorts import Sort, sort

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..live.messages import Edit
    from .views import Editing

# What makes a statement one that may do more than give a value.
_CALLS = frozenset((ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda, ast.JoinedStr))


def has_other_items(merger: "Editing", edit: "Edit", holder: Any, scope: Sequence[str]) -> list[str]:
    """Items and attributes that an edited assignment assigns and that hold something else than its old text gave."""
    if edit["what"] != "assignment" or edit["change"] not in ("changed", "derived"):
        return []
    statement = former_statement(merger, edit)
    if statement is None or calls(statement) or not writes.are_in(compile(statement, "<patch>", "exec")):
        return []
    seen = {**merger.namespace.globals, **holder} if scope else dict(merger.namespace.globals)
    assigned = _assigned(merger, statement, seen) or ()
    return [_key(one[1:]) for one in assigned if _differs(writes.held(*one[1:4]), one[4])]


def gives_the_same(edit: "Edit") -> bool:
    """Whether a statement stands as it did and gives what it did, to another object at most."""
    if edit["change"] != "derived":
        return False
    changed = {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())}
    try:
        statements = ast.parse(textwrap.dedent(join(edit["run"]))).body
    except (SyntaxError, ValueError):
        return False
    for one in statements:
        value = one.value if isinstance(one, (ast.Assign, ast.AnnAssign)) else None
        if value is None or calls(value):
            return False
        if any(isinstance(node, ast.Name) and node.id in changed for node in syntax.walk(value)):
            return False
    return True


def given_items(merger: "Editing", edit: "Edit", holder: Any, scope: Sequence[str]) -> dict[Any, tuple[Any, ...]]:
    """What the live statement gave each item and attribute that it assigned, where that can be told.

    By place, as the statement's target and the value.
    """
    return _given(merger, former_statement(merger, edit), _seen(merger, holder, scope)) or {}


def former_items(merger: "Editing", edit: "Edit", holder: Any, scope: Sequence[str]) -> dict[Any, Any]:
    """The same, where each run makes another object: what one run gives."""
    statement, seen = former_statement(merger, edit), _seen(merger, holder, scope)
    if statement is None or not is_pure(statement, seen, sets_attributes=True):
        return {}
    assigned = _assigned(merger, statement, seen) or ()
    return {writes.identity(*one[1:4]): one[4] for one in assigned}


def bound_before(merger: "Editing", edit: "Edit", holder: Any, scope: Sequence[str]) -> list[str]:
    """Names that the live statement binds when it runs, whatever its text calls them: `locals()[name] = …`."""
    statement, before = former_statement(merger, edit), _seen(merger, holder, scope)
    if statement is None or not is_pure(statement, before):
        return []
    seen = dict(before)
    code = compile(statement, merger.namespace.filename, "exec", dont_inherit=True)
    try:
        with merger.former_code.statement(may_stop=False), merger.shadow.writes.withdrawn():
            exec(as_part(code), seen)
    except Exception:
        return []
    return [name for name, value in seen.items() if name[:2] != "__" and before.get(name, writes.MISSING) is not value]


def _seen(merger: "Editing", holder: Any, scope: Sequence[str]) -> dict[str, Any]:
    return {**merger.namespace.globals, **holder} if scope else dict(merger.namespace.globals)


def _given(merger: "Editing", statement: Any, seen: dict[str, Any]) -> dict[Any, tuple[Any, ...]] | None:
    if statement is None or not is_pure(statement, seen, sets_attributes=True):
        return None
    runs = []
    # Each run may make another object (a class, a generator): then there is nothing to compare.
    for _ in range(2):
        assigned = _assigned(merger, copy.deepcopy(statement), dict(seen)) or ()
        # Items of a list stand where others do, too; what other code takes is not ours to tell.
        places = {writes.identity(*one[1:4]): one[1:] for one in assigned if not isinstance(one[1], list)}
        runs.append({place: one for place, one in places.items() if place is not None})
    return {place: one for place, one in runs[0].items() if place in runs[1] and equal(one[3], runs[1][place][3])}


def give_up_items(merger: "Editing", outcome: "EditOutcome", holder: Any, scope: tuple[str, ...]) -> None:
    """Items and attributes that a block had assigned and assigns no more go; what the program changed stays."""
    edit = outcome.edit
    given = given_items(merger, edit, holder, scope)
    if edit["change"] == "changed":
        try:
            statement = ast.parse(textwrap.dedent(join(edit["run"])))
        except (SyntaxError, ValueError):
            return
        again = _given(merger, statement, {**_seen(merger, holder, scope), **merger.shadow.globals})
        given = {} if again is None else {place: one for place, one in given.items() if place not in again}
    # What the text makes in another way now is not taken out of what it made.
    edits = (one.edit for one in merger.change.outcomes if not one.edit["scope"])
    names = {name for one in edits if one["change"] in ("changed", "added") for name in one["binds"]}
    made = {id(merger.namespace.globals.get(name)) for name in names}
    left = [one for one in given.values() if id(one[0]) not in made and one[3] is not writes.MISSING]
    left = [one for one in left if writes.held(*one[:3]) is not writes.MISSING]
    changed = [one for one in left if not equal(one[3], writes.held(*one[:3]))]
    same = [one for one in left if not any(one is other for other in changed)]
    gone = [one for one in same if not _is_named(merger, one[2])]
    for one in gone:
        merger.shadow.writes.give_up(*one[:3])
    if changed:
        say_kept(outcome, [_key(one) for one in changed])
    if len(gone) < len(same):
        # Another statement may give it.
        outcome.caveat("HS0401", "the statement assigns less than it did; what it did when it ran is not undone")
    if gone:
        outcome.note("applied", "HS0405", f"{', '.join(map(_key, gone))} is gone; references to it go on")


def _is_named(merger: "Editing", key: Any) -> bool:
    """Whether the new text names a key, wherever that is."""
    text = key if isinstance(key, str) else repr(key)
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", merger.change.text) is not None


def _key(one: tuple[Any, ...]) -> str:
    return one[2] if isinstance(one[2], str) else repr(one[2])


def say_kept(outcome: "EditOutcome", names: Iterable[str]) -> None:
    outcome.caveat("HS0402", f"the program changed {', '.join(names)} since the import; its value is kept")


def give_up(merger: "Editing", outcome: "EditOutcome") -> None:
    """Items and attributes that a statement had assigned go with it, if it is gone or assigns others now.

    They stay, and that is said, where they hold something else by now, where the new text names them, and where
    telling what they got would call something.
    """
    edit = outcome.edit
    if edit["what"] == "block" and edit["change"] == "removed" and not edit["scope"]:
        give_up_items(merger, outcome, {}, ())
        return
    if edit["what"] != "assignment" or edit["change"] not in ("changed", "removed"):
        return
    owner = lookup.find_class(merger.namespace, edit["scope"]) if edit["scope"] else None
    if edit["scope"] and owner is None:
        return
    statement = former_statement(merger, edit)
    if statement is None or not writes.are_in(compile(statement, "<patch>", "exec")):
        return
    again = _targets_of_edits(merger)
    if again.issuperset(writes.targets(copy.deepcopy(statement))):
        return
    if goes_with_its_object(merger, edit):
        return
    seen = {**merger.namespace.globals, **(owner.__dict__ if owner is not None else {})}
    assigned = None if calls(statement) else _assigned(merger, statement, seen)
    assigned = assigned and [one[1:] for one in assigned if one[0] not in again]
    gone = [one[:3] for one in assigned or () if _is_untouched(merger, *one)]
    for one in gone:
        merger.shadow.writes.give_up(*one)
    if assigned is None or len(gone) < len(assigned):
        outcome.caveat("HS0401", "the statement is gone from the text; what it did when it ran is not undone")
    elif gone:
        outcome.note("applied", "HS0405", f"{', '.join(key for _, _, key in gone)} is gone; references to it go on")


def goes_with_its_object(merger: "Editing", edit: "Edit") -> bool:
    """Whether a statement that is gone did nothing but change an object of its own that is gone with it.

    `routes = {}; routes["a"] = 1`: its name is gone from the text, and it was made there, so that nothing else in the
    text means it. What still holds it is reported where its name goes.
    """
    statement = former_statement(merger, edit) if edit["change"] == "removed" and not edit["scope"] else None
    one = statement.body[0] if statement is not None and len(statement.body) == 1 else None
    name = _owner(one) if one is not None else None
    seen = merger.namespace.globals
    if one is None or name is None or not (is_pure(one, seen, name) or _only_gives(one, name, seen)):
        return False
    edits = [outcome.edit for outcome in merger.change.outcomes if not outcome.edit["scope"]]
    giving = [other for other in edits if name in other["binds"]]
    if not giving or any(other["change"] != "removed" for other in giving) or _reads(merger.change.text, name):
        return False
    return all(_is_made_by(merger, other, name) for other in giving)


def _only_gives(statement: ast.stmt, name: str, seen: dict[str, Any]) -> bool:
    """Whether what a statement gives the object of a name is computed by nothing that has an effect."""
    effects = Effects(seen)
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if isinstance(target, ast.Subscript):
        return isinstance(target.value, ast.Name) and all(map(effects.has_none, (target.slice, statement.value)))  # type: ignore[attr-defined]
    if isinstance(target, ast.Attribute):
        return effects.has_none(statement.value)  # type: ignore[attr-defined]
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    return all(map(effects.has_none, (*call.args, *(one.value for one in call.keywords))))


def _owner(statement: ast.stmt) -> str | None:
    """The name of the object that a statement does nothing but change: an item, an attribute, what is in it."""
    name = syntax.updated(statement) or syntax.item_owner(statement)
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if name is None and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return target.value.id
    return name


def _reads(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _is_made_by(merger: "Editing", edit: "Edit", name: str) -> bool:
    """Whether a statement made what its name holds: a definition, or a display or call of a plain container."""
    held: Any = objects.wrapped(merger.namespace.globals.get(name))
    if issubclass(type(held), (FunctionType, type)):
        # Its definition, wherever in the edit it stands: no other one has its name.
        return bool(held.__module__ == merger.namespace.name and held.__qualname__ == name)
    statement = former_statement(merger, edit)
    one = statement.body[0] if statement is not None and len(statement.body) == 1 else None
    value = one.value if isinstance(one, (ast.Assign, ast.AnnAssign)) else None
    if value is None or [ast.unparse(target) for target in syntax.targets(one)] != [name]:  # type: ignore[arg-type]
        return False
    displays = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
    is_call = isinstance(value, ast.Call) and is_pure(value, merger.namespace.globals)
    return isinstance(value, displays) or (is_call and sort(held) is Sort.CONTAINER)


def _is_untouched(merger: "Editing", value: Any, action: Callable[..., Any], key: Any, new: Any) -> bool:
    if not isinstance(key, str) or _is_named(merger, key):
        return False
    held = writes.held(value, action, key)
    return held is not writes.MISSING and new is not writes.MISSING and not _differs(held, new)


def _targets_of_edits(merger: "Editing") -> set[str]:
    """What the statements of the file that are run assign besides names, as text."""
    if merger.assigned_again is not None:
        return merger.assigned_again
    edits = [outcome.edit for outcome in merger.change.outcomes]
    wanted = (edit["run"] for edit in edits if edit["what"] == "assignment" and edit.get("run"))
    found = merger.assigned_again = set()
    for excerpt in wanted:
        try:
            found.update(writes.targets(ast.parse(join(excerpt))))
        except SyntaxError:
            continue
    return found


def former_statement(merger: "Editing", edit: "Edit") -> ast.Module | None:
    """The syntax tree of a statement as it is live."""
    if not edit.get("old_line"):
        return None
    try:
        statement = ast.parse(
            textwrap.dedent(live_file(merger.change.path).excerpt(edit["old_line"], edit["old_end_line"]))
        )
    except (SyntaxError, ValueError):
        return None
    while statement.body and isinstance(statement.body[0], ast.ClassDef):
        # A class on one line: only its body is meant.
        statement.body = statement.body[0].body
    return statement


def calls(statement: ast.AST) -> bool:
    """Whether a syntax tree may do more than give values."""
    known: bool | None = getattr(statement, "may_call", None)
    if known is None:
        known = any(type(node) in _CALLS for node in syntax.walk(statement))
        # The same tree is asked for more than once, and may be a table of many thousand lines.
        setattr(statement, "may_call", known)  # noqa: B010
    return known


def _assigned(merger: "Editing", statement: ast.Module, seen: dict[str, Any]) -> list[tuple[Any, ...]] | None:
    """Runs a former statement in ``seen``. Assignments besides names are not done but given, as
    ``(text of the target, value, action, key, new)``.
    """
    found = []
    if merger.shadow.writes.is_dry_run:
        return None

    def target(value: Any, text: str) -> writes.Target:
        return writes.Target(value, lambda *one: found.append((text, *one, writes.MISSING)[:5]))

    statement = writes.rewritten(statement, seen, target)
    try:
        code = compile(statement, merger.namespace.filename, "exec", dont_inherit=True)
        # Former code is what is asked here.
        with merger.former_code.statement(may_stop=False), merger.shadow.writes.withdrawn():
            exec(as_part(code), seen)
    except Exception:
        return None
    return found


def _differs(held: Any, given: Any) -> bool:
    """Whether a value is another one, as far as can be told; ``MISSING`` stands for what can't."""
    if held is given or held is writes.MISSING or given is writes.MISSING:
        return False
    try:
        return type(held) is not type(given) or not bool(held == given)
    except Exception:
        return False
