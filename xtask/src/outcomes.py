"""Runs a module of CPython's own tests and says how each test ended: a JSON object, the last line of the output.

``python outcomes.py test.test_json [FILE]``: until the file is there, the tests are run again. What the tests print may
stand between the lines of unittest's own report, so that the report can't be read.
"""

from __future__ import annotations

import json
import sys
import time
import unittest
from pathlib import Path
from typing import Any

MOST_SECONDS = 60


class Outcomes(unittest.TextTestResult):
    """The last of what was said of a test; a failed part of it is a failure of it all."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.found: dict[str, str] = {}

    def _note(self, test: unittest.TestCase, outcome: str) -> None:
        self.found.setdefault(str(test), outcome)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self._note(test, "error")

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self._note(test, "failure")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failure in a part")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        self._note(test, "failure, as expected")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self._note(test, "success, which was not expected")

    def addSuccess(self, test: Any) -> None:  # noqa: N802
        super().addSuccess(test)
        self._note(test, "ok")


def run(module: str) -> dict[str, str]:
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Outcomes)
    result = unittest.main(module=None, argv=["outcomes", module], testRunner=runner, exit=False).result
    assert isinstance(result, Outcomes)
    return result.found


def main() -> None:
    module, *awaited = sys.argv[1:]
    found = run(module)
    end = time.monotonic() + MOST_SECONDS
    while not all(Path(file).exists() for file in awaited) and time.monotonic() < end:
        for test, outcome in run(module).items():
            if found.setdefault(test, outcome) != outcome:
                found[test] = f"{found[test]}, {outcome} when it was run again"
    sys.stdout.flush()
    print("\n" + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
