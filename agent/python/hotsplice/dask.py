"""The workers of a Dask cluster as sessions of this machine, wherever they run.

    workers = hotsplice.dask.Workers(client)

Each worker listens for itself, through a plugin of the cluster's. What is said to it goes through the cluster's own
connections: no port is opened, and whoever may use the cluster may patch it. Since each is a session like any other, a
patch is for all of them, in two phases. A worker that joins later is given what is live before it takes tasks.

This module is imported by who uses it only; it needs ``distributed``.
"""

from __future__ import annotations

import asyncio
import glob
import itertools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from distributed import Client, Worker, WorkerPlugin  # type: ignore[import-not-found]

from . import _hooks, _session
from ._workers import Live, live_texts, take

_NAME = "hotsplice"
# How often it is looked which workers there are, and what is live in them.
_LOOK = 0.5
# A worker is asked again after so long whether there is something to read.
_PATIENCE = 20.0
_BLOCK = 1 << 18


class _Plugin(WorkerPlugin):  # type: ignore[misc]
    """Makes a worker a session, and gives it what is live in the others."""

    name = _NAME
    # Once for each registration: what is live changes.
    idempotent = False

    def __init__(self, live: Live) -> None:
        self.live = live

    def setup(self, worker: Worker) -> None:
        _session.listen()
        # What is live changes, and this is set up again: only who joins is given it here.
        is_known = getattr(worker, "_hotsplice_joined", False)
        worker._hotsplice_joined = True
        for problem in take(self.live) if not is_known else ():
            # It goes on with what it has: better a worker that is reported than none.
            sys.stderr.write(f"hotsplice: {worker.address} does not run what is live: {problem}\n")


def _describe() -> dict[str, Any] | None:
    """In a worker: its entry in its own registry."""
    for path in glob.glob(os.path.join(glob.escape(_session.registry_directory()), f"{os.getpid()}-*.json")):
        with open(path, "rb") as file:
            entry: dict[str, Any] = json.load(file)
        return entry
    return None


# In a worker: connections to its own agent. A number is never used again: what is said late is for nobody else.
_connections: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
_numbers = itertools.count(1)


async def _open(path: str) -> int | None:
    try:
        connection = await asyncio.open_unix_connection(path)
    except OSError:
        return None
    number = next(_numbers)
    _connections[number] = connection
    return number


async def _send(number: int, data: bytes) -> bool:
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


async def _receive(number: int) -> bytes | None:
    """Nothing so far: empty. The connection is over: nothing."""
    if number not in _connections:
        return None
    try:
        return await asyncio.wait_for(_connections[number][0].read(_BLOCK), _PATIENCE) or None
    except asyncio.TimeoutError:
        return b""
    except OSError:
        return None


async def _close(number: int) -> None:
    connection = _connections.pop(number, None)
    if connection is not None:
        # Whoever waits to receive is told.
        connection[0].feed_eof()
        connection[1].close()


class _Tunnel:
    """A worker that this machine does not see: an entry in the registry, and what is said there is passed on."""

    def __init__(self, client: Client, address: str, entry: dict[str, Any]) -> None:
        self._client, self._address, self._target = client, address, entry["socket"]
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
        _start(self._accept)

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.run(function, *arguments, workers=[self._address])[self._address]

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            _start(self._pass_on, local)

    def _pass_on(self, local: socket.socket) -> None:
        """One connection of an editor's, from its beginning to its end."""
        with local:
            try:
                number = self._ask(_open, self._target)
            except Exception:
                # The worker is gone, or ends.
                number = None
            if number is None:
                return
            answering = _start(self._answers, local, number)
            try:
                while (data := local.recv(_BLOCK)) and self._ask(_send, number, data):
                    pass
                # What is still to be answered goes nowhere: who asked has gone.
                self._ask(_close, number)
            except Exception:
                # Either side may go at any time: then the other one is told.
                pass
            _shut_down(local)
            answering.join()

    def _answers(self, local: socket.socket, number: int) -> None:
        try:
            while (data := self._ask(_receive, number)) is not None:
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


class Workers:
    """The workers of a client's cluster are sessions until it is closed, also those that join. A context manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tunnels: dict[str, _Tunnel | None] = {}
        self._live: Live = {}
        self._closed = threading.Event()
        client.register_plugin(_Plugin({}), name=_NAME)
        # What is shipped by value is kept pickled, by the function that it was.
        _hooks.on_patch(_forget_pickled, clear=True)
        self._look()
        _start(self._watch)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK):
            try:
                self._look()
            except Exception as error:
                if not self._closed.is_set() and self._client.status != "closed":
                    sys.stderr.write(f"hotsplice: the cluster's workers can't be looked at: {error}\n")
                    continue
                return

    def _look(self) -> None:
        present = set(self._client.nthreads())
        for address in [known for known in self._tunnels if known not in present]:
            tunnel = self._tunnels.pop(address)
            if tunnel is not None:
                tunnel.close()
        joined = sorted(present - set(self._tunnels))
        known = [address for address in self._tunnels if address in present]
        if known:
            self._follow(known)
        for address in joined:
            self._add(address)

    def _follow(self, known: list[str]) -> None:
        """What is live in those that were there is what others are to begin with."""
        live = self._client.run(live_texts, workers=known[:1]).get(known[0])
        if live is not None and live != self._live:
            self._live = live
            self._client.register_plugin(_Plugin(live), name=_NAME)

    def _add(self, address: str) -> None:
        entry = self._client.run(_describe, workers=[address]).get(address)
        if entry is None:
            return
        own = os.path.join(_session.registry_directory(), f"{entry['id']}.json")
        # One of this machine and user is a session already.
        is_here = os.path.exists(own) and os.path.exists(entry["socket"])
        self._tunnels[address] = None if is_here else _Tunnel(self._client, address, entry)
        # It may have joined while it was not yet known what is live.
        for problem in self._client.run(take, self._live, workers=[address]).get(address) or []:
            sys.stderr.write(f"hotsplice: {address} does not run what is live: {problem}\n")

    def close(self) -> None:
        """They are sessions of this machine no more; those that run on it stay what they are."""
        self._closed.set()
        for tunnel in self._tunnels.values():
            if tunnel is not None:
                tunnel.close()
        self._tunnels.clear()
        if _forget_pickled in _hooks.clearing:
            _hooks.clearing.remove(_forget_pickled)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _forget_pickled(_patch: object) -> None:
    kept = getattr(sys.modules.get("distributed.worker"), "cache_dumps", None)
    if kept is not None:
        kept.clear()


def _started() -> int:
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _start(function: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, name="hotsplice-dask", daemon=True)
    thread.start()
    return thread
