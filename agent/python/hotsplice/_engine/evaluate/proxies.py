"""Classes and functions that stand for live ones while a patch is prepared: the live one's, with new code.

A proxy of a class is found nowhere that the program could look (``__subclasses__``), runs no code of the program when
it is made, and its objects become the live class's at commit.
"""

import abc
import builtins
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..errors import FormerCode
from ..live import objects
from ..native import native

# What `type` puts into every class.
_OF_TYPE = {"__dict__", "__weakref__", "__module__", "__doc__", "__static_attributes__", "__firstlineno__"}


def _without_layout() -> tuple[Any, ...]:
    """Bases without a layout of their own that a hidden base may share."""
    return (abc.ABC, typing.Generic, typing.Protocol)


def function_proxy(live: FunctionType, code: Any, namespace: dict[str, Any]) -> FunctionType:
    """A function that runs ``code`` in another namespace, and is like the live one for the rest."""
    proxy = FunctionType(code, namespace, live.__name__, live.__defaults__, live.__closure__)
    proxy.__kwdefaults__ = live.__kwdefaults__
    proxy.__qualname__, proxy.__doc__, proxy.__module__ = live.__qualname__, live.__doc__, live.__module__
    proxy.__dict__.update(live.__dict__)
    return proxy


def class_proxy(live: type, members: dict[str, Any], order: list[type]) -> type | None:
    """A class like the live one with some other members; ``order`` is what follows it in the method resolution order.

    Nothing where CPython has no way to give its objects to the live class.
    """
    hidden = _hidden_bases(live)
    if hidden is None:
        return None
    begun, final = hidden
    resolved: list[list[type]] = []

    def mro(cls: type) -> list[type]:
        return [cls, *(resolved[0] if resolved else begun.__mro__)]

    kind = type(live)
    checks = {
        "mro": mro,
        "__instancecheck__": lambda cls, item: live in type(item).__mro__ or cls in type(item).__mro__,
        "__subclasscheck__": lambda cls, item: isinstance(item, type) and (live in item.__mro__ or cls in item.__mro__),
        "__subclasses__": lambda cls: type.__subclasses__(live),
    }
    body = {
        "__module__": live.__module__,
        "__qualname__": live.__qualname__,
        "__doc__": live.__doc__,
        **members,
    }
    try:
        made: type = type.__new__(type.__new__(type, kind.__name__, (kind,), checks), live.__name__, (begun,), body)
        resolved.append(order)
        # Has the order worked out anew: what `type.__new__` tells bases of is over.
        made.__bases__ = (final,)
        objects.check_class_assignment(made, live, made)
    except TypeError:
        return None
    for name, member in members.items():
        # `type.__new__` makes other things of plain functions of some names (`__new__`): these may be assigned.
        if made.__dict__[name] is not member:
            type.__setattr__(made, name, member)
    for name in set(made.__dict__) - body.keys() - _OF_TYPE:
        # What a hidden base's `__init_subclass__` put there.
        type.__delattr__(made, name)
    if "__init_subclass__" not in members:
        type.__setattr__(made, "__init_subclass__", classmethod(_refuse_subclass))
    return made


def _refuse_subclass(cls: type, *_arguments: Any, **_keywords: Any) -> None:
    raise FormerCode("a class can't derive from what is not live yet")


def class_without_hook(body: Any, name: str, bases: tuple[type, ...]) -> type | None:
    """The class of a class statement, without its bases' ``__init_subclass__`` having run."""
    hidden = _hidden_bases(bases[0])
    if hidden is None or any(not objects.is_exactly(base, type, abc.ABCMeta) for base in bases):
        return None
    quiet = type(bases[0])("_Hidden", (hidden[0],), {"__init_subclass__": classmethod(_accept_subclass)})
    made: type = builtins.__build_class__(body, name, quiet)
    try:
        made.__bases__ = bases
    except TypeError:
        return None
    return made


def _accept_subclass(cls: type, *_arguments: Any, **_keywords: Any) -> None:
    """Says nothing to anybody."""


def _hidden_bases(live: type) -> tuple[type, type] | None:
    """Two classes that lay out their objects as the live class does, and that nobody can find."""
    if "__slots__" in live.__dict__ and live.__dictoffset__ == 0:
        return None
    base = live.__base__
    while base is not None and base.__dictoffset__ != 0 and native.is_made_in_python(base):
        base = base.__base__
    base = base or object
    if native.is_made_in_python(base) and base not in _without_layout():
        return None
    # `typing.Generic` takes no other name for a class that derives from it alone.
    name = "Protocol" if base is typing.Generic else "_Hidden"
    try:
        return type(base)(name, (base,), {}), type(base)(name, (base,), {})
    except TypeError:
        return None


MakesProxy = Callable[[FunctionType], FunctionType | None]


def with_proxies(member: Any, proxy_of: MakesProxy) -> Any:
    """A class's member made of proxies, if any of its functions has one; else nothing."""
    if isinstance(member, FunctionType):
        return proxy_of(member)
    if objects.is_exactly(member, staticmethod, classmethod):
        inner = with_proxies(member.__func__, proxy_of)
        return None if inner is None else type(member)(inner)
    if type(member) is property:
        accessors = (member.fget, member.fset, member.fdel)
        inner = [proxy_of(one) if isinstance(one, FunctionType) else None for one in accessors]
        if any(inner):
            given: list[Any] = [new or old for new, old in zip(inner, accessors)]
            return property(given[0], given[1], given[2], doc=member.__doc__)
    return None


def functions_in(member: Any) -> list[FunctionType]:
    """The plain functions of a class's member."""
    if isinstance(member, FunctionType):
        return [member]
    if objects.is_exactly(member, staticmethod, classmethod):
        return functions_in(member.__func__)
    if type(member) is property:
        return [one for one in (member.fget, member.fset, member.fdel) if isinstance(one, FunctionType)]
    return []
