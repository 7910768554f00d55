"""Further kinds of units: dataclasses and enums, and what is computed when a module is loaded."""

from __future__ import annotations

from grammar import Choices, Kind, Side
from shapes import placed


def constants(n: int, c: Choices, side: Side) -> None:
    """What the other units read."""
    side.define(c["file"], placed(f"K = {c['value']}", c["place"]), "K")
    side.define(c["file"], f"def aid():\n    return {c['aid']}", "aid")
    side.probes += ["m.K", "m.aid()"]


CONSTANTS = Kind(
    {"value": (2, 3), "aid": (100, 200), "place": ("plain", "plain", "plain", "if", "try"), "file": ("main",)},
    constants,
    fixed=frozenset(("file",)),
)

FIELDS = {
    "x": "    x: int = {d}",
    "y": "    y: int = 5",
    "z": "    z: list = dataclasses.field(default_factory=list)",
    "k": "    k: int = K",
    "c": "    c: typing.ClassVar[int] = {d}",
}


def dataclass(n: int, c: Choices, side: Side) -> None:
    name = f"D{n}"
    lines = [f"@dataclasses.dataclass{c['options']}", f"class {name}{c['base']}:"]
    lines += [FIELDS[one].format(d=c["default"]) for one in c["fields"]]
    lines += ["", "    def go(self):", f"        return {c['value']}, self.x"]
    if c["post"]:
        lines += ["", "    def __post_init__(self):", f"        object.__setattr__(self, 'x', self.x + {c['value']})"]
    side.define(c["file"], placed("\n".join(lines), c["place"]), name)
    held = f'H["o{n}"]'
    side.drive += [f"{held} = m.{name}(x=7)", f'H["b{n}"] = {held}.go', f'H["c{n}"] = m.{name}']
    for holder in c["holders"]:
        match holder:
            case "subclass":
                side.texts["main"].append(f"@dataclasses.dataclass\nclass Sub{n}({name}):\n    more: int = 1")
                side.probes += [f"repr(m.Sub{n}(x=3))", f"signature(m.Sub{n})"]
            case "user":
                side.texts["user"].append(f"from MODULE import {name}\ndef new{n}():\n    return {name}(x=2)")
                side.probes.append(f"repr(u.new{n}())")
            case "factory":
                side.texts["main"].append(f"def new{n}(make={name}):\n    return make()")
                side.probes.append(f"repr(m.new{n}())")
            case "instance":
                side.texts["main"].append(f"made{n} = {name}(x=1)")
                side.probes += [f"m.made{n}.go()[0]", f"type(m.made{n}) is m.{name}"]
            case "table":
                side.texts["main"].append(f'table{n} = {{"c": {name}, "m": {name}.go}}')
                side.probes += [f"m.table{n}['c'] is m.{name}", f"m.table{n}['m'](m.{name}())"]
    side.probes += [
        f"repr(m.{name}())",
        f"signature(m.{name})",
        f"m.{name}().go()",
        f"{held}.go()[0]",
        f'H["b{n}"]()[0]',
        f"type({held}) is m.{name}",
        f'H["c{n}"] is m.{name}',
        f"m.{name}() == m.{name}()",
        f"m.{name}.__hash__ is None",
        f"sorted(one for one in vars(m.{name}) if one[:2] != '__')",
        f"[one.__name__ for one in m.{name}.__mro__]",
        f"[one.name for one in __import__('dataclasses').fields(m.{name})]",
        f"{held} == {held}",
        f"m.{name}.__match_args__",
        f"hasattr(m.{name}, '__lt__')",
    ]


DATACLASS = Kind(
    {
        "options": ("", "", "(frozen=True)", "(order=True)", "(eq=False)", "(kw_only=True)", "(repr=False)"),
        "base": ("", "", "(Base)"),
        "fields": (("x",), ("x", "y"), ("x", "z"), ("x", "y", "k"), ("x", "c"), ("y", "x")),
        "default": (1, 2),
        "value": (10, 20),
        "post": (False, False, True),
        "place": ("plain", "plain", "plain", "if", "try"),
        "file": ("main", "main", "helper"),
    },
    dataclass,
    ("subclass", "user", "factory", "instance", "table"),
)

MEMBERS = {
    "A": "    A = {d}",
    "B": "    B = 7",
    "auto": "    C = enum.auto()",
    "alias": "    ALSO = A",
    "K": "    FOURTH = K + 20",
}


def enumeration(n: int, c: Choices, side: Side) -> None:
    name = f"E{n}"
    lines = [f"class {name}(enum.{c['base']}):", *(MEMBERS[one].format(d=c["value"]) for one in c["members"])]
    if c["method"]:
        lines += ["", "    def go(self):", f"        return self.name, {c['method']}"]
        side.probes.append(f'H["e{n}"].go()')
    side.define(c["file"], placed("\n".join(lines), c["place"]), name)
    side.drive += [f'H["e{n}"] = m.{name}.A', f'H["t{n}"] = {{m.{name}.A: 1}}', f'H["c{n}"] = m.{name}']
    for holder in c["holders"]:
        match holder:
            case "member":
                side.texts["main"].append(f"first{n} = {name}.A")
                side.probes.append(f"m.first{n} is m.{name}.A")
            case "table":
                side.texts["main"].append(f"table{n} = {{one.name: one for one in {name}}}")
                side.probes.append(f"m.table{n}")
            case "user":
                side.texts["user"].append(f"from MODULE import {name}\nMINE{n} = {name}.A")
                side.probes += [f"u.MINE{n} is m.{name}.A", f"u.{name} is m.{name}"]
            case "default":
                side.texts["main"].append(f"def of{n}(one={name}.A):\n    return one, one.value")
                side.probes.append(f"m.of{n}()")
            case "count":
                side.texts["main"].append(f"count{n} = len({name})")
                side.probes.append(f"m.count{n}")
    side.probes += [
        f"list(m.{name})",
        f'H["e{n}"] is m.{name}.A',
        f'm.{name}.A in H["t{n}"]',
        f"m.{name}(m.{name}.A.value)",
        f'H["e{n}"].value',
        f"list(m.{name}.__members__)",
        f'H["c{n}"] is m.{name}',
        f"m.{name}['A']",
        f"len(m.{name})",
    ]


