"""``%load_ext hotsplice``: modules follow their files in IPython and Jupyter, and definitions their cells."""

from __future__ import annotations

import ast
import sys
from typing import Any

from . import _api, _cells, _redefining, _session

_watching: _api.Watching | None = None


class _Inputs:
    """Gives what a shell's inputs define to :mod:`hotsplice._cells`. It is one of IPython's AST transformers."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        # What the client calls the cell that is about to run; nothing for what a client runs for itself.
        self._cell: tuple[str | None] | None = None
        # The magic that the cell begins with, where that runs the rest of the cell as if it stood alone.
        self._magic: str | None = None
        self._name = ""
        self._source = ""
        compiler = shell.compile
        self._cache, self._parse = compiler.cache, compiler.ast_parse
        compiler.cache, compiler.ast_parse = self._note_name, self._note_source
        shell.events.register("pre_run_cell", self._begin)
        shell.ast_transformers.append(self)

    def remove(self) -> None:
        self._shell.ast_transformers.remove(self)
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.compile.cache, self._shell.compile.ast_parse = self._cache, self._parse

    def _begin(self, info: Any) -> None:
        magic, self._magic = self._magic, None
        if magic == "capture" and not info.store_history:
            # It runs the rest of the cell as a cell of its own.
            return
        self._cell = (getattr(info, "cell_id", None),) if info.store_history and not info.silent else None

    def _note_name(self, source: str, *arguments: Any, **options: Any) -> Any:
        name = self._cache(source, *arguments, **options)
        self._name = name
        return name

    def _note_source(self, source: str, *arguments: Any, **options: Any) -> Any:
        self._source = source
        return self._parse(source, *arguments, **options)

    def visit(self, tree: ast.AST) -> ast.AST:
        cell, name = self._cell, self._name
        if cell is None or not isinstance(tree, ast.Module):
            return tree
        if self._magic == "time":
            name = _TIMED
        self._magic = _magic_of(tree)
        if self._magic is None:
            # What else is compiled meanwhile is no input.
            self._cell = None
            _redefining.weave(_cells.begin(self._source, name, self._shell.user_ns, cell[0]), tree.body)
        return tree


# What `%%time` compiles is of this name.
_TIMED = "<timed exec>"


def _magic_of(tree: ast.Module) -> str | None:
    """The magic of a cell that begins with `%%time` or `%%capture`."""
    for node in tree.body[:1]:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run_cell_magic":
            first = call.args[0]
            if isinstance(first, ast.Constant) and first.value in ("time", "capture"):
                return str(first.value)
    return None


_inputs: _Inputs | None = None


class _Finder:
    """`%reload_ext` looks for the package where modules are found; a start-up file has loaded it from elsewhere."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        package = sys.modules["hotsplice"]
        return package.__spec__ if name == "hotsplice" and target is package else None


def load(shell: Any) -> None:
    """Makes the shell's process a session, has saved files and cells go live, and adds ``%hotsplice``."""
    offer(shell)
    _on()


def offer(shell: Any) -> None:
    """Makes the shell's process a session and adds ``%hotsplice``: what a kernel does at its start, once installed."""
    global _inputs
    _session.listen()
    shell.register_magic_function(_magic, "line", "hotsplice")
    if _Finder not in sys.meta_path:
        # Last: one that is found is the one to load.
        sys.meta_path.append(_Finder)
    if _inputs is None:
        _inputs = _Inputs(shell)
        _adopt(shell)


def _adopt(shell: Any) -> None:
    """Cells that ran before, and the one that runs now, are as good as those that come."""
    from . import _earlier

    def at_the_end(_result: Any) -> None:
        shell.events.unregister("post_run_cell", at_the_end)
        _earlier.adopt(shell)

    _earlier.adopt(shell)
    shell.events.register("post_run_cell", at_the_end)


def unload(shell: Any) -> None:
    """Nothing goes live by itself any more; editors still find the process."""
    global _inputs
    _off()
    if _inputs is not None:
        _inputs.remove()
        _inputs = None
    shell.magics_manager.magics["line"].pop("hotsplice", None)


def _on() -> None:
    global _watching
    _cells.settings.patches = True
    if _watching is None or not _watching.is_active:
        _watching = _api.watch()


def _off() -> None:
    global _watching
    _cells.settings.patches = False
    if _watching is not None:
        _watching.stop()
        _watching = None


def _magic(line: str) -> None:
    """``%hotsplice on``, ``off``: whether files and cells go live. ``%hotsplice status``: what is patched."""
    word = line.strip()
    if word == "on":
        _on()
    elif word == "off":
        _off()
    elif word not in ("", "status"):
        print("usage: %hotsplice on|off|status")
        return
    print(f"saved files go live by themselves: {'yes' if _watching is not None and _watching.is_active else 'no'}")
    print(f"what a cell defines again is patched in place: {'yes' if _cells.settings.patches else 'no'}")
    for item in _api.status().patched:
        print(f"{item['path']}:{item['line']} {item['definition']} is live in version {item['version']}")
