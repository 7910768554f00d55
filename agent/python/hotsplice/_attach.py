"""Makes a process a session that has never heard of Hotsplice.

Run by its path, since the package need not be installed where the program runs: by ``sitecustomize``, by a debugger's
expression, by ``hotsplice attach``.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attach(directory: str | None = None) -> None:
    """Loads the package beside this file, unless one is loaded, and listens. Calling it again does nothing.

    ``directory`` is the registry's folder, as for ``hotsplice.listen``. Raises what that raises.
    """
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    package = os.path.dirname(os.path.abspath(__file__))
    if "hotsplice" not in sys.modules:
        spec: Any = spec_from_file_location(
            "hotsplice", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
        )
        module = module_from_spec(spec)
        sys.modules["hotsplice"] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules["hotsplice"]
            raise
    from hotsplice._session import SubInterpreter

    try:
        sys.modules["hotsplice"].listen(directory)
    except SubInterpreter:
        # The process is a session all the same.
        return
    if os.environ.get("HOTSPLICE_GUARD"):
        from hotsplice._failed import guarding

        guarding.guard_from_environment(os.environ)


def give_back(interval: float) -> None:
    """The program has its own switch interval again; where a job runs already, at the end of that."""
    agent = sys.modules.get("hotsplice._agent")
    if agent is None:
        sys.setswitchinterval(interval)
    else:
        agent.give_back_switch_interval(interval)
