"""Objects made before a patch are given what their constructor sets now, or it is said what they lack."""

import dis
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import lookup, objects
from ..live.code import set_on_first
from ..native import native
from . import constructed
from .existing import Instances

if TYPE_CHECKING:
    from ..evaluate.sandbox import Shadow
    from ..journal.file_change import FileChange
    from ..journal.plan import EditOutcome, Plan
    from ..journal.views import Prepared
    from ..live.lookup import Namespace
    from ..live.messages import Edit
    from .merging import Merger


def follow(transaction: "Prepared", shadows: "dict[int, Shadow]", given: list[tuple[Any, Any]]) -> None:
    """``given``: objects, with those that lend them what they hold."""
    instances = Instances(transaction, given)
    for change in transaction.files:
        for outcome in change.outcomes:
            if outcome.edit["what"] == "function" and outcome.edit["change"] in ("added", "changed"):
                for namespace in change.namespaces:
                    _say_made_before(transaction.plan, namespace, outcome)
            if outcome.edit["what"] == "class" and "bases" in outcome.edit["parts"]:
                for namespace in change.namespaces:
                    _say_new_bases(transaction.plan, namespace, outcome, instances)
            for namespace in change.namespaces if outcome.edit["change"] == "added" else ():
                _say_hidden(transaction.plan, change, namespace, outcome)
                _say_not_set(transaction.plan, change, namespace, outcome)
            if not outcome.edit.get("attributes") or "<locals>" in outcome.edit["scope"]:
                continue
            for namespace in change.namespaces:
                shadow = shadows.get(id(namespace))
                names = namespace.globals if shadow is None else shadow.globals
                _give(transaction.plan, change, namespace, names, outcome, instances)


def follow_moved(mergers: "list[Merger]") -> None:
    """Objects of classes that come from another file were made by the constructors that those had there."""
    for merger in mergers:
        for name, live in merger.moved.items():
            made = merger.shadow.globals.get(name)
            if not (isinstance(live, type) and isinstance(made, type)):
                continue
            # What a dataclass gives its fields goes by these.
            has_own = "__init__" in made.__dict__ and "__dataclass_fields__" not in made.__dict__
            names = _set_in([made]) - _set_in([live]) if has_own else set()
            instances = native.objects_of_type(*lookup.with_subclasses(live)) if names else []
            names = {one for one in names if not any(one in cls.__dict__ for cls in made.__mro__)}
            lacking = {one: sum(not _has(instance, one) for instance in instances) for one in sorted(names)}
            lacking = {one: count for one, count in lacking.items() if count}
            _say_lacking(merger.bound[name], lacking, "__init__")


def say_other_fields(live: Any, made: Any) -> str | None:
    """What is to be said of tuples that were made with other fields than their class has now, if there are any."""
    before = getattr(live, "_fields", ())
    after = next((cls.__dict__["_fields"] for cls in made.__mro__ if "_fields" in cls.__dict__), ())
    if not (issubclass(live, tuple) and isinstance(before, tuple) and isinstance(after, tuple)) or before == after:
        return None
    moved = any(name in after and after.index(name) != index for index, name in enumerate(before))
    if len(before) == len(after) and not moved:
        # The values have other names now, as in a process in which they were made by position.
        return None
    count = len(native.objects_of_type(*lookup.with_subclasses(live)))
    if not count:
        return None
    tuples = f"1 existing {live.__qualname__} was" if count == 1 else f"{count} existing {live.__qualname__}s were"
    given, wanted = ", ".join(before) or "no fields", ", ".join(after) or "no fields"
    return f"{tuples} made with {given}, and the class has {wanted} now: make them again before they are used"


