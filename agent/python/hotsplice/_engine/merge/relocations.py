"""Definitions that move from one file of a patch to another keep their identity."""

import ast
import enum
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live import lookup, objects
from ..live.code import fingerprint
from ..live.files import live_file
from ..native import native
from . import decorated, former_classes, imports, references

if TYPE_CHECKING:
    from ..live.lookup import Namespace
    from .merging import Merger

# A file that has gained a name, the name, a file that has lost it with what it held, and what the new text made.
_Candidate = tuple[Any, str, tuple[Any, Any], Any]

_OWN = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__static_attributes__", "__firstlineno__"}

# In a compound statement, too.
_DEFINING = ("function", "class", "block")


def find(mergers: list[Any]) -> None:
    """Tells each merger which of the definitions that are new in its file are live, in a file that has lost them."""
    gone = [one for merger in mergers if len(mergers) > 1 for one in _gone(merger, mergers)]
    found = [one for merger in mergers if gone for one in _candidates(merger, gone)]
    for merger, name, (source, live), made in _paired(found):
        merger.moved[name] = live
        if not isinstance(live, FunctionType):
            former_classes.note(merger, name, live_file(source.change.path).text, source.namespace.globals)
        merger.moved_from.add(id(source.namespace.globals))
        merger.stand_ins[id(made)] = live
        if isinstance(live, enum.EnumMeta) and isinstance(made, enum.EnumMeta):
            known: Any = live.__members__
            members: Any = made.__members__
            merger.stand_ins.update((id(member), known[key]) for key, member in members.items() if key in known)
    for merger in mergers:
        _find_nested(merger)
        _find_loaded(merger)
        _find_returned(merger)
        _hand_over_state(merger)
    for _, name, live in gone:
        _say_left(mergers, name, live)
    for merger in mergers if len(mergers) > 1 else ():
        _find_decorated(merger, mergers)


def _find_loaded(merger: Any) -> None:
    """Classes that went to a file which the patch has loaded, and come from there now: objects stay objects of them."""
    for name, outcome in merger.bound.items():
        live, made = merger.namespace.globals.get(name), merger.shadow.globals.get(name)
        if outcome.edit["what"] != "import" or made is live or not _is_own(live, merger.namespace, name):
            continue
        is_class = issubclass(type(live), type) and issubclass(type(made), type)
        is_loaded = is_class and made.__module__ in sys.modules and made.__module__ not in merger.shadow.loaded
        if is_loaded and made.__qualname__ == name == live.__qualname__ and _fits(live, made):
            merger.moved[name] = live
            former_classes.note(merger, name, live_file(merger.change.path).text, merger.namespace.globals)
            merger.moved_from.add(id(merger.namespace.globals))
            merger.stand_ins[id(made)] = live


def _find_returned(merger: Any) -> None:
    """What stood in parts of a package that is a module now."""
    own = merger.namespace
    if "__path__" not in own.globals or "__file__" not in own.renamed or "__path__" in own.renamed:
        return
    parts = [module for name, module in list(sys.modules.items()) if name.startswith(f"{own.name}.")]
    for part, name in _same_statements(merger, parts, "added", merger.change.text):
        merger.shadow.globals[name] = objects.attributes(part)[name]
    for name, outcome in merger.bound.items():
        live, made = own.globals.get(name), merger.shadow.globals.get(name)
        part = sys.modules.get(objects.module_of(live) or "")
        is_defined = outcome.edit["what"] in _DEFINING and outcome.edit["change"] == "added" and made is not live
        is_held = type(live) is FunctionType or issubclass(type(live), type)
        if not is_defined or not is_held or part is None or not part.__name__.startswith(f"{own.name}."):
            continue
        if live.__qualname__ == name and _fits(live, made):
            merger.moved[name] = live
            if type(live) is not FunctionType:
                former_classes.note(merger, name, live_file(str(part.__file__)).text, part.__dict__)
            merger.moved_from.add(id(part.__dict__))
            merger.stand_ins[id(made)] = live


def _hand_over_state(merger: Any) -> None:
    """What names held goes on in a file that the patch has loaded, if their statements stand there now."""
    loaded = [module for name, module in list(sys.modules.items()) if name not in merger.shadow.loaded]
    for module, name in _same_statements(merger, loaded, "removed", live_file(merger.change.path).text):
        held = merger.namespace.globals.get(name, loaded)
        made = objects.attributes(module)[name]
        if held is loaded or held is made:
            continue
        if name not in merger.bound:
            merger.plan.set_name(objects.attributes(module), name, held)
        imports.hand_on(merger, made, held)


