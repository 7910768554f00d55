"""What a decorator reads of the function that it is given, told from its own source.

One whose source can't be told, or that hands the function on to such code, is taken to read all of it.
"""

import ast
import builtins
import functools
import inspect
import textwrap
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..errors import EngineError
from ..live import lookup, objects
from ..live.files import live_file
from . import known

# Parts of a definition that a decorator can read.
READABLE = frozenset({"docstring", "defaults", "annotations", "parameters"})
NOTHING: frozenset[str] = frozenset()
# What is read under these names stays as it is while the function has its name.
_UNCHANGING = {"__name__", "__qualname__", "__module__", "__globals__", "__dict__", "__class__", "__wrapped__"}
_ATTRIBUTES = {
    "__doc__": frozenset({"docstring"}),
    "__defaults__": frozenset({"defaults"}),
    "__kwdefaults__": frozenset({"defaults"}),
    "__annotations__": frozenset({"annotations", "parameters"}),
    "__annotate__": frozenset({"annotations", "parameters"}),
    "__signature__": known.SIGNATURE,
    "__code__": frozenset({"parameters", "body"}),
}
# Containers' methods by which a function is put into one.
_STORING = {"append", "appendleft", "insert", "extend", "setdefault", "__setitem__"}
_CONTAINERS = (list, dict, set)
# How many helpers deep a decorator is followed.
_DEPTH = 4
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def forget() -> None:
    """Lets go of the code that was looked at."""
    _tree.cache_clear()


