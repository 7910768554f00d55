"""Situations, made and judged: what is not reported is as in a fresh process that did the same.

``python run.py HOTSPLICE FIRST COUNT``: the seeds. The interpreter that runs this is the one that is patched. Every
failure is reduced to a smaller one and printed; ``-k`` goes on after it.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from situation import MODULES, Situation, Version, situation

HERE = Path(__file__).resolve().parent
# Codes with which all is as in a fresh process.
INFORMATION = frozenset(("HS0304", "HS0306", "HS0309", "HS0404", "HS0406", "HS0501", "HS0506"))
# After so many, other processes take over: each leaves modules behind.
LIFE = 60


class Host:
    """A process that answers."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment
        )
        self._line()

    def _line(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise EOFError(f"the process is gone, {self.process.wait()}: {self.errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, what: str, **parameters: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **parameters}) + "\n")
        self.process.stdin.flush()
        return self._line()

    def write(self, name: str, files: dict[str, str]) -> dict[str, Path]:
        paths = {}
        for short, text in files.items():
            paths[short] = self.folder / f"{name}_{short}.py"
            text = text.replace("HELPER", f"{name}_helper").replace("MODULE", f"{name}_main")
            paths[short].write_text(text)
        return paths

    def load(self, name: str, version: Version) -> str | None:
        self.write(name, version.files)
        modules = {short[0]: f"{name}_{short}" for short in reversed(MODULES) if short in version.files}
        failed: str | None = self.ask("load", folder=str(self.folder), name=name, modules=modules)
        return failed or self.ask("drive", name=name, source=version.drive)


class Bench:
    """A process that is patched, and one that starts on the new text."""

    def __init__(self, hotsplice: str) -> None:
        self.hotsplice = hotsplice
        self.root = Path(tempfile.mkdtemp(prefix="hs-", dir="/tmp"))
        self.environment = {**os.environ, "HOTSPLICE_RUNTIME_DIR": str(self.root / "r"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment["PYTHONHASHSEED"] = "1"
        self.environment["PYTHONFAULTHANDLER"] = "1"
        for name in ("live", "fresh"):
            (self.root / name).mkdir()
        host = str(HERE / "host.py")
        run = [hotsplice, "run", "--python", sys.executable, host]
        self.live = Host(run, self.root / "live", self.environment)
        self.fresh = Host([sys.executable, host], self.root / "fresh", self.environment)
        self.used = 0

    def patch(self, paths: list[Path]) -> dict[str, Any] | list[Any]:
        command = [self.hotsplice, "patch", "--json", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, cwd=self.root)
        try:
            answer: dict[str, Any] | list[Any] = json.loads(done.stdout)
        except ValueError:
            raise EOFError(f"hotsplice patch gave {done.returncode}: {done.stdout}{done.stderr}") from None
        return answer

    def close(self) -> None:
        for host in (self.live, self.fresh):
            host.process.kill()
            host.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def judge(self, one: Situation) -> tuple[str, str]:
        """What became of it, and how: same, reported, false alarm, refused, no measure, different, failed."""
        self.used += 1
        name = f"s{self.used}"
        before, after = one.versions()
        if before.files == after.files:
            return "no measure", "nothing is edited"
        if failed := self.fresh.load(name, after):
            return "no measure", f"the new text: {failed}"
        if failed := self.live.load(name, before):
            return "no measure", f"the former text: {failed}"
        asked = [(number, probe) for number, probes in after.probes.items() for probe in probes]
        wanted = self.fresh.ask("probe", name=name, probes=[probe for _, probe in asked])
        former = [(number, probe) for number, probes in before.probes.items() for probe in probes]
        was = self.live.ask("probe", name=name, probes=[probe for _, probe in former])
        paths = self.live.write(name, after.files)
        changed = [path for short, path in paths.items() if before.files[short] != after.files[short]]
        answer = self.patch(changed)
        if isinstance(answer, dict):
            return "failed", f"{answer}"
        edits = [{**edit, "file": Path(part["file"]).stem.split("_")[1]} for part in answer for edit in part["edits"]]
        codes = {edit["code"] for edit in edits}
        if codes & {"HS0009", "HS0603", "HS0604"}:
            return "failed", "\n".join(str(edit) for edit in edits)
        shown = "; ".join(f"{e['definition']} {e['kind']} {e['verdict']} {e['code'] or ''}" for e in edits)
        if not all(part["committed"] for part in answer):
            now = self.live.ask("probe", name=name, probes=[probe for _, probe in former])
            for (_, probe), old, new in zip(former, was, now):
                if old != new:
                    return "different", f"after a refusal ({shown}) {probe} is {new}, was {old}"
            return "refused", ", ".join(
                f"{e['code']} {e['message']}" for e in edits if e["code"] not in (None, "HS0105")
            )
        reported = owners_told(one, after, edits)
        # What is new is used as the rest was.
        if failed := self.live.ask("drive", name=name, source=after.added):
            new = {unit.number for unit in one.units if unit.before is None}
            return "reported" if reported & {*new, -1} else "different", f"{failed} ({shown})"
        got = self.live.ask("probe", name=name, probes=[probe for _, probe in asked])
        differing = [
            (number, f"{probe} is {new}, should be {old}")
            for (number, probe), old, new in zip(asked, wanted, got)
            if old != new
        ]
        for number, difference in differing:
            if number not in reported and -1 not in reported:
                return "different", f"{difference} ({shown})"
        if differing:
            return "reported", ", ".join(sorted(code for code in codes - INFORMATION if code))
        # A name that is gone, and nothing else: what is said of it is no caveat.
        caveats = [edit for edit in edits if edit["verdict"] == "caveat" and edit["code"] not in INFORMATION]
        if caveats:
            return "false alarm", ", ".join(sorted({f"{edit['code']} {edit['kind']}" for edit in caveats}))
        return "same", ""


def owners_told(one: Situation, after: Version, edits: list[dict[str, Any]]) -> set[int]:
    """Numbers of the units of which something is reported; -1: of all, or of what can't be told apart."""
    found = set()
    for edit in edits:
        # A name that is gone for good: that it only moved is no reason to lose what it holds.
        last = edit["definition"].rpartition(".")[2]
        is_gone = edit["code"] == "HS0405" and not any(re.search(rf"\b{last}\b", text) for text in after.files.values())
        if edit["code"] in INFORMATION or not (is_gone or edit["verdict"] in ("caveat", "refused")):
            continue
        lines = after.owners[edit["file"]]
        named = {
            int(number) for number in re.findall(r"[a-zA-Z](\d+)\b", edit["definition"] + " " + (edit["message"] or ""))
        }
        named &= {unit.number for unit in one.units}
        if re.search(r"\b(K|aid)\b", edit["definition"]):
            return {-1}
        if named:
            found |= named
        elif edit["line"] <= len(lines):
            found.add(lines[edit["line"] - 1])
        else:
            found.add(-1)
    return found


def kind_of(how: str) -> str:
    """A difference without its numbers: what is to be counted together."""
    return re.sub(r"(?<!HS)\b\d+|(?<=[a-z])\d+", "#", how)[:60]


class Run:
    def __init__(self, hotsplice: str) -> None:
        self.hotsplice = hotsplice
        self.bench: Bench | None = None

    def judge(self, one: Situation) -> tuple[str, str]:
        if self.bench is not None and self.bench.used >= LIFE:
            self.close()
        if self.bench is None:
            self.bench = Bench(self.hotsplice)
        try:
            return self.bench.judge(one)
        except (EOFError, BrokenPipeError) as error:
            self.close()
            return "failed", str(error)

    def close(self) -> None:
        if self.bench is not None:
            self.bench.close()
            self.bench = None

    def reduced(self, one: Situation, outcome: str, how: str) -> tuple[Situation, str]:
        """The smallest that still goes wrong."""
        wrong = how
        while True:
            for smaller in one.smaller():
                became, how = self.judge(smaller)
                if became == outcome:
                    one, wrong = smaller, how
                    break
            else:
                return one, wrong


def report(one: Situation, outcome: str, how: str) -> str:
    before, after = one.versions()
    texts = []
    for short in after.files:
        for title, text in (("before", before.files[short]), ("after", after.files[short])):
            if before.files[short] != after.files[short] or short == "main":
                text = text[text.find("class Other") :] if "class Other" in text else text
                texts.append(f"--- {short} {title}\n{text}")
    return (
        f"seed {one.seed}: {outcome}: {how}\n  edits: {one.edits()}\n"
        + "\n".join(texts)
        + f"--- drive\n{before.drive}\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("hotsplice")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("-k", action="store_true", help="go on after a failure")
    parser.add_argument("-v", action="store_true", help="print reasons of what is refused or no measure")
    given = parser.parse_args()
    run = Run(given.hotsplice)
    outcomes: collections.Counter[str] = collections.Counter()
    reasons: collections.Counter[str] = collections.Counter()
    try:
        for seed in range(given.first, given.first + given.count):
            one = situation(seed)
            outcome, how = run.judge(one)
            outcomes[outcome] += 1
            if outcome in ("different", "failed"):
                one, how = run.reduced(one, outcome, how)
                print(report(one, outcome, how), flush=True)
                if not given.k:
                    return 1
            elif outcome != "same":
                reasons[f"{outcome}: {kind_of(how)}"] += 1
    finally:
        run.close()
        alike = outcomes["same"] + outcomes["false alarm"]
        share = f"{outcomes['false alarm']} of {alike} that are as in a fresh process were reported"
        print(
            f"done {sum(outcomes.values())}: {dict(outcomes)}; {share} ({outcomes['false alarm'] / (alike or 1):.0%})"
        )
        if given.v:
            for reason, count in reasons.most_common(60):
                print(f"{count:5} {reason}")
    return 1 if outcomes["different"] or outcomes["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
