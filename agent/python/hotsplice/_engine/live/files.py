"""Which text is live in which file. After an import it is what was executed; after a patch, what the patch says."""

import re
from collections.abc import Iterable
from tokenize import detect_encoding
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, Refusal
from ..native import native
from . import cells, lookup, missing
from .code import compile_text, fingerprint, outermost_functions
from .displaced import Displaced

if TYPE_CHECKING:
    from .messages import Definition, Edit

_FINDING = re.compile(r"\bimport_module\b|\b__import__\b|\bsys\.modules\b")
HISTORY_LIMIT = 20
# How the server calls a patch to a former text.
UNDO = "Undo hot-patch"


class FormerVersion:
    """A text that was live, for undo. Texts only: no code object is kept alive by the history."""

    def __init__(
        self,
        version: int,
        text: str,
        label: str,
        definitions: list[str],
        transaction: int | None,
        replaced_at: float | None = None,
        path: str = "",
    ) -> None:
        # What the file was called.
        self.path = path
        self.version = version
        self.text = text
        self.label = label
        self.definitions = definitions
        self.transaction = transaction
        self.replaced_at = native.time() if replaced_at is None else replaced_at


class LiveFile:
    def __init__(
        self, path: str, text: str, trust: str = "exact", differs: Iterable[str] = (), executed: int = 0
    ) -> None:
        self.path = path
        self.version = 0
        self.text = text
        # The lines of the text: a patch asks for many of its parts.
        self._lines: list[str] | None = None
        # Of which text it is known, and whether that finds modules by a text or by a name that is computed.
        self._finds_modules: tuple[str, bool] | None = None
        self.trust = trust
        self.differs = list(differs)
        # How often the file had been executed when its text was taken: more since means a reload.
        self.executed = executed
        self.history: list[FormerVersion] = []
        # Before the latest patch.
        self._text_before = text
        # The cell whose text it is.
        self.cell: Any = None
        # The program reloaded the module after it had been patched, and nobody was told yet.
        self.reloaded = False
        # Qualified name → {line, version, patched_at}. What is as it was loaded again stays, for its version.
        self.patched: dict[str, dict[str, Any]] = {}
        self.displaced = Displaced(self.patched)

    def excerpt(self, first: int, last: int) -> str:
        """Lines of the live text, both ends included."""
        if self._lines is None:
            self._lines = self.text.replace("\r\n", "\n").split("\n")
        return "\n".join(self._lines[first - 1 : last])

    def finds_modules(self) -> bool:
        if self._finds_modules is None or self._finds_modules[0] is not self.text:
            self._finds_modules = self.text, _FINDING.search(self.text) is not None
        return self._finds_modules[1]

    def version_of(self, definition: str) -> int:
        """How often a definition was patched."""
        known = self.patched.get(definition)
        return known["version"] if known is not None else 0

    def replace_text(self, text: str, label: str, edits: "list[Edit]", transaction: int, path: str) -> None:
        if text == self.text and path == self.path:
            # Only values were computed again: there is nothing to go back to.
            self.version += 1
            return
        self.displaced.note(edits, self.text, text)
        definitions = list(dict.fromkeys(edit["definition"] for edit in edits))
        undone = [(former.path, former.text) for former in self.history] if label == UNDO else []
        if (path, text) in undone:
            # What has led from there to here takes no place any more.
            del self.history[: undone.index((path, text)) + 1]
        else:
            former = FormerVersion(self.version, self.text, label, definitions, transaction, path=self.path)
            self.history.insert(0, former)
            del self.history[HISTORY_LIMIT:]
        self._text_before, self.text, self._lines = self.text, text, None
        self.version += 1
        cells.is_replaced(self.path, text)
        self.trust = "exact"
        self.differs = []
        self.reloaded = False
        if path != self.path:
            _files.pop(self.path, None)
            _files[path] = self
            self.path, self.executed = path, native.executions(path)

    def text_before(self) -> str:
        """What was live before the latest patch."""
        return self._text_before


_files: dict[str, LiveFile] = {}


