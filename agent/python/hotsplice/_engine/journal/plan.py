"""The plan of a transaction: primitive operations for ``_agent.commit``, and a verdict for each edit."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import OtherThread, Refusal, Stop, Unforeseen
from ..native import native

if TYPE_CHECKING:
    from ..live.calls import Seen
    from ..live.messages import Edit, Verdict

ORDER = {"unneeded": 0, "applied": 1, "caveat": 2, "refused": 3}

# What `type` lets nobody delete, and what a class has that was made without it.
_STAYS: dict[str, object] = {"__doc__": None, "__type_params__": ()}


class Plan:
    """Operations in the order in which they are carried out, and what to do once they are.

    An operation is a tuple as ``_agent.commit`` takes it. ``afterwards`` are callables for what is no part of the
    atomic swap (clearing caches, telling frameworks); they run on the agent's thread after the commit.
    """

    def __init__(self) -> None:
        self.operations: list[tuple[Any, ...]] = []
        self.afterwards: list[Callable[[], Any]] = []
        # What looks again at what was reported, once all that was done.
        self.at_last: list[Callable[[], None]] = []
        # Classes that were built only to lend their namespaces.
        self.discarded: list[type] = []
        # What others may hold: (outcome, value, what else stands for it); nothing of what was to be exchanged.
        self.left: list[tuple[EditOutcome, Any, tuple[Any, ...] | None]] = []
        # What was found suspended in code that goes.
        self.seen: list[Seen] = []
        # (id of a class, attribute that its objects had) → the class, and under which name what it held goes on
        self.renamed_fields: dict[tuple[int, str], tuple[type, str]] = {}
        # Names that operations set: the first one says what must stand there, and the commit checks it.
        self._set: set[tuple[int, str]] = set()
        # How many operations compare all that a list holds: before any other changes an item of it.
        self._whole = 0

    def note_renamed_field(self, owner: type, former: str, name: str) -> None:
        self.renamed_fields[id(owner), former] = owner, name

    def function(self, function: Any, **parts: Any) -> None:
        if "code" in parts:
            self.operations.append(("function", function, parts, function.__code__))
        elif parts:
            self.operations.append(("function", function, parts))

    def set_name(self, namespace: dict[Any, Any], name: Any, value: Any) -> None:
        operation: tuple[Any, ...] = ("dict-set", namespace, name, value)
        place = (id(namespace), name) if type(name) is str else None
        if place is not None and place not in self._set:
            self._set.add(place)
            operation += (dict.get(namespace, name, native.UNSET),)
        self.operations.append(operation)

    def delete_name(self, namespace: dict[Any, Any], name: Any) -> None:
        self.operations.append(("dict-delete", namespace, name))

    def set_class_attribute(self, owner: Any, name: str, value: Any) -> None:
        self.operations.append(("type-set", owner, name, value))

    def delete_class_attribute(self, owner: Any, name: str) -> None:
        if name in _STAYS:
            self.set_class_attribute(owner, name, _STAYS[name])
        else:
            self.operations.append(("type-delete", owner, name))

    def add_first(self, *operation: Any) -> None:
        """For what must be done while all else is as it was."""
        self.operations.insert(0, operation)
        self._whole += 1

    def add(self, *operation: Any) -> None:
        if operation[0] in ("list-content", "deque-content"):
            self.operations.insert(self._whole, operation)
            self._whole += 1
        else:
            self.operations.append(operation)


class EditOutcome:
    """What becomes of one edit; notes add up, and the gravest decides."""

    def __init__(self, path: str, edit: "Edit", new_path: str | None = None) -> None:
        self.path = path
        # What the file is called from the commit on.
        self._reported_path = new_path or path
        self.edit = edit
        self.verdict: str | None = None
        self.notes: list[tuple[str | None, str]] = []
        # The former name of what it binds, if what that holds goes on.
        self.carries: str | None = None
        # Ids of namespaces in which the program put something else in the definition's place.
        self.displaced: set[int] = set()
        # Of a deferred edit, once it is known: whether what the program made of its names stays.
        self.is_kept: bool

    def note(self, verdict: str, code: str | None = None, message: str | None = None) -> None:
        if self.verdict is None or ORDER[verdict] > ORDER[self.verdict]:
            self.verdict = verdict
            if message:
                self.notes.insert(0, (code, message))
        elif message and (code, message) not in self.notes:
            self.notes.append((code, message))

    @property
    def code(self) -> str | None:
        return self.notes[0][0] if self.notes else None

    def applied(self) -> None:
        self.note("applied")

    def caveat(self, code: str, message: str) -> None:
        self.note("caveat", code, message)

    def refused(self, code: str, message: str) -> None:
        self.note("refused", code, message)

    def unneeded(self, code: str | None = None, message: str | None = None) -> None:
        self.note("unneeded", code, message)

    def unforeseen(self) -> None:
        self.caveat("HS0109", "a dry run does not run this: what would come of it can't be foreseen")

    def retract(self, code: str, about: str = "") -> None:
        """What was reported under a code is not so."""
        self.notes = [note for note in self.notes if note[0] != code or about not in note[1]]
        if not self.notes and self.verdict == "caveat":
            self.verdict = "applied"

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Does what the edit needs; if that is refused, it is the edit's verdict, and ``Stop`` is raised."""
        try:
            action(*arguments)
        except Unforeseen:
            self.unforeseen()
        except OtherThread as kept:
            self.caveat("HS0110", str(kept))
        except Refusal as refusal:
            self.refused(refusal.code, refusal.message)
            raise Stop from None

    def as_message(self) -> "Verdict":
        message = "; ".join(message for _, message in self.notes) or None
        edit = self.edit
        return {
            "path": self._reported_path,
            "definition": edit["definition"],
            "kind": edit["kind"],
            "line": edit["line"],
            "end_line": edit["end_line"],
            "verdict": self.verdict or "applied",
            "code": self.code,
            "message": message,
        }
