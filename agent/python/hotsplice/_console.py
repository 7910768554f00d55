"""The prompt of ``hotsplice run`` without a program: Python's own, of which modules and definitions are live.

With CPython 3.13 and later on a terminal that is the one with colours and several lines; elsewhere what ``code`` of the
standard library makes of a prompt, with ``readline`` as Python sets it up.
"""

from __future__ import annotations

import ast
import code
import codeop
import linecache
import os
import sys
from typing import Any

from . import _cells, _redefining


class _Compiler(codeop.Compile):
    """Compiles an input's statements, which ask before they define something once more."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__()
        self._namespace = namespace
        self._cell: _cells.Cell | None = None

    def begin(self, source: str, filename: str) -> None:
        self._cell = _cells.begin(source, filename, self._namespace)

    def __call__(self, source: Any, filename: str, symbol: str, *arguments: Any, **options: Any) -> Any:
        if self._cell is not None and isinstance(source, (ast.Interactive, ast.Module)):
            _redefining.weave(self._cell, source.body)
        # Its signature is another one in each version of Python.
        return super().__call__(source, filename, symbol, *arguments, **options)


class _Console(code.InteractiveConsole):
    """A prompt whose inputs have names and lines of their own, as those of CPython 3.13 have."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__(namespace, filename="<stdin>")
        self._compiler = self.compile.compiler = _Compiler(namespace)
        self._count = 0

    def raw_input(self, prompt: str = "") -> str:
        if sys.stdin.isatty():
            return super().raw_input(prompt)
        # What the inputs print stands by itself, as at Python's own prompt.
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")

    def runsource(self, source: str, filename: str = "<stdin>", symbol: str = "single") -> bool:
        name = f"<python-input-{self._count}>"
        try:
            if self.compile(source, name, symbol) is None:
                return True
            tree = ast.parse(source, name, symbol)
            self._compiler.begin(source, name)
            compiled = self._compiler(tree, name, symbol)
        except (OverflowError, SyntaxError, ValueError):
            self.showsyntaxerror(name)
            return False
        self._count += 1
        # For tracebacks, as CPython 3.13 does.
        linecache.cache[name] = (len(source), None, [line + "\n" for line in source.split("\n")], name)
        self.runcode(compiled)
        return False


def main() -> None:
    """Until the input ends, or somebody leaves."""
    _cells.settings.patches = True
    sys.argv = [""]
    namespace = sys.modules["__main__"].__dict__
    if not sys.flags.quiet:
        sys.stderr.write(
            f'Python {sys.version} on {sys.platform}\nType "help", "copyright", "credits" or "license" for more '
            "information.\n"
        )
    _run_startup(namespace)
    sys.ps1, sys.ps2 = getattr(sys, "ps1", ">>> "), getattr(sys, "ps2", "... ")
    hook = getattr(sys, "__interactivehook__", None)
    if hook is not None:
        hook()
    if not _run_with_several_lines(namespace):
        _Console(namespace).interact(banner="", exitmsg="")


def _run_startup(namespace: dict[str, Any]) -> None:
    path = os.environ.get("PYTHONSTARTUP")
    if not path or sys.flags.ignore_environment:
        return
    console = code.InteractiveInterpreter(namespace)
    try:
        with open(path, "rb") as file:
            console.runcode(compile(file.read(), path, "exec"))
    except (OSError, SyntaxError, ValueError):
        console.showtraceback()


def _run_with_several_lines(namespace: dict[str, Any]) -> bool:
    """Answers whether there is such a prompt here."""
    if os.environ.get("PYTHON_BASIC_REPL") or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        from _pyrepl.console import InteractiveColoredConsole  # type: ignore[import-not-found]
        from _pyrepl.main import CAN_USE_PYREPL  # type: ignore[import-not-found]
        from _pyrepl.simple_interact import run_multiline_interactive_console  # type: ignore[import-not-found]
    except ImportError:
        return False
    if not CAN_USE_PYREPL:
        return False

    class Console(InteractiveColoredConsole):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(namespace, filename="<stdin>")
            self._compiler = self.compile.compiler = _Compiler(namespace)

        def runsource(self, source: str, filename: str = "<stdin>", symbol: str = "single") -> bool:
            self._compiler.begin(source, filename)
            return bool(super().runsource(source, filename, symbol))

    run_multiline_interactive_console(Console())
    return True
