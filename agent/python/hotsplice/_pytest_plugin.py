"""``pytest --hotsplice-loop``: a test that fails is held, mended, and run again in the same process.

What pytest reports of a failure is shown as usual; then the terminal asks, or a client answers (an editor, the command
line), which is how workers of pytest-xdist are answered. Fixtures of classes, modules and the session are kept between
the tries unless one is asked for; those of the function are set up again. Output is captured as usual. Where nothing
fails, all is done and reported as without.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import CodeType
from typing import Any

import pytest
from _pytest import runner
from _pytest.mark.structures import get_unpacked_marks

from . import _api, _session
from ._failed import answers, asking, holds, places, terminal, watched
from ._pytest_reports import Reports

_QUESTION = "hotsplice: {} failed; r retry with what is saved now, c go on, q end the run\n"
_HELP = """\
r [N]  retry with what is saved now; N: with this fixture set up again, as `u` numbers them
u      list the fixtures that are kept
c      go on
q      end the run
p      debug (post mortem)
e      edit the line
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hotsplice")
    group.addoption(
        "--hotsplice-loop",
        "--reload-loop",
        action="store_true",
        dest="hotsplice_loop",
        help="hold a test that fails, and run it again with the code that was mended",
    )
    group.addoption(
        "--hotsplice-hold-for",
        type=float,
        default=None,
        metavar="SECONDS",
        help="hold a test that fails for so long also while neither a terminal nor an editor is there",
    )
    group.addoption(
        "--hotsplice-dir",
        "--reload-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="only files of this folder go live for another try, those of installed packages included "
        "(by default every file of the project that was loaded); may be given several times",
    )


def pytest_configure(config: pytest.Config) -> None:
    # An editor that looks which tests there are gives the same options.
    if config.getoption("hotsplice_loop") and not config.getoption("collectonly", False):
        try:
            _session.listen()
        except (OSError, RuntimeError) as error:
            raise pytest.UsageError(f"--hotsplice-loop: {error}") from None
        watched.settings.hold_for = config.getoption("hotsplice_hold_for") or watched.settings.hold_for
        config.pluginmanager.register(_Loop(config), "hotsplice-loop")


