"""What the text of a constructor gives an object's attributes, before and after an edit."""

import ast
import textwrap
from typing import TYPE_CHECKING, Any

from ..live.files import live_file

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..live.messages import Edit


def renamed(change: "FileChange", edit: "Edit") -> tuple[dict[str, str], list[str]]:
    """New name → former name of attributes that a constructor sets to what it had set another one to, which is gone.

    And the names of others that are gone.
    """
    if not edit.get("old_line"):
        return {}, []
    before = assigned(live_file(change.path).excerpt(edit["old_line"], edit["old_end_line"]))
    after = assigned("\n".join(change.text.split("\n")[edit["line"] - 1 : edit["end_line"]]))
    lost = [name for name in before if name not in after]
    found: dict[str, str] = {}
    for name in after:
        like = [one for one in lost if before[one] == after[name]]
        others = [one for one in after if one not in before and after[one] == after[name]]
        if name not in before and len(like) == len(others) == 1:
            found[name] = like[0]
    return found, [name for name in lost if name not in found.values()]


def assigned(text: str) -> dict[str, str]:
    """What a constructor's text assigns to attributes of its first parameter: name → value, as text."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return {}
    found: dict[str, str] = {}
    for function in [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)][:1]:
        own = [*function.args.posonlyargs, *function.args.args][:1]
        node: Any
        for node in ast.walk(function):
            targets: list[Any] = getattr(node, "targets", None) or [getattr(node, "target", None)]
            for target in targets if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None else ():
                is_attribute = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
                if is_attribute and own and target.value.id == own[0].arg:
                    found[target.attr] = ast.dump(node.value)
    return found
