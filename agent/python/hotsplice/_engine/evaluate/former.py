"""What the live text gives a name: its statements are evaluated again, where that does nothing else."""

import ast
import builtins
import copy
import dis
import functools
import sys
import textwrap
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..journal.writes import is_setattr
from ..live import lookup, objects
from ..live.code import as_part, tree
from ..live.files import live_file
from . import consuming, elements, slices, syntax
from .equality import equal
from .policy import MISSING, UNKNOWN
from .sorts import Sort, is_record, sort

if TYPE_CHECKING:
    pass
    from ..live.lookup import Namespace
    from .views import Editing

# Functions and types whose call gives a value and does nothing else, by module.
_PURE = {
    "builtins": "dict list set frozenset tuple int float complex str bytes bytearray bool range slice len min max sum "
    "sorted reversed enumerate zip abs round divmod pow chr ord hex bin oct repr ascii any all isinstance issubclass "
    "type object locals",
    "collections": "OrderedDict defaultdict Counter deque",
    "re": "compile escape",
    "pathlib": "Path PurePath PosixPath PurePosixPath",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "types": "SimpleNamespace MappingProxyType",
    "posixpath": "join dirname basename abspath normpath splitext",
    "operator": "itemgetter attrgetter methodcaller",
    "array": "array",
    "string": "Template",
}
_METHODS = syntax.UPDATES | {
    *("copy", "count", "decode", "difference", "encode", "endswith", "format", "get", "index", "intersection", "items"),
    *("join", "keys", "lower", "lstrip", "replace", "rstrip", "split", "splitlines", "startswith", "strip", "title"),
    *("union", "upper", "values"),
}


