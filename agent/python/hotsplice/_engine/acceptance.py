"""Whether a fresh process would compile the text of a patch: also what is not run, and what only fails as a whole."""

import re
from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING, Any

from . import frameworks
from .errors import Refusal
from .live.code import compile_excerpt, compile_text, join

if TYPE_CHECKING:
    from .journal.file_change import FileChange
    from .journal.plan import EditOutcome
    from .live.lookup import Namespace
    from .live.messages import Rewriter

_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import\b(?:[^(\n]*$|[ \t]*\([^)]*\))", re.MULTILINE)


def _has_late_future(text: str, filename: str) -> bool:
    """Whether an import from ``__future__`` may stand where it can't; a whole text takes long to compile."""
    found = list(_FUTURE.finditer(text)) if "__future__" in text else []
    try:
        compile(text[: found[-1].end()] if found else "", filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return True
    return False


def is_accepted(change: "FileChange", namespace: "Namespace") -> bool:
    """Whether a fresh process would compile the text: also what is not run, and what only fails as a whole."""
    rewriter = frameworks.rewriter(namespace.module)
    edits = [o for o in change.outcomes if o.edit.get("run") and o.edit["change"] != "derived"]
    statements = [outcome for outcome in edits if outcome.edit["what"] not in ("function", "class")]
    for outcome in statements:
        run = outcome.edit["run"]
        # Of a block only what is touched may run.
        in_part = outcome.edit.get("offered") or outcome.edit["what"] == "block"
        if in_part and not _compiles(outcome, compile_excerpt, run, namespace, rewriter):
            return False
    # `global` comes before the first use of its name, wherever that is; imports from `__future__` come first.
    is_suspect = any("global" in join(outcome.edit["run"]) for outcome in statements)
    is_suspect = is_suspect or (bool(edits) and _has_late_future(change.text, namespace.filename))
    return not is_suspect or _compiles(change.first_outcome, compile_text, change.text, namespace, rewriter)


def _compiles(
    outcome: "EditOutcome",
    compiled: Callable[..., CodeType],
    text: Any,
    namespace: "Namespace",
    rewriter: "Rewriter | None",
) -> bool:
    try:
        compiled(text, namespace.filename, rewriter)
    except Refusal as refusal:
        outcome.refused(refusal.code, refusal.message)
        return False
    return True
