"""How a definition or an assignment can stand in a module, and what all modules have in common."""

from __future__ import annotations

import re
import textwrap

# What surrounds a statement: the same names are bound to the same things in each.
PLACES = {
    "plain": "{}",
    "if": "if True:\n    {}",
    "condition": "if FLAG:\n    {}\nelse:\n    raise RuntimeError",
    "try": "try:\n    {}\nexcept ImportError:\n    raise",
    "except": "try:\n    import nothing_of_this_name\nexcept ImportError:\n    {}",
    "finally": "try:\n    pass\nfinally:\n    {}",
    "with": "with contextlib.suppress(KeyError):\n    {}",
    "for": "for _ in range(1):\n    {}",
    "nested": "if True:\n    try:\n        {}\n    except ImportError:\n        pass",
}


def placed(statement: str, place: str) -> str:
    """A statement in what surrounds it."""
    frame = PLACES[place]
    indent = frame.rfind("\n", 0, frame.index("{}")) + 1
    margin = " " * (frame.index("{}") - indent)
    return frame.replace("{}", textwrap.indent(statement, margin).lstrip())


# Two names that are bound, and to what: `{v}`, `{w}` with the values `{a}`, `{b}`.
ASSIGNMENTS = {
    "lines": "{v} = {a}\n{w} = {b}",
    "swapped": "{w} = {b}\n{v} = {a}",
    "tuple": "{v}, {w} = {a}, {b}",
    "list": "[{v}, {w}] = [{a}, {b}]",
    "nested": "({v}, _), {w} = ({a}, 0), {b}",
    "semicolon": "{v} = {a}; {w} = {b}",
    "annotated": "{v}: object = {a}\n{w}: object = {b}",
    "walrus": "({v} := {a})\n{w} = {b}",
    "star": "{v}, *_, {w} = {a}, 0, {b}",
    "if": "if True:\n    {v} = {a}\n    {w} = {b}",
    "apart": "if True:\n    {v} = {a}\n{w} = {b}",
    "else": "if not FLAG:\n    {v} = {w} = None\nelse:\n    {v}, {w} = {a}, {b}",
    "try": "try:\n    {v} = {a}\n    {w} = {b}\nexcept ValueError:\n    raise",
    "try else": "try:\n    {v} = {a}\nexcept ValueError:\n    raise\nelse:\n    {w} = {b}",
    "with": "with contextlib.suppress(KeyError):\n    {v} = {a}\n    {w} = {b}",
    "for": "for _ in range(1):\n    {v} = {a}\n    {w} = {b}",
    "twice": "{v} = None\n{w} = {b}\n{v} = {a}",
    "chain": "{v} = also_{v} = {a}\n{w} = {b}",
}

HEADER = '''
import collections
import contextlib
import dataclasses
import enum
import functools
import itertools
import threading
import typing

FLAG = True
KEYED = {}
LISTED = []
ENTERED = set()
QUEUED = collections.deque()
GROUPED = collections.defaultdict(list)
CLASSES = {}


def keyed(key):
    def add(function):
        KEYED[key] = function
        return function
    return add


def listed(function):
    LISTED.append(function)
    return function


def entered(function):
    ENTERED.add(function)
    return function


def queued(function):
    QUEUED.appendleft(function)
    return function


def grouped(key):
    def add(function):
        GROUPED[key].append(function)
        return function
    return add


class App:
    every = []

    def __init__(self):
        self.routes = {}

    def on(self, key):
        def add(function):
            self.routes[key] = function
            return function
        return add

    @classmethod
    def register(cls, function):
        cls.every.append(function)
        return function


APP = App()


def wrapped(function):
    @functools.wraps(function)
    def run(*arguments, **keywords):
        return "wrapped", function(*arguments, **keywords)
    return run


def times(count):
    def decorate(function):
        def run(*arguments):
            return count, function(*arguments)
        return run
    return decorate


class Counted:
    """A decorator that is a class, with a state of its own."""

    def __init__(self, function):
        self.function = function
        self.calls = 0
        functools.update_wrapper(self, function)

    def __call__(self, *arguments):
        return "counted", self.function(*arguments)


def described(function):
    function.described = (function.__name__, function.__defaults__)
    return function


def classed(cls):
    CLASSES[cls.__name__] = cls
    return cls


def methods_of(cls):
    cls.found = sorted(name for name in vars(cls) if name.startswith("on_"))
    return cls


class Box:
    def __init__(self, value):
        self.value = value


class Meta(type):
    made = {}

    def __new__(mcs, name, bases, namespace, **keywords):
        cls = super().__new__(mcs, name, bases, namespace, **keywords)
        cls.found = sorted(one for one in namespace if one.startswith("on_"))
        mcs.made[name] = cls
        return cls


class Base:
    subclasses = {}

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        Base.subclasses[cls.__name__] = cls

    def base(self):
        return "base"


class Other:
    def base(self):
        return "other"
'''.strip()

# What a module takes from another that has the header.
SHARED = re.findall(r"^(?:def |class )?(\w+)(?: =|\(|:)", HEADER, re.MULTILINE)
