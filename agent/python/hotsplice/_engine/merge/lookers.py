"""Who may have looked at a class when it was made: a metaclass, decorators, ``__init_subclass__`` of a base,
``__set_name__`` of an attribute. Whoever did gets to look again when what it looked at changes: the class is made
again in place.
"""

import abc
import ast
import dataclasses
import dis
import enum
import functools
import sys
import typing
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import join, tree
from ..live.files import live_file

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .merging import Merger

# What may be looked at: assignments and annotations, methods with special names that are there or not, all that can be
# seen of methods, and what an enum calls for each of its members.
FIELDS, SPECIAL, METHODS, MEMBERS = "fields", "special", "methods", "members"
_STATEMENTS = ("assignment", "annotation")
# Parts of a function that can be seen without calling it.
_HEADER = {"decorators", "async", "type-parameters", "defaults", "annotations", "parameters", "docstring"}
_MEMBER_MAKERS = ("__init__", "__new__", "_generate_next_value_")
_PLAIN_METACLASSES = (type, abc.ABCMeta)
# Metaclasses and bases that look at fields only, or at what their own decorators made of methods, and that keep a list
# of the classes that they made.
_OF_FIELDS = ("django.db.models", "sqlalchemy.orm", "sqlalchemy.ext", "pydantic")
# Metaclasses, hooks and decorators of libraries that look at nothing in a class, or only in order to warn.
_LOOK_AWAY = {
    ("django.contrib.admin.decorators", "register"),
    ("django.contrib.admin.options", "ModelAdmin.__init_subclass__"),
    ("django.forms.widgets", "MediaDefiningClass"),
}


def is_seen(merger: "Merger", owner: Any, scope: tuple[str, ...], edit: "Edit") -> bool:
    """Whether someone who looked at the class may have seen what an edit changes in it."""
    inside = tuple(edit["scope"])
    what, binds = edit["what"], edit["binds"]
    if "__slots__" in binds and inside == scope:
        return True
    # Until the commit the class is as it was: each of its edits asks for the same.
    known = merger.class_statements.seen
    if scope not in known:
        known[scope] = of_class(merger, owner, scope)
    seen = known[scope]
    if inside != scope:
        # In a class that stands in this one.
        return METHODS in seen and not _is_code_only(edit)
    if what == "function":
        if METHODS in seen:
            return not _is_code_only(edit)
        name = edit["definition"].rpartition(".")[2]
        if MEMBERS in seen and name in _MEMBER_MAKERS:
            return True
        is_there = edit["change"] == "changed" and not {"decorators"} & set(edit["parts"])
        return SPECIAL in seen and name.startswith("__") and not is_there
    if what in _STATEMENTS:
        return FIELDS in seen
    return METHODS in seen or MEMBERS in seen and what != "class"


def _is_code_only(edit: "Edit") -> bool:
    if (
        edit["what"] != "function"
        or edit["kind"] == "replaced"
        or edit["change"] not in ("changed", "derived", "stale")
    ):
        return False
    return not _HEADER & set(edit["parts"])


def can_do_without(merger: "Merger", owner: type, scope: tuple[str, ...], edit: "Edit") -> bool:
    """Whether an edit can go live in the class itself if the class can't be made again."""
    if edit["what"] == "annotation":
        return True
    if {FIELDS, SPECIAL, MEMBERS} & _of_known_kind(owner):
        return False
    return edit["what"] == "function" or not _has_metaclass(owner)


def of_class(merger: "Merger", owner: type, scope: tuple[str, ...]) -> set[str]:
    """What of a class those may have looked at who were there when it was made."""
    seen = _of_known_kind(owner)
    if _has_metaclass(owner):
        seen |= _fields_or_all(type(owner))
    for base in owner.__mro__[1:]:
        hook = base.__dict__.get("__init_subclass__")
        if isinstance(hook, classmethod) and type(hook.__func__) is FunctionType and not _looks_away(hook.__func__):
            # `string.Template` makes its pattern of them.
            seen |= _fields_or_all(base) if not _is_standard(base) else _of_standard(base)
    for decorator in decorators(merger, scope):
        seen |= _of_decorator(decorator)
    if any(has_hook(value) for value in owner.__dict__.values()):
        seen |= {FIELDS, METHODS}
    return seen


def _of_known_kind(owner: type) -> set[str]:
    if isinstance(owner, enum.EnumMeta):
        return {FIELDS, MEMBERS}
    if issubclass(owner, tuple) and "_fields" in owner.__dict__:
        return {FIELDS}
    if dataclasses.is_dataclass(owner) and "__dataclass_fields__" in owner.__dict__:
        return {FIELDS, SPECIAL}
    if "__attrs_attrs__" in owner.__dict__:
        # Validators and defaults may be methods.
        return {FIELDS, METHODS}
    return {FIELDS} if typing.is_typeddict(owner) else set()


def _has_metaclass(owner: type) -> bool:
    """Whether code of the program or of a library made the class."""
    meta = type(owner)
    is_plain = objects.is_exactly(owner, *_PLAIN_METACLASSES) or isinstance(owner, enum.EnumMeta)
    is_plain = is_plain or meta.__module__ == "typing"
    return not is_plain and not _looks_away(meta)