def _same_statements(merger: Any, modules: list[Any], change: str, text: str) -> Iterator[tuple[Any, str]]:
    """Modules of the project that give a name its value by the same statement as this file does, or did."""
    lines = text.replace("\r\n", "\n").split("\n")
    paths = {id(module): path for path, module in lookup.project_modules()}
    for outcome in merger.change.outcomes if modules else ():
        edit = outcome.edit
        if edit["change"] != change or edit["what"] != "assignment" or edit["scope"]:
            continue
        is_gone = change == "removed"
        first, last = (edit["old_line"], edit["old_end_line"]) if is_gone else (edit["line"], edit["end_line"])
        statement = "\n".join(lines[first - 1 : last])
        for module in modules:
            path = paths.get(id(module))
            other = "" if path is None else live_file(path).text.replace("\r\n", "\n")
            if f"\n{statement}\n" in f"\n{other}\n":
                held = objects.attributes(module)
                yield from ((module, name) for name in edit["binds"] if name in held)


def _find_nested(merger: Any) -> None:
    """Classes that stood in another class, and stand in the module now."""
    own = merger.namespace
    for name, outcome in merger.bound.items() if merger.change.classes or _has_removed_class(merger) else ():
        made = merger.shadow.globals.get(name)
        is_new = outcome.edit["change"] == "added" and outcome.edit["what"] in _DEFINING and name not in own.globals
        if not is_new or not issubclass(type(made), type) or name in merger.moved:
            continue
        found = []
        for owner in list(own.globals.values()):
            is_owner = issubclass(type(owner), type) and owner.__module__ == own.name
            live: Any = owner.__dict__.get(name) if is_owner else None
            is_nested = issubclass(type(live), type) and live.__qualname__ == f"{owner.__qualname__}.{name}"
            if is_nested and _fits(live, made) and not syntax.defines_class(merger.change.text, live.__qualname__):
                found.append(live)
        if len({id(live) for live in found}) == 1:
            live = found[0]
            merger.moved[name] = live
            former_classes.note(merger, name, live_file(merger.change.path).text, own.globals)
            merger.moved_scopes[live.__qualname__] = name
            merger.stand_ins[id(made)] = live

    for scope, names in merger.bound_in_class.items():
        for name, outcome in names.items():
            made, live = merger.shadow.classes[scope].get(name), own.globals.get(name)
            is_own = issubclass(type(made), type) and _is_own(live, own, name) and live.__qualname__ == name
            is_gone = is_own and name not in merger.bound and outcome.edit["change"] == "added"
            if is_gone and _fits(live, made) and not any(one.name == name for one in _of_module(merger.change.text)):
                merger.moved_in[(*scope, name)] = live
                merger.moved_scopes[name] = made.__qualname__
                merger.stand_ins[id(made)] = live


def _of_module(text: str) -> list[Any]:
    """Definitions that stand in no other one."""
    found: list[Any] = []
    pending: list[Any] = list(ast.parse(text).body)
    while pending:
        node = pending.pop()
        if isinstance(node, (*syntax.FUNCTIONS, ast.ClassDef)):
            found.append(node)
        elif isinstance(node, ast.stmt):
            pending += [one for one in ast.iter_child_nodes(node) if isinstance(one, (ast.stmt, ast.excepthandler))]
        else:
            pending += ast.iter_child_nodes(node)
    return found


def _has_removed_class(merger: Any) -> bool:
    edits = [outcome.edit for outcome in merger.change.outcomes]
    return any(edit["change"] == "removed" and edit["what"] == "class" and edit["scope"] for edit in edits)


def _find_decorated(source: Any, mergers: list[Any]) -> None:
    """What a decorator made of a function that is in another file now gives way to what it made of that one there."""
    edits = [outcome.edit for outcome in source.change.outcomes]
    gone = [one for one in edits if one["change"] == "removed" and not one["scope"] and one["what"] in _DEFINING]
    nodes = ast.walk(ast.parse(live_file(source.change.path).text)) if gone else ()
    defined = {one.name for one in nodes if isinstance(one, (*syntax.FUNCTIONS, ast.ClassDef))}
    for name in (name for edit in gone for name in edit["definition"].split(", ") if name in defined):
        live = source.namespace.globals.get(name)
        for merger in mergers if live is not None else ():
            made = merger.shadow.globals.get(name) if merger is not source else None
            bound = merger.bound.get(name)
            is_new = bound is not None and bound.edit["what"] in _DEFINING and bound.edit["change"] == "added"
            # A function of its name is moved itself; what had wrapped it may be another kind of thing now.
            kinds = type(live), type(made)
            functions = sum(kind is FunctionType for kind in kinds)
            is_object = functions < 2 and not any(issubclass(kind, type) for kind in kinds)
            is_object = is_object and (functions == 1 or kinds[0] is kinds[1])
            if is_new and is_object and made is not live and merger.is_new(made):
                merger.superseded.append((live, made))
                decorated.hand_on(merger, live, made)


