"""Starting and stopping the agent in this process."""

import _io
import _thread
import atexit
import os
import sys
import time

from . import _loaded
from ._native import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from types import FrameType
    from typing import Any

__version__ = "0.1.0"

OLDEST, NEWEST = (3, 10), (3, 15)


class UnsupportedPython(RuntimeError):
    """This interpreter can't be patched; the message says why (HS0008)."""


class SubInterpreter(UnsupportedPython):
    """A sub-interpreter of a process: the session is the main one's."""

    def __init__(self) -> None:
        super().__init__("HS0008: Hotsplice works in the main interpreter of a process, this is a sub-interpreter")


def _refusal() -> "str | None":
    version = ".".join(map(str, sys.version_info[:2]))
    if sys.implementation.name != "cpython":
        return f"Hotsplice works on CPython, this is {sys.implementation.name}"
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return f"Hotsplice works on CPython 3.10 to 3.15, this is {version}"
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or "t" in getattr(sys, "abiflags", ""):
        return f"Hotsplice does not yet work on free-threaded builds; use CPython {version} with the GIL"
    if sys.platform == "win32":
        return "Hotsplice does not yet work on Windows"
    return None


def runtime_directory() -> str:
    """The folder of the registry, as the server looks for it."""
    given = os.environ.get("HOTSPLICE_RUNTIME_DIR")
    if given:
        return given
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        return os.path.join(runtime, "hotsplice")
    # Services, debuggers and coding agents start programs without the variable.
    own = f"/run/user/{os.getuid()}"
    if os.path.isdir(own) and os.stat(own).st_uid == os.getuid():
        return os.path.join(own, "hotsplice")
    return f"/tmp/hotsplice-{os.getuid()}"


def _load() -> "Any":
    """The native module, in the main interpreter only: what a sub-interpreter registered would end with it."""
    try:
        agent = load()
    except ImportError as error:
        # CPython 3.12 and later refuse libraries such as ours in isolated ones.
        if "subinterpreter" in str(error):
            raise SubInterpreter from None
        raise
    if not agent.is_main_interpreter():
        raise SubInterpreter
    return agent


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        # It is gone.
        return "/"


_registered = False
# The registry's folder, once there is a session.
_directory: "str | None" = None


def registry_directory() -> str:
    """The registry's folder in which this process is found."""
    return _directory or runtime_directory()


def listen(
    directory: "str | os.PathLike[str] | None" = None,
    *,
    tcp: "str | None" = None,
    token: "str | None" = None,
    exposed: bool = False,
) -> "str | None":
    """Makes this process a session that editors and ``hotsplice patch`` find.

    ``directory`` is the registry's folder, by default the one that ``hotsplice`` looks in. Raises
    ``UnsupportedPython`` where the interpreter can't be patched. Calling it again does nothing.

    With ``tcp="127.0.0.1:0"`` (any free port) it listens there too, for ``hotsplice connect`` elsewhere, and gives the
    address. ``token``, or ``HOTSPLICE_TOKEN``, is what has to be known there. Nothing is encrypted: an address that
    other machines reach needs ``exposed=True`` (docs/security.md).

    After ``os.fork`` the child is a session of its own, without that door. After ``os.execv`` the new program has to
    listen itself.
    """
    global _registered, _directory, _main_ident
    if tcp is None and (token is not None or exposed):
        raise ValueError('token and exposed are for who comes by TCP: say where to listen, tcp="127.0.0.1:0"')
    if tcp is not None:
        token = token or os.environ.get("HOTSPLICE_TOKEN")
        if not token:
            raise ValueError("who comes by TCP needs a token: give one, or set HOTSPLICE_TOKEN")
    if _thread.get_native_id() == os.getpid():
        _main_ident = _thread.get_ident()
    reason = _refusal()
    if reason:
        raise UnsupportedPython(f"HS0008: {reason}")
    agent = _load()
    agent.watch(os.path.dirname(os.__file__), os.path.dirname(os.path.abspath(__file__)))

    about = {
        "command": list(getattr(sys, "orig_argv", sys.argv)),
        "cwd": _working_directory(),
        "executable": sys.executable or "",
        "python": sys.version.split()[0],
        "version": __version__,
    }
    if not _registered:
        # Texts of files that were executed before the agent came, if they are as they were.
        agent.adopt(_loaded.project_files())
    _directory = _directory or os.fspath(directory or runtime_directory())
    agent.start(_directory, about)
    if "threading" in sys.modules:
        agent.prepare_thread_entry()
    if not _registered:
        _registered = True
        atexit.register(agent.stop)
        os.register_at_fork(
            before=agent.before_fork,
            after_in_parent=agent.after_fork_in_parent,
            after_in_child=_after_fork_in_child,
        )
    return agent.open_door(tcp, token, exposed) if tcp is not None else None


