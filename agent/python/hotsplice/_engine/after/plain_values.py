"""Values of a plain type that edited code has given, held where other edited code takes them for another type now.

What a variable of a call was given by a function, and what the methods of a class give its objects: text in place of a
number, a list of a dictionary, ``None`` of an object. Only what the bytecode shows without doubt is reported.
"""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import tree
from ..native import native
from . import flows, former_values, lacking, reach
from .plain_edited import Edited, code_of_old, differs_in_values, is_other, parameter_count

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from .changes import Changes

Problem = tuple[CodeType, str, str]
# How many places are named, and how many variables of calls looked at.
_NAMED, _LOOKED_AT, _ITEMS = 3, 10_000, 200
# How many functions are edited at most where any of this is asked.
_EDITED = 200
_PASSES = 10


class _Existing:
    """The objects of a class and of its subclasses: found in a pass over all that lives, and not in many."""

    def __init__(self) -> None:
        self._passes = 0
        self._known: dict[int, list[Any]] = {}

    def of(self, owner: type) -> list[Any]:
        if id(owner) not in self._known:
            self._passes += 1
            is_too_much = self._passes > _PASSES
            self._known[id(owner)] = [] if is_too_much else native.objects_of_type(*lookup.with_subclasses(owner))
        return self._known[id(owner)]


def problems(transaction: "Prepared", changes: "Changes") -> Iterator[Problem]:
    """(the former code, the code of a caveat, its words) of each function that is going to meet such a value."""
    pairs = [(function, changes.code_of(function)) for function, _ in list(changes.functions.values())]
    edited = [Edited(function, new, changes.code_of) for function, new in pairs if new is not function.__code__]
    # Of more nobody asks what each value of a running program means.
    if len(edited) > _EDITED or all(differs_in_values(one.old, one.new) for one in edited):
        return
    with reach.Reading():
        yield from _in_variables(edited)
        existing = _Existing()
        yield from _in_attributes(edited, transaction, changes, existing)
        yield from _in_containers(edited, changes, existing)
        yield from _in_cells(edited, changes)


def _in_variables(edited: list[Edited]) -> Iterator[Problem]:
    named: dict[str, list[Edited]] = {}
    takers = [one for one in edited if one.may_miss()]
    for one in takers:
        named.setdefault(one.old.co_name, []).append(one)
    making: dict[str, list[Edited]] = {}
    for one in edited if takers else ():
        name = one.old.co_name
        if (len(takers) > 1 or takers[0] is not one or name in one.old.co_names) and one.may_give_less():
            making.setdefault(name, []).append(one)
    # To find the calls is a pass over all that lives.
    if not making:
        return
    own = {id(one.old): one for one in edited}
    met: dict[tuple[int, int], tuple[Edited, Edited, int, Counter[str]]] = {}
    origins: dict[int, dict[str, list[Edited]]] = {}
    looked_at = 0
    for frame, thread in former_values.frames():
        code = frame.f_code
        # Until 3.13 looking at them costs more than looking at their names.
        if id(code) not in origins:
            origins[id(code)] = {} if making.keys().isdisjoint(code.co_names) else _origins(code, making)
        if not origins[id(code)] or looked_at > _LOOKED_AT:
            continue
        held = dict(former_values.alive(frame, thread is not None, origins[id(code)]))
        looked_at += len(held)
        for name, value in held.items():
            for maker in origins[id(code)][name]:
                moves = native.can_move() if thread is not None else native.can_move_suspended()
                mine = own.get(id(code)) if moves else None
                for taker, line in _takers(frame, name, value, maker, mine, named):
                    place = f"thread {thread}, " if thread is not None else ""
                    entry = met.setdefault((id(taker), id(maker)), (taker, maker, line, Counter()))
                    entry[3][f"{name} in {code.co_name}, {place}line {frame.f_lineno}"] += 1
    for taker, maker, line, places in met.values():
        count = sum(places.values())
        what = "1 value is held" if count == 1 else f"{count} values are held"
        where = ", ".join(sorted(places)[:_NAMED])
        message = f"{what} that the former {maker.name} has given ({where}): line {line} of the new text may not fit"
        yield taker.old, "HS0308", message


def _origins(code: CodeType, named: dict[str, list[Edited]]) -> dict[str, list[Edited]]:
    """Variables that calls of edited functions give whatever they hold."""
    steps = flows.steps_of(code)
    found: dict[str, list[Edited]] = {}
    for name in code.co_varnames[parameter_count(code) :]:
        makers: list[Edited] = []
        for at in flows.stored(steps, name):
            inner = flows.awaited(steps, at)
            at = at if inner is None else inner
            callee = flows.called(steps, at) if at >= 0 and steps[at].name.startswith("CALL") else None
            own = named.get(callee[0], []) if callee is not None else []
            own = [one for one in own if callee is not None and one.is_method() == callee[1]]
            own = [one for one in own if one.is_suspended() == (inner is not None)]
            if not own:
                break
            makers += own
        else:
            if makers:
                found[name] = makers
    return found


