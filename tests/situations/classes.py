"""Units that are classes, with a subclass, and objects and bound methods that a program holds."""

from __future__ import annotations

from grammar import Choices, Kind, Side
from shapes import PLACES, placed


def class_(n: int, c: Choices, side: Side) -> None:
    name = c["name"].format(n=n)
    bases = {"none": "", "base": "(Base)", "other": "(Other)", "both": "(Base, Other)", "meta": "(metaclass=Meta)"}[
        c["base"]
    ]
    above = "super().base()" if c["base"] in ("base", "other", "both") else "None"
    reads = {"none": "0", "constant": "K", "function": "aid()"}[c["reads"]]
    lines = [f"class {name}{bases}:", f'    """Number {c["doc"]}."""', f"    level = {c['level']}"]
    lines += {
        "plain": ["    count = 0", "    pool = []"],
        "tuple": ["    count, pool = 0, []"],
        "if": ["    if True:", "        count = 0", "        pool = []"],
        "annotated": ["    count: int = 0", "    pool: list = []"],
        "semicolon": ["    count = 0; pool = []"],
        "moved": ["    pool = []", "    count = 0"],
        "constant": ["    count = K - K", "    pool = []"],
    }[c["state"]]
    lines += {
        "none": [],
        "literal": ["", "    def __init__(self):", "        self.first = 1"],
        "more": ["", "    def __init__(self):", "        self.first = 1", "        self.second = []"],
        "constant": ["", "    def __init__(self):", "        self.first = 1", "        self.second = K"],
    }[c["init"]]
    # What a constructor no longer sets, objects that exist keep.
    if c["init"] != "none":
        side.probes.append(f'(hasattr(H["o{n}"], "first"), hasattr(H["o{n}"], "second") or {c["init"] == "literal"})')
    body = f'return "{name}", {c["value"]}, {reads}'
    lines += {
        "method": ["", "    def go(self):", f"        {body}, self.level, {above}"],
        "default": ["", f"    def go(self, a={c['value']}, *, b=None):", f"        {body}, a, b"],
        "property": [
            "",
            "    @property",
            "    def it(self):",
            f"        {body}",
            "",
            "    def go(self):",
            "        return self.it",
        ],
        "static": ["", "    @staticmethod", "    def go():", f"        {body}"],
        "class": ["", "    @classmethod", "    def go(cls):", f"        {body}, cls.level"],
        "wrapped": ["", "    @wrapped", "    def go(self):", f"        {body}, self.level"],
        "static wrapped": ["", "    @staticmethod", "    @wrapped", "    def go():", f"        {body}"],
        "class wrapped": ["", "    @classmethod", "    @wrapped", "    def go(cls):", f"        {body}, cls.level"],
        "cached": [
            "",
            "    @functools.cached_property",
            "    def it(self):",
            f"        {body}",
            "",
            "    def go(self):",
            "        return self.it",
        ],
        "listed": ["", "    @listed", "    def go(self=None):", f"        {body}"],
        "lambda": ["", f'    go = lambda self: ("{name}", {c["value"]}, {reads})'],
        "branch": ["", "    if FLAG:", "        def go(self):", f"            {body}"],
        "partial": ["", "    def _go(self, a):", f"        {body}, a", "", "    go = functools.partialmethod(_go, 4)"],
    }[c["method"]]
    if c["alias"]:
        lines += ["", "    also = go"]
        side.probes.append(f"m.{name}().also() == m.{name}().go()")
    if c["hook"]:
        lines += ["", "    def on_start(self):", f"        return {c['value']}"]
    if c["second hook"]:
        lines += ["", "    def on_stop(self):", "        return 2"]
    if c["inner"]:
        lines += [
            "",
            "    class Inner:",
            f"        value = {c['value']}",
            "",
            "        def get(self):",
            "            return self.value, 1",
        ]
        side.drive.append(f'H["i{n}"] = m.{name}.Inner()')
        side.probes += [f"m.{name}.Inner().get()", f'type(H.get("i{n}") or m.{name}.Inner()) is m.{name}.Inner']
    if c["dunder"]:
        lines += [
            "",
            "    def __repr__(self):",
            f'        return "<{name} {c["value"]}>"',
            "",
            "    def __len__(self):",
            "        return 3",
        ]
        side.probes += [f'repr(H["o{n}"])', f'len(H["o{n}"])']
    decorators = {"none": "", "classed": "@classed\n", "methods": "@methods_of\n", "listed": "@listed\n"}[
        c["decorator"]
    ]
    side.define(c["file"], placed(decorators + "\n".join(lines), c["place"]), name)
    main, user = side.texts["main"], side.texts["user"]
    held = f'H["o{n}"]'
    side.drive += [
        f"{held} = m.{name}()",
        f'H["b{n}"] = {held}.go',
        f"{held}.mine = 5",
        f'H["c{n}"] = m.{name}',
        f"{held}.go()",
    ]
    side.drive += [f"m.{name}.count += 4", f"m.{name}.pool.append(1)"]
    main.append(f"class Sub{n}({name}):\n    def base(self):\n        return 'sub'")
    side.drive.append(f'H["s{n}"] = m.Sub{n}()')
    for holder in c["holders"]:
        match holder:
            case "alias":
                main.append(f"alias{n} = {name}")
                side.probes.append(f"m.alias{n} is m.{name}")
            case "unbound":
                main.append(f"loose{n} = {name}.go")
                side.probes.append(f"m.loose{n}({held})")
            case "instance":
                main.append(f"made{n} = {name}()")
                side.drive.append(f"m.made{n}.mine = 7")
                side.probes += [f"m.made{n}.go()", f"m.made{n}.mine", f"type(m.made{n}) is m.{name}"]
            case "bound":
                main.append(f"bound{n} = {name}().go")
                side.probes.append(f"m.bound{n}()")
            case "table":
                main.append(f'ways{n} = {{"go": {name}.go, "c": [{name}]}}')
                side.probes += [f"m.ways{n}['go']({held})", f"m.ways{n}['c'][0] is m.{name}"]
            case "user":
                user.append(f"from MODULE import {name}\nclass Below{n}({name}):\n    pass\nobject{n} = Below{n}()")
                side.probes += [f"u.{name} is m.{name}", f"u.Below{n}().go()", f"u.object{n}.go()"]
            case "partial":
                main.append(f"part{n} = functools.partial({name})")
                side.probes.append(f"m.part{n}().go()")
    side.probes += [
        f"m.{name}().go()",
        f"{held}.go()",
        f'H["b{n}"]()',
        f"{held}.mine",
        f"type({held}) is m.{name}",
        f"m.{name}.count",
        f"m.{name}.pool",
        f'H["c{n}"] is m.{name}',
        f'H["s{n}"].go()',
        f'H["s{n}"].base()',
        f"m.{name}.level",
        f"[one.__name__ for one in m.{name}.__mro__]",
        f"sorted(one for one in vars(m.{name}) if one[:2] != '__')",
        f"m.{name}.__doc__",
        f"getattr(m.{name}, 'found', None)",
        f"m.CLASSES.get('{name}') is m.{name}",
        f"m.Meta.made.get('{name}') is m.{name}",
        f"m.Base.subclasses.get('{name}') is m.{name}",
        f"own(m.LISTED, {n})",
        f"[one.__name__ for one in m.{name}.__subclasses__()]",
        f"(hasattr({held}, 'on_start'), hasattr({held}, 'on_stop'))",
    ]


CLASS = Kind(
    {
        "name": ("C{n}", "C{n}", "D{n}"),
        "base": ("none", "none", "base", "other", "both", "meta"),
        "doc": (1, 2),
        "level": (1, 2, "K"),
        "state": ("plain", "plain", "tuple", "if", "annotated", "semicolon", "moved", "constant"),
        "init": ("none", "none", "literal", "more", "constant"),
        "method": (
            "method",
            "method",
            "default",
            "property",
            "static",
            "class",
            "wrapped",
            "static wrapped",
            "class wrapped",
            "cached",
            "listed",
            "lambda",
            "branch",
            "partial",
        ),
        "value": (10, 20, 30),
        "reads": ("none", "constant", "function"),
        "alias": (False, False, True),
        "hook": (False, True),
        "second hook": (False, True),
        "inner": (False, False, True),
        "dunder": (False, False, True),
        "decorator": ("none", "none", "classed", "methods", "listed"),
        "place": tuple(PLACES),
        "file": ("main", "main", "main", "helper"),
    },
    class_,
    ("alias", "unbound", "instance", "bound", "table", "user", "partial"),
)
