"""A matrix: an edit of a module, what is asked of it, how that is kept, and how it is imported.

What differs from a fresh process is reported. ``python matrix.py HOTSPLICE FIRST COUNT``: so many sheets of many cells
each, by their seeds; ``-k`` goes on after a cell that is silent, ``-v`` counts by kind. The interpreter that runs this
is the one that is patched. Cells that are known to be silent stand in KNOWN.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import random
import re
import sys
from dataclasses import dataclass
from typing import Any

from matrix_known import KNOWN
from matrix_texts import BETWEEN, EDITS, EXPRESSIONS, FORMS, HEAD, HELPER, NAMES, PATHS
from run import INFORMATION, LIFE, Bench, Host

# Cells of a sheet that are to give something else by the new text, and others, which are to stay calm.
ABOUT, OTHERS = 40, 15
STATE = "h.STATE['n'] = 7; m.COUNT['n'] = 8; m.TOTAL = 9"


@dataclass(frozen=True)
class Cell:
    edit: str
    expression: str
    form: str
    path: str

    def __str__(self) -> str:
        return f"{self.edit} | {self.expression} | {self.form} | {self.path}"


class Known(dict[str, Any]):
    """What expressions give of a version of HELPER by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        module: dict[str, Any] = {"__name__": "helper"}
        exec(compile(HEAD + text, "<helper>", "exec", dont_inherit=True), module)
        for expression in EXPRESSIONS:
            try:
                self[expression] = shown(repr(eval(written(expression, "{}"), module)))
            except Exception:
                continue


