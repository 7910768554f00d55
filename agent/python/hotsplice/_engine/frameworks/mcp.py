"""MCP: what a tool tells of its parameters was computed from their types when it was registered."""

import sys
from typing import TYPE_CHECKING

from ..live.lookup import with_subclasses
from ..native import native
from . import described

if TYPE_CHECKING:
    from .observed import Observed

MODULES = ("mcp.server.mcpserver.tools.base", "mcp.server.fastmcp.tools.base")


def observe(patch: "Observed") -> None:
    if described.are_edited(patch):
        patch.after(_describe_again)


def _describe_again() -> None:
    for module in (sys.modules[name] for name in MODULES if name in sys.modules):
        for tool in native.objects_of_type(*with_subclasses(module.Tool)):
            model = tool.fn_metadata.arg_model
            model.model_rebuild(force=True, raise_errors=False)
            tool.parameters = model.model_json_schema(by_alias=True)