def stop() -> None:
    """Ends the session; ``listen`` can start another one."""
    global _directory
    load().stop()
    _directory = None


def _after_fork_in_child() -> None:
    if _is_about_to_become_another(sys._getframe(1)):
        return
    try:
        if load().after_fork_in_child():
            _replace_stdin()
    except OSError as error:
        sys.stderr.write(f"hotsplice: the forked process {os.getpid()} can't be patched: {error}\n")


def _is_about_to_become_another(frame: "FrameType") -> bool:
    """Whether ``subprocess`` forks: it runs these hooks for the sake of a ``preexec_fn``; then it becomes a program."""
    return frame.f_code.co_name == "_execute_child" and frame.f_globals.get("__name__") == "subprocess"


# The main thread, where it is known.
_main_ident: "int | None" = None


def correct_main_thread() -> None:
    """Code that a patch has run imported ``threading``: before 3.13 that takes its thread for the main one."""
    threading: Any = sys.modules["threading"]
    main = threading._main_thread
    if _main_ident is None or sys.version_info >= (3, 13) or main._ident == _main_ident:
        return
    lock = _thread.allocate_lock()
    lock.acquire()
    threading._shutdown_locks.discard(main._tstate_lock)
    threading._shutdown_locks.add(lock)
    threading._active.pop(main._ident, None)
    main._ident, main._native_id, main._tstate_lock = _main_ident, os.getpid(), lock
    threading._active[_main_ident] = main


# What the main thread of a parent reads: not to be closed with its last reference, since its lock may be held.
_unused_stdin: "list[Any]" = []


def _replace_stdin() -> None:
    """The agent's thread forked: the main thread, which is not here, may hold a lock of what it read from."""
    held = sys.stdin
    if type(held) is not _io.TextIOWrapper or held is not sys.__stdin__:
        return
    try:
        _unused_stdin.append(held)
        stream = _io.open(0, encoding=held.encoding, errors=held.errors, closefd=False)
        sys.stdin = sys.__stdin__ = stream  # type: ignore[misc]
    except (OSError, ValueError):
        pass


def thread_entry() -> "threading.Thread":
    """A thread object that stands for the agent's threads in ``threading``.

    Debuggers leave threads with its attributes alone, and who joins every thread that is listed waits for the patch.
    """
    threads: Any = sys.modules["threading"]
    agent = load()

    class AgentThread(threads.Thread):  # type: ignore[misc]
        is_pydev_daemon_thread = True
        pydev_do_not_trace = True

        def is_alive(self) -> bool:
            return bool(agent.is_working())

        def join(self, timeout: "float | None" = None) -> None:
            deadline = None if timeout is None else time.monotonic() + timeout
            while agent.is_working() and (deadline is None or time.monotonic() < deadline):
                time.sleep(0.002)

    # What is started while a patch is evaluated inherits this: it is what it is in the main thread.
    # A text of its own: where a value holds it, that was asked of this thread.
    entry = AgentThread(name="".join(("hot", "splice")), daemon=False)
    entry._started.set()
    # No thread's: debuggers warn of one that has none.
    entry._ident = 0
    threads._dangling.discard(entry)
    return entry