def known() -> "Iterable[LiveFile]":
    return _files.values()


def version(path: str) -> int:
    cell = cells.find(path)
    file = _files.get(path) if cell is None else _of_cell(cell)
    return file.version if file else 0


def forget(path: str) -> None:
    """The file was executed for a patch that does not go live."""
    _files.pop(path, None)
    native.forget_executed(path)


def live_file(path: str) -> "LiveFile":
    """The live text of a loaded file; raises ``EngineError`` if it is not loaded or can't be read."""
    cell = cells.find(path)
    if cell is not None:
        return _of_cell(cell)
    executed = native.executions(path)
    file = _files.get(path)
    if file is not None and file.executed == executed:
        return file
    fresh = _from_import(path)
    if file is not None:
        # The program reloaded the module: what a patch had put there is gone.
        fresh.version = file.version + 1
        fresh.history = file.history
        fresh.reloaded = file.reloaded or file.version > 0
    _files[path] = fresh
    return fresh


def _of_cell(cell: Any) -> "LiveFile":
    """A cell's text is what was run of it. Running another one is no reload."""
    if cells.is_redefinition(cell.path):
        live: LiveFile = cell.live or LiveFile(cell.path, cell.text)
        cell.live = live
        return live
    file = _files.get(cell.path)
    if file is None or file.executed != cell.executed:
        fresh = LiveFile(cell.path, cell.live_text(), executed=cell.executed)
        if file is not None:
            fresh.version, fresh.history = file.version + 1, file.history
        # What the cell has patched when it was run can be undone.
        formers = [
            FormerVersion(
                0, text, former.label, sorted(cell.formers), former.transaction, former.replaced_at, cell.path
            )
            for text, former in cell.former_texts()
        ]
        if formers:
            fresh.version, fresh.history = max(fresh.version, 1), formers[:HISTORY_LIMIT]
        fresh.cell = cell
        _files[cell.path] = file = fresh
    return file


def _from_import(path: str) -> "LiveFile":
    record = native.loaded(path)
    if record is None:
        # It was executed before anybody watched, as much of the standard library is. If it has not changed since the
        # process began, its text is that.
        native.adopt([path])
        record = native.loaded(path)
    if record is not None and record[3] is not None:
        text = decode(record[3], path)
        # Nobody saw it executed: a clock that was set tells wrong times.
        differs = differing(path, text) if record[5] else []
        return LiveFile(path, text, "assumed" if differs else "exact", differs, record[4])
    try:
        content, modified, size = native.read_file(path)
    except OSError as error:
        raise EngineError("HS0011", f"{path}: {error.strerror}") from None
    text = decode(content, path)
    executed = record[4] if record else 0
    if record is not None and (record[0], record[1]) == (modified, size):
        return LiveFile(path, text, executed=executed)
    # Something may have changed that live code does not tell.
    return LiveFile(path, missing.without(path, text), "assumed", differing(path, text), executed)


def decode(content: bytes, path: str) -> str:
    """Text of a source file as PEP 263 says; line ends are left as they are."""
    lines = iter(content.splitlines(True))
    try:
        encoding, _ = detect_encoding(lambda: next(lines, b""))
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise EngineError("HS0011", f"{path}: {error}") from None


def differing(path: str, text: str) -> list[str]:
    """Qualified names whose live code is not what the text compiles to."""
    try:
        compiled = compile_text(text, path)
    except Refusal:
        return []
    differs = []
    for namespace in lookup.namespaces(path):
        namespace.lines_known = False
        living = lookup.Living(namespace)
        for scope, code in outermost_functions(compiled):
            if code.co_name.startswith("<"):
                continue
            unit: Definition = {"scope": list(scope), "name": code.co_name, "old_line": code.co_firstlineno}
            live = lookup.find_unit(namespace, unit, living)
            if live and any(
                function.__code__.co_firstlineno != code.co_firstlineno
                or fingerprint(function.__code__) != fingerprint(code)
                for function in live
            ):
                differs.append(".".join((*scope, code.co_name)))
    return list(dict.fromkeys(differs))