ENUMERATION = Kind(
    {
        "base": ("Enum", "Enum", "IntEnum", "Flag"),
        "members": (("A",), ("A", "B"), ("B", "A"), ("A", "auto"), ("A", "alias"), ("A", "B", "auto"), ("A", "K")),
        "value": (1, 2, 4),
        "method": (0, 1, 2),
        "place": ("plain", "plain", "plain", "if", "try"),
        "file": ("main", "main", "helper"),
    },
    enumeration,
    ("member", "table", "user", "default", "count"),
    frozenset(("base",)),
)

SOURCE = """class P{n}:
    level = {level}

    def __init__(self, a):
        self.a = a

    def total(self, by={by}):
        return self.a, by, {value}

    @property
    def half(self):
        return self.level, {value}

    @staticmethod
    def plain():
        return {value}


def p{n}(a, by={by}):
    return a, by, {value}


def deep{n}(a):
    return p{n}(a)


R{n} = {{"one": {value}, "two": {by}}}"""
COMPUTED = (
    "p{n}(1)",
    "deep{n}(1)",
    "[p{n}(one) for one in range(2)]",
    "P{n}(1).total()",
    "P{n}(K).half",
    "P{n}.level",
    "P{n}.plain()",
    "K * 2",
    'f"{{K}} {{p{n}(0)}}"',
    "sorted(R{n})",
    "sum(R{n}.values())",
    "dict(R{n})",
    '{{**R{n}, "t": K}}',
    "list(map(p{n}, (1, 2)))",
    "(lambda: p{n}(3))()",
    "tuple(one for one in R{n}.items())",
    "R{n}.get('one')",
    "max(R{n}.values())",
    "[P{n}.plain]",
    "P{n}(1).a",
    "p{n}(1) if FLAG else None",
    "functools.reduce(lambda a, b: a + b, R{n}.values(), K)",
    "p{n}.__defaults__",
    "str(P{n}.level)",
    "(p{n}(1), K)",
    "frozenset(R{n}.values())",
    "aid() + K",
    "getattr(P{n}, 'level')",
    "{{one: p{n}(one) for one in R{n}}}",
    "next(iter(R{n}))",
    "len(R{n}) * [K]",
    "not K % 2",
    "K if K > 2 else -K",
    "isinstance(P{n}(1), P{n})",
    "vars(P{n}(K))",
)


def derived(n: int, c: Choices, side: Side) -> None:
    source = SOURCE.format(n=n, level=c["level"], by=c["by"], value=c["value"])
    side.define(c["file"], source, f"P{n}", f"p{n}", f"deep{n}", f"R{n}")
    first, second = (COMPUTED[c[key]].format(n=n) for key in ("first", "second"))
    text = {
        "lines": "q{n} = {one}\ns{n} = {two}",
        "tuple": "q{n}, s{n} = {one}, {two}",
        "chain": "q{n} = r{n} = {one}\ns{n} = {two}",
        "class": "class Q{n}:\n    q = {one}\n    s = {two}\n\n\nq{n} = Q{n}.q\ns{n} = Q{n}.s",
        "default": "def of{n}(a={one}, *, b={two}):\n    return a, b\n\n\nq{n}, s{n} = of{n}()",
        "item": "of{n} = {{}}\nof{n}['a'] = {one}\nq{n} = of{n}['a']\ns{n} = {two}",
        "further": "i{n} = {one}\nq{n} = [i{n}]\ns{n} = ({two}, q{n})",
        "loop": "q{n} = []\nfor _ in range(2):\n    q{n}.append({one})\ns{n} = {two}",
        "update": "q{n} = dict(a=1)\nq{n}.update(b={one})\ns{n} = {two}",
        "attribute": "def of{n}():\n    pass\n\n\nof{n}.q = {one}\nq{n} = of{n}.q\ns{n} = {two}",
        "try": "try:\n    q{n} = {one}\nexcept ValueError:\n    q{n} = None\ns{n} = {two}",
        "condition": "if {one}:\n    q{n} = 1\nelse:\n    q{n} = 2\ns{n} = {two}",
    }[c["form"]].format(n=n, one=first, two=second)
    side.texts["main"].append(text)
    if c["user"]:
        side.texts["user"].append(f"from MODULE import q{n}, s{n}\nboth{n} = (q{n}, s{n})")
        side.probes += [f"u.q{n}", f"u.both{n}"]
    side.drive += [f'H["q{n}"] = m.q{n}', f"H['i{n}'] = m.P{n}(4)"]
    side.probes += [f"repr(m.q{n})", f"repr(m.s{n})", f"H['i{n}'].total()", f"m.R{n}"]


DERIVED = Kind(
    {
        "level": (1, 2, "K"),
        "by": (3, 4, "K"),
        "value": (10, 20, "K", "aid()"),
        "first": tuple(range(len(COMPUTED))),
        "second": tuple(range(len(COMPUTED))),
        "form": (
            "lines",
            "lines",
            "tuple",
            "chain",
            "class",
            "default",
            "item",
            "further",
            "loop",
            "update",
            "attribute",
            "try",
            "condition",
        ),
        "file": ("main", "main", "helper"),
        "user": (False, True),
    },
    derived,
    fixed=frozenset(("file", "user")),
)