def read_by(decorator: ast.expr, names: dict[str, Any], owner: Any) -> frozenset[str]:
    """The parts of a function that a decorator reads; names are looked up in a class, if given, and in a module."""
    is_factory = isinstance(decorator, ast.Call)
    found = _Resolver(names, owner).find(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return _factory(found, 0) if is_factory else _decorator(found, 0)


class _Found:
    """What a name leads to; for a method, the function and that its first parameter is bound."""

    def __init__(self, value: Any, bound: bool = False, owner: Any = None):
        self.value = value
        self.bound = bound
        # The type of the object that it is bound to.
        self.owner = owner


class _Resolver:
    """Looks names up without running anything of the program's."""

    def __init__(self, names: dict[str, Any], owner: Any = None, own_type: Any = None, own_name: str | None = None):
        self.names, self.owner = names, owner
        # Of a method: the type of its first parameter, and that one's name.
        self.own_type, self.own_name = own_type, own_name

    def find(self, node: ast.expr) -> "_Found | None":
        if isinstance(node, ast.Name):
            for names in (getattr(self.owner, "__dict__", {}), self.names, vars(builtins)):
                if node.id in names:
                    return _unbound(names[node.id])
            return None
        if not isinstance(node, ast.Attribute):
            return None
        if isinstance(node.value, ast.Name) and node.value.id == self.own_name and self.own_type is not None:
            return _of_type(self.own_type, node.attr)
        base = self.find(node.value)
        return None if base is None else _attribute(base.value, node.attr)


def _unbound(value: Any) -> _Found:
    if objects.is_exactly(value, staticmethod, classmethod):
        return _Found(value.__func__, type(value) is classmethod)
    return _Found(value)


def _attribute(value: Any, name: str) -> "_Found | None":
    kind = type(value)
    if issubclass(kind, ModuleType):
        return _Found(value.__dict__[name]) if name in value.__dict__ else None
    if issubclass(kind, type):
        for cls in objects.order(value):
            if name in cls.__dict__:
                return _unbound(cls.__dict__[name])
        return _of_type(kind, name)
    members = objects.attributes(value)
    if name in members:
        return _unbound(members[name])
    return _of_type(kind, name)


def _of_type(kind: type, name: str) -> "_Found | None":
    for cls in kind.__mro__:
        if name in cls.__dict__:
            found = cls.__dict__[name]
            if type(found) is FunctionType:
                return _Found(found, True, kind)
            return _Found(found) if type(found) is staticmethod else None
    return None


def _key(value: Any) -> tuple[Any, Any]:
    names = value.__dict__ if type(value) is FunctionType else None
    if names is not None and "__wrapped__" in names:
        value = names["__wrapped__"]
    kinds = (FunctionType, BuiltinFunctionType, type)
    if issubclass(type(value), kinds):
        return value.__module__, value.__qualname__
    return None, None


def _decorator(found: "_Found | None", depth: int) -> frozenset[str]:
    """What a decorator reads that is called with the function itself."""
    if found is None or depth > _DEPTH:
        return READABLE
    value: Any = found.value
    first = 1 if found.bound else 0
    if _key(value) in known.TRANSPARENT or type(value) is property:
        return NOTHING
    if _key(value) in known.FUNCTIONS:
        return known.FUNCTIONS[_key(value)]
    owner = found.owner
    if type(value) is MethodType:
        value, first, owner = value.__func__, 1, type(value.__self__)
    if issubclass(type(value), type):
        return _constructor(value, depth)
    if type(value) is not FunctionType:
        call = _of_type(type(value), "__call__")
        if call is None or type(call.value) is not FunctionType:
            return READABLE
        value, first, owner = call.value, 1, type(found.value)
    return _parameter(value, first, owner, depth)


def _constructor(cls: Any, depth: int) -> frozenset[str]:
    if type(cls) is not type:
        return READABLE
    init = _of_type(cls, "__init__")
    makes: Any = object.__new__
    if cls.__new__ is not makes or init is None or type(init.value) is not FunctionType:
        return READABLE
    return _parameter(init.value, 1, cls, depth)


def _factory(found: "_Found | None", depth: int) -> frozenset[str]:
    """What a decorator reads that is made by a call: the functions that the call returns."""
    if found is None:
        return READABLE
    value: Any = found.value
    if _key(value) in known.TRANSPARENT or type(value) is property:
        return NOTHING
    if type(value) is MethodType:
        value, found = value.__func__, _Found(value.__func__, True, type(value.__self__))
    if issubclass(type(value), type):
        call = _of_type(value, "__call__")
        return READABLE if call is None else _parameter(call.value, 1, value, depth)
    if type(value) is not FunctionType:
        return READABLE
    tree = _tree(value.__code__)
    returned = _returned(tree) if tree is not None else None
    if not returned:
        return READABLE
    resolver = _resolver_of(value, tree, found.owner)
    seen = NOTHING
    for one in returned:
        names = _parameters(one)
        seen |= _Uses(one, names[0], resolver, depth).seen() if names else READABLE
    return seen


def _returned(tree: ast.AST) -> "list[Any] | None":
    """The functions inside of a factory that it returns; nothing where it returns anything else."""
    if isinstance(tree, ast.Lambda):
        return [tree.body] if isinstance(tree.body, ast.Lambda) else None
    own = list(_own_nodes(tree))
    inner = {node.name: node for node in own if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    found: list[Any] = []
    for node in own:
        if isinstance(node, ast.Return):
            value = node.value
            if isinstance(value, ast.Name) and value.id in inner:
                found.append(inner[value.id])
            elif isinstance(value, ast.Lambda):
                found.append(value)
            elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in inner:
                # Called as `@decorator`, without a call.
                continue
            else:
                return None
    return found


def _own_nodes(tree: Any) -> Any:
    """The nodes of a function that run when it is called; functions inside come, what is in them does not."""
    pending = list(tree.body) if isinstance(tree.body, list) else [tree.body]
    while pending:
        node = pending.pop(0)
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending = [*node.decorator_list, *_defaults(node.args), *pending]
        elif isinstance(node, ast.Lambda):
            pending = [*_defaults(node.args), *pending]
        else:
            pending = [*ast.iter_child_nodes(node), *pending]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(one for one in arguments.kw_defaults if one is not None)]


def _parameters(tree: Any) -> list[str]:
    arguments = tree.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args)]