def _takers(
    frame: FrameType, name: str, value: Any, maker: Edited, own: Edited | None, named: dict[str, list[Edited]]
) -> Iterator[tuple[Edited, int]]:
    """Whose new code is given the value, and takes it for something else in a line."""
    kind = type(value)
    gives = maker.given()
    if any(kind is one for one in gives):
        return
    gives_other = is_other(kind, gives)
    if own is not None and name in own.new.co_varnames:
        line = own.misses(value, "local", name, name, gives_other)
        if line is not None:
            yield own, line
    codes = [flows.steps_of(frame.f_code), *([own.steps()[1]] if own is not None else [])]
    for use in {use for steps in codes for use in flows.uses(steps, "local", name)}:
        if use.what != "argument":
            continue
        callee, where, is_attribute = use.which
        for taker in named.get(callee, ()):
            before, after = (_parameter(taker, code, where, is_attribute) for code in (taker.old, taker.new))
            if taker is not maker and before is not None and after is not None:
                line = taker.misses(value, "local", before, after, gives_other)
                if line is not None:
                    yield taker, line


def _parameter(taker: Edited, code: CodeType, where: int | str, is_attribute: bool) -> str | None:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if type(where) is str:
        return where if where in names else None
    if is_attribute != taker.is_method():
        return None
    is_bound = is_attribute and type(_in_class(taker)) is not staticmethod
    position = int(where) + is_bound
    return names[position] if position < code.co_argcount else None


def _in_class(taker: Edited) -> Any:
    owner: Any = taker.function.__globals__.get(taker.name.partition(".")[0])
    return objects.own(owner).get(taker.function.__name__) if isinstance(owner, type) else None


def _in_attributes(
    edited: list[Edited], transaction: "Prepared", changes: "Changes", existing: _Existing
) -> Iterator[Problem]:
    for owner in lacking.methods_given(transaction, changes, []):
        before: dict[str, flows.Kinds] = {}
        after: dict[str, flows.Kinds] = {}
        _of_fields(before, objects.own(owner).get("__dataclass_fields__"))
        _of_fields(after, changes.attributes.get((id(owner), "__dataclass_fields__"), (None, None, None))[2])
        own = [value for cls in objects.order(owner) for value in objects.own(cls).values()]
        others = [value for cls in objects.with_subclasses(owner)[1:] for value in objects.own(cls).values()]
        for function in (*own, *others):
            file = function.__code__.co_filename if type(function) is FunctionType else "<string>"
            # What a data class makes gives the fields what these say.
            if type(function) is FunctionType and file != "<string>" and not lookup.is_installed(file):
                _add(before, flows.given_attributes(function.__code__, function.__globals__, code_of_old))
                _add(after, flows.given_attributes(changes.code_of(function), function.__globals__, changes.code_of))
        for name, given in after.items():
            lost = {one for one in before.get(name, ()) if one is not None and one not in given}
            lost = {one for one in lost if is_other(one, given)}
            takers = [one for one in edited if name in one.old.co_names and name in one.new.co_names] if lost else []
            if takers:
                yield from _met(existing.of(owner), name, lost, own, takers, changes)


def _in_cells(edited: list[Edited], changes: "Changes") -> Iterator[Problem]:
    """What functions share with the call that has made them."""
    for maker in edited:
        inner = {id(code) for code in tree(maker.old)} - {id(maker.old)}
        takers = [one for one in edited if one is not maker and id(one.old) in inner] if inner else []
        if not takers:
            continue
        globals = maker.function.__globals__
        before = flows.given_cells(maker.old, globals, code_of_old)
        after = flows.given_cells(maker.new, globals, changes.code_of)
        for name, given in after.items():
            lost = {one for one in before.get(name, ()) if one is not None and is_other(one, given)}
            for taker in takers if lost else ():
                value = _shared(taker.function, name)
                line = taker.misses(value, "local", name, name, True) if objects.is_exactly(value, *lost) else None
                if line is not None:
                    message = f"it has been made before with {type(value).__name__} in {name}"
                    yield taker.old, "HS0308", f"{message}: line {line} of the new text may not fit"


def _shared(function: FunctionType, name: str) -> Any:
    """What a variable holds that a function shares with others; nothing if it holds nothing yet."""
    for free, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            if free == name:
                return cell.cell_contents
        except ValueError:
            pass
    return None


def _of_fields(found: dict[str, flows.Kinds], fields: Any) -> None:
    for name, field in fields.items() if type(fields) is dict else ():
        # A `Field` of the standard library's, which has slots.
        factory = field.default_factory if objects.module_of(field) == "dataclasses" else None
        if type(factory) is type:
            found.setdefault(name, set()).add(factory)