class _Sibling:
    """Stands for a further test beside one, so that only what belongs to the test itself is torn down after it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def listchain(self) -> list[pytest.Item | pytest.Collector]:
        chain: list[pytest.Item | pytest.Collector] = self._item.listchain()[:-1]
        return chain


class _Held(holds.Hold):
    """A test that waits. What can begin again is the test, or a fixture that is kept and all that uses it."""

    def __init__(self, loop: _Loop, item: pytest.Item, error: BaseException | None, shown: str) -> None:
        if error is None or error.__traceback__ is None:
            # It was to fail, and has not.
            super().__init__(item.nodeid, error or AssertionError(shown), sys._getframe(), 0, shown)
            path, line, _ = item.location
            self.path, self.line = _absolute(item, path), (line or 0) + 1
        else:
            frame, line = places.failing_place(error)
            super().__init__(item.nodeid, error, frame, line, shown)
        self._loop = loop
        self._item = item
        self.kept = _kept_fixtures(item)
        self.patched: list[_api.Edit] = []

    @property
    def summary(self) -> str:
        return traceback.format_exception_only(type(self.error), self.error)[-1].splitlines()[0]

    @property
    def introduction(self) -> str:
        return _QUESTION.format(self._item.name)

    @property
    def help(self) -> str:
        return _HELP

    def calls(self) -> list[dict[str, Any]]:
        path, line, _ = self._item.location
        own = {"function": self._item.name, "path": _absolute(self._item, path), "line": (line or 0) + 1}
        return [{**own, "guarded": True}, *(_described(definition) for definition in self.kept)]

    def call(self, which: int) -> Any:
        if not 0 <= which <= len(self.kept):
            raise holds.NoCall("HS0023", f"{self._item.name} has {len(self.kept)} fixtures that are kept, from 1")
        return self.kept[which - 1] if which else None

    def tried_again(self, which: Any) -> str:
        return "is tried again" if which is None else f"is tried again, {which.argname} set up again"

    def evaluate(self, expression: str) -> Any:
        raise RuntimeError("a test returns no value: retry it, or let it raise")

    def also(self, choice: str) -> bool:
        if choice != "q":
            return False
        self._item.session.shouldstop = "ended at a held test"
        return self.decide(None, "ends the run")

    def make_saved_live(self) -> None:
        for edit in self._loop.patched():
            sys.stderr.write(f"hotsplice: {edit.path}:{edit.line}: {edit.code}: {edit.message}\n")


class _Loop:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        folders = config.getoption("hotsplice_dir")
        self._folders = [os.path.join(os.path.realpath(folder), "") for folder in folders]
        # Of the test that runs: what its latest phase raised, and whether it is run once more, and set up how.
        self._error: BaseException | None = None
        self._again: answers.Answer | None = None
        # While a test runs its input is captured.
        self._has_terminal: bool | None = None
        # Phases that have passed in a former try, and are reported.
        self._passed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._passed.clear()
        if self._has_terminal is None:
            with self._at_the_terminal():
                self._has_terminal = terminal.is_there()
        reports = Reports(item, lambda: self._error, self._has_terminal)
        while True:
            marks, self._again = _marks(item), None
            with reports.waiting(), self._reported(reports):
                runner.runtestprotocol(item, nextitem=nextitem)
            if self._again is None:
                break
            _read_marks(item, marks)
            _begin_anew(item)
            reports.forget()
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        self._error = None if call.excinfo is None else call.excinfo.value

    @contextmanager
    def _reported(self, reports: Reports) -> Iterator[None]:
        """pytest goes through the phases of a test as ever, but what fails is put before us before it is reported."""
        theirs = runner.call_and_report

        def call_and_report(item: pytest.Item, when: Any, log: bool = True, **more: Any) -> pytest.TestReport:
            if when == "teardown" and self._again is not None:
                return self._torn_down_for_another_try(item, functools.partial(theirs, item, when, log=False))
            with _own_first(item) if when == "teardown" else nullcontext():
                report = theirs(item, when, log=False, **more)
            failed = reports.failed() + ([(report, self._error)] if report.failed else [])
            try:
                self._again = self._ask(item, failed) if failed else None
            finally:
                if self._again is None:
                    reports.report_subtests()
                    reports.report(report, log and not (report.passed and when in self._passed))
            if report.passed and self._again is None:
                self._passed.add(when)
            if when == "teardown" and report.failed and self._again is None:
                self._tear_down_rest(item, more.get("nextitem"))
            return report

        runner.call_and_report = call_and_report
        try:
            yield
        finally:
            runner.call_and_report = theirs

    def _torn_down_for_another_try(self, item: pytest.Item, tear_down: Callable[..., pytest.TestReport]) -> Any:
        report = tear_down(nextitem=_Sibling(item))
        if report.failed:
            self._show(item, report)
        fixture: Any = None if self._again is None else self._again.frame
        for definition in [*_failed_fixtures(item), *([] if fixture is None else [fixture])]:
            _finish(item, definition)
        return report

    def _tear_down_rest(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """What the test shares with others was left as it was while it could be tried again."""
        state: Any = item.session._setupstate
        call = pytest.CallInfo.from_call(functools.partial(state.teardown_exact, nextitem), "teardown")
        if call.excinfo is not None:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            item.ihook.pytest_runtest_logreport(report=report)

    def _ask(
        self, item: pytest.Item, failed: list[tuple[pytest.TestReport, BaseException | None]]
    ) -> answers.Answer | None:
        """Whether it is tried again; nothing as well where nobody could answer."""
        first, error = failed[0]
        if error is not None and answers.is_decided(error):
            return None
        with self._at_the_terminal():
            if not watched.will_be_watched():
                return None
            if terminal.is_there():
                for report, _ in failed:
                    self._show(item, report)
            return asking.wait_for(_Held(self, item, error, first.longreprtext))

    def _show(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """As pytest will show it at the end, if it stays."""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        terminal.ensure_newline()
        describe = getattr(report, "_sub_test_description", str)
        terminal.section(f"{item.nodeid} {describe()}".strip(), sep="_", red=True)
        terminal._outrep_summary(report)
        terminal.flush()

    @contextmanager
    def _at_the_terminal(self) -> Iterator[None]:
        """Input and output are the terminal's for the time being, and not captured."""
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            yield
            return
        capture.suspend_global_capture(in_=True)
        try:
            yield
        finally:
            # Between the phases of a test input alone is captured.
            capture.resume_global_capture()
            capture.suspend_global_capture(in_=False)

    def patched(self) -> list[_api.Edit]:
        """Makes what was saved live; gives what does not go as it would in a fresh process."""
        try:
            edits = _api.patch_saved(self._files()).edits
        except _api.PatchError as error:
            return [_api.Edit("", "", "", 0, "refused", error.code, str(error))]
        return [edit for edit in edits if edit.verdict in ("refused", "caveat")]

    def _files(self) -> list[str] | None:
        """Those that were loaded, of the folders that were given."""
        if not self._folders:
            return None
        loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        files = (os.path.realpath(file) for file in loaded if isinstance(file, str) and file.endswith(".py"))
        return sorted({file for file in files if file.startswith(tuple(self._folders))})