class Former:
    """The live statements of the names that one edit binds."""

    def __init__(self, merger: "Editing", edit: Any, holder: Any) -> None:
        self._merger = merger
        self._scope = tuple(edit["scope"])
        self._holder = holder
        self._ranges = edit.get("former") or []
        # Whether each run gives the last value that was asked for other objects: it is compared loosely.
        self.is_loose = False
        self._statements: list[ast.stmt] | None = None

    def value(self, name: str, live: Any) -> Any:
        """What the text gives a name, ``UNKNOWN`` where that can't be told, ``MISSING`` if it gives it nothing."""
        statements = slices.only(self._parsed(), name)
        if not statements:
            return MISSING
        seen = dict(self._merger.namespace.globals)
        if self._scope:
            own = dict(self._holder)
            for key in [key for key in own if key[:2] == "__"]:
                del own[key]
            seen.update(own)
        seen.pop(name, None)
        statements = self._with_what_they_read(statements, name, seen)
        statements = [_with_elements(one, name, live, seen) for one in statements]
        # What a function of the program made is compared, if it is a plain container, with what it makes again.
        if not all(is_pure(one, seen, name) for one in statements):
            is_comparable = not self._merger.shadow.writes.is_dry_run and sort(live) is Sort.CONTAINER
            is_comparable = is_comparable and slices.gives_only(slices.only(self._parsed(), name), name)
            self.is_loose = is_comparable
            if not is_comparable:
                return UNKNOWN
            with self._merger.beside.undone():
                return self._run(statements, seen, name)
        code = self._compiled(statements)
        given = [self._given(code, dict(seen), name) for _ in range(2)]
        if any(one is MISSING for one in given):
            # What decides whether it does is another one than it was then.
            return UNKNOWN
        if equal(*given):
            return given[0]
        # Each run makes other objects (a generator, a sentinel): of a container it can be told what stands where.
        self.is_loose = sort(live) is Sort.CONTAINER and equal(given[0], given[1], loosely=True)
        return given[0] if self.is_loose else UNKNOWN

    def says(self, text: str, name: str, seen: dict[str, Any], is_thing: bool = False) -> bool:
        """Whether another text gives a name the same, in the same words, of what it reads in ``seen``.

        ``is_thing``: the name holds no plain value, so that no statement that gives it one had the last word.
        """
        both = (self._parsed(), self._merger.namespace.globals), (parsed(text), seen)
        truths = [functools.partial(self._truth, names) if is_thing else None for _, names in both]
        own, others = (slices.worded(all_, name, truth) for (all_, _), truth in zip(both, truths))
        before = self._merger.namespace.globals
        nodes = [
            node for one in slices.only(self._parsed(), name) for node in ast.walk(one) if isinstance(node, ast.Name)
        ]
        read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        return bool(own) and own == others and all(_is_alike(before.get(one), seen.get(one)) for one in read - {name})

    def _truth(self, names: dict[str, Any], test: ast.expr) -> bool | None:
        """What a test of a name comes to that nothing but the text gives its value."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._truth(names, test.operand)
            return None if inner is None else not inner
        held = (
            names.get(test.id) if isinstance(test, ast.Name) else test.value if isinstance(test, ast.Constant) else None
        )
        is_own = isinstance(test, ast.Name) and is_assigned_by_functions(self._merger.namespace, test.id)
        return held if type(held) is bool and not is_own else None

    def assigns(self, name: str) -> bool:
        """Whether the text gives a name its value itself, and by no definition."""
        others = (ast.Import, ast.ImportFrom, *syntax.FUNCTIONS, ast.ClassDef)
        found = [
            node for one in slices.only(self._parsed(), name) for node in ast.walk(one) if isinstance(node, ast.stmt)
        ]
        return bool(found) and not any(isinstance(one, others) and name in syntax.bound(one) for one in found)

    def once(self, name: str, live: Any) -> Any:
        """What one run of the text gives a name, where each run makes other objects."""
        statements = slices.only(self._parsed(), name)
        seen = {**self._merger.namespace.globals, **(dict(self._holder) if self._scope else {})}
        statements = self._with_what_they_read(statements, name, seen)
        is_known = bool(statements) and all(is_pure(one, seen, name) for one in statements)
        return self._run(statements, seen, name) if is_known else UNKNOWN

    def _with_what_they_read(self, statements: list[ast.stmt], name: str, seen: dict[str, Any]) -> list[ast.stmt]:
        """In the order of the text, with the statements that gave what these read its value then."""
        wanted, pending = {name}, list(statements)
        helpers: list[ast.stmt] = []
        while pending:
            for node in syntax.run_at_once(pending.pop()):
                read = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else None
                if read is None or read in wanted:
                    continue
                if read not in seen and not hasattr(builtins, read):
                    helpers += (given := [one for one in self._helpers(read) if one not in helpers])
                    pending += given
                    continue
                given = slices.only(self._parsed(), read)
                # What is done to an object later is not in its statement.
                is_given = sort(seen.get(read, MISSING)) is Sort.VALUE
                if given and is_given and all(is_pure(one, seen, read) for one in given):
                    wanted.add(read)
                    pending += given
        helpers.sort(key=lambda one: one.lineno)
        if len(wanted) == 1:
            return [*helpers, *statements]
        found = {
            (one.lineno, one.col_offset, ast.dump(one)): one
            for read in sorted(wanted)
            for one in slices.only(self._parsed(), read)
        }
        return [*helpers, *(found[key] for key in sorted(found, key=lambda key: key[:2]))]

    def _helpers(self, name: str) -> list[ast.stmt]:
        """The functions and imports by which the live text gives a name that it deletes further down."""
        text = live_file(self._merger.change.path).text
        kinds = (ast.Import, ast.ImportFrom, *syntax.FUNCTIONS)
        return [one for one in parsed(text) if isinstance(one, kinds) and name in syntax.bound(one)]

    def _run(self, statements: list[ast.stmt], seen: dict[str, Any], name: str) -> Any:
        return self._given(self._compiled(statements), seen, name)

    def _compiled(self, statements: list[ast.stmt]) -> CodeType | None:
        # What it calls of an imported name is compiled otherwise than what it calls of another one.
        statements = [*self._imports(statements), *statements]
        try:
            code = compile(ast.Module(statements, []), self._merger.namespace.filename, "exec", dont_inherit=True)
        except Exception:
            return None
        return as_part(code)

    def _imports(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The text's imports of what functions in these statements call members of, for the compiler alone."""
        nodes = [node for one in statements for node in ast.walk(one)]
        if not any(isinstance(node, ast.Lambda) for node in nodes):
            return []
        called = [node.func for node in nodes if isinstance(node, ast.Call)]
        owners = [one.value for one in called if isinstance(one, ast.Attribute)]
        names = {one.id for one in owners if isinstance(one, ast.Name)}
        everything = ast.walk(ast.Module(parsed(live_file(self._merger.change.path).text), [])) if names else ()
        aliases = (one for node in everything if isinstance(node, (ast.Import, ast.ImportFrom)) for one in node.names)
        bound = names & {(one.asname or one.name).partition(".")[0] for one in aliases}
        imports = ast.Import([ast.alias(name) for name in sorted(bound)])
        never = ast.If(ast.Constant(False), [imports], [])
        return [ast.fix_missing_locations(never)] if bound else []

    def _given(self, code: CodeType | None, seen: dict[str, Any], name: str) -> Any:
        """What a name holds once the code was run in a namespace."""
        if code is None:
            return UNKNOWN
        try:
            # Former code is what is asked here.
            watch = self._merger.former_code.statement(may_stop=False)
            with watch, self._merger.shadow.writes.withdrawn():
                exec(code, seen)
        except Exception:
            return UNKNOWN
        return seen.get(name, MISSING)

    def _parsed(self) -> list[ast.stmt]:
        if self._statements is None:
            file = live_file(self._merger.change.path)
            self._statements = []
            for first, last in self._ranges:
                statements = parsed(file.excerpt(first, last))
                for statement in statements:
                    ast.increment_lineno(statement, first - 1)
                self._statements += statements
        return self._statements


