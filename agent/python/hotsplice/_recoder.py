"""Recoders: another text for a function or class from within the program, reverted, or written to its file."""

from __future__ import annotations

import ast
import os
import tempfile
import textwrap
from collections.abc import Callable
from types import FunctionType, MethodType, TracebackType
from typing import Any

from ._api import PatchError, Report, live_text, patch


class Recoder:
    """Another text for one function, method or class. A context manager: what was not committed is reverted at the end.

    ``status`` is ``"live"`` (as it was, or as committed), ``"patched"`` or ``"committed"``.
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.status = "live"
        # The whole live text that `revert` goes back to, once something was patched.
        self._before: str | None = None

    def patch(self, source: str) -> Report:
        """Makes a definition of the same name live: ``def f(x): …``, for a method without its class around it."""
        return self._apply(_in_its_class(textwrap.dedent(source), self.name), self.name)

    def patch_module(self, source: str) -> Report:
        """Makes a whole text of the module live: imports and helpers may come with it."""
        return self._apply(source, None)

    def _apply(self, text: str, function: str | None) -> Report:
        before = live_text(self.path)
        report = patch(self.path, text, function=function).check()
        if self._before is None:
            self._before = before
        self.status = "patched"
        return report

    def revert(self) -> None:
        """Makes live what was before the first patch, or what was committed last."""
        if self._before is not None:
            patch(self.path, self._before).check()
            self._before = None
        self.status = "live"

    def commit(self) -> None:
        """Writes what is live to the file: only this definition's lines, all else in it stays as it is.

        Raises :class:`PatchError` (HS0021) where the definition in the file is no longer what it was when it was
        patched: somebody else's edit is never overwritten. The file is replaced as a whole, or not at all.
        """
        if self._before is None:
            return
        with open(self.path, encoding="utf-8", newline="") as file:
            disk = file.read()
        live = live_text(self.path)
        was, now, there = (_lines_of(text, self.name) for text in (self._before, live, disk))
        if was is None or now is None or there is None or _cut(disk, there) != _cut(self._before, was):
            message = f"{self.name} was changed in {self.path} since it was patched: nothing was written"
            raise PatchError("HS0021", message)
        lines = disk.splitlines(keepends=True)
        lines[there[0] : there[1]] = live.splitlines(keepends=True)[now[0] : now[1]]
        _replace(self.path, "".join(lines))
        self._before = None
        self.status = "committed"

    def __enter__(self) -> Recoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.revert()


def recoder(target: Callable[..., Any] | type) -> Recoder:
    """A recoder for a function, method or class of a source file; anything else raises :class:`PatchError` (HS0020)."""
    found: Any = target.__func__ if type(target) is MethodType else target
    while type(found) is not FunctionType and not isinstance(found, type) and hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    if type(found) is FunctionType:
        path = found.__code__.co_filename
    elif isinstance(found, type):
        import sys

        path = getattr(sys.modules.get(found.__module__), "__file__", None) or ""
    else:
        path = ""
    name = getattr(found, "__qualname__", "")
    if not os.path.isfile(path) or "<" in name:
        raise PatchError("HS0020", f"{target!r} is no function or class that stands by its name in a source file")
    return Recoder(os.path.abspath(path), name)


def _in_its_class(source: str, name: str) -> str:
    *scope, _ = name.split(".")
    text = source
    for owner in reversed(scope):
        text = f"class {owner}:\n" + textwrap.indent(text, "    ")
    return text


def _lines_of(text: str, name: str) -> tuple[int, int] | None:
    """Where a definition stands, decorators included: from this line (from 0) up to that one."""
    body: list[ast.stmt] = ast.parse(text).body
    found: ast.stmt | None = None
    for part in name.split("."):
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        named = [node for node in body if isinstance(node, definitions) and node.name == part]
        if not named:
            return None
        found = named[-1]
        body = named[-1].body
    if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    first = min([found.lineno, *(decorator.lineno for decorator in found.decorator_list)])
    return first - 1, found.end_lineno or found.lineno


def _cut(text: str, lines: tuple[int, int]) -> list[str]:
    return [line.rstrip("\r\n") for line in text.splitlines()[lines[0] : lines[1]]]


def _replace(path: str, text: str) -> None:
    """Writes a file so that whoever reads it sees the former text or the new one, whatever fails."""
    folder = os.path.dirname(os.path.realpath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".hotsplice-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, os.path.realpath(path))
    except BaseException:
        os.unlink(temporary)
        raise
