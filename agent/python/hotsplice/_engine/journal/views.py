"""What the rooms below may know of the patch that is being made, for the checker: nothing imports it."""

from collections.abc import Callable
from typing import Any, Protocol

from ..live.messages import Options, Verdict
from .file_change import FileChange
from .plan import EditOutcome, Plan


class Prepared(Protocol):
    """A transaction."""

    number: int
    label: str
    options: Options
    plan: Plan
    files: list[FileChange]
    undoing: list[Callable[..., Any]]
    retired_lambdas: list[Any]
    old_calls: list[Any]
    afterwards: list[Verdict]
    is_live: bool
    calls_stand_at: Any

    def outcomes(self) -> list[EditOutcome]: ...

    def say_afterwards(self, code: str, message: str) -> None: ...
