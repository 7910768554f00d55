"""The process in which a project's history goes live: ``history.py PROJECT SOURCE PACKAGE…``, a JSON request a line.

``load`` imports every module of the packages and holds objects of them; ``test`` runs the project's tests as they are
on disk now, in this process, and tells each one's outcome.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import pkgutil
import re
import sys
import types


def load(project, packages):
    held, failed = [], []
    for package in packages:
        names = [package]
        module = importlib.import_module(package)
        if hasattr(module, "__path__"):
            names += [found.name for found in pkgutil.walk_packages(module.__path__, package + ".")]
        for name in names:
            if name.endswith("__main__"):
                continue
            try:
                module = importlib.import_module(name)
            except BaseException as error:
                failed.append(f"{name}: {error!r}")
                continue
            held.extend(references(module))
    # References that a program may have taken: found by the collector only.
    load.held = held
    return {"held": len(held), "failed": failed}


def references(module):
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        yield value
        if isinstance(value, types.FunctionType):
            continue
        if isinstance(value, type):
            try:
                inspect.signature(value).bind()
                instance = value()
            except BaseException:
                continue
            yield instance
            for name in dir(value):
                if not name.startswith("_") and inspect.isroutine(inspect.getattr_static(value, name, None)):
                    with contextlib.suppress(BaseException):
                        yield getattr(instance, name)


class Outcomes:
    def __init__(self):
        self.outcomes = {}
        self.problems = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome
            if report.failed:
                self.problems[report.nodeid] = str(report.longrepr)[-2000:]

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes[report.nodeid] = "not collected"
            self.problems[report.nodeid] = str(report.longrepr)[-2000:]


def test(project, arguments):
    import pytest

    # The tests of another version are other modules.
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if (
            file
            and file.startswith(f"{project}/")
            and not any(name == package or name.startswith(package + ".") for package in sys.argv[3:])
        ):
            del sys.modules[name]
    importlib.invalidate_caches()
    # The folder of before may be another one now.
    os.chdir(project)
    outcomes = Outcomes()
    printed = io.StringIO()
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
        "--tb=short",
        "--color=no",
        f"--rootdir={project}",
    ]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = int(pytest.main([*options, *arguments], plugins=[outcomes]))

    def named(name):
        # Where the project is does not count, nor the time of day in a parameter.
        return whole(re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "TIME", name.replace(project, "PROJECT")))

    answer = {
        "code": code,
        "outcomes": {named(name): outcome for name, outcome in outcomes.outcomes.items()},
        "problems": {named(name): whole(text) for name, text in outcomes.problems.items()},
    }
    if not outcomes.outcomes:
        answer["printed"] = whole(printed.getvalue()[-2000:])
    return answer


def whole(text):
    """Text without half of a surrogate pair, which a test may print: readers of JSON refuse it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def main():
    project, source, *packages = sys.argv[1:]
    sys.path.insert(0, source)
    sys.dont_write_bytecode = True
    # Answers have a descriptor of their own: tests close and replace the standard ones.
    answers = os.fdopen(os.dup(1), "w")
    requests = os.fdopen(os.dup(0), "r")
    os.chdir(project)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in requests:
        request = json.loads(line)
        try:
            loads = request["do"] == "load"
            answer = load(project, packages) if loads else test(project, request["arguments"])
        except BaseException as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), file=answers, flush=True)


main()