def _say_made_before(plan: "Plan", namespace: "Namespace", outcome: "EditOutcome") -> None:
    edit = outcome.edit
    name = edit["definition"].rpartition(".")[2]
    hooks = ("__init_subclass__", "__new__", "__init__", "__prepare__", "__set_name__")
    if name not in hooks or "<locals>" in edit["scope"]:
        return
    if edit["change"] == "changed" and not {"body", "defaults", "parameters"} & set(edit["parts"]):
        return
    owner = lookup.find_class(namespace, edit["scope"])
    if owner is None:
        return
    if name == "__set_name__":
        count = len(native.objects_of_type(*lookup.with_subclasses(owner)))
        if count and not issubclass(owner, type):
            objects_ = "1 existing object was" if count == 1 else f"{count} existing objects were"
            outcome.caveat("HS0403", f"{objects_} given a name before: {name} does not run again for them")
        return
    if name == "__init_subclass__":
        # Those that the patch makes again had the new one run.
        again = {(cls.__module__, cls.__qualname__) for cls in plan.discarded}
        below = lookup.with_subclasses(owner)[1:]
        made = sum((cls.__module__, cls.__qualname__) not in again for cls in below)
    elif issubclass(owner, type):
        made = len(native.objects_of_type(*lookup.with_subclasses(owner)))
    else:
        return
    if made:
        classes = "1 existing class was" if made == 1 else f"{made} existing classes were"
        outcome.caveat("HS0403", f"{classes} made before: {name} does not run again for them")


def _say_hidden(plan: "Plan", change: "FileChange", namespace: "Namespace", outcome: "EditOutcome") -> None:
    """An attribute that the constructor had set and that the class has now: objects that exist have their own."""
    edit = outcome.edit
    if edit["what"] not in ("assignment", "function") or not edit["scope"] or "<locals>" in edit["scope"]:
        return
    constructors = [
        one.edit
        for one in change.outcomes
        if one.edit["scope"] == edit["scope"] and one.edit["binds"] == ["__init__"] and one.edit["what"] == "function"
    ]
    gone = [constructed.renamed(change, one) for one in constructors]
    lost = {name for renamed, left in gone for name in (*renamed.values(), *left)} & set(edit["binds"])
    lost -= {one[2] for one in plan.operations if one[0] == "type-set" and hasattr(type(one[3]), "__set__")}
    owner = lookup.find_class(namespace, edit["scope"]) if lost else None
    instances = native.objects_of_type(*lookup.with_subclasses(owner)) if owner is not None else []
    held = sorted(name for name in lost if any(name in objects.attributes(one) for one in instances))
    if held:
        outcome.caveat(
            "HS0503",
            f"existing instances still hold {', '.join(held)} of their own, as the constructor set it: it comes first",
        )


def _say_not_set(plan: "Plan", change: "FileChange", namespace: "Namespace", outcome: "EditOutcome") -> None:
    """An attribute that the constructor sets through a property now: objects that exist have it as it was."""
    edit = outcome.edit
    owner = lookup.find_class(namespace, edit["scope"]) if edit["what"] == "function" and edit["scope"] else None
    if owner is None or "<locals>" in edit["scope"]:
        return
    set_ = [one for one in plan.operations if one[0] == "type-set" and one[1] is owner and one[2] in edit["binds"]]
    name = set_[-1][2] if set_ and type(set_[-1][3]) is property and set_[-1][3].fset is not None else None
    if name is None or any(name in cls.__dict__ for cls in owner.__mro__):
        return
    own = [one.edit for one in change.outcomes if one.edit["scope"] == edit["scope"]]
    constructors = [one for one in own if one["binds"] == ["__init__"] and one["change"] != "removed"]
    lines = change.text.split("\n")
    texts = ["\n".join(lines[one["line"] - 1 : one["end_line"]]) for one in constructors]
    sets = {one for text in texts for one in constructed.assigned(text)} if texts else _set_in(owner.__mro__)
    instances = native.objects_of_type(*lookup.with_subclasses(owner)) if name in sets else []
    count = sum(name in objects.attributes(one) for one in instances)
    # The setter follows as an edit of its own.
    if count and not any(one.code == "HS0503" for one in change.outcomes if one.edit["binds"] == [name]):
        held = f"1 existing instance holds {name} of its own"
        if count > 1:
            held = f"{count} existing instances hold {name} of their own"
        outcome.caveat("HS0503", f"{held}, which the property hides: its setter does not run for what is there")


