"""What is reported of a test while it runs waits until it is known whether the test runs again.

Those are subtests (``subTest`` of ``unittest`` and pytest's own ``subtests``), and that something has failed, which
pytest
tells debuggers and editors' plugins before it reports it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ._failed import watched


class Reports:
    """Stands for the hooks of a test while that runs."""

    def __init__(self, item: pytest.Item, error: Callable[[], BaseException | None], has_terminal: bool) -> None:
        self._item: Any = item
        self._hooks: Any = item.ihook
        self._raised = error
        self._has_terminal = has_terminal
        # Of subtests, each with what it has raised.
        self._reports: list[tuple[pytest.TestReport, BaseException | None]] = []
        # With what the hook is to be called, by the report that it is about.
        self._failures: dict[int, dict[str, Any]] = {}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        item, session = self._item, self._item.session
        if "ihook" in item.__dict__ or not isinstance(getattr(type(item), "ihook", None), property):
            # Of older versions each test has its own.
            item.ihook = self
            try:
                yield
            finally:
                item.ihook = self._hooks
            return
        theirs = session.gethookproxy
        session.gethookproxy = lambda path: self if path == item.path else theirs(path)
        try:
            yield
        finally:
            session.gethookproxy = theirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hooks, name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Where nobody can answer they are reported at once, as ever.
        if _is_subtest(report) and (self._has_terminal or self._may_be_held(report)):
            self._reports.append((report, self._raised()))
        else:
            self._hooks.pytest_runtest_logreport(report=report)

    def pytest_exception_interact(self, report: pytest.TestReport, **more: Any) -> None:
        if _is_subtest(report) and not any(waiting is report for waiting, _ in self._reports):
            self._hooks.pytest_exception_interact(report=report, **more)
        else:
            self._failures[id(report)] = {"report": report, **more}

    def _may_be_held(self, report: pytest.TestReport) -> bool:
        return watched.will_be_watched() if report.failed else watched.is_watched()

    def failed(self) -> list[tuple[pytest.TestReport, BaseException | None]]:
        """Subtests that have."""
        return [(report, error) for report, error in self._reports if report.failed]

    def report_subtests(self) -> None:
        reports, self._reports = self._reports, []
        for report, _ in reports:
            self.report(report)

    def report(self, report: pytest.TestReport, log: bool = True) -> None:
        if log:
            self._hooks.pytest_runtest_logreport(report=report)
        failure = self._failures.pop(id(report), None)
        if failure is not None:
            self._hooks.pytest_exception_interact(**failure)

    def forget(self) -> None:
        """The test runs again. pytest counts subtests that failed."""
        self._reports.clear()
        self._failures.clear()
        module: Any = sys.modules.get("_pytest.subtests")
        key = getattr(module, "failed_subtests_key", None)
        counts = {} if key is None else self._item.config.stash.get(key, {})
        for name in ("nodeid", "id"):
            counts.pop(getattr(self._item, name, None), None)


def _is_subtest(report: pytest.TestReport) -> bool:
    return type(report).__name__.lower() == "subtestreport"
