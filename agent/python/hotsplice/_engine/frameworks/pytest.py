"""pytest: its assertions tell the values that they compared, also in code that is patched."""

import ast
from types import ModuleType
from typing import TYPE_CHECKING

from _pytest.assertion.rewrite import AssertionRewritingHook, rewrite_asserts

if TYPE_CHECKING:
    from ..live.messages import Rewriter


def rewriter(module: ModuleType | None) -> "Rewriter | None":
    """From a text to the tree that pytest would compile; nothing for a module that pytest did not load."""
    loader = getattr(module, "__loader__", None)
    if not isinstance(loader, AssertionRewritingHook):
        return None

    def rewritten(text: str, filename: str) -> ast.Module:
        tree = ast.parse(text, filename)
        rewrite_asserts(tree, text.encode(), filename, loader.config)
        for node in ast.walk(tree):
            # What is missing would be taken from the module: before the line at which it begins.
            if getattr(node, "end_lineno", 0) is None:
                node.end_lineno, node.end_col_offset = node.lineno, node.col_offset  # type: ignore[attr-defined]
        return tree

    return rewritten
