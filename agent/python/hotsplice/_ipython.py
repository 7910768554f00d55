"""``%load_ext hotsplice``: modules follow their files in IPython and Jupyter, and definitions their cells."""

from __future__ import annotations

import ast
from typing import Any

from . import _api, _cells, _session

_watching: _api.Watching | None = None


class _Inputs:
    """Gives what a shell's inputs define to :mod:`hotsplice._cells`. It is one of IPython's AST transformers."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        # What the client calls the cell that is about to run; nothing for what a client runs for itself.
        self._cell: tuple[str | None] | None = None
        self._compiled: tuple[str, str] | None = None
        self._cache = shell.compile.cache
        shell.compile.cache = self._note
        shell.events.register("pre_run_cell", self._begin)
        shell.ast_transformers.append(self)

    def remove(self) -> None:
        self._shell.ast_transformers.remove(self)
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.compile.cache = self._cache

    def _begin(self, info: Any) -> None:
        self._cell = (getattr(info, "cell_id", None),) if info.store_history and not info.silent else None

    def _note(self, source: str, *arguments: Any, **options: Any) -> Any:
        name = self._cache(source, *arguments, **options)
        self._compiled = (source, name)
        return name

    def visit(self, tree: ast.AST) -> ast.AST:
        # What magics like `%%time` compile comes after the cell itself.
        cell, compiled, self._cell, self._compiled = self._cell, self._compiled, None, None
        if cell is not None and compiled is not None and isinstance(tree, ast.Module):
            _cells.weave(_cells.begin(*compiled, self._shell.user_ns, cell[0]), tree.body)
        return tree


_inputs: _Inputs | None = None


def load(shell: Any) -> None:
    """Makes the shell's process a session, has saved files and cells go live, and adds ``%hotsplice``."""
    offer(shell)
    _on()


def offer(shell: Any) -> None:
    """Makes the shell's process a session and adds ``%hotsplice``: what a kernel does at its start, once installed."""
    global _inputs
    _session.listen()
    shell.register_magic_function(_magic, "line", "hotsplice")
    if _inputs is None:
        _inputs = _Inputs(shell)


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
