"""Cells that define something again, run as a prompt runs them: what was made of the former definition follows.

Prints a line for each case that does not hold, and how many there were.
"""

import ast
import contextlib
import io
import sys
import traceback

import definitions  # noqa: F401
import places  # noqa: F401
from cases import CASES
from hotsplice import _cells, _redefining

_cells.settings.patches = True
NAMESPACE = sys.modules["__main__"].__dict__
count = 0


def run(cell):
    """A text, or what a client calls the cell and its text."""
    global count
    count += 1
    named, text = cell if isinstance(cell, tuple) else (None, cell)
    name = f"<cell-{count}>"
    tree = ast.parse(text)
    _redefining.weave(_cells.begin(text, name, NAMESPACE, named), tree.body)
    exec(compile(tree, name, "exec"), NAMESPACE)


for title, cells, check in CASES:
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            for text in cells:
                run(text)
        held = eval(check, NAMESPACE) if not check.startswith("RAISES") else "it did not raise"
    except BaseException as error:
        held = True if check == f"RAISES {type(error).__name__}" else traceback.format_exc()
    if held is not True:
        print(f"{title}: {held!r} {errors.getvalue()}")
    elif "HS0650" in errors.getvalue():
        print(f"{title}: {errors.getvalue()}")
print(f"{len(CASES)} cases", flush=True)
