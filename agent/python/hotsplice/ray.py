"""The workers of a Ray cluster as sessions of the machine that they run on.

    ray.init(runtime_env={"worker_process_setup_hook": "hotsplice.ray.setup"})
    workers = hotsplice.ray.Workers()

A worker listens from its start, and begins with what is live in the others: who is patched writes it into the store of
the cluster. After a patch functions and classes that the program ships are shipped anew.

This module is imported by who uses it only; it needs ``ray``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import uuid
from types import TracebackType
from typing import Any

from ray.experimental import internal_kv  # type: ignore[import-not-found]

from . import _hooks, _session
from ._workers import Live, live_texts, take

_NAMESPACE = b"hotsplice"
# Where the program finds its modules: Ray tells workers only when they begin with its first task.
_PATH = (b"path", b"hotsplice-path")


def setup() -> None:
    """What each worker runs when it starts: it is a session, and runs what is live in the others."""
    _session.listen()
    path = internal_kv._internal_kv_get(_PATH[0], namespace=_PATH[1])
    sys.path += [entry for entry in json.loads(path or b"[]") if entry not in sys.path]
    for problem in take(_known()):
        # It goes on with what it has: better a worker that is reported than none.
        sys.stderr.write(f"hotsplice: this worker does not run what is live: {problem}\n")
    if _publish not in _hooks.updating:
        _hooks.on_patch(_publish)


def _known() -> Live:
    keys = internal_kv._internal_kv_list(b"", namespace=_NAMESPACE)
    values = [internal_kv._internal_kv_get(key, namespace=_NAMESPACE) for key in keys]
    return {key.decode(): tuple(json.loads(value)) for key, value in zip(keys, values) if value}


def _publish(_patch: object) -> None:
    """A key for each file: whoever is patched by the same patch writes the same."""
    for path, known in live_texts().items():
        internal_kv._internal_kv_put(path.encode(), json.dumps(known).encode(), True, namespace=_NAMESPACE)


class Workers:
    """What the program ships is shipped anew after each patch, until it is closed. A context manager.

    Made after ``ray.init``. The workers are sessions by ``setup``.
    """

    def __init__(self) -> None:
        _session.listen()
        path = [os.path.abspath(entry) for entry in sys.path]
        internal_kv._internal_kv_put(_PATH[0], json.dumps(path).encode(), True, namespace=_PATH[1])
        _hooks.on_patch(_ship_anew, clear=True)
        _hooks.on_patch(_publish)

    def close(self) -> None:
        for hooks, own in ((_hooks.clearing, _ship_anew), (_hooks.updating, _publish)):
            if own in hooks:
                hooks.remove(own)

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
