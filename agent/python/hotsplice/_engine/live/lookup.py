"""From a definition in a text to the live objects that came of it."""

import ast
import gc
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from types import CodeType, FrameType, FunctionType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from ..._loaded import absolute as absolute
from ..._loaded import is_installed as is_installed
from ..._loaded import loaded_modules as loaded_modules
from ..._loaded import members_of as members_of
from ..._loaded import modules_of as modules_of
from ..._loaded import project_modules as project_modules
from ..native import native
from . import cells, objects
from .code import executes_module, tree
from .line_tables import line_of
from .objects import is_class as is_class
from .objects import with_subclasses as with_subclasses

if TYPE_CHECKING:
    from .messages import Definition, Unit

SEARCH_LIMIT = 400
# Py_TPFLAGS_HEAPTYPE (Include/object.h)
_HEAP_TYPE = 1 << 9
# How many names of a statement are looked up for its lambdas.
_NAMES = 4


class Namespace:
    """One live namespace that a file was executed in: a module's, or one given to ``exec``."""

    def __init__(
        self, globals: dict[str, Any], module: ModuleType | None, path: str, filenames: tuple[str, ...] = ()
    ) -> None:
        self.globals = globals
        self.module = module
        self.name = globals.get("__name__")
        self.path = path
        # The names of the files that live code may have; new code gets the first.
        self.filenames = filenames or (self._filename(),)
        self.filename = self.filenames[0]
        # What the module is called from the commit on.
        self.new_name = self.name
        # What it says of itself then, of another file: `__file__`, `__spec__`, ….
        self.renamed: dict[str, Any] = {}
        # Whether the lines of the known text are those of the live code.
        self.lines_known = True

    def _filename(self) -> str:
        # A script's code carries its path as it was typed; new code must carry the same one.
        for value in list(self.globals.values()):
            own = isinstance(value, FunctionType) and value.__globals__ is self.globals
            if own and same_file(value.__code__.co_filename, self.path):
                return str(value.__code__.co_filename)
        if self.name == "__main__":
            code = running_module_code(self.path)
            if code is not None:
                return code.co_filename
        return self.path

    def rename_code(self, filename: str) -> None:
        """New code is of a file of this name."""
        self.filename = filename
        self.filenames = (filename, *self.filenames)

    def reads(self, code: CodeType) -> bool:
        return code.co_filename == self.filename or same_file(code.co_filename, self.path)


def same_file(filename: str, path: str) -> bool:
    return filename == path or absolute(filename) == path or cells.is_of(filename, path)


def namespaces(path: str) -> "list[Namespace]":
    """Every live namespace of a file; a file given to ``exec`` by hand has no module but functions."""
    found: dict[int, Namespace] = {}
    cell = cells.find(path)
    if cell is not None:
        module = sys.modules.get(cell.namespace.get("__name__"))
        is_its = isinstance(module, ModuleType) and members_of(module) is cell.namespace
        return [Namespace(cell.namespace, module if is_its else None, path, cells.names(cell))]
    for module in modules_of(path):
        globals = members_of(module)
        found.setdefault(id(globals), Namespace(globals, module, path))
    if len(found) > 1:
        real = {key: one for key, one in found.items() if not _is_placeholder(one)}
        found = real or found
    # Executed more often than there are modules: by hand, or once more under the same name.
    if not found or native.executions(path) > len(found):
        for function in native.functions_of_file(path) or native.functions_of_file(_from_here(path)):
            globals = function.__globals__
            if id(globals) not in found and same_file(function.__code__.co_filename, path):
                found[id(globals)] = Namespace(globals, None, path)
    return list(found.values())


def _from_here(path: str) -> str:
    """A path as it may have been given to ``runpy`` or ``compile``: code carries what was given."""
    folder = absolute("")
    return path[len(folder) :].lstrip("/") if folder and path.startswith(folder) else path


def _is_placeholder(namespace: "Namespace") -> bool:
    """Whether a module only says that a file is its own: made by hand, for an import hook; nothing was run in it."""
    members = namespace.globals
    if members.get("__spec__") is not None or namespace.name == "__main__":
        return False
    own = (value for value in list(members.values()) if type(value) is FunctionType)
    return not any(value.__globals__ is members for value in own)


def executed_elsewhere(known: Container[str]) -> Iterator[tuple[str, str]]:
    """Yields ``(path, module's name)`` for the project's files that were executed and that no module in `sys.modules`
    stands for, while functions of theirs live on.

    A module may have put an object in its place or be taken out, and IPython's ``%run`` executes a file in no module.
    """
    for path in native.files_with_texts():
        for namespace in namespaces(path) if path not in known else ():
            yield path, namespace.name or ""


