"""Cells of the matrix that differ without a word by now: edit, expression, form and path; `*` for any. Who mends one takes it out."""

from __future__ import annotations

KNOWN: tuple[tuple[str, str, str, str], ...] = (
    # A class is read through a module that a module has.
    ("descriptor", "{Model}.title", "*", "through a module"),
    # An assignment gives a lambda, and a class is made by calling that.
    ("lambda", "{square}(3)", "enumeration", "*"),
    ("lambda", "{square}(3)", "subclass", "*"),
    # A getter, by an attribute's name, is given a second name's object.
    ("class attribute", 'operator.attrgetter("n")({OBJ})', "lambda", "second names"),
)
