"""The native half of the agent, by one name for all modules of the engine."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import _agent

    native = _agent
else:
    native = sys.modules["hotsplice._agent"]
