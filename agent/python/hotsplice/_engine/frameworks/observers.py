"""Decorators that read what they decorate: they are run again when what they could read changes.

A wrapper that calls a function and a table that holds it follow new code by themselves, because the function keeps its
identity. What a decorator took from it once does not: a signature, annotations, defaults, a docstring. Which of these
a decorator reads is told from its source; one whose source can't be told is taken to read them all.
"""

import ast
import textwrap
from typing import TYPE_CHECKING

from ..live import lookup
from . import reads

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Chunk, Edit, Excerpt


def mark(transaction: "Prepared") -> None:
    """Makes edits of functions whose decorators read what has changed edits of the decorators too: they run again."""
    for change in transaction.files:
        for outcome in change.outcomes:
            edit = outcome.edit
            if not _may_be_seen(edit):
                continue
            parts = set(edit["parts"])
            seen = reads.NOTHING.union(
                *(_read_by_decorators(change, edit, namespace) for namespace in change.namespaces)
            )
            if parts & reads.READABLE & seen:
                # What it reads is another thing only once the patch is live: its defaults are given it then.
                excerpt = None if edit.get("deferred") else _excerpt(change.text, edit)
                if excerpt is None:
                    outcome.caveat(
                        "HS0403",
                        f"what decorates {edit['definition']} may have read what has changed; it is not run again here",
                    )
                    continue
                edit["run"] = excerpt
                edit["parts"] = [*edit["parts"], "decorators"]
                edit["observed"] = True
            elif parts & seen:
                outcome.caveat(
                    "HS0403",
                    f"{edit['definition']} was called or read when it was decorated; what came of that stays as it was",
                )
    reads.forget()


def _may_be_seen(edit: "Edit") -> bool:
    return (
        edit["what"] == "function"
        and edit["change"] in ("changed", "derived")
        and edit["kind"] not in ("replaced", "lines")
        and bool(edit.get("registrars"))
        and "<locals>" not in edit["scope"]
        and not {"decorators", "async", "type-parameters"} & set(edit["parts"])
    )


def _read_by_decorators(change: "FileChange", edit: "Edit", namespace: "Namespace") -> frozenset[str]:
    lines = change.text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")[edit["line"] - 1 : edit["end_line"]]
    try:
        definition = ast.parse(textwrap.dedent("\n".join(lines))).body[0]
    except (SyntaxError, ValueError, IndexError):
        return reads.NOTHING
    seen = reads.NOTHING
    owner = lookup.find_class(namespace, edit["scope"]) if edit["scope"] else None
    for decorator in getattr(definition, "decorator_list", ()):
        seen |= reads.read_by(decorator, namespace.globals, owner)
    return seen


def _excerpt(text: str, edit: "Edit") -> "Excerpt | None":
    """The whole definition with the headers of the classes around it; nothing where it stands in another statement."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.split("\n")
    own: Chunk = {"line": edit["line"], "text": "\n".join(lines[edit["line"] - 1 : edit["end_line"]])}
    if not edit["scope"] and own["text"][:1].isspace():
        return None
    if not edit["scope"] and "__future__" not in text:
        return [own]
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    chunks: list[Chunk] = [
        {"line": one.lineno, "text": "\n".join(lines[one.lineno - 1 : one.end_lineno])}
        for one in body
        if isinstance(one, ast.ImportFrom) and one.module == "__future__"
    ]
    if not edit["scope"]:
        return [*chunks, own]
    for name in edit["scope"]:
        around = (one for one in body if isinstance(one, ast.ClassDef) and one.name == name)
        cls = next((one for one in around if one.lineno <= edit["line"] <= (one.end_lineno or 0)), None)
        if cls is None:
            return None
        body = cls.body
        start = min([body[0].lineno, *(one.lineno for one in getattr(body[0], "decorator_list", ()))])
        if start <= cls.lineno:
            return None
        chunks.append({"line": cls.lineno, "text": "\n".join(lines[cls.lineno - 1 : start - 1])})
    is_own = any(edit["line"] <= one.lineno <= edit["end_line"] for one in body)
    return [*chunks, own] if is_own else None