def _add(found: dict[str, flows.Kinds], given: dict[str, flows.Kinds]) -> None:
    for name, kinds in given.items():
        found.setdefault(name, set()).update(kinds)


def _met(
    existing: list[Any], name: str, lost: set[type], methods: list[Any], takers: list[Edited], changes: "Changes"
) -> Iterator[Problem]:
    values = [objects.attributes(one).get(name) for one in existing]
    values = [value for value in values if objects.is_exactly(value, *lost)]
    functions = (one for one in methods if values and type(one) is FunctionType)
    giver = next((one for one in functions if name in reach.stored(changes.code_of(one))), None)
    for taker in takers if giver is not None else ():
        examples = {type(one): one for one in values}.values()
        lines = [taker.misses(value, "attribute", name, name, True) for value in examples]
        line = min((one for one in lines if one is not None), default=None)
        if line is not None and giver is not None:
            what = "1 object that exists has" if len(values) == 1 else f"{len(values)} objects that exist have"
            kinds = " or ".join(sorted({type(value).__name__ for value in values}))
            message = f"{what} {kinds} in {name}, to which {giver.__qualname__} gives another type now"
            yield taker.old, "HS0308", f"{message}: line {line} of the new text may not fit"


def _in_containers(edited: list[Edited], changes: "Changes", existing: _Existing) -> Iterator[Problem]:
    """Items of what a name of a module, or an attribute of what such a name holds, has been given."""
    # Who has filled them is looked for among all functions of the modules.
    if not any(one.may_miss_items() for one in edited):
        return
    for maker in edited:
        globals = maker.function.__globals__
        before = flows.given_items(maker.old, globals, code_of_old)
        after = flows.given_items(maker.new, globals, changes.code_of)
        for name, given in before.items():
            yield from _met_items(maker, name, given, after.get(name, set()), edited, existing)
    made = {one.old.co_name for one in edited}
    for maker in _putting(made, {id(one.function) for one in edited}, edited):
        globals = maker.function.__globals__
        before = flows.given_items(maker.old, globals, code_of_old)
        after = flows.given_items(maker.old, globals, changes.code_of)
        for name, given in before.items():
            yield from _met_items(maker, name, given, after.get(name, set()), edited, existing)


def _putting(made: set[str], known: set[int], edited: list[Edited]) -> Iterator[Edited]:
    """Unedited functions beside the edited ones that name one of these."""
    spaces = {id(one.function.__globals__): one.function.__globals__ for one in edited}
    for globals in spaces.values():
        for value in list(globals.values()):
            own = [value] if type(value) is FunctionType else []
            if objects.is_class(value) and objects.module_of(value) == globals.get("__name__"):
                own = [one for one in objects.own(value).values() if type(one) is FunctionType]
            for function in own:
                is_named = id(function) not in known and not made.isdisjoint(function.__code__.co_names)
                if is_named and function.__globals__ is globals:
                    yield Edited(function, function.__code__, code_of_old)


def _met_items(
    maker: Edited, name: str, before: flows.Kinds, after: flows.Kinds, edited: list[Edited], existing: _Existing
) -> Iterator[Problem]:
    lost = {one for one in before - after if one is not None}
    takers = [one for one in edited if one is not maker and name in (*one.new.co_names, *one.new.co_varnames)]
    if not lost or not takers:
        return
    items = [item for item in _items(maker, name, existing) if objects.is_exactly(item, *lost)]
    for taker in takers if items else ():
        examples = {type(one): one for one in items}.values()
        lines = [taker.misses(value, "item", name, name, is_other(type(value), after)) for value in examples]
        line = min((one for one in lines if one is not None), default=None)
        if line is not None:
            what = "1 value is held" if len(items) == 1 else f"{len(items)} values are held"
            message = f"{what} that the former {maker.name} has given ({name})"
            yield taker.old, "HS0308", f"{message}: line {line} of the new text may not fit"


def _items(maker: Edited, name: str, existing: _Existing) -> list[Any]:
    """What is in the container of that name: of the module, or of what names of the module hold."""
    globals = maker.function.__globals__
    held = [globals[name]] if name in globals else []
    owner: Any = globals.get(maker.name.partition(".")[0]) if maker.is_method() else None
    if isinstance(owner, type):
        held += [objects.attributes(one)[name] for one in existing.of(owner) if name in objects.attributes(one)]
    found: list[Any] = []
    for container in held[:_LOOKED_AT]:
        inner = objects.attributes(container).get("queue", objects.attributes(container).get("_queue"))
        container = inner if objects.is_exactly(inner, list, deque) else container
        if objects.is_exactly(container, list, tuple, set, frozenset, deque):
            found += islice(container, _ITEMS)
        elif type(container) is dict:
            found += islice(container.values(), _ITEMS)
    return found
