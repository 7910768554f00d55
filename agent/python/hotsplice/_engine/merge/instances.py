"""Objects made before a patch are given what their constructor sets now, or it is said what they lack."""

import dis
from types import FunctionType

from ..live import lookup, objects
from ..native import native


def follow(transaction, shadows):
    """Objects and classes that exist were made by the constructors of before."""
    for change in transaction.files:
        for outcome in change.outcomes:
            if outcome.edit["what"] == "function" and outcome.edit["change"] in ("added", "changed"):
                for namespace in change.namespaces:
                    _say_made_before(namespace, outcome)
            if not outcome.edit.get("attributes") or "<locals>" in outcome.edit["scope"]:
                continue
            for namespace in change.namespaces:
                shadow = shadows.get(id(namespace))
                names = namespace.globals if shadow is None else shadow.globals
                _give(transaction.plan, namespace, names, outcome)


def _say_made_before(namespace, outcome):
    edit = outcome.edit
    name = edit["definition"].rpartition(".")[2]
    if name not in ("__init_subclass__", "__new__", "__init__", "__prepare__") or "<locals>" in edit["scope"]:
        return
    if edit["change"] == "changed" and not {"body", "defaults", "parameters"} & set(edit["parts"]):
        return
    owner = lookup.find_class(namespace, edit["scope"])
    if owner is None:
        return
    if name == "__init_subclass__":
        made = len(lookup.with_subclasses(owner)) - 1
    elif issubclass(owner, type):
        made = len(native.objects_of_type(*lookup.with_subclasses(owner)))
    else:
        return
    if made:
        classes = "1 existing class was" if made == 1 else f"{made} existing classes were"
        outcome.caveat("HS0403", f"{classes} made before: {name} does not run again for them")


def _give(plan, namespace, names, outcome):
    edit = outcome.edit
    owner = lookup.find_class(namespace, edit["scope"])
    if owner is None:
        return
    instances = native.objects_of_type(*lookup.with_subclasses(owner))
    if not instances:
        return
    own, known, unknown = _parameters(plan, owner, edit["binds"][0])
    given, lacking = {}, {}
    for attribute in edit["attributes"]:
        name = lookup.mangled(attribute["name"], edit["scope"])
        value_of = _compiled(attribute["value"], unknown)
        for instance in instances:
            if _has(instance, name):
                continue
            try:
                if value_of is None or _is_described(instance, name):
                    raise AttributeError(name)
                value = eval(value_of, {**names, **known, own: instance})
            except Exception:
                lacking[name] = lacking.get(name, 0) + 1
            else:
                plan.add("attribute-set", instance, name, value)
                given[name] = given.get(name, 0) + 1
    constructor = edit["binds"][0]
    for count, names in _by_count(given):
        objects = "1 existing instance was" if count == 1 else f"{count} existing instances were"
        outcome.note("applied", "HS0506", f"{objects} given {names} as {constructor} sets it now")
    for count, names in _by_count(lacking):
        objects = "1 existing instance lacks" if count == 1 else f"{count} existing instances lack"
        outcome.caveat("HS0503", f"{objects} {names}: {constructor} does not run again for them")


def _by_count(counts):
    together = {}
    for name, count in counts.items():
        together.setdefault(count, []).append(name)
    return [(count, ", ".join(names)) for count, names in together.items()]


def _compiled(text, unknown):
    """The code of an expression; nothing if there is none, or if it asks for a parameter that is not known."""
    if text is None:
        return None
    # In parentheses, because it may have several lines.
    code = compile(f"({text}\n)", "<patch>", "eval", dont_inherit=True)
    read = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_NAME"}
    return None if unknown & read else code


def _has(instance, name):
    """Whether the object itself has the attribute; no property is asked."""
    if name in objects.attributes(instance):
        return True
    member = _in_class(instance, name)
    try:
        return type(member).__name__ == "member_descriptor" and member.__get__(instance) is not None
    except AttributeError:
        return False


def _is_described(instance, name):
    """Whether a property or the like, which is no slot, takes the value."""
    member = _in_class(instance, name)
    return hasattr(type(member), "__set__") and type(member).__name__ != "member_descriptor"


def _in_class(instance, name):
    return next((cls.__dict__[name] for cls in type(instance).__mro__ if name in cls.__dict__), None)


def _parameters(plan, owner, name):
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


def _named(code):
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _plain(function):
    """The function under its wrappers."""
    while not isinstance(function, FunctionType):
        if not hasattr(function, "__wrapped__"):
            return None
        function = function.__wrapped__
    return function
