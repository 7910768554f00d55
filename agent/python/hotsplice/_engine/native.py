"""The native half of the agent, by one name for all modules of the engine."""

from importlib import import_module

native = import_module("hotsplice._agent")
