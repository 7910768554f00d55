"""Shapes of what comes from the channel (`agent/channel/src/patch.rs`), for the checker: nothing imports it."""

import ast
from collections.abc import Callable
from typing import Any, TypedDict


class Chunk(TypedDict):
    line: int
    text: str


Excerpt = list[Chunk]


class Definition(TypedDict):
    """What a live function is found by."""

    scope: list[str]
    name: str
    old_line: int


class _MovedPlace(TypedDict):
    what: str
    old: list[int]
    new: list[int]
    rebound: list[str]


class MovedPlace(_MovedPlace, total=False):
    # The engine's own: offsets in old code, where `old` is of a text that it is not of.
    here: list[int]


class Unit(Definition):
    what: str
    old_end_line: int
    line: int
    places: list[MovedPlace]
    gives_otherwise: bool


class ClassUnit(Definition):
    line: int
    run: Excerpt


class NewValue(TypedDict):
    name: str
    value: str | None


class _Stated(TypedDict):
    """What every edit has, also one that stands for a file as a whole."""

    definition: str
    kind: str
    change: str
    what: str
    scope: list[str]
    line: int
    end_line: int
    parts: list[str]
    binds: list[str]
    reads: list[str]


class Edit(_Stated, total=False):
    # Null for what is added: asked for with `get` first.
    old_line: int
    old_end_line: int
    old_form: int | None
    form: int | None
    # Null where new code is enough: asked for with `get` first.
    run: Excerpt
    fresh_defaults: list[str]
    local_defaults: list[NewValue]
    changed_reads: list[str]
    registrars: list[str]
    attributes: list[NewValue]
    fresh: list[str]
    renamed_from: str | None
    several: list[str]
    made_by_others: dict[str, bool]
    former: list[tuple[int, int]]
    given_by: list[tuple[int, int]]
    stops: list[tuple[int, int]]
    updates: list[str]
    conditional: bool
    superseded: bool
    offered: bool
    deferred: bool
    # Set by the engine: why it is not run.
    failed: str
    # Set by the engine: wrappers of its decorators note that they were made again.
    observed: bool


class EditedText(TypedDict):
    before: int
    after: int
    between: str
    former: int


class _FilePatch(TypedDict, total=False):
    # What the file was called that this one takes the place of.
    was: str | None


class FilePatch(_FilePatch):
    path: str
    base_version: int
    text: str | EditedText
    edits: list[Edit]
    units: list[Unit]
    compile: Excerpt
    moves: list[Unit]
    classes: list[ClassUnit]
    running: list[str]
    decorating: list[str]
    places: list[MovedPlace]


class Options(TypedDict, total=False):
    run_statements: bool
    dry_run: bool
    time_limit_ms: int
    fail_at: int | None


class Patch(TypedDict):
    label: str
    files: list[FilePatch]
    options: Options


class Verdict(TypedDict):
    path: str
    definition: str
    kind: str
    line: int
    end_line: int
    verdict: str
    code: str | None
    message: str | None


# What makes the tree of a text, where that is not CPython's parser alone.
Rewriter = Callable[[str, str], ast.Module]
# What a request carries, and what answers it: each method has its own.
Params = dict[str, Any]
