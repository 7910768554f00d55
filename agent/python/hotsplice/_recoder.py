"""Recoders: another text for a function or class from within the program, reverted, or written to its file."""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import io
import os
import sys
import tempfile
from collections.abc import Callable
from tokenize import detect_encoding
from types import FunctionType, MethodType, TracebackType
from typing import Any

from ._api import PatchError, Report, live_text, patch
from ._merged import Shared, changed_since, merged

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Recoder:
    """Another text for one function, method or class. A context manager: what was not committed is reverted at the end.

    ``status`` is ``"live"`` (as it was, or as committed), ``"patched"`` or ``"committed"``.
    """

    def __init__(self, path: str, name: str, is_of_cell: bool = False, line: int | None = None) -> None:
        self.path = path
        self.is_of_cell: bool = is_of_cell
        # Which one it is where a name is defined more than once, in the branches of an `if`, say.
        self._index = -1 if line is None else _index_of(live_text(path), name, line)
        self.name = name
        self.status: str = "live"
        # The whole live text that `revert` goes back to, once something was patched.
        self._before: str | None = None
        # Texts that were to come with it: imports, helpers, other definitions.
        self._sources: list[str] = []

    def patch(self, source: str) -> Report:
        """Makes a definition of the same name live: ``def f(x): …``, for a method without its class around it."""
        before = live_text(self.path)
        lines = _in_its_place(source, self.name, _definition(before, self.name, self._index))
        text = self._with(before, lines)
        # Nothing by that name in the live text, or a source that does not parse: the process says so.
        return self._apply(before, text, None) if text is not None else self._apply(before, source, self.name)

    def patch_module(self, source: str) -> Report:
        """Makes a definition live with what comes with it: imports, helpers and whatever else a module's text may hold.

        What the module has beside it and the source does not name stays as it is.
        """
        before = live_text(self.path)
        try:
            text = merged(before, source, self.name)
        except Shared as error:
            raise PatchError("HS0014", f"{error}: write it on a line of its own first") from None
        report = self._apply(before, text, None)
        self._sources.append(source)
        return report

    def _with(self, live: str, lines: list[str] | None) -> str | None:
        """A text with these lines in place of the definition."""
        found = _definition(live, self.name, self._index)
        if found is None or lines is None:
            return None
        ending = "\r\n" if found.lines[found.first].endswith("\r\n") else "\n"
        written = [line.rstrip("\r\n") + ending for line in lines]
        return "".join([*found.lines[: found.first], *written, *found.lines[found.end :]])

    def _apply(self, before: str, text: str, function: str | None) -> Report:
        report = patch(self.path, text, function=function).check()
        if self._before is None:
            self._before = before
        self.status = "patched"
        return report

    def revert(self) -> None:
        """Makes live what was before the first patch, or what was committed last.

        That is this definition's text alone, or the whole module's where more of it was patched.
        """
        if self._before is not None:
            was = _definition(self._before, self.name, self._index)
            text = None if self._sources or was is None else self._with(live_text(self.path), _text(was))
            patch(self.path, self._before if text is None else text).check()
        self._is_settled("live")

    def commit(self) -> None:
        """Writes what is live to the file: the definition's lines and what came with it; all else stays as it is.

        Raises :class:`PatchError` (HS0021) where the definition in the file is no longer what it was when it was
        patched: somebody else's edit is never overwritten. The file is replaced as a whole, or not at all.
        """
        if self._before is None:
            return
        if self.is_of_cell:
            raise PatchError("HS0011", f"{self.name} is of a cell, which is no file: nothing was written")
        disk, encoding = _read(self.path)
        live = live_text(self.path)
        was, now, there = (_definition(text, self.name, self._index) for text in (self._before, live, disk))
        if was is None or now is None or there is None or _text(there) != _text(was):
            message = f"{self.name} was changed in {self.path} since it was patched: nothing was written"
            raise PatchError("HS0021", message)
        ending = "\r\n" if there.lines[there.first].endswith("\r\n") else "\n"
        text = self._with(disk, _text(now)) or disk
        for source in self._sources:
            other = changed_since(self._before, disk, source, self.name)
            if other is not None:
                message = f"{other} was changed in {self.path} since it was patched: nothing was written"
                raise PatchError("HS0021", message)
            try:
                lines = _lines(merged(text, source, self.name, keeps_own=True))
            except Shared as error:
                raise PatchError("HS0021", f"{self.path}: {error}: nothing was written") from None
            text = "".join(line.rstrip("\r\n") + ending for line in lines)
        try:
            content = text.encode(encoding)
        except UnicodeEncodeError as error:
            raise PatchError("HS0021", f"{self.path} is saved as {encoding}: {error}: nothing was written") from None
        try:
            _replace(self.path, content)
        except OSError as error:
            raise PatchError("HS0011", f"{self.path}: {error}: nothing was written") from None
        self._is_settled("committed")

    def _is_settled(self, status: str) -> None:
        self._before = None
        self._sources = []
        self.status = status

    def __enter__(self) -> Recoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.revert()


