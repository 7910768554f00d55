"""Found by a Python that ``hotsplice run`` starts: makes it a session, then runs the user's own ``sitecustomize``.

Nothing here may harm the program: what fails is said in one line on standard error.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _start() -> None:
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    package = os.environ.get("HOTSPLICE_AGENT_DIR") or os.path.dirname(_here)
    spec: Any = spec_from_file_location("_hotsplice_attach", os.path.join(package, "_attach.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.attach()


def _run_own() -> None:
    """The ``sitecustomize`` that Python would have found without us."""
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if not _is_here(entry)])
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _is_here(entry: str) -> bool:
    return os.path.abspath(entry) == _here


def _drop_empty_entry() -> None:
    """Whoever puts us in front of no PYTHONPATH at all may leave a separator, and behind it nothing: the current
    folder, which would come before the standard library."""
    if os.environ.get("PYTHONPATH") != _here + os.pathsep:
        return
    os.environ["PYTHONPATH"] = _here
    try:
        current = os.getcwd()
    except OSError:
        return  # It is gone: nothing can be found there.
    behind = [at + 1 for at, entry in enumerate(sys.path[:-1]) if _is_here(entry)]
    if behind and sys.path[behind[0]] in ("", current):
        del sys.path[behind[0]]


_here = os.path.dirname(os.path.abspath(__file__))
_drop_empty_entry()
sys.path[:] = [entry for entry in sys.path if not _is_here(entry)]
try:
    _start()
except Exception as error:
    sys.stderr.write(f"hotsplice: this process can't be patched: {error}\n")
_run_own()
