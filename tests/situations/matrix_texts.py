"""What the matrix is made of: what is edited, what is asked, how that is kept, and in which ways it is imported."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

HELPER = "\n" + (_FOLDER / "matrix_helper.txt").read_text()

# What is edited, by a name: a text of HELPER and what takes its place.
EDITS: dict[str, tuple[str, str]] = {
    "constant": ("LIMIT = 2", "LIMIT = 300"),
    "constant by a call": ("LIMIT = 2", "LIMIT = int('300')"),
    "tuple": ("PAIR = (2, 1)", "PAIR = (300, 1)"),
    "item": ('{"a": 2, "b": 1}', '{"a": 300, "b": 1}'),
    "item added": ('{"a": 2, "b": 1}', '{"a": 2, "b": 1, "c": 300}'),
    "list": ("LIST = [2, 1]", "LIST = [300, 1]"),
    "list longer": ("LIST = [2, 1]", "LIST = [2, 1, 300]"),
    "nested": ('{"y": [2]}', '{"y": [300]}'),
    "set": ('{"one", "two"}', '{"one", "three"}'),
    "text": ('TEXT = "two"', 'TEXT = "three"'),
    "branch": ('MODE = "running"', 'MODE = "run"'),
    "function": ("def rate():\n    return 2", "def rate():\n    return 300"),
    "default": ("def unit(x, factor=2)", "def unit(x, factor=300)"),
    "keyword default": ("def named(x, *, factor=2)", "def named(x, *, factor=300)"),
    "function inside": (
        "def real():\n        return 2",
        "def real():\n        return 300",
    ),
    "function made": ("return x * n * 2", "return x * n * 300"),
    "generator": ("for i in range(2):", "for i in range(5):"),
    "coroutine": ("async def co():\n    return 2", "async def co():\n    return 300"),
    "context": ("def ctx():\n    yield 2", "def ctx():\n    yield 300"),
    "decorator": ("return f(*a) * 2", "return f(*a) * 300"),
    "decorator made": ("return f(*a) * n * 2", "return f(*a) * n * 300"),
    "cached": (
        "def cached(x):\n    return x * 2",
        "def cached(x):\n    return x * 300",
    ),
    "decorated": ("def decorated():\n    return 2", "def decorated():\n    return 300"),
    "undecorated": ("@deco\ndef decorated()", "def decorated()"),
    "function branch": ('return "second"', 'return "third"'),
    "lambda": ("square = lambda x: x * 2", "square = lambda x: x * 300"),
    "class attribute": ("class K(Base):\n    n = 2", "class K(Base):\n    n = 300"),
    "class tuple": ('items = ("a", 2)', 'items = ("a", 300)'),
    "class table": ('rows = {"a": 2}', 'rows = {"a": 300}'),
    "inherited attribute": ("level = 2", "level = 300"),
    "base constructor": ("self.start = 2", "self.start = 300"),
    "inherited": (
        "def inherited(self):\n        return 2",
        "def inherited(self):\n        return 300",
    ),
    "hook": (
        "def hook(self):\n        return 2",
        "def hook(self):\n        return 300",
    ),
    "alternative constructor": ("k.n = 2", "k.n = 300"),
    "other base": ("class K(Base):", "class K(Other, Base):"),
    "method added": (
        "class Sub(K):\n",
        "class Sub(K):\n    def total(self):\n        return 300\n",
    ),
    "method removed": (
        "    def size(self):\n        return super().size() + 1\n",
        "    pass\n",
    ),
    "attribute added": ("class Sub(K):\n", "class Sub(K):\n    n = 300\n"),
    "constructor default": ("def __init__(self, x=2)", "def __init__(self, x=300)"),
    "constructor": ("self.fixed = 2", "self.fixed = 300"),
    "method": (
        "def size(self):\n        return 2\n    def total",
        "def size(self):\n        return 300\n    def total",
    ),
    "method calls": (
        "return self.size() + self.n",
        "return self.size() + self.n + 300",
    ),
    "property": (
        "def prop(self):\n        return 2",
        "def prop(self):\n        return 300",
    ),
    "cached property": (
        "def cprop(self):\n        return 2",
        "def cprop(self):\n        return 300",
    ),
    "static method": (
        "def stat():\n        return 2",
        "def stat():\n        return 300",
    ),
    "to a static method": (
        "    def go(self):\n        return 2",
        "    @staticmethod\n    def go():\n        return 300",
    ),
    "class method": ("return cls.n * 2", "return cls.n * 300"),
    "len": (
        "def __len__(self):\n        return 2",
        "def __len__(self):\n        return 5",
    ),
    "getitem": ('return {"a": 2}[k]', 'return {"a": 300}[k]'),
    "call": (
        "def __call__(self, x=1):\n        return x * 2",
        "def __call__(self, x=1):\n        return x * 300",
    ),
    "add": (
        "def __add__(self, o):\n        return 2",
        "def __add__(self, o):\n        return 300",
    ),
    "iter": ("return iter([2])", "return iter([300])"),
    "contains": ("return o == 2\n    def __str__", "return o == 300\n    def __str__"),
    "str": ('return "K2"', 'return "K300"'),
    "eq": ("return o == 2\n    def __hash__", "return o == 300\n    def __hash__"),
    "lt": ("return 2 > 100", "return 300 > 100"),
    "bool": ("return 2 < 100", "return 300 < 100"),
    "enter": (
        "def __enter__(self):\n        return 2",
        "def __enter__(self):\n        return 300",
    ),
    "getattr": (
        "raise AttributeError(name)\n        return 2",
        "raise AttributeError(name)\n        return 300",
    ),
    "worker": ("return self.k.size()", "return self.k.size() + 300"),
    "worker constructor": ("self.rate = rate()", "self.rate = rate() + 300"),
    "abstract": (
        "def area(self):\n        return 2",
        "def area(self):\n        return 300",
    ),
    "member": ("    A = 2\n", "    A = 300\n"),
    "member added": ("    B = 1\n", "    B = 1\n    C = 3\n"),
    "member method": ("return self.value * 2", "return self.value * 300"),
    "member property": ('return "label2"', 'return "label300"'),
    "int member": ("    X = 2\n", "    X = 300\n"),
    "field default": ("class D:\n    x: int = 2", "class D:\n    x: int = 300"),
    "field added": (
        "    y: int = 1\n    k: K",
        "    y: int = 1\n    z: int = 300\n    k: K",
    ),
    "post init": ("self.made = 2", "self.made = 300"),
    "record method": (
        "        return self.x * 2\n    def __post_init__",
        "        return self.x * 300\n    def __post_init__",
    ),
    "frozen default": (
        "class Point:\n    x: int = 2",
        "class Point:\n    x: int = 300",
    ),
    "tuple default": (
        "class T(NamedTuple):\n    x: int = 2",
        "class T(NamedTuple):\n    x: int = 300",
    ),
    "tuple method": (
        "return self.x * 2\nclass Hooked",
        "return self.x * 300\nclass Hooked",
    ),
    "subclass hook": ("cls.made = 2", "cls.made = 300"),
    "metaclass": (
        "def size(cls):\n        return 2",
        "def size(cls):\n        return 300",
    ),
    "set name": ('self.name = name + "2"', 'self.name = name + "300"'),
    "descriptor": ('return self.name + "-2"', 'return self.name + "-300"'),
    "exception": ('return "err2"', 'return "err300"'),
    "exception attribute": ("    code = 2", "    code = 300"),
    "other object": ("OBJ = K()", "OBJ = Sub()"),
    "partial": ("functools.partial(unit, 3)", "functools.partial(unit, 300)"),
    "other function": ('CALLS = {"rate": rate,', 'CALLS = {"rate": twice,'),
    "handler": ("def on_go():\n    return 2", "def on_go():\n    return 300"),
    "several": ("LIMIT = 2\nPAIR = (2, 1)", "LIMIT = 300\nPAIR = (300, 1)"),
    "import inside": (
        "def rate():\n    return 2",
        "def rate():\n    import math\n    return math.floor(300.5)",
    ),
}

# What is asked: names in braces are HELPER's, as the module calls them.
EXPRESSIONS = (_FOLDER / "matrix_expressions.txt").read_text().splitlines()

# How what is asked is kept: the statements, and what is looked at of the module `m`.
# `#` is the cell's number, EXPR the expression.
FORMS: dict[str, tuple[str, str]] = {
    "variable": ("V# = EXPR", "m.V#"),
    "annotated": ("V#: object = EXPR", "m.V#"),
    "value of a value": ("A# = EXPR\nV# = (A#, 1)", "m.V#"),
    "two targets": ("V#, W# = EXPR, 1", "m.V#"),
    "class attribute": ("class C#:\n    x = EXPR", "m.C#.x"),
    "of a class attribute": ("class C#:\n    x = EXPR\nV# = C#.x", "m.V#"),
    "inherited attribute": (
        "class B#:\n    x = EXPR\nclass C#(B#):\n    pass\nV# = C#().x",
        "(m.V#, m.C#.x)",
    ),
    "class list": ("class C#:\n    x = [(one, EXPR) for one in 'ab']", "m.C#.x"),
    "default": ("def f#(x=EXPR):\n    return x", "m.f#()"),
    "keyword default": (
        "class C#:\n    def f(self, *, x=EXPR):\n        return x",
        "m.C#().f()",
    ),
    "of a default": ("def f#(x=EXPR):\n    return x\nV# = f#()", "m.V#"),
    "decorator argument": ("@keep(EXPR)\ndef f#():\n    return 1", "m.f#.kept"),
    "class decorator": ("@keep(EXPR)\nclass C#:\n    pass", "m.C#.kept"),
    "function": ("def f#():\n    return EXPR\nV# = f#()", "m.V#"),
    "function by another": (
        "def f#():\n    return EXPR\ndef g#():\n    return [f#()]\nV# = g#()",
        "m.V#",
    ),
    "local": ("def f#():\n    one = EXPR\n    return (one, 1)\nV# = f#()", "m.V#"),
    "method": (
        "class C#:\n    def get(self):\n        return EXPR\nV# = C#().get()",
        "m.V#",
    ),
    "static method": (
        "class C#:\n    @staticmethod\n    def get():\n        return EXPR\n    x = get()",
        "m.C#.x",
    ),
    "property": (
        "class C#:\n    @property\n    def get(self):\n        return EXPR\nV# = C#().get",
        "m.V#",
    ),
    "constructor": (
        "class C#:\n    def __init__(self):\n        self.x = EXPR\nO# = C#()",
        "m.O#.x",
    ),
    "constructor calls": (
        "class C#:\n    def __init__(self):\n        self.x = self.make()\n"
        "    def make(self):\n        return EXPR\nO# = C#()",
        "m.O#.x",
    ),
    "given to a constructor": (
        "class C#:\n    def __init__(self, x):\n        self.x = x\nO# = C#(EXPR)",
        "m.O#.x",
    ),
    "record": ("@dataclass\nclass C#:\n    x: object = (EXPR,)", "m.C#().x"),
    "record factory": (
        "@dataclass\nclass C#:\n    x: object = field(default_factory=lambda: EXPR)\nV# = C#().x",
        "m.V#",
    ),
    "named tuple": ("class C#(NamedTuple):\n    x: object = EXPR\nV# = C#().x", "m.V#"),
    "enumeration": ("class C#(enum.Enum):\n    X = (EXPR,)", "m.C#.X.value"),
    "enumeration of text": (
        "class C#(enum.Enum):\n    X = str(EXPR)\nV# = C#.X.value",
        "m.V#",
    ),
    "item": ("T# = {'k': EXPR}", "m.T#['k']"),
    "nested item": ("T# = {'k': [{'j': EXPR}]}", "m.T#"),
    "item set": ("T# = {}\nT#['k'] = EXPR", "m.T#"),
    "appended": ("L# = []\nL#.append(EXPR)", "m.L#"),
    "extended": ("L# = [1]\nL# += [EXPR]", "m.L#"),
    "updated": ("T# = {'a': 1}\nT#.update(k=EXPR)", "m.T#"),
    "attribute set": ("class C#:\n    pass\nC#.x = EXPR", "m.C#.x"),
    "object's attribute": ("O# = SimpleNamespace(x=EXPR)", "m.O#.x"),
    "object's attribute set": ("O# = SimpleNamespace()\nO#.x = EXPR", "m.O#.x"),
    "closure": (
        "def make#():\n    v = EXPR\n    def get():\n        return v\n    return get\nget# = make#()",
        "m.get#()",
    ),
    "closure given": (
        "def make#(v):\n    def get():\n        return v\n    return get\nget# = make#(EXPR)",
        "m.get#()",
    ),
    "partial": ("P# = functools.partial(tuple, [EXPR])", "m.P#()"),
    "lru cache": (
        "@functools.lru_cache(maxsize=None)\ndef f#():\n    return EXPR\nf#()",
        "m.f#()",
    ),
    "cached property": (
        "class C#:\n    @functools.cached_property\n    def x(self):\n        return EXPR\nO# = C#()\nO#.x",
        "m.O#.x",
    ),
    "context variable": (
        "V# = contextvars.ContextVar('V#', default=EXPR)",
        "m.V#.get()",
    ),
    "frozen": ("V# = frozenset([str(EXPR)])", "m.V#"),
    "joined": ("V# = ', '.join([str(EXPR), 'z'])", "m.V#"),
    "sorted": ("V# = sorted([str(EXPR), 'k'])", "m.V#"),
    "formatted": ("V# = f'{EXPR} {1}'", "m.V#"),
    "condition": ("V# = 'yes' if EXPR else 'no'", "m.V#"),
    "branch": ("if EXPR:\n    V# = 'yes'\nelse:\n    V# = 'no'", "m.V#"),
    "try": ("try:\n    V# = EXPR\nexcept Exception:\n    V# = None", "m.V#"),
    "try to": (
        "try:\n    V# = EXPR\nexcept TypeError:\n    V# = None\nelse:\n    W# = (V#, 1)",
        "m.W#",
    ),
    "with": ("with contextlib.nullcontext(EXPR) as V#:\n    pass", "m.V#"),
    "loop": ("for V# in (EXPR,):\n    W# = [V#]", "m.W#"),
    "loop into": ("T# = {}\nfor one# in 'ab':\n    T#[one#] = EXPR", "m.T#"),
    "comprehension": ("V# = {one: EXPR for one in 'ab'}", "m.V#"),
    "generator": ("def g#():\n    yield EXPR\nV# = list(g#())", "m.V#"),
    "coroutine": ("async def f#():\n    return EXPR\nV# = asyncio.run(f#())", "m.V#"),
    "lambda": ("f# = lambda: EXPR\nV# = f#()", "m.V#"),
    "mapped": ("V# = list(map(lambda _: EXPR, [1]))", "m.V#"),
    "global": ("def set#():\n    global V#\n    V# = EXPR\nset#()", "m.V#"),
    "registry": (
        "REG# = {}\ndef reg#(f):\n    REG#[f.__name__] = f()\n    return f\n@reg#\ndef f#():\n    return EXPR",
        "m.REG#",
    ),
    "subclass": (
        "class C#(Hooked):\n    x = EXPR\nV# = C#.made",
        "(m.V#, m.C#.made, m.C#.x)",
    ),
    "class in a function": (
        "def f#():\n    class C:\n        x = EXPR\n    return C\nC# = f#()",
        "m.C#.x",
    ),
    "state beside": (
        "T# = {'n': 0, 'k': EXPR}\ndef bump#():\n    T#['n'] += 1",
        "m.T#",
    ),
    "elsewhere": ("V# = A#", "m.V#"),
    "class elsewhere": ("class C#:\n    x = A#\nV# = (C#.x, 1)", "m.V#"),
    "called elsewhere": ("V# = a#()", "m.V#"),
}
# Of those that begin in a module between: its statements.
BETWEEN = {
    "elsewhere": "A# = EXPR",
    "class elsewhere": "A# = EXPR",
    "called elsewhere": "def a#():\n    return EXPR",
}

HEAD = """
import asyncio, contextlib, contextvars, enum, functools, operator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Annotated, NamedTuple
COUNT = {"n": 0}
TOTAL = 0
def keep(value):
    def mark(one):
        one.kept = value
        return one
    return mark
