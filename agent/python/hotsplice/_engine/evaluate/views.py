"""What evaluation may know of who merges what comes of it, for the checker: nothing imports it."""

from typing import Any, Protocol

from ..frameworks.containers import Containers as Containers
from ..journal.file_change import FileChange as FileChange
from ..journal.plan import EditOutcome as EditOutcome
from ..journal.views import Prepared as Prepared
from ..live.lookup import Namespace as Namespace
from .beside import Beside as Beside
from .former_code import FormerCodeWatch as FormerCodeWatch
from .sandbox import Shadow as Shadow
from .world import World as World


class Editing(Protocol):
    """Who runs the edits of one file in one namespace."""

    change: FileChange
    files: list[FileChange]
    namespace: Namespace
    shadow: Shadow
    world: World
    former_code: FormerCodeWatch
    beside: Beside
    evaluated: dict[tuple[str, ...], Any]
    assigned_again: set[str] | None
