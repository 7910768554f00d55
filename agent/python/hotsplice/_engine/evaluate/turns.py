"""Which edits of a patch are run: nothing that the program executes at that moment, and nothing before its turn."""

import ast
import re
from typing import TYPE_CHECKING, Any

from ..live import lookup
from ..live.code import read_only
from ..live.files import live_file
from ..live.line_tables import line_of
from . import executing, syntax
from .former import is_pure, parsed

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.messages import Edit, Options


def leave_out_what_runs(transaction: "Prepared") -> None:
    """A script's `main()` at the end calls what is edited, mostly: while it runs there is nothing to say about it."""
    edited = _edited_functions(transaction)
    for change in transaction.files:
        others = [one for one in change.outcomes if not _is_running_as_before(one) or _is_made_of(one, edited)]
        change.outcomes = others or change.outcomes


def report_guarded(transaction: "Prepared") -> None:
    """What the `if __name__ == "__main__":` that runs has computed of what changes stays, and no edit is about it."""
    for change in transaction.files:
        edits = [outcome.edit for outcome in change.outcomes if _may_be_read(outcome.edit)]
        frame = lookup.running_module(change.path) if edits else None
        if frame is None or any(line_executed(change.path, edit) is not None for edit in change.edits):
            continue
        line = line_of(frame)
        for number, statement in _passed_in_guard(live_file(change.path).text, line):
            read, called = _read(statement), _called(statement)
            of = [
                edit["definition"]
                for edit in edits
                if not (called if edit["what"] == "function" else read).isdisjoint(edit["binds"])
            ]
            here = _places(change, line) if of else None
            if here is not None:
                change.report_beside(
                    ", ".join(syntax.bound(statement)),
                    here[0] + number,
                    "HS0403",
                    f"it was computed of {', '.join(of)} by a statement of the block that runs, and stays as it is",
                )


def _may_be_read(edit: "Edit") -> bool:
    return edit["change"] == "changed" and not edit["scope"] and edit["what"] in ("assignment", "function")


def _passed_in_guard(text: str, line: int) -> list[tuple[int, ast.stmt]]:
    """The assignments of the guard at a line that were carried out, each with its distance from the first line."""
    lines = text.replace("\r\n", "\n").split("\n")
    first = max(
        (number for number, one in enumerate(lines[:line]) if one.startswith("if __name__")), default=len(lines)
    )
    # It stands at the end, mostly: little of a long script is parsed.
    guard = [one for one in parsed("\n".join(lines[first:]))[:1] if executing.last_line(one) >= line - first]
    found = executing.passed(guard, guard, line - first).statements
    return [(one.lineno - 1, one) for one in found if isinstance(one, (ast.Assign, ast.AnnAssign))]


def _passed(path: str, edit: "Edit") -> list[ast.stmt]:
    """What of a block that runs was carried out, as it is live."""
    line = line_executed(path, edit) if edit["what"] == "block" else None
    if line is None:
        return []
    former = parsed(live_file(path).excerpt(edit["old_line"], edit["old_end_line"]))
    return executing.passed(former, former, line - edit["old_line"] + 1).statements


def _reads_what_changes(path: str, edit: "Edit") -> bool:
    """Whether a block that runs has read, up to where it is, what is another one now."""
    names = {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())}
    return bool(names) and any(not names.isdisjoint(_read(one)) for one in _passed(path, edit))


