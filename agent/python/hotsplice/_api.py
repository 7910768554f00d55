"""Patching from within the program: what ``hotsplice patch``, ``undo``, ``status`` and ``watch`` do, for this process.

The work is done by the ``hotsplice`` program, as for an editor: the text is compared there, and comes back as a patch.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from . import _session
from .__main__ import find_binary

_EXIT_MISUSE = 2


class PatchError(RuntimeError):
    """The request could not be served, or the patch was refused; ``code`` is its number (``HS0005``)."""

    def __init__(self, code: str, message: str, report: Report | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.report = report


@dataclass(frozen=True)
class Edit:
    """What became of one edit; the fields are those of ``hotsplice patch --json`` (docs/cli.md)."""

    path: str
    definition: str
    kind: str
    line: int
    verdict: str
    code: str | None
    message: str | None


@dataclass(frozen=True)
class Report:
    """What became of a patch. True if it went live."""

    committed: bool
    edits: tuple[Edit, ...]

    def __bool__(self) -> bool:
        return self.committed

    @property
    def refused(self) -> tuple[Edit, ...]:
        return tuple(edit for edit in self.edits if edit.verdict == "refused")

    @property
    def caveats(self) -> tuple[Edit, ...]:
        return tuple(edit for edit in self.edits if edit.verdict == "caveat")

    def check(self) -> Report:
        """Itself; raises :class:`PatchError` with the first reason if nothing went live."""
        if self.committed:
            return self
        reasons = [edit for edit in self.refused if edit.code not in (None, "HS0105")] or list(self.refused)
        code, message = (reasons[0].code, reasons[0].message) if reasons else ("HS0009", "the patch did not go live")
        raise PatchError(code or "HS0009", message or "", self)


@dataclass(frozen=True)
class Status:
    """What is patched in this process, and which calls still run old code (``hotsplice status --json``)."""

    patched: tuple[dict[str, Any], ...]
    running: tuple[dict[str, Any], ...]


def patch(
    target: str | os.PathLike[str] | ModuleType,
    text: str | None = None,
    *,
    function: str | None = None,
    dry_run: bool = False,
    run_statements: bool = False,
) -> Report:
    """Makes a file or module live as it is on disk, or as ``text`` says.

    ``function`` takes only that definition, by its qualified name. Refused edits are in the report; use
    :meth:`Report.check` to have them raised. Raises :class:`PatchError` where nothing could be asked for.
    """
    arguments = ["patch", path_of(target)]
    if text is not None:
        arguments += ["--from", "/dev/stdin"]
    if function is not None:
        arguments += ["--function", function]
    if dry_run:
        arguments.append("--dry-run")
    if run_statements:
        arguments.append("--run-statements")
    return _put_back(_report(_call(arguments, text)))


# What a patch takes away with the rest of a former text is put back by these before it counts as done: overlays.
putting_back: list[Callable[[], None]] = []


def _put_back(report: Report) -> Report:
    for put_back in putting_back:
        put_back()
    return report


def patch_anew(path: str, text: str) -> Report:
    """For a cell that runs: what its definitions read when they are made is evaluated again, whatever the texts say."""
    return _report(_call(["patch", path, "--from", "/dev/stdin", "--anew"], text))


def patch_saved(files: Iterable[str] | None = None) -> Report:
    """Makes every loaded file that differs from the disk live, as one patch. True as well if there is none.

    With ``files`` these only, those of installed packages included.
    """
    given = None if files is None else list(files)
    found = _call(["patch", *(given or [])]) if given is None or given else []
    return _put_back(_report(found)) if found else Report(True, ())


def undo(target: str | os.PathLike[str] | ModuleType | None = None, *, function: str | None = None) -> Report:
    """Brings back what was live before the latest patch: of the process, of a file, or of one definition of it."""
    arguments = ["undo"]
    if target is not None:
        arguments.append(path_of(target))
    if function is not None:
        arguments += ["--function", function]
    return _put_back(_report(_call(arguments)))


def status() -> Status:
    """What is patched here, and what still runs old code."""
    found = _call(["status"])[0]
    return Status(tuple(found["patched"]), tuple(found["running"]))


def restart_frame(function: str, path: str | None = None, line: int | None = None) -> dict[str, Any]:
    """Has a frame that a debugger has stopped begin again, as ``hotsplice restart-frame``: debuggers evaluate it."""
    arguments = ["restart-frame", "--function", function]
    if path is not None:
        arguments += ["--file", path]
    if line is not None:
        arguments += ["--line", str(line)]
    answer: dict[str, Any] = _call(arguments)
    return answer


@contextmanager
def patching(
    target: str | os.PathLike[str] | ModuleType, text: str, *, function: str | None = None
) -> Iterator[Report]:
    """Another text is live for as long as the block lasts; raises :class:`PatchError` if it does not go live."""
    before = live_text(target)
    report = patch(target, text, function=function).check()
    try:
        yield report
    finally:
        patch(target, before, function=function).check()


def live_text(target: str | os.PathLike[str] | ModuleType) -> str:
    """The text of a file that is live in this process."""
    return _run(["show", path_of(target)]).stdout


class Watching:
    """What is saved goes live until it is stopped, or the process ends. A context manager."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def is_active(self) -> bool:
        return self._process.poll() is None

    def __enter__(self) -> Watching:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def watch(*paths: str | os.PathLike[str], run_statements: bool = False, verbose: bool = False) -> Watching:
    """Has every file that this process loads go live when it is saved: those in ``paths``, or all not installed.

    What does not go live is reported on standard error; with ``verbose`` what does, too. Raises :class:`PatchError` for
    a path that is not there.
    """
    _session.listen()
    for path in paths:
        if not os.path.exists(path):
            raise PatchError("HS0011", f"{os.fspath(path)}: there is no such file or folder")
    arguments = ["watch", *(os.fspath(path) for path in paths), "--pid", str(os.getpid())]
    if run_statements:
        arguments.append("--run-statements")
    if verbose:
        arguments.append("--verbose")
    process = subprocess.Popen([_program(), *arguments], stdin=subprocess.DEVNULL, env=_environment())
    return Watching(process)