@contextmanager
def _own_first(item: pytest.Item) -> Iterator[None]:
    """What belongs to a test alone is torn down first: if that fails, what it shares is there for another try."""
    state: Any = item.session._setupstate

    def teardown_exact(nextitem: pytest.Item | None) -> None:
        del state.teardown_exact
        state.teardown_exact(_Sibling(item))
        state.teardown_exact(nextitem)

    state.teardown_exact = teardown_exact
    try:
        yield
    finally:
        state.__dict__.pop("teardown_exact", None)


def _absolute(item: pytest.Item, path: str) -> str:
    return os.path.join(str(item.config.rootpath), path)


def _kept_fixtures(item: pytest.Item) -> list[Any]:
    """Those of classes, modules and the session that a test uses and that are set up."""
    info: Any = getattr(item, "_fixtureinfo", None)
    found: list[Any] = []
    for definitions in (info.name2fixturedefs if info is not None else {}).values():
        for definition in definitions:
            is_set_up = getattr(definition, "cached_result", None) is not None
            # pytest's own have nothing to edit.
            has_text = isinstance(getattr(definition.func, "__code__", None), CodeType)
            if is_set_up and definition.scope != "function" and has_text and _is_projects(definition.func):
                found.append(definition)
    return found


def _failed_fixtures(item: pytest.Item) -> list[Any]:
    """Those of classes, modules and the session whose set-up has failed: pytest would raise that again."""
    info: Any = getattr(item, "_fixtureinfo", None)
    found = [one for ones in (info.name2fixturedefs if info is not None else {}).values() for one in ones]
    return [
        one for one in found if (cached := getattr(one, "cached_result", None)) is not None and cached[2] is not None
    ]


def _is_projects(function: Any) -> bool:
    return not places.is_installed(function.__code__.co_filename)


def _described(definition: Any) -> dict[str, Any]:
    code = definition.func.__code__
    return {
        "function": definition.argname,
        "path": os.path.abspath(code.co_filename),
        "line": code.co_firstlineno,
        "guarded": False,
    }


def _marks(item: pytest.Item) -> list[pytest.Mark]:
    """Those that stand above the test function itself."""
    return list(get_unpacked_marks(item.obj)) if isinstance(item, pytest.Function) else []


def _read_marks(item: pytest.Item, former: list[pytest.Mark]) -> None:
    """An edited ``@pytest.mark.xfail`` counts; what plugins, parameters and classes have added stays."""
    new = _marks(item)
    item.own_markers[:] = [*new, *(mark for mark in item.own_markers if mark not in former)]
    item.keywords.update((mark.name, mark) for mark in new)


def _begin_anew(item: Any) -> None:
    """Nothing of the former try is kept: what the test printed, and its class's instance."""
    item._report_sections = []
    if isinstance(item, pytest.Function) and getattr(item, "originalname", None):
        former = item.__dict__.pop("_instance", None), item.__dict__.pop("_obj", None)
        try:
            item._obj = item._getobj()
        except Exception:
            item._instance, item._obj = former


def _finish(item: Any, fixture: Any) -> None:
    """It is set up again when it is asked for."""
    try:
        fixture.finish(getattr(item, "_request", None))
    except Exception as error:
        sys.stderr.write(f"hotsplice: tearing down {fixture.argname}: {type(error).__name__}: {error}\n")
