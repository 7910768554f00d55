"""New code for live functions: all that share a definition's code get the new one, their cells matched by name."""

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..live import calls, lookup, objects
from ..live.code import docstring, pair, tree
from ..native import native
from . import code_tables, conform, defaults, left_behind

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome, Plan
    from ..journal.views import ChangedCode, Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Edit, Unit
    from .merging import Merger


class CodeChange:
    """One definition's new code in one namespace, and the live functions that it goes to."""

    def __init__(
        self,
        unit: "Unit",
        namespace: "Namespace",
        live: list[FunctionType],
        new_code: CodeType,
        unaccounted: Any,
        counted_at: int | None,
    ) -> None:
        self.unit = unit
        self.namespace = namespace
        # References to the code and to what is nested in it that are not those of `live`: by the code's id, how many.
        self.unaccounted = unaccounted
        # The number of switches between threads at that time.
        self.counted_at = counted_at
        # Whether other functions than `live` may run this code or what is nested in it.
        self.shared = bool(unaccounted) or len(live) > 1
        # One function for each old code object.
        self.live = live
        self.new_code = new_code
        # id of an old code object → (old, new), nested ones included.
        self.pairs: dict[int, tuple[CodeType, CodeType]] = {}
        for function in live:
            for old, new in pair(function.__code__, new_code):
                self.pairs[id(old)] = (old, new)
                # Before the first call of it: nothing of the patch has been executed.
                native.match_room(old, new)
        self.roots = {id(function.__code__) for function in live}
        # Every live function that runs the definition itself, filled by `plan`.
        self.functions: list[FunctionType] = []
        # What `native.Retired` takes, filled by `plan`.
        self.replaced: list[tuple[CodeType, CodeType, Any, tuple[str | None, str | None] | None]] = []
        # How many live functions lack a variable, by its name; filled by `plan`.
        self.lacking: dict[str, int] = {}
        # Those of each function by its name.
        self.lacked_by: dict[str, dict[str, int]] = {}
        # The ids of those functions.
        self.without_variable: set[int] = set()

    @property
    def owner(self) -> Any:
        """The class that the definition stands in, live."""
        return lookup.find_class(self.namespace, self.unit["scope"]) if self.unit["scope"] else None

    def running_now(self) -> Collection[CodeType]:
        """The codes of the live functions after the commit: their own where only a default changed."""
        codes = [function.__code__ for function in self.functions if isinstance(function, FunctionType)]
        # Inside of what a decorator made of a function is the new one.
        return {id(code): code for code in codes}.values() or (self.new_code,)


def plan(changes: "list[CodeChange]", file_change: "FileChange", plan: "Plan") -> None:
    """Adds the operations that give every sharing function its new code."""
    codes = [old for change in changes if change.shared for old, _ in change.pairs.values()]
    by_code, held_by_calls, groups = code_tables.runners(codes)
    if changes and groups is not None:
        # A suspended call refers to its code: where all references are accounted for, there is none.
        looked_at = [old for change in changes for old, _ in change.pairs.values()]
        plan.seen.append(calls.Seen(looked_at, groups, changes[0].counted_at))
    for change in changes:
        if not change.shared:
            by_code[id(change.live[0].__code__)] = change.live
    left_codes, left_functions = _left_behind(changes)
    for change in changes:
        lacking = change.lacking
        owner = change.owner
        for key, (old, new) in change.pairs.items():
            functions = by_code.get(key, ())
            if key in change.roots:
                change.functions.extend(functions)
            former = left_codes.get(key, [])
            if old == new:
                # Closures keep theirs, and only the function around them has this one.
                is_kept = key not in change.roots and bool(functions or change.unaccounted.get(key))
                plan.afterwards.append(partial(left_behind.keep, new, [*former, old] if is_kept else former))
                continue
            staying = []
            for code in (old, *former):
                texts = docstring(code), docstring(new)
                change.replaced.append((code, new, owner, None if texts[0] == texts[1] else texts))
            for function in (*functions, *left_functions.get(key, ())):
                parts, missing = new_parts(function, function.__code__, new, owner)
                if missing:
                    staying.append(function.__code__)
                    change.without_variable.add(id(function))
                    own = change.lacked_by.setdefault(old.co_name, {})
                    for name in missing:
                        lacking[name] = lacking.get(name, 0) + 1
                        own[name] = own.get(name, 0) + 1
                else:
                    plan.function(function, **parts)
            if staying:
                plan.afterwards.append(partial(left_behind.keep, new, staying))
        if change.replaced:
            file_change.retired.extend((old, change.unit) for old, *_ in change.replaced)
        edited = {_edited_inside(outcome) for outcome in file_change.outcomes_of(change.unit)}
        for outcome in file_change.outcomes_of(change.unit):
            inside = _edited_inside(outcome)
            for function, lacked in change.lacked_by.items():
                # Two functions of one may be edited, of which one lacks something.
                for name, count in lacked.items() if inside in (None, function) or function not in edited else ():
                    say_lacking(outcome, name, count)
            _follow_made_before(outcome, change, (by_code, left_functions), plan)
            outcome.applied()
        _say_lost(change, file_change)
        _follow_wrappers(change, plan)
    held = code_tables.held_elsewhere(changes, by_code, held_by_calls)
    code_tables.follow(changes, file_change, held, plan)
    conform.follow(changes, held, plan)


