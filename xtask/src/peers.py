"""Other tools that bring edits into a running process: how long from a saved file to live code, in milliseconds.

Started as ``peers.py TOOL FOLDER OBJECTS``, it imports all modules of the folder and makes so many objects. It
reads JSON lines, ``[text, function, value]``: a new text of FOLDER/subject.py and what the function gives for 0
then; it answers with a number each.
"""

import importlib
import json
import sys
import time
from pathlib import Path


def autoreload(folder):
    """IPython's ``%autoreload 2``: what it does before each cell."""
    from IPython.extensions.autoreload import ModuleReloader

    reloader = ModuleReloader()
    reloader.check_all = True
    reloader.enabled = True
    reloader.check(True)
    return lambda: reloader.check(True)


def jurigged(folder):
    """Watches the folder and patches by itself, on a thread of its own."""
    import jurigged

    jurigged.watch(str(folder / "*.py"), logger=lambda event: None)
    return lambda: time.sleep(0.0002)


def main(_held):
    tool, folder = sys.argv[1], Path(sys.argv[2])
    sys.path.insert(0, str(folder))
    for path in sorted(folder.glob("*.py")):
        importlib.import_module(path.stem)
    subject = importlib.import_module("subject")
    turn = {"autoreload": autoreload, "jurigged": jurigged}[tool](folder)
    print("ready", flush=True)
    for line in sys.stdin:
        text, name, wanted = json.loads(line)
        started = time.perf_counter()
        # One write: a watcher must not see half of it.
        (folder / "subject.py").write_text(text)
        while getattr(subject, name)(0) != wanted:
            turn()
            if time.perf_counter() - started > 20:
                raise SystemExit(f"{tool} did not bring the edit into the process")
        print(1000 * (time.perf_counter() - started), flush=True)


main([[number] for number in range(int(sys.argv[3]))])
