"""Attributes of classes as they are going to be, for statements that read them before the commit.

A class that is edited gets its new attributes with the commit, and what is computed from them, as in
``LIMIT = Settings.SIZE * 2``, is run before. There ``Settings.SIZE`` is made to mean the new value.
"""

import ast
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .syntax import bound

if TYPE_CHECKING:
    from .sandbox import Shadow

# PEP 649: what is read later must read the class itself.
_LAZY_ANNOTATIONS = sys.version_info >= (3, 14)
_NAME = "__hotsplice_class_reads__"


def rewritten(tree: ast.Module, shadow: "Shadow") -> Any:
    """A syntax tree in which reads of edited attributes, outside of the bodies of functions, give the new ones."""
    shadow.globals[_NAME] = shadow.patched_classes
    return _Reads(shadow).visit(tree)


def forget(shadow: "Shadow") -> None:
    shadow.globals.pop(_NAME, None)


class _Reads(ast.NodeTransformer):
    def __init__(self, shadow: "Shadow") -> None:
        self._shadow = shadow
        # The live classes around, and what their bodies in the tree bind.
        self._around: list[tuple[Any, set[str]]] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        node.bases = [self.visit(one) for one in node.bases]
        node.keywords = [self.visit(one) for one in node.keywords]
        self._around.append((self._named(node.name), {name for one in node.body for name in bound(one)}))
        node.body = [self.visit(one) for one in node.body]
        self._around.pop()
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        self._visit_defaults(node.args)
        if not _LAZY_ANNOTATIONS:
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg) and argument.annotation is not None:
                    argument.annotation = self.visit(argument.annotation)
            if node.returns is not None:
                node.returns = self.visit(node.returns)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._visit_defaults(node.args)
        return node

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(one) for one in arguments.defaults]
        arguments.kw_defaults = [one and self.visit(one) for one in arguments.kw_defaults]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        if not _LAZY_ANNOTATIONS:
            node.annotation = self.visit(node.annotation)
        return node

    def visit_TypeAlias(self, node: ast.AST) -> ast.AST:
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        owner = self._value(node.value) if isinstance(node.ctx, ast.Load) else None
        if isinstance(owner, type):
            for cls in owner.__mro__:
                if node.attr in self._shadow.patched_classes.get(id(cls), ()):
                    return _read(id(cls), node)
                if node.attr in cls.__dict__:
                    break
        self.generic_visit(node)
        return node

    def _value(self, node: Any) -> Any:
        """What a dotted name means; no property is asked."""
        if isinstance(node, ast.Name):
            own = self._around[-1][1] if self._around else ()
            return self._shadow.globals.get(node.id) if node.id in own else self._named(node.id)
        if isinstance(node, ast.Attribute):
            holder = self._value(node.value)
            if isinstance(holder, (type, ModuleType)):
                return holder.__dict__.get(node.attr)
        return None

    def _named(self, name: str) -> Any:
        around = self._around[-1][0] if self._around else None
        # A proxy of the class has it from the class itself.
        for cls in around.__mro__ if isinstance(around, type) else ():
            if name in cls.__dict__:
                return cls.__dict__[name]
        return self._shadow.globals.get(name)


def _read(key: int, node: ast.Attribute) -> ast.Subscript:
    classes = ast.Name(_NAME, ast.Load())
    seen = ast.Subscript(classes, ast.Constant(key), ast.Load())
    read = ast.Subscript(seen, ast.Constant(node.attr), ast.Load())
    for part in ast.walk(read):
        if hasattr(part, "lineno") or isinstance(part, ast.expr):
            ast.copy_location(part, node)
    return read