def _edited_inside(outcome: "EditOutcome") -> str | None:
    """The function that is edited, if it is one that another one makes."""
    outer, _, name = outcome.edit["definition"].rpartition(".<locals>.")
    return name.rpartition(".")[2] if outer else None


def _left_behind(changes: "list[CodeChange]") -> tuple[dict[int, list[CodeType]], dict[int, list[FunctionType]]]:
    """What closures run that have not the code which was live until now, and those closures, by that code's id."""
    codes = {key: left_behind.of(old) for change in changes for key, (old, _) in change.pairs.items()}
    codes = {key: former for key, former in codes.items() if former}
    each = [(key, code) for key, former in codes.items() for code in former]
    functions: dict[int, list[FunctionType]] = {}
    for (key, _), found in zip(each, native.functions_of([code for _, code in each]) if each else ()):
        functions.setdefault(key, []).extend(found)
    return codes, functions


def _say_lost(change: CodeChange, file_change: "FileChange") -> None:
    """Functions that it has made, and whose text is gone from it or is another kind of function now."""
    codes = {id(code): code for function in change.live for code in tree(function.__code__)}
    lost = [code for key, code in codes.items() if key not in change.pairs and change.unaccounted.get(key)]
    for code, functions in zip(lost, native.functions_of(lost) if lost else ()):
        for outcome in file_change.outcomes_of(change.unit) if functions else ():
            count = "1 function keeps" if len(functions) == 1 else f"{len(functions)} functions keep"
            outcome.caveat(
                "HS0301",
                f"{count} the old code: {change.unit['name']} made them and has no such {code.co_name} any more",
            )


def follow_made_again(transaction: "Prepared") -> None:
    """Closures that lack a variable of the new code and that decorators made again, variables and all."""
    given = {id(one[1]) for one in transaction.plan.operations if one[0] == "function" and "code" in one[2]}
    for file_change in transaction.files:
        for change in (one for several in file_change.code_changes.values() for one in several):
            if change.without_variable and change.without_variable <= given:
                change.lacking.clear()
                for outcome in file_change.outcomes_of(change.unit):
                    outcome.retract("HS0301")


def leave(change: "ChangedCode", functions: Iterable[FunctionType], plan: "Plan") -> None:
    """Functions that go on as they are: who holds them calls them with other arguments than the new ones take."""
    ids = {id(function) for function in functions}
    plan.operations[:] = [one for one in plan.operations if one[0] != "function" or id(one[1]) not in ids]
    codes = {id(function.__code__) for function in change.functions if id(function) in ids}
    change.replaced[:] = [one for one in change.replaced if id(one[0]) not in codes]
    change.functions[:] = [function for function in change.functions if id(function) not in ids]


def say_lacking(outcome: "EditOutcome", name: str, count: int) -> None:
    closures = "1 live closure keeps" if count == 1 else f"{count} live closures keep"
    outcome.caveat(
        "HS0301",
        f"{closures} the old code: they were made before the patch, without the variable {name!r}; "
        "later ones have the new code",
    )


def say_swept(file_change: "FileChange", lacking: Iterable[tuple[int, str]]) -> None:
    """What the sweep at the commit left: ``lacking`` are ids of old codes, each with a variable that one lacks."""
    counts = Counter(lacking)
    for change in (item for items in file_change.code_changes.values() for item in items):
        codes = {id(old) for old, *_ in change.replaced}
        for (code, name), count in counts.items():
            if code in codes and name not in change.lacking:
                for outcome in file_change.outcomes_of(change.unit):
                    say_lacking(outcome, name, count)


