"""A window's event loop: what a callback calls, and a callback that goes on."""

import sys
import tkinter

import work


def say(*words):
    print(*words, flush=True)


def on_line(*_):
    line = sys.stdin.readline()
    if line == "go\n":
        work.called(say)
    elif line == "run\n":
        work.running(sys.stdin.readline, say)
    else:
        window.destroy()


window = tkinter.Tk()
window.createfilehandler(sys.stdin, tkinter.READABLE, on_line)
window.after(0, say, "ready")
window.mainloop()