def _with_elements(statement: ast.stmt, name: str, live: Any, seen: dict[str, Any]) -> ast.stmt:
    """The statement without making again what stands in the container that the name holds."""
    display = elements.display_of(statement, name)
    if display is None:
        return statement
    kept = elements.Elements(display, live, seen, lambda _: False)
    if not kept:
        return statement
    statement = copy.deepcopy(statement)
    kept.generic_visit(elements.display_of(statement, name) or statement)
    return statement


def parsed(text: str) -> list[ast.stmt]:
    """Statements of a live text, wherever they are indented."""
    try:
        statements = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return []
    while len(statements) == 1 and isinstance(statements[0], ast.ClassDef) and "\n" not in text.strip():
        # A class on one line: only its body is meant.
        statements = statements[0].body
    return statements


def _is_alike(value: Any, other: Any) -> bool:
    kind = type(value)
    if kind is FunctionType or issubclass(kind, type):
        # An edited one is told by itself.
        return bool(type(other) is kind and value.__qualname__ == other.__qualname__)
    return equal(value, other)


def is_pure(statement: ast.AST, seen: dict[str, Any], own: str = "", sets_attributes: bool = False) -> bool:
    """Whether running a statement does nothing but give values, as far as the objects show that it calls.

    ``sets_attributes``: calls of ``setattr`` are only noted.
    """
    for node in syntax.run_at_once(statement):
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if sets_attributes and is_setattr(node):
            continue
        if isinstance(node, ast.Call) and not _is_pure_call(node, seen, own):
            return False
        if isinstance(node, (*syntax.FUNCTIONS, ast.ClassDef)) or consuming.takes(node, seen):
            return False
    return True


def _is_pure_call(call: ast.Call, seen: dict[str, Any], own: str) -> bool:
    method = call.func
    if isinstance(method, ast.Attribute):
        if isinstance(method.value, (ast.Constant, ast.JoinedStr)):
            return True
        if method.attr in _METHODS and isinstance(method.value, ast.Name):
            held = seen.get(method.value.id, MISSING)
            if method.value.id == own or method.attr in syntax.UPDATES:
                # What others hold must not be changed in order to compare.
                return method.value.id == own
            return held is not MISSING and objects.is_exactly(held, dict, list, set, str, bytes, tuple)
    called = _resolved(method, seen)
    if called is MISSING:
        return False
    if isinstance(called, type) and is_record(called) and called.__module__ != "builtins":
        return True
    return is_known_pure(called)


def is_known_pure(called: Any) -> bool:
    """Whether it is of the standard library, and a call of it gives a value and does nothing else."""
    try:
        return called in _pure()
    except Exception:
        return False


def _resolved(node: ast.AST, seen: dict[str, Any]) -> Any:
    """What a dotted name means; no property is asked."""
    if isinstance(node, ast.Name):
        builtins = seen.get("__builtins__", {})
        builtins = builtins.__dict__ if type(builtins) is ModuleType else builtins
        return seen.get(node.id, builtins.get(node.id, MISSING))
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, seen)
        if objects.is_module(owner):
            return ModuleType.__getattribute__(owner, "__dict__").get(node.attr, MISSING)
        if isinstance(owner, type) and type(owner) is type and owner.__module__ in _PURE:
            found = getattr(owner, node.attr, MISSING)
            return owner if node.attr in ("fromkeys", "fromisoformat", "fromtimestamp", "fromhex") else found
    return MISSING


def _pure() -> set[Any]:
    """Functions and types of loaded modules of the standard library whose call gives a value and nothing else."""
    found = set()
    for name, members in _PURE.items():
        module = sys.modules.get(name)
        for member in members.split() if module is not None else ():
            value = module.__dict__.get(member, MISSING)
            if isinstance(value, type) or callable(value):
                found.add(value)
    return found


def is_assigned_by_functions(namespace: "Namespace", name: str) -> bool:
    """Whether a function of the module assigns the name (``global``)."""
    return any(
        instruction.opname == "STORE_GLOBAL" and instruction.argval == name
        for function in list(namespace.globals.values())
        if type(function) is FunctionType and function.__globals__ is namespace.globals
        for code in tree(function.__code__)
        if name in code.co_names
        for instruction in dis.get_instructions(code)
    )


def held(holder: Any, name: str, scope: tuple[str, ...]) -> Any:
    return dict.get(holder, name, MISSING) if not scope else holder.get(lookup.mangled(name, scope), MISSING)