def _follow_made_before(
    outcome: "EditOutcome", change: "CodeChange", live: Iterable[dict[int, list[FunctionType]]], plan: "Plan"
) -> None:
    """Defaults of a nested function, and a class made in a function, come of running the outer one."""
    edit = outcome.edit
    if "<locals>" not in edit["scope"]:
        return
    name = edit["definition"]
    if edit["what"] == "class":
        classes = lookup.with_subclasses(object)
        if any(lookup.is_own_class(item, change.namespace, name) for item in classes):
            outcome.caveat(
                "HS0307", f"{name} is made anew by each call; classes made before have new code in their methods only"
            )
    elif {"defaults", "annotations", "decorators"} & set(edit["parts"]):
        last = name.rpartition(".")[2]
        made = [
            (function, new)
            for key, (_, new) in change.pairs.items()
            if key not in change.roots and new.co_name == last and new.co_firstlineno == edit["line"]
            for functions in live
            for function in functions.get(key, ())
        ]
        lacking = [function for function, new in made if not _give_defaults(function, new, edit, plan)]
        if lacking or (made and {"annotations", "decorators"} & set(edit["parts"])):
            outcome.caveat(
                "HS0302",
                f"{last} gets its defaults, annotations and decorators when the function around it runs: "
                "what was made before keeps its own",
            )


def _give_defaults(function: FunctionType, new: CodeType, edit: "Edit", plan: "Plan") -> bool:
    """New defaults that are literals go to functions made before; answers whether those were all."""
    parts = defaults.from_text(function, new, edit)
    if parts is None:
        return False
    plan.function(function, defaults=parts[0], kwdefaults=parts[1])
    return True


def new_parts(function: FunctionType, old: CodeType, new: CodeType, owner: Any) -> tuple[dict[str, Any], list[str]]:
    """The parts of a function that new code changes, and the free variables that it has no cell for."""
    parts: dict[str, Any] = {"code": new}
    missing = []
    if old.co_freevars != new.co_freevars:
        cells = dict(zip(old.co_freevars, function.__closure__ or ()))
        closure = []
        for name in new.co_freevars:
            cell = cells.get(name) or _known_cell(name, function, owner)
            if cell is None:
                missing.append(name)
            else:
                closure.append(cell)
        parts["closure"] = tuple(closure) or None
    before, after = docstring(old), docstring(new)
    if before != after and function.__doc__ == before:
        parts["doc"] = after
    if old.co_name != new.co_name and function.__name__ == old.co_name:
        parts["name"] = new.co_name
    return parts, missing


def _known_cell(name: str, function: FunctionType, owner: Any) -> CellType | None:
    """A cell that can be made anew: the class of a method, or a type parameter."""
    if owner is not None and name == "__class__":
        return CellType(owner)
    if owner is not None and name == "__classdict__":
        return CellType(owner.__dict__)
    for holder in (function, owner):
        for parameter in getattr(holder, "__type_params__", ()):
            if parameter.__name__ == name:
                return CellType(parameter)
    return None


def _follow_wrappers(change: "CodeChange", plan: "Plan") -> None:
    """What ``functools.wraps`` and ``property`` copied from the function follows it while it is still the copy."""
    unit = change.unit
    value = lookup.bound_value(change.namespace, unit["scope"], unit["name"])
    for function in change.live:
        before, after = docstring(function.__code__), docstring(change.new_code)
        if before == after:
            continue
        wrapper = value
        for _ in range(20):
            if wrapper is None or wrapper is function:
                break
            if isinstance(wrapper, property):
                if wrapper.fget is function and wrapper.__doc__ == before:
                    plan.add("setattr", wrapper, "__doc__", after)
                break
            if isinstance(wrapper, (staticmethod, classmethod)):
                wrapper = wrapper.__func__
                continue
            attributes = objects.attributes(wrapper)
            if "__wrapped__" not in attributes:
                break
            if isinstance(wrapper, FunctionType) and wrapper.__doc__ == before:
                plan.function(wrapper, doc=after)
            elif "__doc__" in attributes and attributes["__doc__"] == before:
                plan.add("setattr", wrapper, "__doc__", after)
            wrapper = attributes["__wrapped__"]


def take_made(merger: "Merger", made: list[FunctionType]) -> None:
    """Gives functions that were made in the shadow their live namespace; last of all."""
    builtins = merger.namespace.globals.get("__builtins__")
    builtins = builtins.__dict__ if isinstance(builtins, ModuleType) else builtins
    for function in made:
        parts = {"globals": merger.namespace.globals}
        if isinstance(builtins, dict) and merger.shadow.globals.get("__builtins__") is not builtins:
            parts["builtins"] = builtins
        merger.plan.function(function, **parts)
