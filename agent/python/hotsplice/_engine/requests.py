"""What the channel may ask of the engine, one function a request."""

import os
import sys
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from .._loaded import Remembered
from .after import events, running, users
from .errors import EngineError, TimeLimit
from .live import cells, importing, lookup
from .live.files import known, live_file, version
from .native import native
from .transaction import Transaction

if TYPE_CHECKING:
    from .live.lookup import Namespace
    from .live.messages import Patch

# Nanoseconds after which a prepared transaction that nobody commits is dropped.
_ABANDONED_AFTER = 60 * 10**9
# What a held call is to return is evaluated within so many milliseconds.
_RETURN_LIMIT = 10_000
# The program's logging has so many for a patch that was refused.
_LOGGING_LIMIT = 2_000
_DEBUG_LIMIT = 30_000

# Number → (transaction, when it was prepared)
_transactions = {}
_last_transaction = 0
# What is prepared or committed at this moment: one at a time.
_current = None


def handle(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Serves one request; raises ``EngineError`` for what can't be served."""
    serve = _METHODS.get(method)
    if serve is None:
        raise EngineError("HS0003", f"the agent does not know the method {method!r}")
    with Remembered():
        return serve(params)


def files(_params: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for path, module in lookup.loaded_modules():
        name = str(lookup.members_of(module).get("__name__"))
        if name.partition(".")[0] == "hotsplice":
            # What makes the patch is no part of the program.
            continue
        found.setdefault(path, []).append(name)
    for path, name in lookup.executed_elsewhere(found):
        found.setdefault(path, []).append(name)
    of_cells = {cell.path: cell for cell in cells.all_of_them()}
    loaded: list[dict[str, Any]] = [
        {"path": path, "modules": modules, "version": version(path)}
        for path, modules in found.items()
        if path not in of_cells
    ]
    loaded += [
        {
            "path": path,
            "modules": [str(cell.namespace.get("__name__", ""))],
            "version": version(path),
            "cell": {"id": cell.name, "definitions": cell.definitions()},
        }
        for path, cell in of_cells.items()
    ]
    for file in loaded:
        file["installed"] = lookup.is_installed(file["path"])
        if not file["installed"]:
            try:
                known = os.stat(file["path"])
            except OSError:
                continue
            file["device"], file["inode"] = known.st_dev, known.st_ino
    return {"files": loaded}


def _loaded(path: str) -> "list[Namespace]":
    namespaces = lookup.namespaces(path)
    if not namespaces:
        raise EngineError("HS0010", f"this process has not loaded {path}")
    return namespaces


def baseline(params: dict[str, Any]) -> dict[str, Any]:
    return _baseline(params["path"], _loaded(params["path"]))


def baselines(params: dict[str, Any]) -> dict[str, Any]:
    found = ((path, lookup.namespaces(path)) for path in params["paths"])
    return {"files": [_baseline(path, namespaces) for path, namespaces in found if namespaces]}


def _baseline(path: str, namespaces: "list[Namespace]") -> dict[str, Any]:
    file = live_file(path)
    return {
        "path": path,
        "modules": [namespace.name or "" for namespace in namespaces],
        "version": file.version,
        "text": file.text,
        "trust": file.trust,
        "differs": file.differs,
        "undoable": len(file.history),
    }


def prepare(params: dict[str, Any]) -> dict[str, Any]:
    global _current
    importing.wait(params["patch"]["files"])
    try:
        transaction = _prepared(params["patch"])
        while not transaction.ready:
            transaction.abort()
            if not transaction.leaves_out_followers():
                return _answer(transaction)
            transaction = _prepared(params["patch"])
        if params.get("commit"):
            transaction.commit()
        else:
            _forget_abandoned()
            _transactions[transaction.number] = (transaction, native.monotonic_ns())
        return _answer(transaction)
    finally:
        _current = None


def _prepared(patch: "Patch") -> Transaction:
    global _last_transaction, _current
    _last_transaction += 1
    transaction = _current = Transaction(_last_transaction, patch)
    transaction.prepare()
    return transaction


def _answer(transaction: Transaction) -> dict[str, Any]:
    used_by = users.of(transaction.files, transaction.loaded_files) if transaction.is_live else []
    return {
        "transaction": transaction.number,
        "verdicts": transaction.verdicts(),
        "ready": transaction.ready,
        "committed": transaction.is_live,
        "users": used_by,
        "running": lookup.running_lines(used_by),
        "timings": transaction.timings,
    }


def abandon() -> dict[str, Any]:
    """Called on another thread when the one that makes a patch is stuck in the program's code and never comes back.

    What that was to undo, or to do after the commit, is done here.
    """
    global _current
    transaction, _current = _current, None
    if transaction is None:
        return {}
    if transaction.is_live:
        transaction.follow_up_without_stuck()
    else:
        transaction.roll_back()
    return _answer(transaction)


def _forget_abandoned() -> None:
    """A client that went away does not commit any more."""
    for number, (_, prepared) in list(_transactions.items()):
        if native.monotonic_ns() - prepared > _ABANDONED_AFTER:
            del _transactions[number]


def _take(params: dict[str, Any]) -> Transaction:
    transaction, _ = _transactions.pop(params["transaction"], (None, None))
    if transaction is None:
        raise EngineError("HS0012", f"transaction {params['transaction']} is not prepared in this process")
    return transaction


def commit(params: dict[str, Any]) -> dict[str, Any]:
    global _current
    transaction = _current = _take(params)
    try:
        transaction.commit()
        return _answer(transaction)
    finally:
        _current = None


def abort(params: dict[str, Any]) -> dict[str, Any]:
    _take(params).abort()
    return {}


def refused(params: dict[str, Any]) -> dict[str, Any]:
    """What was refused for whatever reason, also one that no process was asked for: a text that does not parse."""
    native.limit_time(_LOGGING_LIMIT)
    try:
        events.log_refused(params["label"], params["verdicts"])
    except TimeLimit:
        pass
    finally:
        native.limit_time(0)
    return {}


def history(params: dict[str, Any]) -> dict[str, Any]:
    path = params["path"]
    _loaded(path)
    return {
        "versions": [
            {
                "version": former.version,
                "path": former.path,
                "text": former.text,
                "label": former.label,
                "definitions": former.definitions,
                "transaction": former.transaction,
                "replaced_at": former.replaced_at,
            }
            for former in live_file(path).history
        ]
    }


def status(_params: dict[str, Any]) -> dict[str, Any]:
    files = list(known())
    displaced = {(file.path, name) for file in files for name in file.displaced.names()}
    patched = [
        {"path": file.path, "definition": definition, **_stated(details)}
        for file in files
        for definition, details in list(file.patched.items())
        # What follows from others is as it was loaded once these are.
        if (file.path, definition) in displaced or not displaced.isdisjoint(details["follows"])
        if file.cell is None or cells.holds(file.cell, definition)
    ]
    return {
        "patched": patched,
        "in_cells": cells.patched(),
        "running": running.still_running(),
        "guarded": native.guarded_patterns(),
    }


def _stated(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if key not in ("follows", "text")}


def output(params: dict[str, Any]) -> dict[str, Any]:
    from .. import _output

    return _output.since_patch([file.path for file in known()], bool(params.get("all")))


def guard(params: dict[str, Any]) -> dict[str, Any]:
    from .._failed import guarding

    if params.get("hold_for") is not None:
        guarding.set_hold_for(params["hold_for"] or None)
    if params.get("even_handled") is not None:
        guarding.set_even_handled(params["even_handled"])
    try:
        if params.get("remove"):
            functions = guarding.let_go(params["patterns"])
        else:
            functions = guarding.guard(params["patterns"], bool(params.get("only_uncaught")))
    except guarding.Unsupported as error:
        raise EngineError("HS0022", str(error)) from None
    native.notify("guards/changed", {})
    return {
        "functions": sorted(_full_name(function) for function in functions),
        "running": [] if params.get("remove") else sorted(_running_calls(functions)),
        "patterns": native.guarded_patterns(),
    }


def _full_name(function: Any) -> str:
    module = function.__globals__.get("__name__")
    if module == "__main__":
        path = function.__globals__.get("__file__")
        module = os.path.splitext(os.path.basename(path))[0] if type(path) is str else module
    return f"{module}.{function.__code__.co_qualname}"


def _running_calls(functions: Iterable[Any]) -> set[str]:
    """Those of the functions that a thread is in, and whose calls are guarded from their beginning only."""
    names = {function.__code__: _full_name(function) for function in functions if native.goes_through_guard(function)}
    found = set()
    frame: FrameType | None
    for frame in native.current_frames().values():
        while frame is not None:
            if frame.f_code in names:
                found.add(names[frame.f_code])
            frame = frame.f_back
    return found


def holds(_params: dict[str, Any]) -> dict[str, Any]:
    loaded = sys.modules.get("hotsplice._failed.holds")
    return {"holds": [] if loaded is None else loaded.held()}


def choose_hold(params: dict[str, Any]) -> dict[str, Any]:
    from .._failed import holds as held_calls

    hold = held_calls.find(params["hold"])
    try:
        if hold is not None:
            hold.choose(params.get("frame"))
    except held_calls.NoCall as error:
        raise EngineError(error.code, error.why) from None
    return {}


def answer_hold(params: dict[str, Any]) -> dict[str, Any]:
    from .._failed import holds as held_calls

    native.limit_time(params.get("time_limit_ms") or _RETURN_LIMIT)
    try:
        known_hold = held_calls.answer(
            params["hold"], params["answer"], params.get("expression"), native.run_program, params.get("frame")
        )
    except held_calls.NoCall as error:
        raise EngineError(error.code, error.why) from None
    except TimeLimit:
        raise EngineError("HS0024", "it took too long; the call stays held") from None
    except Exception as error:
        raise EngineError("HS0024", f"{type(error).__name__}: {error}") from None
    finally:
        native.limit_time(0)
    if not known_hold:
        raise EngineError("HS0023", f"no call {params['hold']} is held in this process")
    return {}


def debug_hold(params: dict[str, Any]) -> dict[str, Any]:
    from .._failed import debugging
    from .._failed import holds as held_calls

    native.limit_time(_DEBUG_LIMIT)
    try:
        hold = held_calls.find(params["hold"])
        if hold is None:
            raise EngineError("HS0023", f"no call {params['hold']} is held in this process")
        return debugging.ask(hold, params["by"], params.get("input"), params.get("debugpy"))
    except debugging.NoDebugger as missing:
        raise EngineError("HS0690", str(missing)) from None
    finally:
        native.limit_time(0)


def restart_frame(params: dict[str, Any]) -> dict[str, Any]:
    from .after import restarting

    return restarting.restart(params)


_METHODS = {
    "files": files,
    "baseline": baseline,
    "baselines": baselines,
    "patch/prepare": prepare,
    "patch/commit": commit,
    "patch/abort": abort,
    "refused": refused,
    "history": history,
    "status": status,
    "output": output,
    "guard": guard,
    "holds": holds,
    "hold/choose": choose_hold,
    "hold/answer": answer_hold,
    "hold/debug": debug_hold,
    "frame/restart": restart_frame,
}