def path_of(target: str | os.PathLike[str] | ModuleType) -> str:
    """The source file of a module, or the path itself."""
    if not isinstance(target, ModuleType):
        return os.path.abspath(os.fspath(target))
    path = target.__dict__.get("__file__")
    if not isinstance(path, str) or path.endswith(".so"):
        raise PatchError("HS0010", f"the module {target.__name__} was loaded from no Python file")
    return path


def _report(files: list[dict[str, Any]]) -> Report:
    edits = tuple(
        Edit(
            file["file"], edit["definition"], edit["kind"], edit["line"], edit["verdict"], edit["code"], edit["message"]
        )
        for file in files
        for edit in file["edits"]
    )
    return Report(bool(files) and all(file["committed"] for file in files), edits)


def _call(arguments: list[str], text: str | None = None) -> Any:
    answer = _run([*arguments, "--json"], text)
    try:
        return json.loads(answer.stdout)
    except ValueError:
        raise PatchError("HS0003", answer.stderr.strip() or "the program gave no answer") from None


def _run(arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    _session.listen()
    # The mark says that it is UTF-8 by now, whatever encoding a comment in it names.
    given = "" if text is None else "\ufeff" + text.removeprefix("\ufeff")
    answer = subprocess.run(
        [_program(), *arguments, "--pid", str(os.getpid())],
        input=given,
        capture_output=True,
        encoding="utf-8",
        env=_environment(),
        check=False,
    )
    if answer.returncode == _EXIT_MISUSE:
        # `hotsplice: HS0005: no process …`
        code, _, message = answer.stderr.strip().splitlines()[-1].removeprefix("hotsplice: ").partition(": ")
        raise PatchError(code, message)
    return answer


def _program() -> str:
    try:
        return find_binary()
    except SystemExit as error:
        raise PatchError("HS0011", str(error)) from None


def _environment() -> dict[str, str]:
    return {**os.environ, "HOTSPLICE_RUNTIME_DIR": _session.registry_directory()}