def is_installed_module(name: Any) -> bool:
    """Whether a module of this name is of an installed package or the standard library, or built in."""
    module = sys.modules.get(name)
    filename = members_of(module).get("__file__") if isinstance(module, ModuleType) else None
    return isinstance(filename, str) and is_installed(filename) or name == "builtins"


def is_library(kind: type) -> bool:
    """Whether a class is of an installed package or the standard library, or written in C."""
    return is_library_module(kind.__module__)


def is_library_module(name: str) -> bool:
    module = sys.modules.get(name)
    is_in_c = isinstance(module, ModuleType) and name != "__main__" and "__file__" not in members_of(module)
    return is_in_c or is_installed_module(name)


def running_module_code(path: str) -> CodeType | None:
    """The code of a module whose statements are still being executed: the script's, mostly."""
    frame = running_module(path)
    return None if frame is None else frame.f_code


def running_module(path: str) -> FrameType | None:
    """The frame of such a module. The cell that runs is not the one whose definition is patched to its text."""
    if cells.is_redefinition(path):
        return None
    frame: FrameType | None
    for frame in native.current_frames().values():
        while frame is not None:
            code = frame.f_code
            if executes_module(code) and same_file(code.co_filename, path):
                return frame
            frame = frame.f_back
    return None


def running_lines(paths: Iterable[str]) -> dict[str, int]:
    """The lines that such modules are at, by path."""
    frames = {path: running_module(path) for path in paths}
    return {path: line_of(frame) for path, frame in frames.items() if frame is not None}


def mangled(name: str, scope: Sequence[str]) -> str:
    """A name as it is stored in its class's namespace (the language reference, "Private name mangling")."""
    if not scope or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    owner = scope[-1].lstrip("_")
    return f"_{owner}{name}" if owner else name


def find_class(namespace: "Namespace", scope: Sequence[str]) -> Any:
    """The live class of this qualified name; nothing if there is none."""
    holder: Any = namespace.globals
    found = None
    for depth, name in enumerate(scope, 1):
        value = holder.get(mangled(name, scope[: depth - 1]))
        qualified = ".".join(scope[:depth])
        if not isinstance(value, type):
            value = search(value, lambda item, name=qualified: is_own_class(item, namespace, name))  # type: ignore[misc]
        if value is None:
            return None
        found, holder = value, value.__dict__
    return found


def is_own_class(value: Any, namespace: "Namespace", qualified: str) -> bool:
    return isinstance(value, type) and value.__qualname__ == qualified and objects.module_of(value) == namespace.name


def bound_value(namespace: "Namespace", scope: Sequence[str], name: str, default: Any = None) -> Any:
    """What a name holds in a module or in a live class."""
    if not scope:
        return namespace.globals.get(name, default)
    owner = find_class(namespace, scope)
    return default if owner is None else objects.live(owner.__dict__.get(mangled(name, scope), default), default)


def members(value: Any) -> dict[str, Any]:
    """The attributes that an object has in a dictionary of its own; no code of its class is asked."""
    found = objects.dictionary(value)
    return dict(found) if type(found) is dict else {}


def dotted(namespace: "Namespace", node: Any) -> Any:
    """What a dotted name of a syntax tree means in a namespace, without asking properties; None for anything else."""
    if isinstance(node, ast.Name):
        return namespace.globals.get(node.id)
    holder = dotted(namespace, node.value) if isinstance(node, ast.Attribute) else None
    return holder.__dict__.get(node.attr) if isinstance(holder, (type, ModuleType)) else None


class Living:
    """Functions of a namespace that no name leads to: all that lives is looked at, once for many definitions."""

    def __init__(self, namespace: "Namespace") -> None:
        self._namespace = namespace
        self._by_place: dict[tuple[str, int], list[FunctionType]] | None = None

    def at(self, name: str, line: int) -> Sequence[FunctionType]:
        if self._by_place is None:
            self._by_place = {}
            for filename in self._namespace.filenames:
                for function in native.functions_of_file(filename):
                    if function.__globals__ is self._namespace.globals:
                        place = function.__code__.co_name, function.__code__.co_firstlineno
                        self._by_place.setdefault(place, []).append(function)
        return self._by_place.get((name, line), ())


def find_unit(namespace: "Namespace", unit: "Definition", living: "Living | None" = None) -> list[FunctionType]:
    """One live function for each code object that the definition has (more than one if it was made repeatedly)."""
    name, line, scope = unit["name"], unit["old_line"], unit["scope"]

    def fits(value: Any) -> bool:
        return isinstance(value, FunctionType) and is_definition(value.__code__, namespace, name, line)

    value = bound_value(namespace, scope, name)
    if fits(value):
        return [value]
    found = search(value, fits)
    if found is not None:
        return [found]
    codes: dict[int, FunctionType] = {}
    for function in (living or Living(namespace)).at(name, line):
        if fits(function):
            codes.setdefault(id(function.__code__), function)
    return list(codes.values()) or ([] if namespace.lines_known else _by_name(namespace, scope, name))


