"""What a dry run may evaluate: what gives a value, and does nothing that the program could notice.

No call, no import, no attribute of an object, no operator of a class of the program: whatever runs code of anybody is
left alone, and that is reported.
"""

import ast
import builtins
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..live.code import join

if TYPE_CHECKING:
    from ..live.messages import Edit

_VALUES = (int, float, complex, bool, str, bytes, type(None), type(...))
_OPERATORS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp)
_TARGETS = (ast.Name, ast.Tuple, ast.List, ast.Starred, ast.expr_context)


class Foresight:
    """Of one dry run."""

    def __init__(self, globals: dict[str, Any]) -> None:
        self._globals = globals
        # Names whose values are not foreseen.
        self._unknown: set[str] = set()

    def may_run(self, edit: "Edit") -> bool:
        try:
            statements = ast.parse(join(edit["run"])).body
        except (SyntaxError, ValueError):
            # It is refused where it is compiled.
            return True
        if all(map(self._is_quiet, statements)):
            return True
        self._unknown.update(edit["binds"])
        return False

    def _is_quiet(self, statement: ast.stmt) -> bool:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [one for one in ast.walk(statement.args) if isinstance(one, ast.arg)]
            values = [*statement.args.defaults, *(one for one in statement.args.kw_defaults if one is not None)]
            values += [one.annotation for one in arguments if one.annotation is not None]
            values += [statement.returns] if statement.returns is not None else []
            return not statement.decorator_list and all(map(self._gives_value, values))
        if isinstance(statement, ast.ClassDef):
            # Without hooks of a base, a metaclass or a decorator.
            is_alone = not statement.decorator_list and not statement.keywords
            bases = [self._value(base) for base in statement.bases]
            return is_alone and all(base is object for base in bases) and all(map(self._is_quiet, statement.body))
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            values = [statement.value] if statement.value is not None else []
            values += [statement.annotation] if isinstance(statement, ast.AnnAssign) else []
            are_names = all(isinstance(one, _TARGETS) for target in targets for one in ast.walk(target))
            return are_names and all(map(self._gives_value, values))
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        return is_text or isinstance(statement, ast.Pass)

    def _gives_value(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Lambda):
            return not node.args.defaults and not any(node.args.kw_defaults)
        if isinstance(node, (ast.Tuple, ast.List)):
            return all(map(self._gives_value, node.elts))
        if isinstance(node, ast.Set):
            return all(isinstance(one, ast.Constant) for one in node.elts)
        if isinstance(node, ast.Dict):
            are_constant = all(isinstance(key, ast.Constant) for key in node.keys)
            return are_constant and all(map(self._gives_value, node.values))
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._value(node) is not objects.MISSING
        return self._is_plain(node)

    def _is_plain(self, node: ast.AST) -> bool:
        """Whether operators of this are the interpreter's own."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, (ast.Name, ast.Attribute)):
            return objects.is_exactly(self._value(node), *_VALUES)
        inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
        return isinstance(node, (*_OPERATORS, ast.JoinedStr, ast.FormattedValue)) and all(map(self._is_plain, inner))

    def _value(self, node: ast.expr) -> Any:
        """What a dotted name means, where that can be seen without asking anybody."""
        if isinstance(node, ast.Name) and node.id not in self._unknown:
            return self._globals.get(node.id, builtins.__dict__.get(node.id, objects.MISSING))
        if isinstance(node, ast.Attribute):
            holder = self._value(node.value)
            if objects.is_module(holder) or type(holder) is type:
                return objects.attributes(holder).get(node.attr, objects.MISSING)
        return objects.MISSING
