"""Objects that stand in a list or a dictionary which the text writes out: what the text says of one as before stays.

Only where each object is known for what its call has made: the program may have put another one in its place, or all of
them in another order.
"""

import ast
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from ..frameworks import gathering
from ..live import objects
from .equality import equal
from .sorts import Sort, attributes, sort

_THINGS = (Sort.THING, Sort.ACTING, Sort.RECORD)
_NAME = "__hotsplice_element_{}__"
_PREFIX = _NAME.partition("{")[0]
_MISSING: Any = object()
_PLAIN = (str, bytes, int, float, bool, complex, type(None))
# Where a call stands: the keys that lead there, of an item of a list none.
_Place = tuple[Any, ...]


def display_of(statement: ast.stmt, name: str) -> ast.expr | None:
    """The list or dictionary that a statement writes out for a name, and gives nothing else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: Any = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    is_its = isinstance(target, ast.Name) and target.id == name
    return statement.value if is_its and isinstance(statement.value, (ast.List, ast.Dict)) else None


def _written(display: ast.expr, place: _Place = ()) -> Iterator[tuple[_Place, ast.expr]]:
    """What stands in a display, each with its place."""
    if isinstance(display, ast.List):
        items: list[tuple[Any, ast.expr]] = [(None, one) for one in display.elts]
    elif isinstance(display, ast.Dict):
        keys = [(type(key.value), key.value) if isinstance(key, ast.Constant) else None for key in display.keys]
        items = list(zip(keys, display.values))
    else:
        yield place, display
        return
    for key, one in items:
        yield from _written(one, (*place, key))


def _placed(display: ast.expr, live: Any, place: _Place = ()) -> Iterator[tuple[_Place, ast.Call, Any]]:
    """Each call among the elements with the object in its place; nothing where the container has another shape."""
    if isinstance(display, ast.List) and type(live) is list:
        if len(display.elts) != len(live) or any(isinstance(one, ast.Starred) for one in display.elts):
            return
        items: list[tuple[Any, ast.expr, Any]] = [(None, one, value) for one, value in zip(display.elts, live)]
    elif isinstance(display, ast.Dict) and type(live) is dict:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in display.keys]
        plain = all(type(key) in (str, int) for key in (*keys, *live))
        if not plain or len(set(keys)) != len(keys) or set(keys) != live.keys():
            return
        items = [((type(key), key), value, live[key]) for key, value in zip(keys, display.values)]
    else:
        return
    for key, element, value in items:
        if isinstance(element, ast.Call):
            if sort(value) in _THINGS:
                yield (*place, key), element, value
        else:
            yield from _placed(element, value, (*place, key))


class Elements(ast.NodeTransformer):
    """Puts names of live objects in the place of the calls that have made them."""

    def __init__(
        self,
        display: ast.expr,
        live: Any,
        known: dict[str, Any],
        namespace: dict[str, Any],
        changes: Callable[[ast.expr], bool],
    ) -> None:
        """``known``: what names mean to the display; ``namespace``: where the objects get theirs."""
        self._namespace = namespace
        self._left: list[tuple[_Place, str, Any]] = []
        # id of a call → what stands in its place
        self._given: dict[int, Any] = {}
        placed = list(_placed(display, live))
        if _are_known(placed, known):
            self._left = [(place, ast.dump(one), value) for place, one, value in placed if not changes(one)]

    def __bool__(self) -> bool:
        return bool(self._left)

    def put_into(self, display: ast.expr) -> list[ast.Call]:
        """Does it; gives the calls that are not made."""
        calls = [(place, one) for place, one in _written(display) if isinstance(one, ast.Call)]
        # What stands where it stood comes first.
        for is_there in (True, False):
            for place, call in calls:
                text = ast.dump(call)
                fitting = (one for one in self._left if one[1] == text and (one[0] == place or not is_there))
                found = next(fitting, None) if id(call) not in self._given else None
                if found is not None:
                    self._left.remove(found)
                    self._given[id(call)] = found[2]
        kept = [call for _, call in calls if id(call) in self._given]
        self.generic_visit(display)
        return kept

    def generic_visit(self, node: ast.AST) -> ast.AST:
        # Only elements of lists and dictionaries stand for an object each.
        return super().generic_visit(node) if isinstance(node, (ast.List, ast.Dict)) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if id(node) not in self._given:
            return node
        name = _NAME.format(len(self._namespace))
        self._namespace[name] = self._given[id(node)]
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _are_known(placed: list[tuple[_Place, ast.Call, Any]], known: dict[str, Any]) -> bool:
    """Whether each of the objects is what the call in its place made, as far as its attributes tell."""
    texts: dict[Any, set[str]] = {}
    # What classes made is told by its type.
    makers = [ast.dump(call.func) if objects.is_class(meaning(call.func, known)) else None for _, call, _ in placed]
    for maker, (place, call, _) in zip(makers, placed):
        texts.setdefault((place, maker), set()).add(ast.dump(call))
    for maker, (place, call, value) in zip(makers, placed):
        fits = _fits(call, value, known)
        # Where several calls have one place, it has to be told which of them made it.
        if not fits and (fits is False or len(texts[place, maker]) > 1):
            return False
    return True


def _fits(call: ast.Call, value: Any, known: dict[str, Any]) -> bool | None:
    """Whether an object has what its call was given; nothing where that can't be told."""
    kind: Any = meaning(call.func, known)
    is_class = objects.is_class(kind)
    if is_class and type(value) is not kind and objects.of_type(kind, "__new__") is object.__new__:
        return False
    own, stored = attributes(value), gathering.stored_by_methods(type(value))
    is_told = is_class and not call.args and not call.keywords
    for parameter, node in _given(call, kind):
        argument = meaning(node, known)
        if argument is _MISSING:
            continue
        attribute = next((one for one in (parameter, f"_{parameter}") if one in own and one not in stored), None)
        if attribute is None:
            is_told = is_told or any(one is argument or _is_equal(one, argument) for one in own.values())
        elif own[attribute] is argument or _is_equal(own[attribute], argument):
            is_told = True
        elif type(own[attribute]) is type(argument):
            return False
    return True if is_told else None


def _given(call: ast.Call, kind: Any) -> Iterator[tuple[str | None, ast.expr]]:
    """What a call gives, each with the parameter that takes it, where that is known."""
    made = objects.of_type(kind, "__init__") if objects.is_class(kind) else None
    code = made.__code__ if type(made) is FunctionType else None
    names: list[str | None] = list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
    for index, node in enumerate(call.args):
        if isinstance(node, ast.Starred):
            break
        yield names[index] if index < len(names) else None, node
    yield from ((one.arg, one.value) for one in call.keywords if one.arg is not None)


def meaning(node: ast.expr, known: dict[str, Any]) -> Any:
    """What a name, an attribute of a module or a plain value stands for."""
    if isinstance(node, ast.Name):
        return known.get(node.id, _MISSING)
    if isinstance(node, ast.Attribute):
        owner = meaning(node.value, known)
        return objects.attributes(owner).get(node.attr, _MISSING) if objects.is_module(owner) else _MISSING
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _MISSING


def _is_equal(one: Any, other: Any) -> bool:
    return objects.is_exactly(one, *_PLAIN, tuple, list, dict) and equal(one, other)


def forget(namespace: dict[str, Any]) -> None:
    for name in [one for one in namespace if one.startswith(_PREFIX)]:
        del namespace[name]
