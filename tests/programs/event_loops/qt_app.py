"""Qt's event loop: a slot, and a slot that goes on."""

import sys

import work
from PySide6.QtCore import QCoreApplication, QObject, QSocketNotifier, QTimer, Signal


def say(*words):
    print(*words, flush=True)


class Lines(QObject):
    came = Signal(str)


def on_line(line):
    if line == "go\n":
        work.called(say)
    elif line == "run\n":
        work.running(sys.stdin.readline, say)
    else:
        application.quit()


application = QCoreApplication(sys.argv)
lines = Lines()
lines.came.connect(on_line)
notifier = QSocketNotifier(0, QSocketNotifier.Type.Read)
notifier.activated.connect(lambda *_: lines.came.emit(sys.stdin.readline()))
QTimer.singleShot(0, lambda: say("ready"))
sys.exit(application.exec())
