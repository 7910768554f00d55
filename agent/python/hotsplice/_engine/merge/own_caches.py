"""Results that functions of the program keep themselves: `if n not in CACHE: CACHE[n] = compute(n)`.

Nobody but the program can tell whether what such a container holds is a cache or its state, so it stays: but where it
came of code that a patch changes, that is reported.
"""

import ast
import dis
import re
import textwrap
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..evaluate import syntax
from ..live import lookup, objects
from ..live.code import keeping_nothing, known, known_names, tree
from ..live.files import live_file
from ..live.named import Named
from ..live.reach import MISSING, Reach
from ..native import native

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome

_STORES = {
    dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_GLOBAL", "STORE_ATTR", "STORE_DEREF") if name in dis.opmap
}
_MISSING = "__missing__"
# How an object of a class is used that decorates functions.
_CALLING = frozenset(("__call__", "__get__"))
# Methods by which a container is given something.
_ADDING = frozenset(("setdefault", "append", "appendleft", "add", "insert", "update"))
_EMPTY = (ast.List, ast.Dict, ast.Set, ast.Tuple)
# `return value`, and what makes it depend on what is kept.
_GIVES = re.compile(r"\breturn\b[^\w\n]*[^\s#]")
_BRANCHES = re.compile(r"\b(?:if|while|try)\b")


class Kept:
    """A place in which a function keeps what it has computed, as its text names it."""

    def __init__(self, place: ast.expr, value: ast.expr) -> None:
        self.place, self.text, self.value = place, ast.unparse(place), value


def stores(code: CodeType) -> bool:
    return not _STORES.isdisjoint(code.co_code[::2]) or not _ADDING.isdisjoint(code.co_names)


def _storing_inside(code: CodeType) -> list[CodeType]:
    """Code of functions inside of one that store anything where the names around them are."""
    return [one for one in tree(code) if one is not code and one.co_freevars and stores(one)]


def follow(reach: Reach, named: Named, texts: dict[str, str | None]) -> None:
    """Reports what keeps results of what changes. ``texts``: the project's files, and new texts of those patched."""
    storing: dict[int, tuple[FunctionType, Any]] = {}
    # Code of closures that functions make.
    made: list[CodeType] = []
    for function, owner in named.functions_but(keeping_nothing):
        code = function.__code__
        if code.co_filename not in texts:
            if lookup.is_installed(code.co_filename):
                keeping_nothing[id(code)] = known(code)
            continue
        is_own, inside = stores(code), _storing_inside(code)
        made += inside
        if is_own:
            storing.setdefault(id(function), (function, owner))
        elif not inside:
            keeping_nothing[id(code)] = known(code)
    if not storing and not made:
        return
    names = {name for _, name in reach.changes.names} | reach.changes.moved
    for outcome in reach.changes.functions.values():
        names.update(outcome.edit["definition"].split("."))
    # Few functions are looked at closely.
    named.add_leading(names)
    lines: dict[str, list[str]] = {}
    for function, owner in storing.values():
        if function.__name__ in names or not names.isdisjoint(_named_by(function)):
            _report(reach, function, owner, texts, lines)
        elif owner is not None and _is_decorator(function, owner) and kept_by(function.__code__, lines):
            given = [one for one in _given(owner) if not names.isdisjoint(_named_by(one))]
            _report(reach, function, owner, texts, lines, given)
    # Closures that no module names: in tables, attributes of objects. Where none keeps results nobody looks for them.
    made = [one for one in made if not names.isdisjoint(known_names(one)) and kept_by(one, lines)]
    for functions in native.functions_of(made) if made else ():
        for function in functions:
            if id(function) not in storing:
                _report(reach, function, None, texts, lines)


def _named_by(function: FunctionType) -> frozenset[str]:
    """The names in its code and those of the functions that it has from around it."""
    names = known_names(function.__code__)
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        for one in native.functions_in(content):
            names |= {one.__name__} | known_names(one.__code__)
    return names


