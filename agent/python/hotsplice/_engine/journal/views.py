"""What the rooms below may know of the patch that is being made, for the checker: nothing imports it."""

import weakref
from collections.abc import Callable, Collection
from types import CodeType, FunctionType
from typing import Any, Protocol

from ..live.lookup import Namespace
from ..live.messages import Options, Unit, Verdict
from .file_change import FileChange
from .plan import EditOutcome, Plan


class ChangedCode(Protocol):
    """New code of one definition in one namespace, and the live functions that it goes to."""

    unit: Unit
    namespace: Namespace
    live: list[FunctionType]
    new_code: CodeType
    functions: list[FunctionType]
    # id of an old code object → (old, new), nested ones included
    pairs: dict[int, tuple[CodeType, CodeType]]
    roots: set[int]
    replaced: list[tuple[CodeType, CodeType, Any, tuple[str | None, str | None] | None]]
    lacking: dict[str, int]
    without_variable: set[int]
    lacked_by: dict[str, dict[str, int]]

    @property
    def owner(self) -> Any: ...

    def running_now(self) -> Collection[CodeType]: ...


class Prepared(Protocol):
    """A transaction."""

    number: int
    label: str
    options: Options
    plan: Plan
    files: list[FileChange]
    undoing: list[Callable[..., Any]]
    renewed_lambdas: list[tuple[FunctionType, CodeType]]
    old_calls: list[Any]
    held_functions: list[Any]
    loaded_files: set[str]
    afterwards: list[Verdict]
    is_live: bool
    calls_stand_at: Any
    calls_seen: int | None
    retired: list[weakref.ref[CodeType]]
    copies: list[tuple[weakref.ref[CodeType], int]]
    taken_otherwise: Any

    def outcomes(self) -> list[EditOutcome]: ...

    def say_afterwards(self, code: str, message: str) -> None: ...
