"""The native half of the agent, by one name for all modules of the engine."""

import sys

native = sys.modules["hotsplice._agent"]
