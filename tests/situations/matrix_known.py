"""Cells of the matrix that differ without a word by now: edit, expression, form and path; `*` for any.

Who mends one takes it out.
"""

from __future__ import annotations

KNOWN: tuple[tuple[str, str, str, str], ...] = ()
