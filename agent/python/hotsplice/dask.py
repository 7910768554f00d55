"""The workers of a Dask cluster as sessions of this machine, wherever they run.

    workers = hotsplice.dask.Workers(client)

Each worker listens for itself, through a plugin of the cluster's. What is said to it goes through the cluster's own
connections: no port is opened, and whoever may use the cluster may patch it. Since each is a session like any other, a
patch is for all of them, in two phases. A worker that joins later is given what is live before it takes tasks.

This module is imported by who uses it only; it needs ``distributed``.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from distributed import Client, Worker, WorkerPlugin  # type: ignore[import-not-found]

from . import _hooks, _session
from ._tunnels import Tunnel, describe, is_here, start
from ._workers import Live, live_texts, take

_NAME = "hotsplice"
# How often it is looked which workers there are, and what is live in them.
_LOOK = 0.5


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


class Workers:
    """The workers of a client's cluster are sessions until it is closed, also those that join. A context manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tunnels: dict[str, Tunnel | None] = {}
        self._live: Live = {}
        self._closed = threading.Event()
        client.register_plugin(_Plugin({}), name=_NAME)
        # What is shipped by value is kept pickled, by the function that it was.
        _hooks.on_patch(_forget_pickled, clear=True)
        self._look()
        start(self._watch)

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
        entry = self._client.run(describe, workers=[address]).get(address)
        if entry is None:
            return
        ask = functools.partial(self._ask, address)
        self._tunnels[address] = None if is_here(entry) else Tunnel(ask, address, entry)
        # It may have joined while it was not yet known what is live.
        for problem in self._client.run(take, self._live, workers=[address]).get(address) or []:
            sys.stderr.write(f"hotsplice: {address} does not run what is live: {problem}\n")

    def _ask(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.run(function, *arguments, workers=[address])[address]

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