def gathers(meta: type) -> bool:
    """Whether a metaclass, or a base for it, may keep objects of its own about classes: none that an adapter knows."""
    return not meta.__module__.startswith(_OF_FIELDS)


def _looks_away(looker: object) -> bool:
    return (getattr(looker, "__module__", None), getattr(looker, "__qualname__", None)) in _LOOK_AWAY


def _fields_or_all(looker: type) -> set[str]:
    return {FIELDS} if looker.__module__.startswith(_OF_FIELDS) else {FIELDS, METHODS}


def has_hook(value: object) -> bool:
    """Whether an attribute was told of its class by code of the program or of a library."""
    kind = type(value)
    return isinstance(objects.of_type(kind, "__set_name__"), FunctionType) and not _is_standard(kind)


def _is_standard(kind: Any) -> bool:
    module = getattr(kind, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in sys.stdlib_module_names


def _of_standard(base: type) -> set[str]:
    return set() if base.__module__ in ("typing", "abc", "enum") else {FIELDS}


def _of_decorator(decorator: object) -> set[str]:
    while type(decorator) is functools.partial:
        decorator = decorator.func
    if any(decorator is one for one in (dataclasses.dataclass, functools.total_ordering)):
        return {FIELDS, SPECIAL}
    return set() if _is_standard(decorator) or _looks_away(decorator) else {FIELDS, METHODS}


def decorators(merger: "Merger", scope: tuple[str, ...]) -> list[object]:
    """What the decorators of the new class statement mean; the function that makes it, for one that is called."""
    return [
        lookup.dotted(merger.namespace, decorator.func if isinstance(decorator, ast.Call) else decorator)
        for decorator in statement(merger, scope).decorator_list
    ]


class Statements:
    """The class statements of some texts, wherever they stand. Each text is parsed once: many edits ask for them."""

    def __init__(self) -> None:
        self._trees: dict[str, ast.AST] = {}
        # Class path → what of the class those looked at who were there when it was made
        self.seen: dict[tuple[str, ...], set[str]] = {}
        # (text, class path) → the classes in that class by name; the last one counts
        self._inside: dict[tuple[str, tuple[str, ...]], dict[str, ast.ClassDef]] = {}

    def find(self, text: str, scope: tuple[str, ...]) -> Any:
        """The statement of a class; none where there is none."""
        if not scope:
            if text not in self._trees:
                self._trees[text] = ast.parse(text)
            return self._trees[text]
        key = text, scope[:-1]
        if key not in self._inside:
            outer = self.find(*key)
            within = () if outer is None else ast.walk(outer)
            self._inside[key] = {one.name: one for one in within if isinstance(one, ast.ClassDef) and one is not outer}
        return self._inside[key].get(scope[-1])


def statement(merger: "Merger", scope: tuple[str, ...]) -> Any:
    """The syntax tree of the new class statement."""
    return merger.class_statements.find(join(merger.change.classes[scope]["run"]), scope)


def former_statement(merger: "Merger", scope: tuple[str, ...]) -> Any:
    """The syntax tree of the live class statement, if there is one."""
    return merger.class_statements.find(live_file(merger.change.path).text, scope)


def given_by_removed_decorators(merger: "Merger", scope: tuple[str, ...]) -> set[str]:
    """Attributes that decorators set which the class statement no longer has, as far as their code shows."""
    found = former_statement(merger, scope) if scope in merger.change.classes else None
    if found is None:
        return set()
    stay = {ast.dump(one) for one in statement(merger, scope).decorator_list}
    gone = [one for one in found.decorator_list if ast.dump(one) not in stay]
    values = [lookup.dotted(merger.namespace, one.func if isinstance(one, ast.Call) else one) for one in gone]
    return _stored_by([value for value in values if type(value) is FunctionType])


def given_by_former_makers(live: Any, made: Any) -> set[str]:
    """Attributes that a metaclass or a base set which the class no longer has, as far as their code shows."""
    metaclasses = [one for one in type(live).__mro__ if one not in type(made).__mro__]
    names = {base.__qualname__ for base in made.__mro__}
    hooks = [
        base.__dict__["__init_subclass__"]
        for base in live.__mro__[1:]
        if base.__qualname__ not in names and "__init_subclass__" in base.__dict__
    ]
    makers = [value for one in metaclasses for value in one.__dict__.values()]
    functions = [getattr(value, "__func__", value) for value in (*makers, *hooks)]
    return _stored_by([value for value in functions if type(value) is FunctionType])


def _stored_by(functions: list[FunctionType]) -> set[str]:
    return {
        instruction.argval
        for function in functions
        for code in tree(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname == "STORE_ATTR"
    }


def is_collected(owner: type, value: object) -> bool:
    """Whether what a decorator made is for the class's metaclass to find: a model's validator, a field."""
    is_plain = objects.is_exactly(owner, *_PLAIN_METACLASSES) or isinstance(owner, enum.EnumMeta)
    return not is_plain and type(value).__module__ not in ("builtins", "functools", "types", "abc")


def inner(made: object, owner: type) -> object:
    """The class in what its decorators made of it."""
    if isinstance(made, type):
        return made

    def is_it(item: object) -> bool:
        return (
            isinstance(item, type) and item.__qualname__ == owner.__qualname__ and item.__module__ == owner.__module__
        )

    return lookup.search(made, is_it)
