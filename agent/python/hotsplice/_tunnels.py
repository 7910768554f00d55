"""Sessions that this machine does not see: what is said to them is passed on through a cluster's own connections.

On the far side there are functions that the cluster calls in a worker's process; on the near one an entry in the
registry for each session, with a socket whose connections are passed on.
"""

from __future__ import annotations

import asyncio
import glob
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from . import _session

# A worker is asked again after so long whether there is something to read.
_PATIENCE = 20.0
_BLOCK = 1 << 18


def describe() -> dict[str, Any] | None:
    """In a worker: its entry in its own registry."""
    for path in glob.glob(os.path.join(glob.escape(_session.registry_directory()), f"{os.getpid()}-*.json")):
        with open(path, "rb") as file:
            entry: dict[str, Any] = json.load(file)
        return entry
    return None


# In a worker: connections to its own agent. A number is never used again: what is said late is for nobody else.
_connections: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
_numbers = itertools.count(1)


async def open_connection(path: str) -> int | None:
    try:
        connection = await asyncio.open_unix_connection(path)
    except OSError:
        return None
    number = next(_numbers)
    _connections[number] = connection
    return number


async def send(number: int, data: bytes) -> bool:
    """Whether there is still somebody who takes it."""
    if number not in _connections:
        return False
    writer = _connections[number][1]
    try:
        writer.write(data)
        await writer.drain()
    except OSError:
        return False
    return True


async def receive(number: int) -> bytes | None:
    """Nothing so far: empty. The connection is over: nothing."""
    if number not in _connections:
        return None
    try:
        return await asyncio.wait_for(_connections[number][0].read(_BLOCK), _PATIENCE) or None
    except asyncio.TimeoutError:
        return b""
    except OSError:
        return None


async def close_connection(number: int) -> None:
    connection = _connections.pop(number, None)
    if connection is not None:
        # Whoever waits to receive is told.
        connection[0].feed_eof()
        connection[1].close()


class Tunnel:
    """A worker that this machine does not see: an entry in the registry, and what is said there is passed on."""

    def __init__(self, ask: Callable[..., Any], address: str, entry: dict[str, Any]) -> None:
        """``ask`` calls a function where the session is, and gives what it gives."""
        self._ask, self._target = ask, entry["socket"]
        directory = _session.registry_directory()
        stem = os.path.join(directory, f"via-{os.getpid()}-{entry['id']}")
        self._files = [f"{stem}.json", f"{stem}.sock"]
        os.makedirs(directory, 0o700, exist_ok=True)
        for path in self._files:
            if os.path.lexists(path):
                os.remove(path)
        self._listener = socket.socket(socket.AF_UNIX)
        # The folder is the user's alone.
        self._listener.bind(self._files[1])
        os.chmod(self._files[1], 0o600)
        self._listener.listen()
        namespace = os.stat("/proc/self/ns/pid").st_ino
        via = {"address": address, "pid": os.getpid(), "started": _started(), "namespace": namespace}
        draft = f"{stem}.draft"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump({**entry, "socket": self._files[1], "via": via}, file)
        # Last, and whole at once: whoever sees the entry can connect.
        os.rename(draft, self._files[0])
        start(self._accept)

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            start(self._pass_on, local)

    def _pass_on(self, local: socket.socket) -> None:
        """One connection of an editor's, from its beginning to its end."""
        with local:
            try:
                number = self._ask(open_connection, self._target)
            except Exception:
                # The worker is gone, or ends.
                number = None
            if number is None:
                return
            answering = start(self._answers, local, number)
            try:
                while (data := local.recv(_BLOCK)) and self._ask(send, number, data):
                    pass
                # What is still to be answered goes nowhere: who asked has gone.
                self._ask(close_connection, number)
            except Exception:
                # Either side may go at any time: then the other one is told.
                pass
            _shut_down(local)
            answering.join()

    def _answers(self, local: socket.socket, number: int) -> None:
        try:
            while (data := self._ask(receive, number)) is not None:
                local.sendall(data)
        except Exception:
            pass
        _shut_down(local)

    def close(self) -> None:
        for path in self._files:
            try:
                os.remove(path)
            except OSError:
                pass
        # Wakes who accepts.
        _shut_down(self._listener)
        self._listener.close()


def is_here(entry: dict[str, Any]) -> bool:
    """One of this machine and user is a session already."""
    own = os.path.join(_session.registry_directory(), f"{entry['id']}.json")
    return os.path.exists(own) and os.path.exists(entry["socket"])


def _started() -> int:
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def start(function: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, name="hotsplice-cluster", daemon=True)
    thread.start()
    return thread