def _is_decorator(function: FunctionType, owner: type) -> bool:
    """Whether a class's objects are called with it, and nothing else can drop their results (`caches`)."""
    return function.__name__ in _CALLING and not any("cache_clear" in cls.__dict__ for cls in owner.__mro__)


def _given(owner: type) -> list[FunctionType]:
    """Functions that objects of a class hold: what it was given to decorate."""
    instances = native.objects_of_type(*lookup.with_subclasses(owner))
    return [
        function
        for one in instances
        for value in list((objects.dictionary(one) or {}).values())
        for function in native.functions_in(value)
    ]


def _report(
    reach: Reach,
    function: FunctionType,
    owner: Any,
    texts: dict[str, str | None],
    lines: dict[str, list[str]],
    given: Sequence[FunctionType] = (),
) -> None:
    """``given``: what it may call besides what its code names."""
    code = function.__code__
    places = kept_by(code, lines)
    if not places:
        # What it makes may keep something.
        if not _storing_inside(code):
            keeping_nothing[id(code)] = known(code)
        return
    outcome: Any = reach.of(function, owner)
    for one in given:
        outcome = outcome or reach.of(one)
    if outcome is not None and outcome.edit["change"] == "removed" and _goes(reach, function):
        # Nobody asks it any more, nor what it reads.
        return
    # Whether anything is kept is asked last: all that lives may have to be looked at.
    for kept in places if outcome is not None else ():
        if not _is_as_before(kept, outcome, function, texts) and _holds_results(kept, function, owner):
            say_kept(outcome, function, kept)


def _goes(reach: Reach, function: FunctionType) -> bool:
    """Whether the definition that a function is of is gone from the text."""
    outcome = reach.changes.names.get((id(function.__globals__), function.__qualname__.partition(".")[0]))
    return outcome is not None and outcome.edit["change"] == "removed" and outcome.edit["what"] in ("function", "class")


def say_kept(outcome: "EditOutcome", function: FunctionType, kept: Kept) -> None:
    outcome.caveat(
        "HS0414",
        f"{function.__qualname__} keeps what it has computed in {kept.text}: what is there is of the old code "
        "and stays; empty it if you want it computed again",
    )


def kept_by(code: CodeType, lines: dict[str, list[str]]) -> list[Kept]:
    found = known(code)
    if found.kept is None:
        found.kept = _kept(_text(code, lines))
    return found.kept


def _text(code: CodeType, lines: dict[str, list[str]]) -> str:
    """A function's lines. ``lines``: those of the files that were asked for so far."""
    own = lines.get(code.co_filename)
    if own is None:
        own = lines[code.co_filename] = live_file(code.co_filename).text.replace("\r\n", "\n").split("\n")
    numbers = [line for _, _, line in code.co_lines() if line is not None]
    return "\n".join(own[code.co_firstlineno - 1 : max(numbers, default=code.co_firstlineno)])


def _is_as_before(kept: Kept, outcome: "EditOutcome", function: FunctionType, texts: dict[str, str | None]) -> bool:
    """Whether the function itself is edited, and computes what it keeps as it did."""
    edit = outcome.edit
    if edit["what"] != "function" or edit["definition"] != function.__qualname__ or isinstance(kept.value, ast.Name):
        return False
    lines = (texts[outcome.path] or "").split("\n")
    new = [one for one in _kept("\n".join(lines[edit["line"] - 1 : edit["end_line"]])) if one.text == kept.text]
    return any(ast.dump(one.value) == ast.dump(kept.value) for one in new)


def _may_keep(text: str) -> bool:
    """Whether a function's text has what keeping takes: most have not, and parsing takes long."""
    if "setdefault" in text or _MISSING in text:
        return True
    return _GIVES.search(text) is not None and _BRANCHES.search(text) is not None


