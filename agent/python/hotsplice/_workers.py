"""In a worker of a cluster: what is live in it, and what is live in others."""

from __future__ import annotations

import importlib
import sys

from . import _api

# What is live: path → (module, text), as the workers call it.
Live = dict[str, tuple[str, str]]

# The texts that were given to it when it joined.
_given: dict[str, str] = {}


def take(live: Live) -> list[str]:
    """Has it run these texts, unless somebody has patched it since. Gives what went wrong."""
    problems = []
    for module, text in live.values():
        try:
            found = importlib.import_module(module)
            path = _api.path_of(found)
            known = _patched_text(path)
            if known is None or known == _given.get(path):
                _api.patch(path, text).check()
                _given[path] = text
        except Exception as error:
            problems.append(f"{module}: {error}")
    return problems


def _patched() -> dict[str, str]:
    """The texts that patches have put there."""
    files = sys.modules.get("hotsplice._engine.live.files")
    return {file.path: file.text for file in files.known() if file.version} if files is not None else {}


def _patched_text(path: str) -> str | None:
    return _patched().get(path)


def live_texts() -> Live:
    """What patches have put there, of modules that another worker can import."""
    patched = _patched()
    found: Live = {}
    for name, module in list(sys.modules.items()) if patched else ():
        path = module.__dict__.get("__file__") if type(module) is type(sys) else None
        if type(path) is str and path in patched and name not in ("__main__", "__mp_main__"):
            found[path] = (name, patched[path])
    return found
