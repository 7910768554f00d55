"""A script whose own statements are being executed: the lines that they stand at in the new text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import Refusal
from ..live import line_tables, lookup
from ..live.code import compile_text
from ..live.files import live_file
from ..native import native

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import Plan
    from ..live.lookup import Namespace


def plan_lines(file_change: "FileChange", namespace: "Namespace", plan: "Plan") -> None:
    """A script whose own statements are being executed: they have the lines that they stand at in the new text.

    Its code stays as it is. If the new text compiles to the same bytecode for the module's own statements, its table of
    lines takes the place of the old one; else its own is given other lines.
    """
    live = lookup.running_module_code(file_change.path)
    if live is None or namespace.name != "__main__" or not native.can_set_line_table():
        return
    try:
        new = compile_text(file_change.text.removeprefix("\ufeff"), namespace.filename)
    except Refusal:
        return
    if hasattr(live, "co_positions"):
        file_change.executed_at = live, line_tables.positions_of(live)
        lines = line_tables.line_map(live_file(file_change.path).text, file_change.text, _edited_lines(file_change))
        table = new.co_linetable if new.co_code == live.co_code else line_tables.relined(live, lines)
        file_change.line_now = lines if table is not None else None
    else:
        table = new.co_linetable if new.co_code == live.co_code else None
    if table is not None and table != live.co_linetable:
        plan.add("line-table", live, table)


def _edited_lines(file_change: "FileChange") -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Those of statements that both texts have, before and after."""
    for edit in file_change.edits:
        if edit["change"] == "changed" and not edit["scope"] and edit.get("old_line") and edit.get("old_end_line"):
            yield (edit["old_line"], edit["old_end_line"]), (edit["line"], edit["end_line"])