def is_displaced(namespace: "Namespace", unit: "Definition", function: FunctionType) -> bool:
    """Whether the definition's name holds something that the program put there, and not what came of the function."""
    value = bound_value(namespace, unit["scope"], unit["name"])
    if value is None or value is function or type(value) is MemberDescriptorType:
        # A slot: what made the class anew has the function elsewhere (a cached property of attrs).
        return False
    code = function.__code__

    def is_it(item: Any) -> bool:
        return isinstance(item, FunctionType) and item.__code__ is code

    if search(value, is_it) is not None:
        return False
    # What a class decorator derived from the class may have a function of that name, too.
    owner = find_class(namespace, unit["scope"]) if unit["scope"] else None
    name = mangled(unit["name"], unit["scope"])
    below = objects.order(owner)[1:] if owner is not None else ()
    return not any(search(cls.__dict__.get(name), is_it) for cls in below)


def _by_name(namespace: "Namespace", scope: Sequence[str], name: str) -> list[FunctionType]:
    """For a file that had changed before it was known: its lines say nothing, its names do."""
    qualified = ".".join((*scope, name))
    codes = {}

    def fits(value: Any) -> bool:
        return (
            isinstance(value, FunctionType)
            and value.__code__.co_name == name
            and value.__qualname__ == qualified
            and namespace.reads(value.__code__)
        )

    value = bound_value(namespace, scope, name)
    found = value if fits(value) else search(value, fits)
    if found is not None:
        codes[id(found.__code__)] = found
    return list(codes.values())


def is_definition(code: CodeType, namespace: "Namespace", name: str, line: int) -> bool:
    return code.co_firstlineno == line and code.co_name == name and namespace.reads(code)


def find_lambdas(namespace: "Namespace", unit: "Unit") -> list[FunctionType]:
    """The live lambdas of a statement, as far as the names that it binds or begins with lead to them."""
    lines = range(unit["old_line"], unit["old_end_line"] + 1)

    def fits(value: Any) -> bool:
        return (
            isinstance(value, FunctionType)
            and value.__code__.co_name == "<lambda>"
            and value.__code__.co_firstlineno in lines
            and namespace.reads(value.__code__)
        )

    names = dict.fromkeys(re.findall(r"\w+", unit["name"])[:_NAMES])
    values = [bound_value(namespace, unit["scope"], name) for name in names]
    found = (item for value in values for item in reachable(value, fits) if fits(item))
    return list({id(item.__code__): item for item in found}.values())


def search(start: Any, fits: Callable[[Any], bool]) -> Any:
    """Looks through wrappers (properties, partials, closures, instances) for a value; breadth first, bounded."""
    return next((value for value in reachable(start, fits) if fits(value)), None)


def reachable(start: Any, fits: Callable[[Any], bool]) -> Iterator[Any]:
    if start is None:
        return
    queue, seen = [start], {id(start)}
    while queue and len(seen) < SEARCH_LIMIT:
        value = queue.pop(0)
        yield value
        if isinstance(value, FunctionType):
            following = [value.__closure__, value.__dict__, value.__defaults__]
        elif isinstance(value, type):
            following = list(value.__dict__.values())
        elif isinstance(value, objects.Dispatched):
            following = [value.live]
        else:
            following = gc.get_referents(value)
        for item in following:
            if item is None or id(item) in seen or isinstance(item, (ModuleType, CodeType, str, int, float, bytes)):
                continue
            if isinstance(item, type) and not fits(item) and not (item is type(value) and has_own_class(value)):
                continue
            if isinstance(item, dict) and "__builtins__" in item:
                continue
            seen.add(id(item))
            queue.append(item)


def has_own_class(value: Any) -> bool:
    """Whether an object has a class of its own, which no module has: a decorator made one for the function."""
    cls = type(value)
    if not is_class(cls):
        return False
    name = cls.__qualname__
    if not cls.__flags__ & _HEAP_TYPE or "." in name:
        return False
    module: Any = sys.modules.get(cls.__dict__.get("__module__", ""))
    held = module.__dict__.get(name) if objects.is_module(module) else cls
    # The module has another version of it while a patch is made.
    return held is not cls and not (is_class(held) and held.__qualname__ == name)


def sharing(functions: Iterable[FunctionType], namespace: "Namespace") -> dict[int, list[FunctionType]]:
    """Every live function that runs code of these functions' trees, by the code's id."""
    codes = [code for function in functions for code in tree(function.__code__)]
    return {id(code): found for code, found in zip(codes, native.functions_of(codes))}
