"""Saves a module in every way that editors and tools have, and says how long each took to go live.

``python saves.py hotsplice|jurigged ROUNDS SECONDS``, in a folder of its own. What makes saved files live is already at work, or
is jurigged, which is begun here. Prints a line of JSON for each way: its name, and the times in milliseconds, the first
round left out; or null where it was not live within so many seconds.
"""

import importlib
import json
import mmap
import os
import shutil
import sys
import time
from pathlib import Path


def text_of(number):
    """Of one length, whatever the number; half of it does not parse."""
    return f"def value():\n    return (\n        '{number:06}'\n    )\n"


def in_place(path, text):
    path.write_text(text)


def by_rename(path, text):
    other = path.with_suffix(".tmp")
    other.write_text(text)
    other.replace(path)


def by_rename_from_another_folder(path, text):
    other = Path("elsewhere", path.name)
    other.write_text(text)
    other.replace(path)


def removed_and_made_again(path, text):
    path.unlink()
    path.write_text(text)


def moved_away_and_made_again(path, text):
    """Vim, as it is set up."""
    backup = path.with_suffix(".py~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def copied_away_and_written_in_place(path, text):
    """Vim with ``backupcopy=yes``."""
    backup = path.with_suffix(".py~")
    shutil.copy2(path, backup)
    with open(path, "r+") as file:
        file.truncate(0)
        file.write(text)
    backup.unlink()


def emptied_and_filled(path, text):
    path.write_text("")
    path.write_text(text)


def in_pieces(path, text):
    with open(path, "w") as file:
        for place in range(0, len(text), 10):
            file.write(text[place : place + 10])
            file.flush()


def with_the_time_kept(path, text):
    times = os.stat(path)
    path.write_text(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def with_an_older_time(path, text):
    path.write_text(text)
    os.utime(path, (1_000_000_000, 1_000_000_000))


def in_a_folder_made_again(path, text):
    away = path.parent.with_suffix(".away")
    path.parent.rename(away)
    path.parent.mkdir()
    path.write_text(text)
    shutil.rmtree(away)


def through_a_link(path, text):
    path.resolve().write_text(text)


def by_leading_a_link_elsewhere(path, text):
    number = len(list(Path("elsewhere").iterdir()))
    target, link = Path("elsewhere", f"{number}.py").absolute(), path.with_suffix(".link")
    target.write_text(text)
    link.symlink_to(target)
    link.replace(path)


def by_leading_its_folder_elsewhere(path, text):
    """A deployment: ``current`` is a link to the newest release."""
    number = len(list(Path("elsewhere").iterdir()))
    release, link = Path("elsewhere", f"release{number}").absolute(), Path("elsewhere", f"link{number}")
    release.mkdir()
    (release / path.name).write_text(text)
    link.symlink_to(release)
    link.replace(path.parent)


def through_another_name(path, text):
    """The system tells nobody who watches the folder of the first one."""
    other = Path("elsewhere", f"other_{path.name}")
    if not other.exists():
        os.link(path, other)
    other.write_text(text)


def through_memory(path, text):
    """Nothing is written that the system could tell; that the file is closed, it does."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = text.encode()
        memory.flush()


WAYS = [
    in_place,
    by_rename,
    by_rename_from_another_folder,
    removed_and_made_again,
    moved_away_and_made_again,
    copied_away_and_written_in_place,
    emptied_and_filled,
    in_pieces,
    with_the_time_kept,
    with_an_older_time,
    in_a_folder_made_again,
    through_a_link,
    by_leading_a_link_elsewhere,
    by_leading_its_folder_elsewhere,
    through_another_name,
    through_memory,
]
# Where the system tells nobody: these are found by looking every second.
UNNOTIFIED = [in_a_folder_made_again, by_leading_its_folder_elsewhere, through_another_name]


def prepare(way):
    """A module in a folder of its own."""
    name = f"module_{way.__name__}"
    folder = Path(f"in_{way.__name__}").absolute()
    path = folder / f"{name}.py"
    if way is by_leading_its_folder_elsewhere:
        release = Path("elsewhere", "release").absolute()
        release.mkdir()
        folder.symlink_to(release)
    else:
        folder.mkdir()
    if way in (through_a_link, by_leading_a_link_elsewhere):
        target = Path("elsewhere", f"real_{name}.py").absolute()
        target.touch()
        path.symlink_to(target)
    path.write_text(text_of(0))
    sys.path.insert(0, str(folder))
    return path, name


def main():
    tool, rounds, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    sys.dont_write_bytecode = True
    Path("elsewhere").mkdir()
    prepared = [(way, *prepare(way)) for way in WAYS]
    if tool == "jurigged":
        import jurigged

        jurigged.watch(str(Path().absolute()), logger=lambda event: None)
    modules = [importlib.import_module(name) for _, _, name in prepared]
    times = {way.__name__: [] for way in WAYS}
    for number in range(1, rounds + 2):
        for (way, path, _), module in zip(prepared, modules):
            found = times[way.__name__]
            if found is None:
                continue
            text, wanted = text_of(number), f"{number:06}"
            started = time.perf_counter()
            way(path, text)
            while module.value() != wanted:
                time.sleep(0.0002)
                if time.perf_counter() - started > seconds:
                    found = times[way.__name__] = None
                    break
            if number > 1 and found is not None:
                found.append(1000 * (time.perf_counter() - started))
    for way in WAYS:
        said = {"way": way.__name__.replace("_", " "), "times": times[way.__name__], "notified": way not in UNNOTIFIED}
        print(json.dumps(said), flush=True)


main()
