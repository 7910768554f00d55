"""``pytest --hotsplice-loop``: a test that fails is held, mended, and run again in the same process.

What pytest reports of a failure is shown as usual, then the terminal asks. Fixtures of modules and of the session are
kept between the tries; those of the function are set up again. Output is captured as usual.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.mark.structures import get_unpacked_marks
from _pytest.runner import runtestprotocol

from . import _api, _session

_QUESTION = "hotsplice: {} failed; r retry with what is saved now, c go on, q end the run\n(hold) "


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
        "--reload-dir", dest="hotsplice_dir", default=None, help="accepted from mighty_patcher, and not needed"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("hotsplice_loop"):
        _session.listen()
        config.pluginmanager.register(_Loop(config), "hotsplice-loop")


class _Sibling:
    """Stands for a further test beside one, so that only what belongs to the test itself is torn down after it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def listchain(self) -> list[pytest.Item | pytest.Collector]:
        return self._item.listchain()[:-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._item, name)


class _Loop:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if not self._is_watched():
            # Nobody is there to mend anything: as without.
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        while True:
            marks = _marks(item)
            reports = runtestprotocol(item, log=False, nextitem=_Sibling(item))  # type: ignore[arg-type]
            if not any(report.failed for report in reports) or not self._is_to_be_tried_again(item, reports):
                break
            _read_marks(item, marks)
            _forget_results(item)
        item.session._setupstate.teardown_exact(nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _is_to_be_tried_again(self, item: pytest.Item, reports: list[pytest.TestReport]) -> bool:
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        with self._at_the_terminal():
            for report in reports:
                if report.failed:
                    terminal.ensure_newline()
                    terminal.section(item.nodeid, sep="_", red=True)
                    report.toterminal(terminal._tw)
            return self._ask(item, terminal)

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
            capture.resume_global_capture()

    def _is_watched(self) -> bool:
        with self._at_the_terminal():
            return sys.__stdin__ is not None and sys.__stdin__.isatty()

    def _ask(self, item: pytest.Item, terminal: Any) -> bool:
        while True:
            terminal.write(_QUESTION.format(item.name), flush=True)
            answer = sys.__stdin__.readline() if sys.__stdin__ is not None else ""
            if answer.strip() == "r":
                for edit in _patched():
                    terminal.write_line(f"hotsplice: {edit.path}:{edit.line}: {edit.code}: {edit.message}")
                return True
            if answer.strip() == "q":
                item.session.shouldstop = "ended at a held test"
                return False
            if answer.strip() == "c" or not answer:
                return False


def _patched() -> tuple[_api.Edit, ...]:
    """Makes what was saved live; gives what was refused."""
    try:
        return _api.patch_saved().refused
    except _api.PatchError as error:
        return (_api.Edit("", "", "", 0, "refused", error.code, str(error)),)


def _marks(item: pytest.Item) -> list[pytest.Mark]:
    """Those that stand above the test function itself."""
    return list(get_unpacked_marks(item.obj)) if isinstance(item, pytest.Function) else []


def _read_marks(item: pytest.Item, former: list[pytest.Mark]) -> None:
    """An edited ``@pytest.mark.xfail`` counts; what plugins, parameters and classes have added stays."""
    new = _marks(item)
    item.own_markers[:] = [*new, *(mark for mark in item.own_markers if mark not in former)]
    item.keywords.update((mark.name, mark) for mark in new)


def _forget_results(item: pytest.Item) -> None:
    """The test is set up again; of a fixture that failed nothing is kept."""
    request = getattr(item, "_initrequest", None)
    if request is not None:
        request()
    info: Any = getattr(item, "_fixtureinfo", None)
    for definitions in (info.name2fixturedefs if info is not None else {}).values():
        for definition in definitions:
            cached = getattr(definition, "cached_result", None)
            if cached is not None and cached[2] is not None:
                definition.cached_result = None