def _kept(text: str) -> list[Kept]:
    """Places that a function's text tests, fills and gives the contents of."""
    if not _may_keep(text):
        return []
    try:
        function = ast.parse(textwrap.dedent(text)).body[0]
    except (SyntaxError, ValueError, IndexError):
        return []
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    nodes = [node for statement in function.body for node in _own(statement)]
    arguments = function.args
    parameters = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    outer = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    results = [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]
    found = [*_set_once(nodes, parameters), *_missing(function, nodes)]
    # `if not done: value = compute(); done = True`
    flags = {
        ast.unparse(target)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) is bool
        for target in syntax.targets(node)
        if isinstance(target, ast.Name) and target.id in outer
    }
    is_flagged = any(_is_tested(nodes, flag) for flag in flags)
    for node in nodes:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in syntax.targets(node) if value is not None else ():
            place = target.value if isinstance(target, ast.Subscript) else target
            is_outer = isinstance(place, ast.Attribute) or isinstance(target, ast.Subscript)
            if not (is_outer or (isinstance(place, ast.Name) and place.id in outer)):
                continue
            text = ast.unparse(place)
            if value is None or not _is_computed(value, parameters) or _mentions(value, text):
                continue
            stored = {ast.unparse(one) for one in syntax.targets(node) if isinstance(one, ast.Name)}
            stored |= {value.id} if isinstance(value, ast.Name) else set()
            is_given = any(_mentions(one, text) or any(_mentions(one, name) for name in stored) for one in results)
            if is_given and (is_flagged or _is_tested(nodes, text)) and not any(text == known.text for known in found):
                found.append(Kept(place, value))
    for place, value in _added(nodes, parameters):
        text = ast.unparse(place)
        is_given = any(_mentions(one, text) for one in results)
        if is_given and _is_tested(nodes, text) and not any(text == one.text for one in found):
            found.append(Kept(place, value))
    return found


def _added(nodes: list[ast.AST], parameters: set[str]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`BOX.append(compute())`, `seen.update({n: compute(n)})`, of a container that is not the function's own."""
    own = {one.id for node in nodes for one in syntax.targets(node) if isinstance(one, ast.Name)} | parameters
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        place, value = node.func.value, node.args[-1]
        if node.func.attr not in _ADDING or (isinstance(place, ast.Name) and place.id in own):
            continue
        if isinstance(place, ast.Name | ast.Attribute) and any(isinstance(one, ast.Call) for one in syntax.walk(value)):
            yield place, value


def _set_once(nodes: list[ast.AST], parameters: set[str]) -> Iterator[Kept]:
    """`RESULTS.setdefault(n, compute(n))`"""
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 2):
            continue
        if node.func.attr == "setdefault" and _is_computed(node.args[1], parameters):
            yield Kept(node.func.value, node.args[1])


def _missing(function: ast.FunctionDef | ast.AsyncFunctionDef, nodes: list[ast.AST]) -> Iterator[Kept]:
    """What a dictionary's `__missing__` puts into it."""
    for node in nodes if function.name == _MISSING and function.args.args else ():
        for target in syntax.targets(node) if isinstance(node, ast.Assign) else ():
            place = target.value if isinstance(target, ast.Subscript) else None
            if isinstance(place, ast.Name) and place.id == function.args.args[0].arg:
                yield Kept(place, node.value)  # type: ignore[attr-defined]