def _read(statement: ast.stmt) -> set[str]:
    names = (node for node in syntax.run_at_once(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def _edited_functions(transaction: "Prepared") -> set[str]:
    edits = (outcome.edit for change in transaction.files for outcome in change.outcomes)
    functions = (edit for edit in edits if edit["what"] == "function" and edit["change"] == "changed")
    return {edit["definition"] for edit in functions if not edit["scope"]}


def _is_made_of(outcome: "EditOutcome", edited: set[str]) -> bool:
    """Whether a block that runs has computed values by calling edited code: reported, for they stay."""
    edit = outcome.edit
    made = [
        name
        for one in _passed(outcome.path, edit)
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and not edited.isdisjoint(_called(one))
        for name in syntax.bound(one)
    ]
    if made:
        names = ", ".join(dict.fromkeys(made))
        outcome.caveat(
            "HS0403", f"{names} was computed by calling code that is edited now; it stays as that code made it"
        )
    return bool(made)


def _called(statement: ast.stmt) -> set[str]:
    calls = (node.func for node in syntax.run_at_once(statement) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


def is_to_be_run(change: "FileChange", outcome: "EditOutcome", options: "Options") -> bool:
    edit = outcome.edit
    if edit["change"] == "removed":
        return False
    # Where new code is enough, nothing is to be run.
    is_running = _may_run(edit) and line_executed(outcome.path, edit) is not None
    if edit["change"] == "stale" and (is_running or _is_ahead(outcome.path, edit)):
        at_work = "a statement of this place runs at this moment; run it again when it has ended"
        ahead = "the script has not come to this line, and it is not run before its turn"
        outcome.unneeded(None, at_work if is_running else ahead)
        return False
    if is_running and edit["what"] == "assignment" and edit["change"] != "derived" and not edit.get("offered"):
        outcome.caveat("HS0401", "this statement runs at this moment, as it was before; run it again when it has ended")
        return False
    if (
        is_running
        and edit["what"] == "block"
        and (edit["change"] == "changed" or _reads_what_changes(outcome.path, edit))
    ):
        # What of it has been carried out is given what the new text gives; the rest is left alone.
        return edit.get("run") is not None and outcome.code != "HS0413"
    if _is_begun_only(change, edit, options):
        outcome.unneeded(None, "its text is as it was, and what goes on with it is not run again")
        return False
    reason = _is_out_of_turn(change, edit)
    if reason is not None:
        outcome.caveat("HS0401", reason)
        return False
    is_asked_for = options.get("run_statements") and not is_running and not _is_running_as_before(outcome)
    if edit.get("offered") and not is_asked_for:
        return _is_run_though_offered(outcome, is_running)
    return edit.get("run") is not None and outcome.code != "HS0413"


def _is_begun_only(change: "FileChange", edit: "Edit", options: "Options") -> bool:
    """Whether a statement gives names what a loop further down, which is not run, makes something of: `n = 0`."""
    is_as_before = edit.get("form") is not None and edit.get("form") == edit.get("old_form")
    if edit["what"] != "assignment" or not edit.get("several") or not is_as_before or options.get("run_statements"):
        return False
    others = (outcome.edit for outcome in change.outcomes)
    return any(
        other["what"] in ("block", "statement")
        and other.get("offered", False)
        and not other.get("updates")
        and other["scope"] == edit["scope"]
        and other["line"] > edit["line"]
        and set(edit["binds"]) <= set(other["binds"])
        for other in others
    )


def _may_run(edit: "Edit") -> bool:
    return edit.get("run") is not None or edit.get("offered", False) or edit["change"] == "stale"


def _is_run_though_offered(outcome: "EditOutcome", is_running: bool) -> bool:
    edit = outcome.edit
    if edit["change"] == "derived" and is_running:
        outcome.unneeded(None, "it is what runs now")
    elif _is_running_as_before(outcome):
        outcome.unneeded(None, "it has not run yet, and calls what is live when it does")
    elif edit.get("updates") and edit.get("run"):
        # It goes on with what the text gives the name, where that is evaluated again.
        return True
    elif "failed" in edit:
        outcome.caveat("HS0403", f"it follows from what is edited now, but {edit['failed']}: it stays as it was")
    elif edit["change"] == "derived" and edit["what"] in ("statement", "block"):
        outcome.caveat(
            "HS0401",
            "what this statement reads or calls is another one now; it is not run again: run it if you want",
        )
    elif edit["change"] == "derived":
        how = "decorated by" if edit["what"] in ("function", "class") else "computed by calling"
        if edit["parts"] == ["defaults"]:
            how = "given defaults by calling"
        elif edit["parts"] == ["bases"]:
            how = "made by calling"
        outcome.caveat(
            "HS0403", f"{edit['definition']} was {how} code that is edited now; it stays as that code made it"
        )
    else:
        outcome.caveat("HS0401", "this statement is not run by itself; run it in the process if you want its effect")
    return False


def line_executed(path: str, edit: "Edit") -> int | None:
    """The line in the live text that is being executed, if it is of the edited statement: a script's main loop."""
    frame = lookup.running_module(path)
    # What is new has none, and what stands in a class is executed in a frame of its own.
    if frame is None or edit["scope"] or not edit.get("old_line"):
        return None
    line = line_of(frame)
    return line if edit["old_line"] <= line <= edit["old_end_line"] else None


def is_executed(change: "FileChange", edit: "Edit") -> bool:
    """Whether a statement that is gone from the text is being executed; of others only names may be gone."""
    stays = any(one["change"] == "changed" and one.get("old_line") == edit["old_line"] for one in change.edits)
    return not stays and line_executed(change.path, edit) is not None


def _is_running_as_before(outcome: "EditOutcome") -> bool:
    edit = outcome.edit
    if edit["change"] != "derived" or not edit.get("offered") or not edit["old_line"]:
        return False
    if _reads_what_changes(outcome.path, edit):
        return False
    # What the module has not come to calls what is live by then.
    return line_executed(outcome.path, edit) is not None or _is_ahead(outcome.path, edit)


def _is_ahead(path: str, edit: "Edit") -> bool:
    frame = lookup.running_module(path)
    return frame is not None and not edit["scope"] and line_of(frame) < edit["old_line"]


def _is_out_of_turn(change: "FileChange", edit: "Edit") -> str | None:
    """Why a new statement is not run: the program is at its place, or has not come to it."""
    is_new = edit["change"] == "added" and not edit["scope"] and edit["what"] in ("assignment", "block", "statement")
    frame = lookup.running_module(change.path) if is_new else None
    if frame is None or _only_gives_values(change, edit):
        return None
    here = _places(change, line_of(frame))
    if here is None or edit["end_line"] < here[0]:
        return None
    if edit["line"] <= here[1]:
        return "it stands where a statement runs at this moment that is gone from the text; run it when that has ended"
    return "the program has not come to this statement, and it is not run before its turn"


def _only_gives_values(change: "FileChange", edit: "Edit") -> bool:
    try:
        statements = read_only(edit["run"]).body
    except (KeyError, SyntaxError, ValueError):
        # It is refused where it is compiled.
        return True
    nodes: list[Any] = [node for one in statements for node in ast.walk(one)]
    if edit["what"] == "statement" or any(isinstance(node, (*syntax.LOOPS, ast.With)) for node in nodes):
        return False
    return all(is_pure(one, namespace.globals) for namespace in change.namespaces for one in statements)


def _places(change: "FileChange", line: int) -> tuple[int, int] | None:
    """The lines of the new text, first and last, that stand where the statement at a line of the live one does.

    The first is behind the last where nothing does.
    """
    live = live_file(change.path).text
    known = change.places_executed
    if known is None or known[0] != line:
        known = change.places_executed = line, _found(live, change.text, line)
    return known[1]


def _found(live: str, text: str, line: int) -> tuple[int, int] | None:
    try:
        former, statements = ast.parse(live.removeprefix("\ufeff")).body, ast.parse(text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError):
        return None
    number = next((number for number, one in enumerate(former) if executing.last_line(one) >= line), None)
    if number is None:
        return None
    before, after = (one.replace("\r\n", "\n").split("\n") for one in (live, text))
    words = {id(one): _words(one, before) for one in former} | {id(one): _words(one, after) for one in statements}
    here, _ = executing.in_place_of(former, statements, number, lambda one: words[id(one)])
    if here:
        return executing.first_line(statements[here.start]), executing.last_line(statements[here.stop - 1])
    # Between two lines.
    last = executing.last_line(statements[here.start - 1]) if here.start else 0
    return last + 1, last


def _words(statement: ast.stmt, lines: list[str]) -> str:
    return "\n".join(lines[executing.first_line(statement) - 1 : executing.last_line(statement)])
