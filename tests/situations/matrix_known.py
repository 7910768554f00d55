"""Cells of the matrix that differ without a word by now: edit, expression, form and path; `*` for any.

Who mends one takes it out.
"""

from __future__ import annotations


def of(edit: str, expression: str, forms: str) -> tuple[tuple[str, str, str, str], ...]:
    return tuple((edit, expression, form.strip(), "*") for form in forms.split(","))


IN_CLASSES = "enumeration, enumeration of text, named tuple, record, subclass"
KNOWN: tuple[tuple[str, str, str, str], ...] = (
    # A class is read through a module that a module has.
    ("descriptor", "{Model}.title", "*", "through a module"),
    # An assignment gives a lambda, and statements of classes that are rebuilt call it.
    *of("lambda", "{square}(3)", IN_CLASSES),
    *of("lambda", "list(map({square}, [1, 2]))", IN_CLASSES),
    # A text that a data class makes of its fields, of which there is one more.
    *of("field added", "{D}(x=1)", "frozen, joined, sorted, formatted, enumeration of text"),
    # An attribute that a getter reads by its name, inside of functions and in headers.
    *of(
        "class attribute",
        'operator.attrgetter("n")({OBJ})',
        "default, keyword default, of a default, decorator argument",
    ),
    *of(
        "class attribute",
        'operator.attrgetter("n")({OBJ})',
        "class decorator, function, function by another, local, method",
    ),
    *of(
        "class attribute", 'operator.attrgetter("n")({OBJ})', "static method, property, constructor, constructor calls"
    ),
    *of(
        "class attribute",
        'operator.attrgetter("n")({OBJ})',
        "record factory, closure, lru cache, cached property, generator",
    ),
    *of(
        "class attribute", 'operator.attrgetter("n")({OBJ})', "coroutine, lambda, global, registry, class in a function"
    ),
    *of("class attribute", 'operator.attrgetter("n")({OBJ})', "called elsewhere"),
    # An attribute two steps away, in headers.
    *of("class attribute", "{WORKER}.k.n", "default, keyword default, of a default, decorator argument"),
    # Members whose values are others only once the patch is live, in headers.
    *of("member", "{E}.A.size()", "default, keyword default, of a default, decorator argument"),
    *of("member", "{E}.A.value", "of a default, decorator argument"),
    *of("other base", "issubclass({K}, {Other})", "decorator argument, class decorator"),
)
