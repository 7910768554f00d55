"""Values that the program changed since their statement ran are kept."""

import ast
import copy
import dis
import re
import textwrap
from types import FunctionType

from ..journal import writes
from ..live import lookup
from ..live.code import join, tree
from ..live.files import live_file

# What makes a statement one that may do more than give a value.
_CALLS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda, ast.JoinedStr)


def is_kept(merger, outcome, holder, scope):
    """Whether an edited assignment is left alone, and said; ``holder`` is the module's or the class's namespace."""
    edit = outcome.edit
    if edit["what"] != "assignment" or edit["change"] not in ("changed", "derived"):
        return False
    changed = _changed(merger, edit, holder, scope)
    if not changed:
        return False
    say_kept(outcome, changed)
    return True


def say_kept(outcome, names):
    outcome.caveat("HS0402", f"the program changed {', '.join(names)} since the import; its value is kept")


def _changed(merger, edit, holder, scope):
    """The targets of an assignment that hold something else than what its old text gave them.

    A statement that calls nothing is run again to compare. For others it counts whether a function of the module
    assigns the name.
    """
    names = [name for name in edit["binds"] if lookup.mangled(name, scope) in holder]
    if edit.get("rebound") or (edit["binds"] and not names):
        return []
    statement = former_statement(merger, edit)
    if statement is None:
        return []
    if calls(statement):
        return [] if scope else [name for name in names if _is_assigned_by_functions(merger.namespace, name)]
    made = statement.body[0] if statement.body else None
    if type(made).__name__ == "TypeAlias" or isinstance(getattr(made, "value", None), ast.GeneratorExp):
        # Each run makes another one: there is nothing to compare.
        return []
    seen = {**merger.namespace.globals, **holder} if scope else dict(merger.namespace.globals)
    assigned = _assigned(merger, statement, seen)
    if assigned is None:
        return []
    own = [name for name in names if _differs(seen.get(name, writes.MISSING), holder[lookup.mangled(name, scope)])]
    others = [key for _, value, action, key, new in assigned if _differs(writes.held(value, action, key), new)]
    return own + [key if isinstance(key, str) else repr(key) for key in others]


def is_changed(merger, statements, name, holder, scope):
    """Whether a name holds something else than what any of these former assignments in branches gave it."""
    stored = lookup.mangled(name, scope)
    if stored not in holder or not statements:
        return False
    if any(map(calls, statements)):
        return not scope and _is_assigned_by_functions(merger.namespace, name)
    for statement in statements:
        seen = {**merger.namespace.globals, **holder} if scope else dict(merger.namespace.globals)
        module = ast.Module([copy.deepcopy(statement)], [])
        if _assigned(merger, module, seen) is None or not _differs(seen.get(name, writes.MISSING), holder[stored]):
            return False
    return True


def give_up(merger, outcome):
    """Items and attributes that a statement had assigned go with it, if it is gone or assigns others now.

    They stay, and that is said, where they hold something else by now, where the new text names them, and where
    telling what they got would call something.
    """
    edit = outcome.edit
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


def _is_untouched(merger, value, action, key, new):
    if not isinstance(key, str) or re.search(rf"\b{re.escape(key)}\b", merger.change.text):
        return False
    held = writes.held(value, action, key)
    return held is not writes.MISSING and new is not writes.MISSING and not _differs(held, new)


def _targets_of_edits(merger):
    """What the statements of the file that are run assign besides names, as text."""
    edits = [outcome.edit for outcome in merger.change.outcomes]
    wanted = (edit["run"] for edit in edits if edit["what"] == "assignment" and edit.get("run"))
    found = set()
    for excerpt in wanted:
        try:
            found.update(writes.targets(ast.parse(join(excerpt))))
        except SyntaxError:
            continue
    return found


def former_statement(merger, edit):
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


def calls(statement):
    """Whether a syntax tree may do more than give values."""
    return any(isinstance(node, _CALLS) for node in ast.walk(statement))


def _assigned(merger, statement, seen):
    """Runs a former statement in ``seen``. Assignments besides names are not done but given, as
    ``(text of the target, value, action, key, new)``.
    """
    found = []
    if merger.shadow.writes.is_dry_run:
        return None

    def target(value, text):
        return writes.Target(value, lambda *one: found.append((text, *one, writes.MISSING)[:5]))

    statement = writes.rewritten(statement, seen, target)
    try:
        code = compile(statement, merger.namespace.filename, "exec", dont_inherit=True)
        with merger.shadow.writes.withdrawn():
            exec(code.replace(co_name="<patch>"), seen)
    except Exception:
        return None
    return found


def _differs(held, given):
    """Whether a value is another one, as far as can be told; ``MISSING`` stands for what can't."""
    if held is given or held is writes.MISSING or given is writes.MISSING:
        return False
    try:
        return type(held) is not type(given) or not bool(held == given)
    except Exception:
        return False


def _is_assigned_by_functions(namespace, name):
    return any(
        instruction.opname == "STORE_GLOBAL" and instruction.argval == name
        for function in list(namespace.globals.values())
        if isinstance(function, FunctionType) and function.__globals__ is namespace.globals
        for code in tree(function.__code__)
        if name in code.co_names
        for instruction in dis.get_instructions(code)
    )
