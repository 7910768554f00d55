"""What subtests report waits until it is known whether the test that they belong to runs again.

They are ``subTest`` of ``unittest`` and pytest's own ``subtests``, and report themselves while the test runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ._failed import holds


class Subtests:
    """Stands for the hooks of a test while that runs."""

    def __init__(self, item: pytest.Item, error: Callable[[], BaseException | None], has_terminal: bool) -> None:
        self._item: Any = item
        self._hooks: Any = item.ihook
        self._raised = error
        self._has_terminal = has_terminal
        # Each with what it has raised.
        self.reports: list[tuple[pytest.TestReport, BaseException | None]] = []

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
        is_one = type(report).__name__.lower() == "subtestreport"
        # Where nobody can answer they are reported at once, as ever.
        if is_one and (self._has_terminal or holds.is_watched()):
            self.reports.append((report, self._raised()))
        else:
            self._hooks.pytest_runtest_logreport(report=report)

    def failed(self) -> list[tuple[pytest.TestReport, BaseException | None]]:
        return [(report, error) for report, error in self.reports if report.failed]

    def report(self) -> None:
        reports, self.reports = self.reports, []
        for report, _ in reports:
            self._hooks.pytest_runtest_logreport(report=report)

    def forget(self) -> None:
        """pytest counts those of a test that failed."""
        self.reports.clear()
        module: Any = sys.modules.get("_pytest.subtests")
        key = getattr(module, "failed_subtests_key", None)
        counts = {} if key is None else self._item.config.stash.get(key, {})
        for name in ("nodeid", "id"):
            counts.pop(getattr(self._item, name, None), None)
