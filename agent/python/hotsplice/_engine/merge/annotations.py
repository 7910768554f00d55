"""Annotations of modules and classes, which are no part of any one statement: merged, in the order of the text."""

import ast
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Refusal
from ..evaluate import syntax
from ..evaluate.sandbox import guarded
from ..live import lookup
from ..live.code import join
from ..live.files import live_file

if TYPE_CHECKING:
    from .merging import Merger

_FUTURE = re.compile(r"^[ \t]*from[ \t]+__future__\b[^\n]*", re.MULTILINE)


def of_statements(seen: Any) -> dict[str, Any]:
    """The annotations that statements of a class body made, evaluated."""
    notes = dict(seen.get("__annotations__") or {})
    for annotate in seen.annotates:
        # 1 is `annotationlib.Format.VALUE`.
        notes.update(annotate(1) or {})
    return notes


def of_function(made: Any) -> dict[str, Any]:
    """What carries the annotations of a function into another one."""
    if sys.version_info < (3, 14):
        return {"annotations": made.__annotations__}
    parts = {"annotate": made.__annotate__}
    if made.__annotate__ is None:
        # CPython keeps what it has evaluated of the former ones; and these may have been given by hand.
        parts["annotations"] = made.__annotations__
    return parts


def bind_in_module(merger: "Merger") -> None:
    added, gone = merger.shadow.globals.get("__annotations__") or {}, _no_longer_annotated(merger, ())
    added = {**added, **_evaluated(merger.shadow.annotates)}
    if not (added or gone):
        return
    before = _annotations_of(merger.namespace.module or merger.namespace.globals)
    annotations = {**{name: value for name, value in before.items() if name not in gone}, **added}
    if annotations != before:
        merger.plan.set_name(merger.namespace.globals, "__annotations__", annotations)


def bind_in_class(merger: "Merger", scope: tuple[str, ...]) -> None:
    owner = lookup.find_class(merger.namespace, scope)
    gone = _no_longer_annotated(merger, scope)
    seen: Any = merger.shadow.classes.get(scope, {})
    added = {**seen.get("__annotations__", {}), **_evaluated(getattr(seen, "annotates", ()))}
    if owner is None or not (added or gone):
        return
    before = _annotations_of(owner)
    merged = {**{name: value for name, value in before.items() if name not in gone}, **added}
    order = _annotated_in_text(merger, scope)
    if set(merged) <= set(order):
        merged = {name: merged[name] for name in order if name in merged}
    if list(merged.items()) != list(before.items()):
        merger.plan.add("setattr", owner, "__annotations__", merged)


def follow_future(merger: "Merger") -> None:
    """``from __future__ import annotations`` came or went: what did not change itself is text now, or evaluated."""
    before, after = live_file(merger.change.path).text, merger.change.text
    lines = [_FUTURE.findall(text) for text in (before, after)]
    is_as_before = lines[0] == lines[1] and not any("(" in line or "\\" in line for line in lines[0])
    if is_as_before or _is_lazy(before) == _is_lazy(after):
        return
    _state_anew(merger, ast.parse(after).body, (), _is_lazy(after))


def _is_lazy(text: str) -> bool:
    imports = (one for one in ast.parse(text).body if isinstance(one, ast.ImportFrom) and one.module == "__future__")
    return any(alias.name == "annotations" for one in imports for alias in one.names)


def _state_anew(merger: "Merger", statements: list[ast.stmt], scope: tuple[str, ...], as_text: bool) -> None:
    namespace = merger.namespace
    owner = lookup.find_class(namespace, scope) if scope else namespace.module or namespace.globals
    if owner is None or scope in merger.rebuilt or scope in merger.shadow.classes:
        return
    found, pending = {}, list(statements)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.ClassDef):
            _state_anew(merger, statement.body, (*scope, statement.name), as_text)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            pending[:0] = [one for one in ast.iter_child_nodes(statement) if isinstance(one, ast.stmt)]
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = lookup.mangled(statement.target.id, scope)
            found[name] = ast.unparse(statement.annotation)
            if not as_text:
                code = compile(ast.Expression(statement.annotation), "<patch>", "eval", dont_inherit=True)
                found[name] = guarded(
                    partial(eval, code, {**namespace.globals, **(owner.__dict__ if scope else {})}), merger.shadow
                )
    before = _annotations_of(owner)
    after = {name: found.get(name, value) for name, value in before.items()}
    if after == before:
        return
    if scope:
        merger.plan.add("setattr", owner, "__annotations__", after)
    else:
        merger.plan.set_name(namespace.globals, "__annotations__", after)


def _no_longer_annotated(merger: "Merger", scope: tuple[str, ...]) -> set[str]:
    """Names of statements that are gone, or that give a value without an annotation."""
    bound = merger.bound_in_class.get(scope, {}) if scope else merger.bound
    gone, annotated = set(), set()
    for outcome in merger.change.outcomes:
        edit = outcome.edit
        if tuple(edit["scope"]) != scope or edit["what"] not in ("annotation", "assignment"):
            continue
        names = {lookup.mangled(name, scope) for name in edit["binds"]}
        if edit["change"] == "removed":
            gone |= names
        elif edit["what"] == "annotation":
            annotated |= names
        else:
            gone |= names & bound.keys()
    return gone - annotated


def _annotated_in_text(merger: "Merger", scope: tuple[str, ...]) -> list[str]:
    """Names that the new class statement annotates, in its order, each once."""
    unit = merger.change.classes.get(scope)
    if unit is None:
        return []
    try:
        statements = ast.parse(join(unit["run"])).body
    except SyntaxError:
        return []
    for name in scope:
        own = syntax.flattened(statements)
        found = [one for one in own if isinstance(one, ast.ClassDef) and one.name == name]
        statements = found[-1].body if found else []
    names, pending = [], list(statements)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.append(lookup.mangled(statement.target.id, scope))
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            pending[:0] = [one for one in ast.iter_child_nodes(statement) if isinstance(one, ast.stmt)]
    return list(dict.fromkeys(names))


def _evaluated(annotates: Iterable[Any]) -> dict[str, Any]:
    """What functions that make annotations give."""
    found = {}
    for annotate in annotates:
        found.update(_in_any_format(partial(annotate, 1), annotate, "call_annotate_function"))
    return found


def _annotations_of(holder: Any) -> dict[str, Any]:
    """The own annotations of a class, a module or a namespace."""
    if sys.version_info < (3, 14) or isinstance(holder, dict):
        members = holder if isinstance(holder, dict) else holder.__dict__
        found = members.get("__annotations__")
        return found if isinstance(found, dict) else {}
    return _in_any_format(lambda: holder.__annotations__, holder, "get_annotations")


def _in_any_format(values: Callable[[], Any], source: Any, how: str) -> Any:
    """Annotations as values; where that fails, as far as they can be had (PEP 749): proxies for names, or text."""
    try:
        return values()
    except Exception:
        import annotationlib
    for form in (annotationlib.Format.FORWARDREF, annotationlib.Format.STRING):
        try:
            return getattr(annotationlib, how)(source, format=form)
        except Exception as error:
            failed = error
    raise Refusal("HS0103", f"evaluating the annotations raised {type(failed).__name__}: {failed}")
