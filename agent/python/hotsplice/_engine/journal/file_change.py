"""What a patch does to one file."""

from collections.abc import Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..live import copied, lookup
from ..live.files import live_file
from .plan import EditOutcome

if TYPE_CHECKING:
    from ..live.line_tables import LineMap, Positions
    from ..live.messages import Edit, FilePatch, Unit
    from .views import ChangedCode

# What is reported of a file as a whole.
_WHOLE_FILE: "Edit" = {
    "definition": "<module>",
    "kind": "lines",
    "change": "changed",
    "what": "statement",
    "scope": [],
    "line": 1,
    "end_line": 1,
    "parts": [],
    "binds": [],
    "reads": [],
}


class FileChange:
    """What a patch does to one file."""

    def __init__(self, message: "FilePatch") -> None:
        # As it is called until the commit, and from then on.
        self.path = message.get("was") or message["path"]
        self.new_path = message["path"]
        self.base_version = message["base_version"]
        # `make_text` makes what came as an edit of the live one.
        self.text: str = message["text"] if type(message["text"]) is str else None  # type: ignore[assignment]
        self._edited_text: Any = message["text"]
        self.edits = message["edits"]
        self.units = message.get("units") or []
        self.compile = message.get("compile") or []
        self.moves = message.get("moves") or []
        self.running = message.get("running") or []
        self.decorating = message.get("decorating") or []
        self.places = message.get("places") or []
        self.classes = {(*unit["scope"], unit["name"]): unit for unit in message.get("classes") or []}
        # The outcomes for which `_outcomes_by_unit` was made.
        self._indexed: list[EditOutcome] | None = None
        self._by_unit: dict[int, list[EditOutcome]] = {}
        # For what goes wrong in a file in which only lines moved.
        self.whole = self._outcome(_WHOLE_FILE)
        # Of statements that no edit is about.
        self.beside: list[EditOutcome] = []
        self.namespaces = lookup.namespaces(self.path)
        self.edits = [edit for edit in self.edits if not copied.is_only_kept(edit, self.namespaces)]
        self.outcomes = [self._outcome(edit) for edit in self.edits]
        if self.is_renamed:
            for namespace in self.namespaces:
                namespace.rename_code(self.new_path)
        # Of which outcomes it was made, and those by the scope of their edits.
        self._by_scope: tuple[list[EditOutcome], dict[tuple[str, ...], list[EditOutcome]]] | None = None
        # Code objects that are not live once the patch is: (code, unit).
        self.retired: list[tuple[CodeType, Unit]] = []
        # CodeChange objects by namespace.
        self.code_changes: dict[int, Sequence[ChangedCode]] = {}
        # Code of the module's own statements, while they are being executed: it holds the functions' code.
        module_code = lookup.running_module_code(self.path)
        self.holders = [] if module_code is None else [module_code]
        # Of a script that is being executed: its code, with where that stands in the text before the patch; and which
        # line of the new text is in place of one of those, if its code has them from the commit on.
        self.executed_at: tuple[CodeType, Positions] | None = None
        self.line_now: LineMap | None = None
        # The line that it is at in the text before the patch, and the lines of the new text in that place.
        self.places_executed: tuple[int, tuple[int, int] | None] | None = None
        # As `executed_at`: the code in which that was to go on.
        self.goes_on_at: tuple[CodeType, Positions] | None = None

    @property
    def is_renamed(self) -> bool:
        return self.new_path != self.path

    @property
    def only_follows(self) -> bool:
        """Whether nothing of the file itself was edited."""
        return all(edit["change"] == "derived" for edit in self.edits)

    def _outcome(self, edit: "Edit") -> EditOutcome:
        return EditOutcome(self.path, edit, self.new_path)

    def is_of_live_text(self) -> bool:
        """Whether the patch was made for what is live."""
        live = live_file(self.path)
        return live.version == self.base_version and (
            self.text is not None or len(live.text) == self._edited_text["former"]
        )

    @property
    def kept(self) -> tuple[int, int]:
        """How many characters at the new text's beginning, and at its end, are the live one's, if that is known."""
        edited = self._edited_text
        return (0, 0) if type(edited) is str else (edited["before"], edited["after"])

    def make_text(self) -> None:
        """The new text, of what of the live one is another."""
        if self.text is None:
            live, edited = live_file(self.path).text, self._edited_text
            self.text = live[: edited["before"]] + edited["between"] + live[len(live) - edited["after"] :]

    def report_beside(self, name: str, line: int, code: str, message: str) -> None:
        """A caveat of what a statement gave a name that is as it was."""
        about: Edit = {**_WHOLE_FILE, "definition": name, "kind": "derived", "line": line, "end_line": line}
        outcome = self._outcome(about)
        outcome.caveat(code, message)
        self.beside.append(outcome)

    def outcomes_of(self, unit: "Unit") -> list[EditOutcome]:
        """Outcomes of the edits to this function and to what is nested in it."""
        return self._outcomes_by_unit().get(id(unit), [])

    def outcomes_in(self, scope: tuple[str, ...]) -> list[EditOutcome]:
        """Outcomes of the edits that stand in a class, or in the module itself."""
        if self._by_scope is None or self._by_scope[0] is not self.outcomes:
            by_scope: dict[tuple[str, ...], list[EditOutcome]] = {}
            for outcome in self.outcomes:
                by_scope.setdefault(tuple(outcome.edit["scope"]), []).append(outcome)
            self._by_scope = self.outcomes, by_scope
        return self._by_scope[1].get(scope, [])

    def _outcomes_by_unit(self) -> dict[int, list[EditOutcome]]:
        """Made once for the outcomes that there are: each belongs to the units around it."""
        if self._indexed is not self.outcomes:
            by_path: dict[tuple[str, ...], list[Unit]] = {}
            for unit in self.units:
                by_path.setdefault((*unit["scope"], unit["name"]), []).append(unit)
            for units in by_path.values():
                units.sort(key=lambda unit: unit["line"])
            self._by_unit, self._indexed = {}, self.outcomes
            for outcome in self.outcomes:
                for unit in self._units_around(outcome.edit, by_path):
                    self._by_unit.setdefault(id(unit), []).append(outcome)
        return self._by_unit

    @staticmethod
    def _units_around(edit: "Edit", by_path: "dict[tuple[str, ...], list[Unit]]") -> "Iterator[Unit]":
        if edit["what"] not in ("function", "class"):
            return
        if edit.get("change") in ("added", "removed") and "<locals>" not in edit["scope"]:
            return
        path = (*edit["scope"], edit["definition"].rpartition(".")[2])
        for length in range(1, len(path) + 1):
            units = by_path.get(path[:length], ())
            # Of several definitions with one name it is the last that starts no later.
            before = [unit for unit in units if unit["line"] <= edit["line"]]
            yield from before[-1:] or units

    def outcome_of_old(self, line: int) -> EditOutcome:
        """The outcome of the innermost edit around a line of the live text, else of the first one."""
        around = [
            o for o in self.outcomes if o.edit.get("old_line") and o.edit["old_line"] <= line <= o.edit["old_end_line"]
        ]
        return min(
            around or self.outcomes[:1], key=lambda o: (o.edit.get("old_end_line") or 0) - (o.edit.get("old_line") or 0)
        )

    def outcome_at(self, line: int | None) -> EditOutcome:
        """The outcome of the innermost edit around a line, else of the first one."""
        around = [o for o in self.outcomes if line and o.edit["line"] <= line <= o.edit["end_line"]]
        return min(around or self.outcomes or [self.whole], key=lambda o: o.edit["end_line"] - o.edit["line"])

    @property
    def first_outcome(self) -> EditOutcome:
        return self.outcomes[0] if self.outcomes else self.whole
