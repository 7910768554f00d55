"""What is noted of a file whose new text is live: what was patched in it, how often, and what first runs that."""

from typing import TYPE_CHECKING

from ..live.displaced import shown_name
from ..native import native
from . import first_run, reports, running

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.files import LiveFile
    from ..live.messages import Edit


def note(transaction: "Prepared", file: "LiveFile", change: "FileChange") -> None:
    for code, unit in change.retired:
        name = ".".join((*unit["scope"], unit["name"]))
        running.remember(code, file.path, name, file.version_of(name))
    change.retired.clear()
    # What becomes of a module's running statement tells whether what the text says of it is live.
    transaction.old_calls = reports.report(transaction.old_calls, file, change)
    if change.executed_at is not None and change.line_now is not None:
        code, _ = change.executed_at
        running.follow_lines(code, change.line_now)
    now = native.time()
    for outcome in change.outcomes:
        edit = outcome.edit
        name = shown_name(edit)
        if edit["change"] == "removed":
            file.patched.pop(name, None)
        elif _is_patched(edit, outcome.verdict):
            version = file.version_of(name) + 1
            follows = file.patched[name]["follows"] if version > 1 else ()
            if edit["change"] == "derived":
                follows = _edited(transaction)
            details = {"line": edit["line"], "version": version, "patched_at": now, "ran": None}
            file.patched[name] = {**details, "follows": follows, "text": file.displaced.texts}
    for code_change in (item for items in change.code_changes.values() for item in items):
        running.forget(code_change.new_code)
        name = ".".join((*code_change.unit["scope"], code_change.unit["name"]))
        if name in file.patched:
            for code in code_change.running_now():
                first_run.watch(code, file.path, name, file.patched[name])
    change.code_changes.clear()


def _edited(transaction: "Prepared") -> "set[tuple[str, str]]":
    """What others follow from."""
    edits = ((change.path, edit) for change in transaction.files for edit in change.edits)
    return {(path, shown_name(edit)) for path, edit in edits if edit["change"] != "derived"}


def _is_patched(edit: "Edit", verdict: str | None) -> bool:
    """Whether something of it is live that was not: of a definition its code, of a statement what the text says."""
    if edit["what"] in ("function", "class"):
        return verdict != "unneeded" and not (edit.get("offered") and verdict == "caveat")
    return edit["change"] in ("changed", "added") and verdict == "applied"
