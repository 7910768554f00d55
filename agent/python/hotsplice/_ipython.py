"""``%load_ext hotsplice``: modules follow their files in IPython and Jupyter."""

from __future__ import annotations

from typing import Any

from . import _api, _session

_watching: _api.Watching | None = None


def load(shell: Any) -> None:
    """Makes the shell's process a session, has saved files go live, and adds ``%hotsplice``."""
    offer(shell)
    _on()


def offer(shell: Any) -> None:
    """Makes the shell's process a session and adds ``%hotsplice``: what a kernel does at its start, once installed."""
    _session.listen()
    shell.register_magic_function(_magic, "line", "hotsplice")


def unload(shell: Any) -> None:
    """Saved files do not go live by themselves any more; editors still find the process."""
    _off()
    shell.magics_manager.magics["line"].pop("hotsplice", None)


def _on() -> None:
    global _watching
    if _watching is None or not _watching.is_active:
        _watching = _api.watch()


def _off() -> None:
    global _watching
    if _watching is not None:
        _watching.stop()
        _watching = None


def _magic(line: str) -> None:
    """``%hotsplice on``, ``off``: whether what is saved goes live by itself. ``%hotsplice status``: what is patched."""
    word = line.strip()
    if word == "on":
        _on()
    elif word == "off":
        _off()
    elif word not in ("", "status"):
        print("usage: %hotsplice on|off|status")
        return
    print(f"saved files go live by themselves: {'yes' if _watching is not None and _watching.is_active else 'no'}")
    for item in _api.status().patched:
        print(f"{item['path']}:{item['line']} {item['definition']} is live in version {item['version']}")
