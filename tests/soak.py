"""Hours of edits in minutes: a program that saves its own files, and sees each save go live, or stay out.

``python soak.py SAVES SEED`` in a folder of its own, under ``hotsplice run --watch``: edits of one file and of several,
syntax errors, edits that are refused, renames, files deleted and made again, branch switches back and forth. After each the
live code must be what is on disk, with the program's state kept; in the end neither the program nor what watches may
have grown. Prints ``done`` and what it measured, as JSON.
"""

import gc
import importlib
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

MODULES = 24
PATIENCE = 60


def text_of(index, number, grown=False):
    lines = [
        f"NUMBER = {number}",
        "made = []",
        "",
        "",
        "class Kept:",
        "    def value(self):",
        f"        return {number}",
        "",
        "",
        "kept = Kept()",
        "",
        "",
        "def value():",
        f"    made.append({number})",
        "    del made[:-3]",
        f"    return NUMBER, {number}, kept.value()",
    ]
    if grown:
        lines[4:4] = ["def more():", f"    return {number}", "", ""]
    return "\n".join(lines) + "\n"


class Soak:
    def __init__(self, saves, seed):
        self.saves, self.random = saves, random.Random(seed)
        self.number = self.done = 0
        self.expected = {}
        self.modules = {}
        self.kinds = {}
        for index in range(MODULES):
            self.write(index)
        sys.path.insert(0, "")
        for index in range(MODULES):
            self.modules[index] = importlib.import_module(f"part{index}")
        self.identities = {index: (id(module.kept), id(module.made)) for index, module in self.modules.items()}

    def path(self, index):
        return Path(f"part{index}.py")

    def new_text(self, index):
        self.number += 1
        self.expected[index] = self.number
        return text_of(index, self.number, grown=self.random.random() < 0.3)

    def write(self, index, text=None):
        text = self.new_text(index) if text is None else text
        self.done += 1
        if self.random.random() < 0.5:
            self.path(index).write_text(text)
        else:
            other = self.path(index).with_suffix(".tmp")
            other.write_text(text)
            other.replace(self.path(index))

    def some(self, most):
        return self.random.sample(range(MODULES), self.random.randint(1, most))

    def edit(self):
        self.write(self.some(1)[0])

    def edit_several(self):
        for index in self.some(6):
            self.write(index)

    def syntax_error(self):
        index = self.some(1)[0]
        self.write(index, self.path(index).read_text() + "def broken(:\n")
        self.see_all()
        self.write(index)

    def refused(self):
        index = self.some(1)[0]
        text = self.path(index).read_text()
        self.write(index, text.replace("NUMBER = ", "NUMBER = absent_name + ").replace("return NUMBER", "return -1"))
        time.sleep(self.random.choice([0, 0.02, 0.3]))
        self.see_all()
        self.write(index)

    def rename(self):
        index = self.some(1)[0]
        away = Path(f"away{index}.py")
        self.path(index).rename(away)
        time.sleep(self.random.choice([0, 0.05]))
        away.write_text(self.new_text(index))
        away.rename(self.path(index))
        self.done += 1

    def delete(self):
        index = self.some(1)[0]
        self.path(index).unlink()
        time.sleep(self.random.choice([0, 0.05]))
        self.write(index)

    def switch_branches(self):
        main = {index: (self.path(index).read_text(), self.expected[index]) for index in range(MODULES)}
        for index in range(MODULES):
            self.write(index)
        self.see_all()
        for index, (text, number) in main.items():
            self.expected[index] = number
            self.write(index, text)

    def see_all(self):
        deadline = time.monotonic() + PATIENCE
        for index, module in self.modules.items():
            number = self.expected[index]
            while module.value() != (number, number, number):
                if time.monotonic() > deadline:
                    sys.exit(f"save {self.done} was missed: {module.value()}, not {number}, in {self.path(index)}")
                time.sleep(0.001)
            assert (id(module.kept), id(module.made)) == self.identities[index], f"the state of {self.path(index)} is lost"
            assert ("more" in module.__dict__) == ("def more" in self.path(index).read_text())

    def measure(self):
        gc.collect()
        # What is seen is live; the thread that made it so has things to do after that.
        deadline = time.monotonic() + PATIENCE
        while threading.active_count() > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return {
            "blocks": sys.getallocatedblocks(),
            "resident": resident(os.getpid()),
            "watching": resident(os.getppid()),
            "threads": threading.active_count(),
            "tasks": len(os.listdir("/proc/self/task")),
            "open": len(os.listdir("/proc/self/fd")),
            "open there": len(os.listdir(f"/proc/{os.getppid()}/fd")),
        }

    def run(self):
        actions = [self.edit] * 12 + [self.edit_several] * 4
        actions += [self.syntax_error, self.refused, self.rename, self.delete] * 2 + [self.switch_branches]
        warm = None
        while self.done < self.saves:
            action = self.random.choice(actions)
            self.kinds[action.__name__] = self.kinds.get(action.__name__, 0) + 1
            action()
            self.see_all()
            if warm is None and self.done > self.saves // 3:
                warm = self.measure()
        return {"saves": self.done, "kinds": self.kinds, "warm": warm, "end": self.measure()}


def resident(pid):
    """Memory in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


soak = Soak(int(sys.argv[1]), int(sys.argv[2]))
print("ready", flush=True)
print("done", json.dumps(soak.run()), flush=True)