"""
NAMES = (
    "LIMIT",
    "PAIR",
    "TABLE",
    "LIST",
    "NESTED",
    "NAMES",
    "TEXT",
    "DOUBLE",
    "MODE",
    "SIZE",
    "rate",
    "unit",
    "named",
    "limit",
    "entry",
    "twice",
    "inner",
    "factory",
    "gen",
    "co",
    "co_twice",
    "ctx",
    "deco",
    "param",
    "cached",
    "decorated",
    "pick",
    "square",
    "Other",
    "K",
    "Sub",
    "Plain",
    "Worker",
    "Square",
    "E",
    "I",
    "D",
    "Point",
    "T",
    "Hooked",
    "WithMeta",
    "Model",
    "Err",
    "OBJ",
    "WORKER",
    "OBJS",
    "BY_NAME",
    "CALLS",
    "CLASSES",
    "part",
    "HANDLERS",
)
ALL = ", ".join(NAMES)
# How a module imports: its text, what it calls a name, and the file between that it imports from.
PATHS: dict[str, tuple[str, str, str]] = {
    "from": (f"from .helper import {ALL}", "{}", ""),
    "absolute": (f"from PACKAGE.helper import {ALL}", "{}", ""),
    "module": ("from . import helper\nfrom .helper import Hooked", "helper.{}", ""),
    "as": ("import PACKAGE.helper as h\nfrom .helper import Hooked", "h.{}", ""),
    "whole": (
        "import PACKAGE.helper\nfrom .helper import Hooked",
        "PACKAGE.helper.{}",
        "",
    ),
    "renamed": (
        "from .helper import Hooked, " + ", ".join(f"{n} as my_{n}" for n in NAMES),
        "my_{}",
        "",
    ),
    "try": (
        f"try:\n    from .helper import {ALL}\nexcept ImportError:\n    LIMIT = None",
        "{}",
        "",
    ),
    "star": ("from .helper import *", "{}", ""),
    "handed on": (f"from .mid import {ALL}", "{}", f"from .helper import {ALL}"),
    "of a module between": (
        "from . import mid\nfrom .helper import Hooked",
        "mid.{}",
        f"from .helper import {ALL}",
    ),
    "star twice": ("from .mid import *", "{}", "from .helper import *"),
    "second names": (
        "from . import helper\nHooked = helper.Hooked\n"
        + "\n".join(f"a_{n} = helper.{n}" for n in NAMES),
        "a_{}",
        "",
    ),
    "through a module": (
        "from . import mid\nfrom .helper import Hooked",
        "mid.helper.{}",
        "from . import helper",
    ),
    "same": ("", "{}", ""),
}
