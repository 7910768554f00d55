"""Loads the native half of the agent: from beside this file in an installed package, else from a checkout's build."""

import os
import sys

# What `importlib` is made of, and always there: the program may not have imported that.
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import ExtensionFileLoader, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

NAME = "hotsplice._agent"


def candidates() -> "Iterator[str]":
    """Where the library may be, best first."""
    given = os.environ.get("HOTSPLICE_AGENT_LIBRARY")
    if given:
        yield given
        return
    package = os.path.dirname(os.path.abspath(__file__))
    yield os.path.join(package, "_agent.abi3.so")
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(package)))
    built = [os.path.join(checkout, "target", profile, "lib_agent.so") for profile in ("release", "debug")]
    yield from sorted(filter(os.path.exists, built), key=os.path.getmtime, reverse=True)


def load() -> "Any":
    """The native module; ``ImportError`` says where it was looked for."""
    loaded = sys.modules.get(NAME)
    if loaded is not None:
        return loaded
    looked = []
    for path in candidates():
        looked.append(path)
        if not os.path.exists(path):
            continue
        spec: Any = spec_from_file_location(NAME, path, loader=ExtensionFileLoader(NAME, path))
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[NAME] = module
        return module
    raise ImportError(f"the agent's native library is at none of {', '.join(looked)}", name=NAME)