def recoder(target: Callable[..., Any] | type) -> Recoder:
    """A recoder for a function, method or class of a source file or a notebook's cell.

    Anything else raises :class:`PatchError` (HS0020).
    """
    found = _innermost(target)
    namespace: dict[str, Any] = {}
    if type(found) is FunctionType:
        path, namespace = found.__code__.co_filename, found.__globals__
    elif isinstance(found, type):
        module = sys.modules.get(found.__module__)
        path, namespace = getattr(module, "__file__", None) or "", getattr(module, "__dict__", {})
    else:
        path = ""
    name = getattr(found, "__qualname__", "")
    known = sys.modules.get("hotsplice._cells")
    cell = known.path_of(namespace, name.partition(".")[0]) if known is not None else None
    if cell is not None and "<" not in name:
        return Recoder(cell, name, is_of_cell=True)
    if not os.path.isfile(path) or "<" in name:
        raise PatchError("HS0020", f"{target!r} is no function or class that stands by its name in a source file")
    line = found.__code__.co_firstlineno if type(found) is FunctionType else None
    return Recoder(os.path.abspath(path), name, line=line)


def _innermost(target: Any) -> Any:
    found: Any = target
    if type(target) is MethodType:
        found = target.__func__
    elif type(target) is property:
        found = target.fget
    elif type(target) is functools.cached_property:
        found = target.func
    while type(found) is not FunctionType and not issubclass(type(found), type):
        try:
            found = found.__wrapped__
        except Exception:
            # It has none, or it answers with something else.
            break
    return found


class _Definition:
    """Where a definition stands in a text, decorators included: from this line (from 0) up to that one."""

    def __init__(self, lines: list[str], first: int, end: int) -> None:
        self.lines = lines
        self.first = first
        self.end = end

    @property
    def indentation(self) -> str:
        line = self.lines[self.first]
        return line[: len(line) - len(line.lstrip(" \t"))]


def _named(text: str, name: str) -> list[_Named]:
    """The definitions of this name, in the order of the text; none if that does not parse."""
    try:
        body: list[ast.stmt] = ast.parse(text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError):
        return []
    named: list[_Named] = []
    for part in name.split("."):
        named = [node for node in _statements(body) if isinstance(node, _DEFINITIONS) and node.name == part]
        body = [statement for node in named for statement in node.body]
    return named


def _first_line(node: _Named) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _index_of(text: str, name: str, line: int) -> int:
    """Which of the definitions begins at this line; the last one where none does."""
    lines = [_first_line(node) for node in _named(text, name)]
    return lines.index(line) if line in lines else -1


def _definition(text: str, name: str, index: int) -> _Definition | None:
    """Nothing where there is none, or the text does not parse."""
    named = _named(text, name)
    if not named:
        return None
    found = named[index] if index < len(named) else named[-1]
    return _Definition(_lines(text), _first_line(found) - 1, found.end_lineno or found.lineno)


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """A scope's statements, those of its `if`, `try` and `with` included."""
    found = []
    for node in body:
        found.append(node)
        if not isinstance(node, _DEFINITIONS):
            for inner in ("body", "orelse", "handlers", "finalbody"):
                for child in getattr(node, inner, ()):
                    found += _statements(child.body if isinstance(child, ast.ExceptHandler) else [child])
    return found


def _lines(text: str) -> list[str]:
    """As Python counts them; a form feed or a separator in a string ends none."""
    return list(io.StringIO(text, newline=""))


def _text(found: _Definition) -> list[str]:
    return [line.rstrip("\r\n") for line in found.lines[found.first : found.end]]


def _in_its_place(source: str, name: str, live: _Definition | None) -> list[str] | None:
    """The lines of the definition that the source is, as far indented as the live one. None if it does not parse.

    Raises ``PatchError`` (HS0014) where the source holds anything else than that one definition.
    """
    own = name.rpartition(".")[2]
    code = [line for line in _lines(source) if line.strip() and not line.lstrip().startswith("#")]
    depth = len(code[0]) - len(code[0].lstrip(" \t")) if code else 0
    opening = "if True:\n" if depth else ""
    try:
        parsed: list[ast.stmt] = ast.parse(opening + source).body
    except (SyntaxError, ValueError):
        return None
    body = parsed[0].body if depth and isinstance(parsed[0], ast.If) else parsed
    node = body[0] if body else None
    if len(body) != 1 or not isinstance(node, _DEFINITIONS) or node.name != own:
        message = f"the source is to hold one definition, that of {own}; patch_module takes more than that"
        raise PatchError("HS0014", message)
    indentation = live.indentation if live else ""
    # Inside of a string a line's beginning belongs to the string.
    within: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Constant, ast.JoinedStr)) and inner.end_lineno:
            within.update(range(inner.lineno + 1, inner.end_lineno + 1))
    first = _first_line(node)
    numbered = enumerate(_lines(opening + source)[first - 1 : node.end_lineno], first)
    return [line if number in within or not line.strip() else indentation + line[depth:] for number, line in numbered]


def _read(path: str) -> tuple[str, str]:
    """A file's text and its encoding; raises ``PatchError`` (HS0011)."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        encoding, _ = detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding), encoding
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise PatchError("HS0011", f"{path}: {error}: nothing was written") from None


def _replace(path: str, content: bytes) -> None:
    """Writes a file so that whoever reads it sees the former text or the new one, whatever fails."""
    folder = os.path.dirname(os.path.realpath(path))
    known = os.stat(path)
    if not os.access(path, os.W_OK, effective_ids=True):
        # Another file could be put in its place all the same.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".hotsplice-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        own = os.stat(temporary)
        if (own.st_uid, own.st_gid) != (known.st_uid, known.st_gid):
            # Where that is not allowed, whoever may write the file has made it.
            with contextlib.suppress(OSError):
                os.chown(temporary, known.st_uid, known.st_gid)
        os.chmod(temporary, known.st_mode & 0o7777)
        os.replace(temporary, os.path.realpath(path))
    except BaseException:
        os.unlink(temporary)
        raise