def _say_new_bases(plan: "Plan", namespace: "Namespace", outcome: "EditOutcome", known: Instances) -> None:
    """What the constructors of bases that a class had not before set on each object."""
    owner = lookup.find_class(namespace, (*outcome.edit["scope"], *outcome.edit["binds"]))
    planned = [one for one in plan.operations if one[0] == "bases" and one[1] is owner]
    instances = known.of(owner) if planned else []
    if not instances:
        return
    bases = {id(cls): cls for base in planned[-1][2] for cls in base.__mro__}
    constructors = [
        cls.__dict__[name]
        for cls in bases.values()
        if all(cls is not one for one in owner.__mro__)
        for name in ("__init__", "__post_init__")
        if isinstance(cls.__dict__.get(name), FunctionType)
    ]
    names = {name for constructor in constructors for name in set_on_first(constructor.__code__)}
    inherited = {
        name for cls in bases.values() for name, value in cls.__dict__.items() if not hasattr(type(value), "__set__")
    }
    lacking = {}
    for name in sorted(names - inherited):
        count = sum(not (_has(one, name) or _is_described(one, name)) for one in instances)
        if count:
            lacking[name] = count
    _say_lacking(outcome, lacking, "the constructor of a new base")
    _say_left(outcome, owner, bases, instances)


def _say_left(outcome: "EditOutcome", owner: type, bases: dict[int, type], instances: list[Any]) -> None:
    """What the constructors of bases that go had set on each object, and no other one sets."""
    stay = {**{id(cls): cls for cls in owner.__mro__ if id(cls) in bases or cls is owner}, **bases}
    gone = [cls for cls in owner.__mro__ if id(cls) not in stay]
    names = _set_in(gone) - _set_in(stay.values())
    left = sorted(name for name in names if any(name in objects.attributes(one) for one in instances))
    if left:
        outcome.caveat(
            "HS0503",
            f"existing instances still hold {', '.join(left)}, which the constructor of a base that is gone had set: "
            "new ones do not have it",
        )


def _set_in(classes: Iterable[type]) -> set[str]:
    constructors = (cls.__dict__.get(name) for cls in classes for name in ("__init__", "__post_init__"))
    return {name for one in constructors if isinstance(one, FunctionType) for name in set_on_first(one.__code__)}


def _give(
    plan: "Plan",
    change: "FileChange",
    namespace: "Namespace",
    names: dict[str, Any],
    outcome: "EditOutcome",
    existing: Instances,
) -> None:
    edit = outcome.edit
    owner = lookup.find_class(namespace, edit["scope"])
    if owner is None:
        return
    renamed, lost = constructed.renamed(change, edit)
    for name, former in renamed.items():
        plan.note_renamed_field(owner, lookup.mangled(former, edit["scope"]), lookup.mangled(name, edit["scope"]))
    if not (instances := existing.of(owner)):
        return
    own, known, unknown = _parameters(plan, owner, edit["binds"][0])
    given, lacking, moved = dict[str, int](), dict[str, int](), dict[str, int]()
    gone = _members_gone(change, edit)
    for attribute in edit["attributes"]:
        name = lookup.mangled(attribute["name"], edit["scope"])
        former = lookup.mangled(renamed.get(attribute["name"], name), edit["scope"])
        value_of = _compiled(attribute["value"], unknown)
        # What a function in the expression reads when it is called is of its object alone.
        is_alone = value_of is not None and not any(issubclass(type(one), CodeType) for one in value_of.co_consts)
        shared = {**names, **known} if is_alone else None
        for instance in instances:
            if _has(instance, name) or existing.is_given(instance, name):
                continue
            is_taken = attribute["name"] not in gone and _is_described(instance, name)
            if former != name and _has(instance, former) and not is_taken:
                plan.add("attribute-set", instance, name, _held(instance, former))
                moved[f"{name} from {former}"] = moved.get(f"{name} from {former}", 0) + 1
                continue
            try:
                if value_of is None or _is_described(instance, name):
                    raise AttributeError(name)
                if shared is None:
                    value = eval(value_of, {**names, **known, own: instance})
                else:
                    value = eval(value_of, shared, {own: instance})
            except Exception:
                lacking[name] = lacking.get(name, 0) + 1
            else:
                plan.add("attribute-set", instance, name, value)
                given[name] = given.get(name, 0) + 1
    constructor = edit["binds"][0]
    for count, several in _by_count(given):
        objects = "1 existing instance was" if count == 1 else f"{count} existing instances were"
        outcome.note("applied", "HS0506", f"{objects} given {several} as {constructor} sets it now")
    for count, several in _by_count(moved):
        objects = "1 existing instance has" if count == 1 else f"{count} existing instances have"
        outcome.note("applied", "HS0506", f"{objects} {several}, as {constructor} names it now")
    _say_lacking(outcome, lacking, constructor)
    left = [lookup.mangled(name, edit["scope"]) for name in lost] if given else []
    left = [name for name in left if any(_has(instance, name) for instance in instances)]
    if left:
        outcome.caveat(
            "HS0503",
            f"existing instances still hold {', '.join(left)}, which {constructor} sets no more: nothing of it is in "
            "what they were given",
        )


