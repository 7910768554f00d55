"""A situation: modules before and after an edit, made of units, and the smaller ones that it can be reduced to."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from classes import CLASS
from grammar import FUNCTION, Choices, Kind, Side, choices
from records import CONSTANTS, DATACLASS, DERIVED, ENUMERATION
from shapes import HEADER, SHARED
from values import VALUE

KINDS = (FUNCTION, FUNCTION, CLASS, CLASS, VALUE, VALUE, DERIVED, DERIVED, DATACLASS, ENUMERATION)
MODULES = ("helper", "main", "user")


@dataclass(frozen=True)
class Unit:
    number: int
    kind: Kind
    # None where there is no such unit in this version.
    before: Choices | None
    after: Choices | None

    def side(self, choices: Choices) -> Side:
        side = Side()
        self.kind.render(self.number, choices, side)
        return side


@dataclass(frozen=True)
class Version:
    """The files of one version, and what is done and asked."""

    files: dict[str, str]
    drive: str
    # Of it, what is about units that the former version has not.
    added: str
    # By the unit's number.
    probes: dict[int, list[str]]
    # For each line of each file, from 1, the unit's number; -1 for what they share.
    owners: dict[str, list[int]]


@dataclass(frozen=True)
class Situation:
    seed: int
    units: tuple[Unit, ...]
    two_files: bool
    # Units' numbers in the order of the new text.
    order: tuple[int, ...]
    # A comment above all.
    shifted: bool

    def versions(self) -> tuple[Version, Version]:
        numbers = [unit.number for unit in self.units]
        before = self._version([(unit, unit.before) for unit in self.units], False)
        units = {unit.number: unit for unit in self.units}
        after = self._version([(units[one], units[one].after) for one in self.order if one in numbers], self.shifted)
        return before, after

    def _version(self, units: list[tuple[Unit, Choices | None]], shifted: bool) -> Version:
        parts: dict[str, list[tuple[int, str]]] = {name: [] for name in MODULES}
        where = "helper" if self.two_files else "main"
        parts[where].append((-1, HEADER))
        if self.two_files:
            head = HEADER[: HEADER.index("FLAG")].strip()
            parts["main"].append((-1, f"{head}\nfrom HELPER import {', '.join(SHARED)}"))
        if shifted:
            parts["main"].insert(0, (-1, "# What is meant here.\n"))
        drive: list[str] = []
        added: list[str] = []
        probes: dict[int, list[str]] = {}
        for unit, given in units:
            if given is None:
                continue
            given = {
                **given,
                "file": (where if unit.kind is CONSTANTS else given["file"]) if self.two_files else "main",
            }
            side = unit.side(given)
            for name, texts in side.texts.items():
                parts[name] += [(unit.number, text) for text in texts]
            drive += side.drive
            if unit.before is None:
                added += side.drive
            probes[unit.number] = side.probes
        parts["user"].insert(0, (-1, "import MODULE"))
        files: dict[str, str] = {}
        owners: dict[str, list[int]] = {}
        for name in MODULES if self.two_files else MODULES[1:]:
            files[name] = "\n\n".join(text for _, text in parts[name]) + "\n"
            owners[name] = [number for number, text in parts[name] for _ in range(text.count("\n") + 2)]
        return Version(files, "\n".join(drive), "\n".join(added), probes, owners)

    def smaller(self) -> list[Situation]:
        """Without one of its units, or without one of its edits."""
        found = []
        if self.shifted:
            found.append(replace(self, shifted=False))
        numbers = tuple(unit.number for unit in self.units)
        if self.order != numbers:
            found.append(replace(self, order=numbers))
        for place, unit in enumerate(self.units):
            rest = self.units[:place] + self.units[place + 1 :]
            if unit.kind is not CONSTANTS:
                found.append(replace(self, units=rest, order=tuple(one for one in self.order if one != unit.number)))
            one, two = unit.before, unit.after
            if one is None or two is None:
                continue
            for changed in [name for name in two if one[name] != two[name]]:
                back = replace(unit, after={**two, changed: one[changed]})
                found.append(replace(self, units=(*self.units[:place], back, *self.units[place + 1 :])))
            for holder in two["holders"]:
                fewer = {"holders": tuple(each for each in two["holders"] if each != holder)}
                less = replace(unit, before={**one, **fewer}, after={**two, **fewer})
                found.append(replace(self, units=(*self.units[:place], less, *self.units[place + 1 :])))
        if self.two_files:
            found.append(replace(self, two_files=False))
        return found

    def edits(self) -> str:
        """What is edited, in a line."""
        said = ["lines"] * self.shifted + ["order"] * (self.order != tuple(unit.number for unit in self.units))
        for unit in self.units:
            kind = unit.kind.render.__name__.strip("_")
            if unit.before is None or unit.after is None:
                said.append(f"{kind} {'added' if unit.before is None else 'removed'}")
                continue
            changed = [name for name in unit.after if unit.before[name] != unit.after[name]]
            said += [f"{kind}.{name}: {unit.before[name]} → {unit.after[name]}" for name in changed]
        return "; ".join(said)


def situation(seed: int) -> Situation:
    random_ = random.Random(seed)
    constants = choices(CONSTANTS, random_)
    edited = dict(constants)
    if random_.random() < 0.3:
        edited["value"] = random_.choice(CONSTANTS.domain["value"])
    if random_.random() < 0.2:
        edited["aid"] = random_.choice(CONSTANTS.domain["aid"])
    units = [Unit(0, CONSTANTS, constants, edited)]
    for number in range(1, 2 + random_.randrange(4)):
        kind = random_.choice(KINDS)
        before = choices(kind, random_)
        after: Choices | None = before
        if random_.random() < (0.8 if number == 1 else 0.4):
            after = _edited(kind, before, random_)
        elif number > 1 and random_.random() < 0.1:
            after = None
        elif number > 1 and random_.random() < 0.1:
            units.append(Unit(number, kind, None, before))
            continue
        units.append(Unit(number, kind, before, after))
    order = [unit.number for unit in units]
    if random_.random() < 0.1:
        rest = order[1:]
        random_.shuffle(rest)
        order = [0, *rest]
    return Situation(seed, tuple(units), random_.random() < 0.4, tuple(order), random_.random() < 0.15)


def _edited(kind: Kind, before: Choices, random_: random.Random) -> Choices:
    after = dict(before)
    names = [name for name in kind.domain if name not in kind.fixed]
    for name in random_.sample(names, min(len(names), random_.choice((1, 1, 1, 2, 3)))):
        others = [one for one in kind.domain[name] if one != before[name]]
        after[name] = random_.choice(others or [before[name]])
    return after