def shown(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def written(expression: str, way: str) -> str:
    return expression.format(**{name: way.format(name) for name in NAMES})


def edited(edit: str) -> str:
    old, new = EDITS[edit]
    assert HELPER.count(old) == 1, f"{edit}: {HELPER.count(old)} times"
    return HELPER.replace(old, new)


class Texts:
    """The cells that an edit is about, and those that it is not."""

    def __init__(self) -> None:
        self.before = Known(HELPER)
        self.after = {edit: Known(edited(edit)) for edit in EDITS}

    def about(self, edit: str) -> list[str]:
        after = self.after[edit]
        return [one for one in self.before if one in after and after[one] != self.before[one]]

    def others(self, edit: str) -> list[str]:
        after = self.after[edit]
        return [one for one in self.before if after.get(one) == self.before[one]]

    def sheet(self, seed: int) -> list[Cell]:
        chance = random.Random(seed)
        edits = list(EDITS)
        edit = edits[seed % len(edits)]
        path = chance.choice(list(PATHS))
        forms = [form for form in FORMS if path != "same" or form not in BETWEEN]
        chosen = pairs(self.about(edit), forms)
        chosen = chance.sample(chosen, min(ABOUT, len(chosen)))
        chosen += chance.sample(pairs(self.others(edit), forms), OTHERS)
        return [Cell(edit, expression, form, path) for expression, form in chosen]


def pairs(expressions: list[str], forms: list[str]) -> list[tuple[str, str]]:
    # No event loop runs in another one.
    all_pairs = itertools.product(expressions, forms)
    return [(one, form) for one, form in all_pairs if form != "coroutine" or "asyncio" not in one]


def files_of(cells: list[Cell], package: str) -> tuple[dict[str, str], list[tuple[int, int]], list[tuple[int, int]]]:
    """The modules, but for HELPER; the first and the last line of each cell in main, and in between."""
    head, way, mid = PATHS[cells[0].path]
    texts = {"main": HEAD + head + "\n", "between": HEAD + head + "\n"}
    lines: dict[str, list[tuple[int, int]]] = {"main": [], "between": []}
    if any(cell.form in BETWEEN for cell in cells):
        names = [f"A{n}" if "A#" in BETWEEN[c.form] else f"a{n}" for n, c in enumerate(cells) if c.form in BETWEEN]
        texts["main"] += f"from .between import {', '.join(names)}\n"
    for number, cell in enumerate(cells):
        expression = written(cell.expression, way)
        for name, text in (("main", FORMS[cell.form][0]), ("between", BETWEEN.get(cell.form, ""))):
            first = texts[name].count("\n") + 1
            if text:
                texts[name] += text.replace("#", str(number)).replace("EXPR", expression) + "\n"
            lines[name].append((first, texts[name].count("\n")))
    files = {name: text.replace("PACKAGE", package) for name, text in texts.items()}
    return {"__init__": "", "mid": mid + "\n", **files}, lines["main"], lines["between"]


class Matrix:
    def __init__(self, hotsplice: str) -> None:
        self.hotsplice = hotsplice
        self.bench: Bench | None = None
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.kinds: collections.Counter[str] = collections.Counter()

    def close(self) -> None:
        if self.bench is not None:
            self.bench.close()
            self.bench = None

    def load(self, host: Host, name: str, files: dict[str, str]) -> None:
        folder = host.folder / name
        folder.mkdir(exist_ok=True)
        for short, text in files.items():
            (folder / f"{short}.py").write_text(text)
        modules = {"h": f"{name}.helper", "m": f"{name}.main"}
        failed = host.ask("load", folder=str(host.folder), name=name, modules=modules)
        failed = failed or host.ask("drive", name=name, source=STATE)
        assert not failed, failed

    def silent(self, cells: list[Cell]) -> list[tuple[Cell, str]]:
        """Patches them as one sheet. Answers those that differ from a fresh process without a word, and how."""
        if self.bench is not None and self.bench.used >= LIFE:
            self.close()
        if self.bench is None:
            self.bench = Bench(self.hotsplice)
        self.bench.used += 1
        name = f"p{self.bench.used}"
        files, main, between = files_of(cells, name)
        old, new = HELPER, edited(cells[0].edit)
        if cells[0].path == "same":
            # One module: the cells stand below what is edited.
            shift = old.count("\n"), new.count("\n")
            below = files["main"]
            before, after = ({**files, "helper": "STATE = {}\n", "main": text + below} for text in (old, new))
            main = [(first + shift[1], last + shift[1]) for first, last in main]
            patched = "main"
        else:
            before, after = {**files, "helper": old}, {**files, "helper": new}
            patched = "helper"
        self.load(self.bench.fresh, name, after)
        self.load(self.bench.live, name, before)
        folder = self.bench.live.folder / name
        (folder / f"{patched}.py").write_text(after[patched])
        answer = self.bench.patch([folder / f"{patched}.py"])
        assert isinstance(answer, list), f"{cells[0]}: {answer}"
        edits = [{**edit, "in": part["file"].rsplit("/", 1)[1]} for part in answer for edit in part["edits"]]
        codes = {edit["code"] for edit in edits}
        assert not codes & {"HS0009", "HS0603", "HS0604"}, f"{cells[0]}: {edits}"
        told = [e for e in edits if e["verdict"] in ("caveat", "refused") and e["code"] not in INFORMATION]
        probes = [FORMS[cell.form][1].replace("#", str(number)) for number, cell in enumerate(cells)]
        state = "(h.STATE, m.COUNT, m.TOTAL)"
        wanted = self.bench.fresh.ask("probe", name=name, probes=[state, *probes])
        got = self.bench.live.ask("probe", name=name, probes=[state, *probes])
        assert got[0] == wanted[0], f"{cells[0]}: the state is {got[0]}, was {wanted[0]}"
        if not all(part["committed"] for part in answer):
            self.outcomes["refused"] += len(cells)
            self.kinds["refused: " + cells[0].edit + " " + ", ".join(sorted(filter(None, codes)))] += 1
            return []
        # What is said of what is edited itself is about all that comes of it.
        is_same = patched == "main"
        at_source = any(e["in"] == f"{patched}.py" and not (is_same and is_in(e, main)) for e in told)
        found = []
        for number, cell in enumerate(cells):
            own = [e for e in told if e["in"] == "main.py" and is_in(e, [main[number]])]
            own += [e for e in told if e["in"] == "between.py" and is_in(e, [between[number]])]
            if got[number + 1] == wanted[number + 1]:
                outcome = "false alarm" if own else "same"
            else:
                outcome = "reported" if own else "reported at its source" if at_source else "silent"
            self.outcomes[outcome] += 1
            if outcome == "silent":
                found.append((cell, f"{probes[number]} is {got[number + 1]}, should be {wanted[number + 1]}"))
            if outcome not in ("same", "reported"):
                for kind in (cell.edit, cell.expression, cell.form, cell.path):
                    self.kinds[f"{outcome}: {kind}"] += 1
        return found


def is_in(edit: dict[str, Any], ranges: list[tuple[int, int]]) -> bool:
    return any(first <= edit["line"] <= last for first, last in ranges)


def is_known(cell: Cell) -> bool:
    return any(
        all(one in ("*", own) for one, own in zip(known, (cell.edit, cell.expression, cell.form, cell.path)))
        for known in KNOWN
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("hotsplice")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("-k", action="store_true", help="go on after a silent cell")
    parser.add_argument("-v", action="store_true", help="count what is not as it should be, by kind")
    parser.add_argument("--cell", help="one cell: edit | expression | form | path")
    given = parser.parse_args()
    matrix, texts = Matrix(given.hotsplice), Texts()
    wrong = 0
    try:
        if given.cell:
            cell = Cell(*(part.strip() for part in given.cell.split("|")))
            print(matrix.silent([cell]), dict(matrix.outcomes))
            return 0
        for known in KNOWN:
            edit, expression, form, path = known
            one = Cell(edit, expression, "variable" if form == "*" else form, "from" if path == "*" else path)
            if not matrix.silent([one]):
                print(f"known as silent, and is not: {one}", flush=True)
                wrong += 1
        matrix.outcomes.clear()
        matrix.kinds.clear()
        for seed in range(given.first, given.first + given.count):
            cells = texts.sheet(seed)
            found = [(cell, how) for cell, how in matrix.silent(cells) if not is_known(cell)]
            for cell, how in found:
                print(f"seed {seed}: silent: {cell}: {how}", flush=True)
            wrong += len(found)
            if found and not given.k:
                return 1
    finally:
        matrix.close()
        print(f"done {given.count}: {dict(matrix.outcomes)}")
        if given.v:
            for kind, count in matrix.kinds.most_common(80):
                print(f"{count:5} {kind}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
