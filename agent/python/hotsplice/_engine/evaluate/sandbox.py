"""A shadow of a module to run statements in.

It is a module object of its own whose namespace begins as a copy of the live one. What statements bind there stays
aside until the commit; the functions that they make are given the live namespace then.
"""

import ast
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from .. import frameworks
from ..errors import FormerCode, Refusal, TimeLimit, Unforeseen
from ..journal import writes
from ..live import objects
from ..live.code import compile_excerpt, find_class_body, join
from ..native import native
from . import class_reads, other_thread, reduction, syntax
from .other_thread import check_target
from .thread_locals import ThreadLocals

if TYPE_CHECKING:
    from ..journal.writes import Writes
    from ..live.lookup import Namespace
    from ..live.messages import Excerpt

# What looks for the module that calls it finds one. An excerpt has a name of its own: it is no execution of the module.
_AS_MODULE = compile("run()", "<hotsplice>", "exec", dont_inherit=True)


# What may read or assign something else than a name.
_REACHING = frozenset((ast.Attribute, ast.Subscript, ast.Call))


class Shadow:
    """A copy of a live namespace to run statements in."""

    def __init__(self, namespace: "Namespace", patched_classes: "dict[int, ClassNamespace]", writes: "Writes") -> None:
        self.namespace = namespace
        # What statements assign besides names, of all shadows of the patch.
        self.writes = writes
        # id of a live class → what was bound in it; of all shadows of the patch
        self.patched_classes = patched_classes
        self.module = ModuleType(namespace.name or "__main__")
        self.globals.clear()
        self.globals.update(namespace.globals | namespace.renamed)
        self.before = namespace.globals | namespace.renamed
        # Modules that are there already: what others hold was made by what runs for the patch.
        self.loaded = frozenset(sys.modules)
        # From 3.14 on each excerpt gives a function that makes its annotations (PEP 649).
        self.annotates: list[Callable[[int], Any]] = []
        # Classes' namespaces, by qualified path: what their statements bound.
        self.classes: dict[tuple[str, ...], ClassNamespace] = {}
        # What a statement might take and never release.
        self.locks = other_thread.locks(self.before)
        # What holds something else for each thread, of all shadows of the patch.
        self.thread_locals = ThreadLocals()
        self._holders = native.reference_count(self.module.__dict__)

    @property
    def globals(self) -> dict[str, Any]:
        return self.module.__dict__

    def forget_helpers(self) -> None:
        """Takes out what statements were given to run with here, and nowhere else."""
        class_reads.forget(self)
        writes.forget(self.globals)
        reduction.forget(self.globals)
        for seen in self.classes.values():
            # It knows all that makes the patch.
            seen.bound_later = frozenset

    def is_held(self) -> bool:
        """Whether anything that was made in the shadow may live on."""
        return native.reference_count(self.module.__dict__) != self._holders

    def classes_made(self) -> Iterator[type]:
        """The classes that were made in the shadow and have a name there."""
        known = {id(value) for value in self.before.values()}
        return (one for one in self.globals.values() if isinstance(one, type) and id(one) not in known)


def made_in(shadows: Sequence[Shadow]) -> set[int]:
    """The ids of functions and classes that were made in these."""
    return {*map(id, functions_of(shadows)), *(id(cls) for shadow in shadows for cls in shadow.classes_made())}


def functions_of(shadows: Iterable[Shadow]) -> list[FunctionType]:
    """Every live function that was made in one of these: all of them at once, for it is a pass over the heap."""
    held = [shadow.globals for shadow in shadows if shadow.is_held()]
    return native.functions_with_globals(*held) if held else []


class ClassNamespace(dict[str, Any]):
    """What a class body's statements see: what they bound themselves, then the live class."""

    def __init__(self, owner: type) -> None:
        super().__init__()
        self.owner = owner
        self.annotates: list[Callable[[int], Any]] = []
        # Gives the names that the class has only further down: the statement that runs reads the module's.
        self.bound_later: Callable[[], AbstractSet[str]] = frozenset

    def __missing__(self, name: str) -> Any:
        if name == "__annotations__":
            # Those of the statements that are run, not the live class's own.
            return self.setdefault(name, {})
        found = objects.own(self.owner)[name]
        if name in self.bound_later():
            raise KeyError(name)
        return found


def _compiled(
    excerpt: "Excerpt", shadow: "Shadow", reduced: Callable[[ast.Module], ast.Module] | None = None
) -> CodeType:
    namespace = shadow.namespace
    rewriter = frameworks.rewriter(namespace.module)
    if not shadow.patched_classes and reduced is None:
        code = compile_excerpt(excerpt, namespace.filename, rewriter)
        if not writes.are_in(code):
            return code

    def target(value: Any, text: str) -> Any:
        if isinstance(value, ClassNamespace):
            # `locals()[name] = …` binds a name.
            return value
        check_target(value, text)
        return shadow.writes.target(value, text)

    def rewritten(text: str, filename: str) -> ast.Module:
        tree = rewriter(text, filename) if rewriter else ast.parse(text, filename)
        tree = reduced(tree) if reduced else tree
        if not any(type(node) in _REACHING for node in syntax.walk(tree)):
            return tree
        made: ast.Module = writes.rewritten(class_reads.rewritten(tree, shadow), shadow.globals, target)
        return made

    return compile_excerpt(excerpt, namespace.filename, rewritten)


