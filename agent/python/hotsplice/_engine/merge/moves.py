"""Right line numbers for definitions that only moved: their code stays, its first line changes in place."""

from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from ..live import lookup
from ..live.code import pair, tree
from ..native import native
from . import code_tables, left_behind

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.plan import Plan
    from ..live.lookup import Namespace
    from ..live.messages import Unit


def plan_moves(file_change: "FileChange", namespace: "Namespace", plan: "Plan") -> list[str]:
    """Answers the names of functions whose lines have to stay as they are."""
    moved: list[tuple[FunctionType, int]] = []
    to_come: list[Unit] = []
    living = lookup.Living(namespace)
    for unit in file_change.moves:
        shift = unit["line"] - unit["old_line"]
        if unit["what"] == "class":
            owner = lookup.find_class(namespace, (*unit["scope"], unit["name"]))
            if owner is not None and owner.__dict__.get("__firstlineno__") == unit["old_line"]:
                plan.set_class_attribute(owner, "__firstlineno__", unit["line"])
            continue
        is_function = unit["what"] == "function"
        found = lookup.find_unit(namespace, unit, living) if is_function else list(lookup.find_lambdas(namespace, unit))
        moved.extend((function, shift) for function in found)
        if not found:
            to_come.append(unit)
    live = {id(change.unit) for change in file_change.code_changes.get(id(namespace), ())}
    to_come += [unit for unit in file_change.units if id(unit) not in live]
    _move_what_is_to_come(file_change.holders, to_come, namespace, plan)
    if not moved:
        return []
    tables = code_tables.Tables(_suspects([function for function, _ in moved], file_change.holders))
    if not native.can_set_first_line():
        _exchange(moved, tables, plan)
        return []
    tables.forget_lines(plan)
    staying = []
    for function, shift in moved:
        codes = list(tree(function.__code__))
        if any(id(code) in tables.fixed for code in codes):
            staying.append(function.__qualname__)
            continue
        for code in codes:
            plan.add("first-line", code, code.co_firstlineno + shift)
    tables.rehash(plan)
    return staying


def _move_what_is_to_come(holders: list[CodeType], units: "list[Unit]", namespace: "Namespace", plan: "Plan") -> None:
    """A script that runs makes functions yet, of the code that it began with.

    Later patches find them by the lines of the text that is live then.
    """
    shifts: dict[int, int] = {}
    inside = [code for holder in holders for code in tree(holder)] if units else []
    for unit in units:
        shift = unit["line"] - unit["old_line"]
        name, last = unit["name"], unit["old_line"]
        if unit["what"] != "function":
            name, last = "<lambda>", unit["old_end_line"]
        for code in inside:
            if code.co_name == name and unit["old_line"] <= code.co_firstlineno <= last and namespace.reads(code):
                shifts[id(code)] = shift
    for holder in inside:
        for place, code in enumerate(holder.co_consts):
            shift = shifts.get(id(code), 0) if type(code) is CodeType else 0
            if shift and native.can_set_first_line():
                for one in tree(code):
                    plan.add("first-line", one, one.co_firstlineno + shift)
            elif shift:
                plan.add("tuple", holder.co_consts, place, relocated(code, shift))


def _suspects(functions: list[FunctionType], holders: list[CodeType]) -> list[CodeType]:
    """The codes that something may have as a key: they have more references than functions and calls account for."""
    counts = native.unaccounted(functions, holders)
    if not any(counts):
        return []
    inside = code_tables.calls_inside()
    return [
        code
        for function, more in zip(functions, counts)
        for code in (tree(function.__code__) if more else ())
        if more.get(id(code), 0) > inside[id(code)]
    ]


def _exchange(moved: list[tuple[FunctionType, int]], tables: code_tables.Tables, plan: "Plan") -> None:
    """Where the interpreter has lines elsewhere too, functions get copies of their code."""
    pairs = [both for function, shift in moved for both in pair(function.__code__, relocated(function.__code__, shift))]
    for (_, new), functions in zip(pairs, native.functions_of([old for old, _ in pairs])):
        for function in functions:
            plan.function(function, code=new)
    for old, new in pairs:
        plan.afterwards.append(partial(left_behind.keep, new, left_behind.of(old)))
    tables.move({id(old): new for old, new in pairs}, plan)


def relocated(code: CodeType, shift: int) -> CodeType:
    """A copy of a code object, and of what is nested in it, that starts ``shift`` lines further down."""
    constants = tuple(
        relocated(constant, shift) if isinstance(constant, CodeType) else constant for constant in code.co_consts
    )
    return code.replace(co_firstlineno=code.co_firstlineno + shift, co_consts=constants)