@functools.lru_cache(maxsize=200)
def _tree(code: CodeType) -> Any:
    """The syntax tree of a function."""
    try:
        module = ast.parse(textwrap.dedent(_source(code)))
    except (EngineError, OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    for node in ast.walk(module):
        name = "<lambda>" if isinstance(node, ast.Lambda) else getattr(node, "name", None)
        if isinstance(node, _SCOPES) and name == code.co_name:
            return node
    return None


def _source(code: CodeType) -> str:
    """The text that is live: what the file holds by now may be another one."""
    path = lookup.absolute(code.co_filename)
    if lookup.is_installed(path):
        return inspect.getsource(code)
    lines = live_file(path).text.splitlines(keepends=True)[code.co_firstlineno - 1 :]
    return "".join(inspect.getblock(lines))


def _resolver_of(function: FunctionType, tree: Any, owner: Any) -> _Resolver:
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue
    parameters = _parameters(tree)
    return _Resolver(names, None, owner, parameters[0] if owner is not None and parameters else None)


def _parameter(function: Any, index: Any, owner: Any, depth: int) -> frozenset[str]:
    """What a function reads of its argument: the parameter's position, or its name."""
    if type(function) is not FunctionType or depth > _DEPTH:
        return READABLE
    tree = _tree(function.__code__)
    if tree is None:
        return READABLE
    names = _parameters(tree)
    keyword_only = [one.arg for one in tree.args.kwonlyargs]
    if isinstance(index, str):
        name = index if index in (*names, *keyword_only) else None
    else:
        name = names[index] if index < len(names) else None
    if name is None:
        return READABLE
    return _Uses(tree, name, _resolver_of(function, tree, owner), depth).seen()


class _Uses:
    """What the body of one function does with what it is given under one name."""

    def __init__(self, tree: Any, name: str, resolver: _Resolver, depth: int):
        self._tree = tree
        self._aliases = {name}
        self._resolver = resolver
        self._depth = depth
        self._inner = {
            node.name: node for node in _own_nodes(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }

    def seen(self) -> frozenset[str]:
        nodes = self._running()
        for _ in range(3):
            for node in nodes:
                if isinstance(node, ast.Assign) and self._is_it(node.value):
                    targets = (ast.unparse(target) for target in node.targets)
                    self._aliases.update(targets)
        return NOTHING.union(*map(self._seen_by, nodes))

    def _running(self) -> list[ast.AST]:
        """Nodes that run at once: those of functions inside only where these are called."""
        nodes = list(_own_nodes(self._tree))
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        for name in called & set(self._inner):
            nodes.extend(_own_nodes(self._inner[name]))
        return nodes

    def _is_it(self, node: Any) -> bool:
        if isinstance(node, ast.Call):
            # What is given on may come back: `cast(Callable, function)`.
            return any(map(self._is_it, node.args)) and not self._wraps(node)
        return isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in self._aliases

    def _wraps(self, call: ast.Call) -> bool:
        found = self._resolver.find(call.func)
        return found is not None and _key(found.value) in (("functools", "wraps"), ("functools", "update_wrapper"))

    def _seen_by(self, node: ast.AST) -> frozenset[str]:
        if isinstance(node, ast.Attribute) and self._is_it(node.value) and isinstance(node.ctx, ast.Load):
            if node.attr in _UNCHANGING or ast.unparse(node) in self._aliases:
                return NOTHING
            # Attributes that the program gave it are the decorators' own.
            return _ATTRIBUTES.get(node.attr, READABLE if node.attr.startswith("__") else NOTHING)
        if not isinstance(node, ast.Call):
            return NOTHING
        if not isinstance(node.func, ast.Call) and self._is_it(node.func):
            return known.CALLED | READABLE
        seen = NOTHING
        for index, argument in enumerate(node.args):
            inner = argument.value if isinstance(argument, ast.Starred) else argument
            if self._is_it(inner) or (isinstance(inner, ast.Tuple) and any(map(self._is_it, inner.elts))):
                seen |= self._passed(node, index, isinstance(inner, ast.Tuple) or inner is not argument)
        for keyword in node.keywords:
            if self._is_it(keyword.value):
                seen |= self._passed(node, keyword.arg, keyword.arg is None)
        return seen

    def _passed(self, call: ast.Call, index: Any, inside: bool) -> frozenset[str]:
        function = call.func
        if isinstance(function, ast.Name) and function.id in self._inner:
            inner = self._inner[function.id]
            names = _parameters(inner)
            name = index if isinstance(index, str) else names[index] if index < len(names) else None
            if name is None or inside or self._depth >= _DEPTH:
                return READABLE
            return _Uses(inner, name, self._resolver, self._depth + 1).seen()
        if isinstance(function, ast.Name) and function.id == "getattr":
            wanted = call.args[1] if len(call.args) > 1 else None
            name = wanted.value if isinstance(wanted, ast.Constant) else None
            if not isinstance(name, str):
                return READABLE
            return _ATTRIBUTES.get(name, READABLE if name.startswith("__") and name not in _UNCHANGING else NOTHING)
        found = self._resolver.find(function)
        if isinstance(function, ast.Attribute) and function.attr in (*_STORING, "add", "update"):
            holder = self._resolver.find(function.value)
            if holder is not None and issubclass(type(holder.value), _CONTAINERS):
                return NOTHING
            if found is None and function.attr in _STORING:
                return NOTHING
        if found is None or inside:
            return READABLE
        if isinstance(index, str) or found.bound or type(found.value) is FunctionType:
            return self._helper(found, index)
        return _decorator(found, self._depth + 1) if index == 0 or _key(found.value) in known.TRANSPARENT else READABLE

    def _helper(self, found: _Found, index: Any) -> frozenset[str]:
        if _key(found.value) in known.TRANSPARENT:
            return NOTHING
        if _key(found.value) in known.FUNCTIONS:
            return known.FUNCTIONS[_key(found.value)]
        position = index + 1 if found.bound and not isinstance(index, str) else index
        return _parameter(found.value, position, found.owner, self._depth + 1)
