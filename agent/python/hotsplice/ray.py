"""The workers of a Ray cluster as sessions of this machine, wherever they run.

    ray.init(runtime_env={"worker_process_setup_hook": "hotsplice.ray.setup"})
    workers = hotsplice.ray.Workers()

A worker listens from its start, and begins with what is live in the others: who is patched writes it into the store of
the cluster. What is said to one on another machine goes through an actor there. After a patch functions and classes
that the program ships are shipped anew.

This module is imported by who uses it only; it needs ``ray``.
"""

from __future__ import annotations

import functools
import gc
import inspect
import json
import os
import sys
import threading
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any

import ray  # type: ignore[import-not-found]
from ray.experimental import internal_kv  # type: ignore[import-not-found]
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # type: ignore[import-not-found]

from . import _hooks, _session
from ._tunnels import Tunnel, describe, is_here, start
from ._workers import Live, live_texts, take

_NAMESPACE = b"hotsplice"
# Where the program finds its modules: Ray tells workers only when they begin with its first task.
_PATH = (b"path", b"hotsplice-path")
# Which workers there are: node and process → the entry in its registry.
_WORKERS = b"hotsplice-workers"
# How often it is looked which workers there are.
_LOOK = 0.5


def setup() -> None:
    """What each worker runs when it starts: it is a session, and runs what is live in the others."""
    _session.listen()
    internal_kv._internal_kv_put(_own_key(), json.dumps(describe()).encode(), True, namespace=_WORKERS)
    path = internal_kv._internal_kv_get(_PATH[0], namespace=_PATH[1])
    sys.path += [entry for entry in json.loads(path or b"[]") if entry not in sys.path]
    for problem in take(_known()):
        # It goes on with what it has: better a worker that is reported than none.
        sys.stderr.write(f"hotsplice: this worker does not run what is live: {problem}\n")
    if _publish not in _hooks.updating:
        _hooks.on_patch(_publish)


def _own_key() -> bytes:
    return f"{ray.get_runtime_context().get_node_id()}/{os.getpid()}".encode()


def _known() -> Live:
    keys = internal_kv._internal_kv_list(b"", namespace=_NAMESPACE)
    values = [internal_kv._internal_kv_get(key, namespace=_NAMESPACE) for key in keys]
    return {key.decode(): tuple(json.loads(value)) for key, value in zip(keys, values) if value}


def _publish(_patch: object) -> None:
    """A key for each file: whoever is patched by the same patch writes the same."""
    for path, known in live_texts().items():
        internal_kv._internal_kv_put(path.encode(), json.dumps(known).encode(), True, namespace=_NAMESPACE)


class _Relay:
    """An actor on another machine: calls functions there. It is no session itself."""

    def __init__(self) -> None:
        internal_kv._internal_kv_del(_own_key(), namespace=_WORKERS)
        _session.stop()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        given = function(*arguments)
        return await given if inspect.isawaitable(given) else given


def _present(sockets: dict[str, str]) -> list[str]:
    """Where they run: the workers that still do."""
    return [
        key for key, path in sockets.items() if os.path.exists(path) and os.path.exists(f"/proc/{key.split('/')[1]}")
    ]


class Workers:
    """The workers of the cluster are sessions until it is closed, also those that start later. A context manager.

    Made after ``ray.init``. What the program ships is shipped anew after each patch.
    """

    def __init__(self) -> None:
        _session.listen()
        path = [os.path.abspath(entry) for entry in sys.path]
        internal_kv._internal_kv_put(_PATH[0], json.dumps(path).encode(), True, namespace=_PATH[1])
        _hooks.on_patch(_ship_anew, clear=True)
        _hooks.on_patch(_publish)
        self._relays: dict[str, Any] = {}
        self._tunnels: dict[str, Tunnel] = {}
        self._closed = threading.Event()
        self._watching = start(self._watch)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK) and ray.is_initialized():
            try:
                self._look()
            except Exception as error:
                if self._closed.is_set() or not ray.is_initialized():
                    return
                sys.stderr.write(f"hotsplice: the cluster's workers can't be looked at: {error}\n")

    def _look(self) -> None:
        addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
        far: dict[str, dict[str, dict[str, Any]]] = {}
        for key in internal_kv._internal_kv_list(b"", namespace=_WORKERS):
            entry = json.loads(internal_kv._internal_kv_get(key, namespace=_WORKERS) or b"null")
            node = key.decode().split("/")[0]
            if entry is None or node not in addresses:
                internal_kv._internal_kv_del(key, namespace=_WORKERS)
            elif not is_here(entry):
                far.setdefault(node, {})[key.decode()] = entry
        present = set()
        for node, entries in far.items():
            ask = functools.partial(self._ask, node)
            for key in ask(_present, {key: entry["socket"] for key, entry in entries.items()}):
                present.add(key)
                if key not in self._tunnels:
                    address = f"{addresses[node]}, process {key.split('/')[1]}"
                    self._tunnels[key] = Tunnel(ask, address, entries[key])
            for key in entries.keys() - present:
                internal_kv._internal_kv_del(key.encode(), namespace=_WORKERS)
        for key in self._tunnels.keys() - present:
            self._tunnels.pop(key).close()
        for node in self._relays.keys() - addresses.keys():
            del self._relays[node]

    def _ask(self, node: str, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._closed.is_set():
            # A connection that is still open would start another actor, which nobody ends.
            raise ConnectionError("this is closed")
        if node not in self._relays:
            options = {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False), "num_cpus": 0}
            self._relays[node] = ray.remote(_Relay).options(max_concurrency=1000, **options).remote()
        return ray.get(self._relays[node].call.remote(function, *arguments))

    def close(self) -> None:
        """Workers of other machines are sessions of this one no more; those that run on it stay what they are."""
        self._closed.set()
        for hooks, own in ((_hooks.clearing, _ship_anew), (_hooks.updating, _publish)):
            if own in hooks:
                hooks.remove(own)
        for tunnel in self._tunnels.values():
            tunnel.close()
        self._tunnels.clear()
        for relay in self._relays.values():
            ray.kill(relay)
        self._relays.clear()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _ship_anew(_patch: object) -> None:
    """Ray pickles a function or class once, before it is called for the first time, and workers keep what it was."""
    function: Any = sys.modules["ray.remote_function"].__dict__["RemoteFunction"]
    actor: Any = sys.modules["ray.actor"].__dict__["_ActorClassMetadata"]
    for found in gc.get_objects():
        if type(found) is function:
            found._last_export_cluster_and_job = None
            # Known by this to the workers.
            found._uuid = uuid.uuid4()
        elif type(found) is actor:
            found.last_export_cluster_and_job = None
