"""Runs a command at a terminal of its own and plays a person there.

``terminal.py STEPS COMMAND``: STEPS is a JSON list of ``[what must have been shown, what is done then]``: a line
that is typed, an object of files to be written, or nothing. Ends with the command's exit code; prints what was shown.
"""

import json
import os
import pty
import select
import signal
import sys
import time

PATIENCE = 60


def main():
    steps, command = json.loads(sys.argv[1]), sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        # Whoever runs the tests may ignore it, and what that starts would, too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(command[0], command)
    shown = ""
    for wanted, action in steps:
        deadline = time.monotonic() + PATIENCE
        while wanted not in shown:
            more = read(terminal, deadline)
            if not more:
                sys.exit(f"\n{wanted!r} was not shown")
            sys.stdout.write(more)
            shown += more
        shown = shown.partition(wanted)[2] if wanted else shown
        if isinstance(action, dict):
            for name, text in action.items():
                with open(name, "w") as file:
                    file.write(text)
        elif action is not None:
            os.write(terminal, (action + "\n").encode())
    while more := read(terminal, time.monotonic() + PATIENCE):
        sys.stdout.write(more)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def read(terminal, deadline):
    """What is shown next; nothing at the end of the program, or if nothing comes."""
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                return os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                return ""
    return ""


main()