def run_in_module(
    excerpt: "Excerpt", shadow: "Shadow", reduced: Callable[[ast.Module], ast.Module] | None = None
) -> None:
    """Executes an excerpt in the shadow; an exception is a refusal that names its line.

    ``reduced(tree)`` takes out what need not run.
    """
    code = _compiled(excerpt, shadow, reduced)
    shadow.globals.pop("__annotate__", None)
    before = {name: shadow.globals.get(name, objects.MISSING) for name in code.co_names}
    _run(lambda: exec(code, shadow.globals), shadow)
    _check_thread(before, shadow.globals, shadow, join(excerpt))
    if "__annotate__" in shadow.globals:
        shadow.annotates.append(shadow.globals["__annotate__"])


def run_in_class(
    excerpt: "Excerpt",
    scope: Sequence[str],
    owner: type,
    shadow: "Shadow",
    reduced: Callable[[ast.Module], ast.Module] | None = None,
    bound_later: Callable[[], AbstractSet[str]] = frozenset,
) -> "ClassNamespace":
    """Executes statements of a class body as they would run in it, against the live class."""
    code = find_class_body(_compiled(excerpt, shadow, reduced), scope)
    if code is None:
        raise Refusal("HS0106", f"class {'.'.join(scope)} is not where the patch says")
    seen = shadow.classes.get(tuple(scope))
    if seen is None:
        seen = shadow.classes[tuple(scope)] = shadow.patched_classes[id(owner)] = ClassNamespace(owner)
    seen.bound_later = bound_later
    parametrized = _made(shadow, scope) or owner
    before = dict(seen)
    closure = tuple(_class_cell(name, parametrized) for name in code.co_freevars)
    if closure:
        _run(lambda: exec(code, shadow.globals, seen, closure=closure), shadow)  # type: ignore[call-arg]
    else:
        _run(lambda: exec(code, shadow.globals, seen), shadow)
    _check_thread({name: before.get(name, objects.MISSING) for name in seen}, seen, shadow, join(excerpt))
    cell = seen.pop("__classcell__", None)
    if cell is not None:
        cell.cell_contents = owner
    seen.pop("__classdictcell__", None)
    if "__annotate_func__" in seen:
        seen.annotates.append(seen.pop("__annotate_func__"))
    return seen


def _check_thread(before: dict[str, Any], names: dict[str, Any], shadow: "Shadow", text: str) -> None:
    """Refuses what the program's threads could not use."""
    bound = {name: names.get(name) for name in before}
    shadow.locks.update(other_thread.locks(bound))
    for name, value in bound.items():
        shadow.thread_locals.note_variable(value, name)
    shadow.thread_locals.check()
    other_thread.check_locks(shadow.locks)
    other_thread.check_assigned((new for _, former, new in shadow.writes.touched() if new is not former), text)
    other_thread.check_bound(before, names, shadow.loaded, text)


def _run(action: Callable[..., Any], shadow: "Shadow") -> None:
    # A namespace that the program gave to `exec` may have no name.
    around = {"run": action, **{name: shadow.globals[name] for name in ("__name__",) if name in shadow.globals}}
    guarded(lambda: exec(_AS_MODULE, around), shadow, is_foreseen=True)


def _made(shadow: "Shadow", scope: Sequence[str]) -> Any:
    """The class as the patch has made it so far, if it has: its type parameters may be others."""
    members: Any = shadow.globals
    found = None
    for name in scope:
        found = members.get(name)
        if not isinstance(found, type):
            return None
        members = found.__dict__
    return found


def _class_cell(name: str, owner: Any) -> CellType:
    if name == ".type_params":
        return CellType(owner.__type_params__)
    for parameter in getattr(owner, "__type_params__", ()):
        if parameter.__name__ == name:
            return CellType(parameter)
    return CellType()


def guarded(action: Callable[[], Any], shadow: "Shadow", what: str = "running this", is_foreseen: bool = False) -> Any:
    """What the program's code gives that is run for an edit; an exception refuses the edit."""
    if shadow.writes.is_dry_run and not is_foreseen:
        raise Unforeseen
    try:
        return native.run_program(action)
    except (TimeLimit, MemoryError, FormerCode, Refusal):
        raise
    except BaseException as error:
        raise Refusal("HS0103", describe(error, shadow.namespace, what)) from None


def describe(error: BaseException, namespace: "Namespace", what: str = "running this") -> str:
    """The exception in one line, with the line of the patched file that it came through."""
    where = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if namespace.reads(frame.f_code):
            where = f"line {line}: "
    text = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
    return f"{where}{what} raised {text}"