def _say_left(mergers: list[Any], name: str, live: Any) -> None:
    """A class that another file defines otherwise, so that it could not be the same one."""
    if not issubclass(type(live), type) or any(merger.moved.get(name) is live for merger in mergers):
        return
    kinds = lookup.with_subclasses(live)
    if len(kinds) == 1 and not native.objects_of_type(live):
        return
    for merger in mergers:
        outcome = merger.bound.get(name)
        made = merger.shadow.globals.get(name)
        if outcome is not None and outcome.edit["what"] in _DEFINING and issubclass(type(made), type):
            outcome.caveat(
                "HS0505", f"{name} is another class than it was in {live.__module__}: what was made of that stays"
            )


def _gone(merger: "Merger", mergers: list[Any]) -> Iterator[tuple[Any, str, Any]]:
    """What a file has defined and defines no more, by names that another one gains: an import may bind them now."""
    gained = {name for other in mergers if other is not merger for name in other.bound}
    held = {name: merger.namespace.globals[name] for name in gained if name in merger.namespace.globals}
    own = {name: value for name, value in held.items() if _is_own(value, merger.namespace, name)}
    if not own:
        return
    nodes = ast.walk(ast.parse(merger.change.text))
    defined = {one.name for one in nodes if isinstance(one, (*syntax.FUNCTIONS, ast.ClassDef))}
    assigned = {name for name in own if name in merger.bound and merger.bound[name].edit["what"] == "assignment"}
    for name, value in own.items():
        if name not in defined and name not in assigned:
            yield merger, name, value


def _candidates(merger: "Merger", gone: list[Any]) -> Iterator[_Candidate]:
    """What is new in a file, with each definition that it may have been elsewhere."""
    for name, outcome in merger.bound.items():
        made = merger.shadow.globals.get(name)
        is_lambda = outcome.edit["what"] == "assignment" and type(made) is FunctionType and made.__name__ == "<lambda>"
        if outcome.edit["what"] not in _DEFINING and not is_lambda:
            continue
        # It may have been imported from where it stood.
        held = merger.namespace.globals.get(name)
        for source, lost, live in gone:
            if lost != name or source is merger or (held is not None and held is not live):
                continue
            is_fitting = _is_own(live, source.namespace, name) and _fits(live, made)
            if made is not live and is_fitting and (not is_lambda or live.__name__ == "<lambda>"):
                yield merger, name, (source, live), made


def _paired(found: list[_Candidate]) -> Iterator[_Candidate]:
    """A definition has gone to one place only: of several of one name, what they consist of tells which."""
    remaining = sorted(found, key=lambda one: -_likeness(one[2][1], one[3]))
    while remaining:
        one = remaining[0]
        merger, name, (_, live), made = one
        rivals = [other for other in remaining if (other[0] is merger and other[1] == name) or other[2][1] is live]
        remaining = [other for other in remaining if not any(other is rival for rival in rivals)]
        if len(rivals) == 1 or _likeness(live, made):
            yield one


def _likeness(live: Any, made: Any) -> int:
    """How many functions two definitions have in common, and which attributes."""
    if type(live) is FunctionType:
        return int(fingerprint(live.__code__) == fingerprint(made.__code__))
    before, after = live.__dict__, made.__dict__
    common = [name for name in after if name in before and name not in _OWN]
    functions = [name for name in common if type(before[name]) is type(after[name]) is FunctionType]
    return len(common) + sum(fingerprint(before[one].__code__) == fingerprint(after[one].__code__) for one in functions)


def _is_own(live: Any, namespace: "Namespace", name: str) -> bool:
    """Whether a module defines it, or what a decorator from elsewhere wrapped."""
    is_definition = type(live) is FunctionType or issubclass(type(live), type)
    return is_definition and bool(live.__module__ == namespace.name or references.wraps(live, namespace, name))


def _fits(live: Any, made: Any) -> bool:
    if type(live) is FunctionType:
        return type(made) is FunctionType
    if type(live) is not type(made) or not issubclass(type(live), type):
        return False
    before, after = set(live.__dict__) - _OWN, set(made.__dict__) - _OWN
    names = [{base.__name__ for base in cls.__bases__} for cls in (live, made)]
    return bool(before & after) or (names[0] == names[1] and not (before and after))