def _members_gone(change: "FileChange", edit: "Edit") -> set[str]:
    """Members of the constructor's class that the text has no more: a property that is an attribute now."""
    edits = (one.edit for one in change.outcomes if one.edit["change"] == "removed")
    gone = {name for one in edits if one["scope"] == edit["scope"] for name in one["binds"]}
    return gone - {name for one in change.outcomes if one.edit["change"] != "removed" for name in one.edit["binds"]}


def _say_lacking(outcome: "EditOutcome", lacking: dict[str, int], constructor: str) -> None:
    for count, names in _by_count(lacking):
        objects = "1 existing instance lacks" if count == 1 else f"{count} existing instances lack"
        outcome.caveat("HS0503", f"{objects} {names}: {constructor} does not run again for them")


def _held(instance: Any, name: str) -> Any:
    own = lookup.members(instance)
    return own[name] if name in own else _in_class(instance, name).__get__(instance)


def _by_count(counts: dict[str, int]) -> list[tuple[int, str]]:
    together: dict[int, list[str]] = {}
    for name, count in counts.items():
        together.setdefault(count, []).append(name)
    return [(count, ", ".join(names)) for count, names in together.items()]


def _compiled(text: str | None, unknown: set[str]) -> CodeType | None:
    """The code of an expression; nothing if there is none, or if it asks for a parameter that is not known."""
    if text is None:
        return None
    # In parentheses, because it may have several lines.
    code = compile(f"({text}\n)", "<patch>", "eval", dont_inherit=True)
    read = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_NAME"}
    return None if unknown & read else code


def _has(instance: Any, name: str) -> bool:
    """Whether the object itself has the attribute; no property is asked."""
    if name in objects.attributes(instance):
        return True
    member = _in_class(instance, name)
    try:
        return type(member).__name__ == "member_descriptor" and member.__get__(instance) is not None
    except AttributeError:
        return False


def _is_described(instance: Any, name: str) -> bool:
    """Whether a property or the like, which is no slot, takes the value."""
    member = _in_class(instance, name)
    return hasattr(type(member), "__set__") and type(member).__name__ != "member_descriptor"


def _in_class(instance: Any, name: str) -> Any:
    return next((cls.__dict__[name] for cls in type(instance).__mro__ if name in cls.__dict__), None)


def _parameters(plan: "Plan", owner: Any, name: str) -> tuple[str, dict[str, Any], set[str]]:
    """The first parameter's name, the defaults of those that are new, and the names of the others.

    What the objects were made with is not known: only a parameter that is new had its default for certain.
    """
    live, new = _plain(getattr(owner, name, None)), _plain(owner.__dict__.get(name))
    for operation in plan.operations:
        if operation[0] == "type-set" and operation[1] is owner and operation[2] == name:
            new = _plain(operation[3])
    if new is None:
        return "self", {}, set()
    code, positional, keyword = new.__code__, new.__defaults__, new.__kwdefaults__
    before = _named(live.__code__) if live is not None else ()
    for operation in plan.operations:
        if operation[0] == "function" and operation[1] is new:
            code = operation[2].get("code", code)
            positional = operation[2].get("defaults", positional)
            keyword = operation[2].get("kwdefaults", keyword)
    names = code.co_varnames[: code.co_argcount]
    defaults = {**dict(zip(reversed(names), reversed(positional or ()), strict=False)), **(keyword or {})}
    known = {name: value for name, value in defaults.items() if name not in before}
    return (names[0] if names else "self"), known, {*_named(code)[1:]} - known.keys()


def _named(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _plain(function: Any) -> FunctionType | None:
    """The function under its wrappers."""
    while not isinstance(function, FunctionType):
        if not hasattr(function, "__wrapped__"):
            return None
        function = function.__wrapped__
    return function
