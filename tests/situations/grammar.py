"""Units: a definition or two, what holds them, what a program does with them, and what is asked afterwards.

A unit is a kind and a choice for each of the kind's parameters; an edit is another choice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shapes import PLACES, placed

Choices = dict[str, Any]


@dataclass
class Side:
    """A unit in one of its two versions."""

    # By module: helper (imported by main), main, user (imports from main).
    texts: dict[str, list[str]] = field(default_factory=lambda: {"helper": [], "main": [], "user": []})
    drive: list[str] = field(default_factory=list)
    probes: list[str] = field(default_factory=list)

    def define(self, where: str, text: str, *names: str) -> None:
        """A definition in the main module, or in the helper, from which main imports its names."""
        self.texts[where].append(text)
        if where == "helper":
            self.texts["main"].append(f"from HELPER import {', '.join(names)}")


@dataclass(frozen=True)
class Kind:
    domain: dict[str, tuple[Any, ...]]
    render: Callable[[int, Choices, Side], None]
    # Who may hold what is defined.
    holders: tuple[str, ...] = ()
    # What an edit does not change: a fresh process would be no measure.
    fixed: frozenset[str] = frozenset()


HOLDERS = (
    "alias",
    "partial",
    "table",
    "tuple",
    "attribute",
    "closure",
    "default",
    "box",
    "user",
    "user table",
    "held",
    "held partial",
    "rebound",
)


def hold(side: Side, n: int, name: str, holders: tuple[str, ...]) -> None:
    """Who else has a function, and that it is asked."""
    main, user = side.texts["main"], side.texts["user"]
    for holder in holders:
        match holder:
            case "alias":
                main.append(f"alias{n} = {name}")
                side.probes += [f"call(m.alias{n})", f"m.alias{n} is m.{name}"]
            case "partial":
                main.append(f"part{n} = functools.partial({name})")
                side.probes.append(f"call(m.part{n})")
            case "table":
                main.append(f'table{n} = {{"k": {name}, "l": [{name}]}}')
                side.probes.append(f'(call(m.table{n}["k"]), call(m.table{n}["l"][0]))')
            case "tuple":
                main.append(f"both{n} = ({name}, 1)")
                side.probes.append(f"call(m.both{n}[0])")
            case "attribute":
                main.append(f"class Holder{n}:\n    f = staticmethod({name})")
                side.probes.append(f"call(m.Holder{n}.f)")
            case "closure":
                main.append(
                    f"def keep{n}(f):\n    def run():\n        return f\n    return run\n\n\nkept{n} = keep{n}({name})"
                )
                side.probes.append(f"call(m.kept{n}())")
            case "default":
                main.append(f"def by{n}(f={name}):\n    return f")
                side.probes.append(f"call(m.by{n}())")
            case "box":
                main.append(f"box{n} = Box({name})")
                side.probes.append(f"call(m.box{n}.value)")
            case "rebound":
                main.append(f"first{n} = {name}\nsecond{n} = first{n}")
                side.probes.append(f"call(m.second{n})")
            case "user":
                user.append(f"from MODULE import {name}")
                side.probes += [f"call(u.{name})", f"u.{name} is m.{name}"]
            case "user table":
                user.append(f"import MODULE\nTABLE{n} = [MODULE.{name}]")
                side.probes.append(f"call(u.TABLE{n}[0])")
            case "held":
                side.drive.append(f'H["f{n}"] = m.{name}')
                side.probes.append(f'(call(H["f{n}"]), H["f{n}"] is m.{name})')
            case "held partial":
                side.drive.append(f'H["p{n}"] = functools.partial(m.{name})')
                side.probes.append(f'call(H["p{n}"])')


DECORATORS = {
    "none": (),
    "wrapped": ("@wrapped",),
    "times": ("@times(2)",),
    "times more": ("@times(3)",),
    "times constant": ("@times(K)",),
    "keyed": ('@keyed("a{n}")',),
    "keyed otherwise": ('@keyed("b{n}")',),
    "keyed constant": ('@keyed(("a{n}", K))',),
    "listed": ("@listed",),
    "entered": ("@entered",),
    "queued": ("@queued",),
    "grouped": ('@grouped("a{n}")',),
    "app": ('@APP.on("/a{n}")',),
    "app otherwise": ('@APP.on("/b{n}")',),
    "registered": ("@App.register",),
    "counted": ("@Counted",),
    "described": ("@described",),
    "cached": ("@functools.lru_cache(None)",),
    "cached more": ("@functools.lru_cache(maxsize=16)",),
    "listed wrapped": ("@listed", "@wrapped"),
    "wrapped keyed": ("@wrapped", '@keyed("a{n}")'),
    "cached listed": ("@listed", "@functools.cache"),
}


def function(n: int, c: Choices, side: Side) -> None:
    name = c["name"].format(n=n)
    reads = {"none": "0", "constant": "K", "function": "aid()", "module": "other.K"}[c["reads"]]
    arguments = {"one": "a={d}", "more": "a={d}, *, b=({d},)", "constant": "a=K", "annotated": "a: int = {d}"}[
        c["arguments"]
    ]
    arguments = arguments.format(d=c["default"])
    second = ", b" if "b=" in arguments else ""
    if c["form"] == "lambda":
        text = f'{name} = lambda {arguments.replace("a: int", "a")}: ("{name}", a{second}, {c["value"]}, {reads})'
    else:
        # What a generator or coroutine gave can be used once.
        given = () if c["form"] != "def" and "cached" in c["decorators"] else DECORATORS[c["decorators"]]
        decorators = "".join(f"{one}\n" for one in given).replace("{n}", str(n))
        gives = {"def": "return", "generator": "yield", "async": "return"}[c["form"]]
        start = "async def" if c["form"] == "async" else "def"
        text = (
            f"{decorators}{start} {name}({arguments}):\n"
            f'    """Number {c["doc"]}."""\n    {gives} "{name}", a{second}, {c["value"]}, {reads}'
        )
    side.define(c["file"], placed(text, c["place"]), name)
    if c["attribute"]:
        side.texts["main"].append(f"{name}.hits = {c['attribute']}")
        side.drive.append(f"m.{name}.hits += 3")
        side.probes.append(f"m.{name}.hits")
    side.drive.append(f"call(m.{name})")
    hold(side, n, name, c["holders"])
    side.probes += [f"call(m.{name})", f"m.{name}.__name__", f"m.{name}.__doc__", f"signature(m.{name})"]
    side.probes += [f"m.{name}.__module__", f"getattr(m.{name}, 'described', None)", f"getattr(m.{name}, 'calls', 0)"]
    for registry in ("KEYED", "LISTED", "ENTERED", "QUEUED", "APP.routes", "App.every"):
        side.probes.append(f"own(m.{registry}, {n})")
    side.probes.append(f"own(m.GROUPED.get('a{n}', ()), {n})")


FUNCTION = Kind(
    {
        "name": ("f{n}", "f{n}", "g{n}"),
        "form": ("def", "def", "def", "generator", "async", "lambda"),
        "arguments": ("one", "more", "constant", "annotated"),
        "default": (1, 2, 3),
        "value": (10, 20, 30),
        "doc": (1, 2),
        "reads": ("none", "constant", "function"),
        "decorators": tuple(DECORATORS),
        "place": tuple(PLACES),
        "file": ("main", "main", "main", "helper"),
        "attribute": (0, 0, 0, 5),
    },
    function,
    HOLDERS,
    frozenset(("attribute",)),
)


def choices(kind: Kind, random: random.Random) -> Choices:
    given = {name: random.choice(domain) for name, domain in kind.domain.items()}
    count = min(len(kind.holders), random.choice((0, 1, 2, 3)))
    return {**given, "holders": tuple(random.sample(kind.holders, count))}