def _own(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement, without those of functions inside."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*syntax.FUNCTIONS, ast.ClassDef, ast.Lambda)):
            pending += syntax.children(node)


def _is_computed(value: ast.expr, parameters: set[str]) -> bool:
    """Whether more than something empty, a constant or an argument is stored."""
    if isinstance(value, _EMPTY) and not any(True for _ in ast.iter_child_nodes(value) if isinstance(_, ast.expr)):
        return False
    is_empty_call = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and not value.args
    if is_empty_call and value.func.id in ("list", "dict", "set", "deque", "Counter", "OrderedDict"):  # type: ignore[attr-defined]
        return False
    return not isinstance(value, ast.Constant) and not (isinstance(value, ast.Name) and value.id in parameters)


def _mentions(node: ast.AST, text: str) -> bool:
    # Writing out each node of a library's functions would take longer than all else.
    last = text.rpartition(".")[2]
    return any(
        one.id == text
        if type(one) is ast.Name
        else type(one) is ast.Attribute and one.attr == last and ast.unparse(one) == text
        for one in syntax.walk(node)
    )


def _is_tested(nodes: list[ast.AST], text: str) -> bool:
    """Whether it depends on what the place holds what is done."""
    looked_up: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign | ast.NamedExpr) and node.value is not None and _mentions(node.value, text):
            looked_up |= {one.id for one in syntax.targets(node) if isinstance(one, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            is_asked = isinstance(node.test, ast.Call) and text.endswith(f".{_asked_for(node.test)}")
            if _mentions(node.test, text) or is_asked or any(_mentions(node.test, name) for name in looked_up):
                return True
            inside = node.test.operand if isinstance(node.test, ast.UnaryOp) else None
            if isinstance(inside, ast.Call) and text.endswith(f".{_asked_for(inside)}"):
                return True
        if isinstance(node, syntax.TRIES) and any(_mentions(one, text) for one in node.body):
            return True
    return False


def _asked_for(call: ast.Call) -> str:
    """`hasattr(self, "_items")`"""
    is_hasattr = isinstance(call.func, ast.Name) and call.func.id == "hasattr" and len(call.args) == 2
    name = call.args[1] if is_hasattr else None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else " "


def _holds_results(kept: Kept, function: FunctionType, owner: Any) -> bool:
    place = kept.place
    if function.__name__ == _MISSING and owner is not None:
        return any(_is_filled(one) for one in native.objects_of_type(*lookup.with_subclasses(owner)))
    if isinstance(place, ast.Name):
        return _is_filled(_of_name(place.id, function))
    if not isinstance(place, ast.Attribute) or not isinstance(place.value, ast.Name):
        return False
    code = function.__code__
    if owner is None or not code.co_argcount or code.co_varnames[0] != place.value.id:
        holder = _of_name(place.value.id, function)
        members = (
            holder.__dict__ if objects.is_class(holder) or objects.is_exactly(holder, FunctionType, type(ast)) else {}
        )
        return _is_filled(members.get(place.attr, MISSING))
    name = lookup.mangled(place.attr, (owner.__name__,))
    if _is_filled(next((cls.__dict__[name] for cls in owner.__mro__ if name in cls.__dict__), MISSING)):
        return True
    instances = native.objects_of_type(*lookup.with_subclasses(owner))
    return any(_is_filled((objects.dictionary(one) or {}).get(name, MISSING)) for one in instances)


def held(kept: Kept, function: FunctionType, owner: Any) -> Any:
    """What a place holds that a name leads to, or an attribute of a class: `FIELDS`, `Base.fields`, `cls.fields`."""
    place = kept.place
    if isinstance(place, ast.Name):
        return _of_name(place.id, function)
    if not isinstance(place, ast.Attribute) or not isinstance(place.value, ast.Name):
        return MISSING
    is_own = owner is not None and function.__code__.co_varnames[:1] == (place.value.id,)
    holder = owner if is_own else _of_name(place.value.id, function)
    return objects.of_type(holder, place.attr, MISSING) if objects.is_class(holder) else MISSING


def _of_name(name: str, function: FunctionType) -> Any:
    code = function.__code__
    if name in code.co_freevars:
        try:
            return (function.__closure__ or ())[code.co_freevars.index(name)].cell_contents
        except (ValueError, IndexError):
            return MISSING
    if name in code.co_varnames:
        return _default(name, function)
    return function.__globals__.get(name, MISSING)


def _default(name: str, function: FunctionType) -> Any:
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    given = dict(zip(names[len(names) - len(values) :], values))
    return {**given, **(function.__kwdefaults__ or {})}.get(name, MISSING)


def _is_filled(value: Any) -> bool:
    """Whether a place holds anything; a scalar counts where it is not ``None``."""
    if value is MISSING or value is None:
        return False
    for kind in (dict, list, set):
        if isinstance(value, kind):
            return bool(kind.__len__(value))
    return True
