"""A process that imports modules and answers what a situation asks of them; one line of JSON each way."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import json
import os
import re
import sys
import traceback
import types
from typing import Any

WORLDS: dict[str, dict[str, Any]] = {}


def call(function: Any, *arguments: Any) -> Any:
    """What a call gives, whatever is called."""
    given = function(*arguments)
    if inspect.iscoroutine(given):
        return asyncio.run(given)
    return list(given) if inspect.isgenerator(given) else given


def own(items: Any, number: int) -> list[Any]:
    """What of a registry is a unit's, by the number that its names end with, called."""
    pairs = list(items.items()) if isinstance(items, dict) else [(None, one) for one in items]
    ends = re.compile(rf"\D{number}$")
    return sorted(((key, call(one)) for key, one in pairs if ends.search(getattr(one, "__name__", "") or "")), key=repr)


def signature(function: Any) -> str:
    return str(inspect.signature(function))


TOOLS = {"call": call, "own": own, "signature": signature, "functools": functools}


def load(folder: str, name: str, modules: dict[str, str], **_: Any) -> str | None:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        loaded: dict[str, types.ModuleType] = {short: importlib.import_module(full) for short, full in modules.items()}
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    WORLDS[name] = {**TOOLS, **loaded, "H": {}}
    return None


def drive(name: str, source: str, **_: Any) -> str | None:
    try:
        exec(compile(source, "<drive>", "exec"), WORLDS[name])
    except Exception:
        return traceback.format_exc()
    return None


def probe(name: str, probes: list[str], **_: Any) -> list[str]:
    return [asked(name, one) for one in probes]


def asked(name: str, expression: str) -> str:
    try:
        shown = repr(eval(expression, WORLDS[name]))
    except Exception as error:
        shown = f"{type(error).__name__}: {error}"
    return re.sub(r" at 0x[0-9a-f]+|0x[0-9a-f]{6,}", " at 0x", shown).replace(name, "NAME")[:400]


DOES = {"load": load, "drive": drive, "probe": probe}


def main() -> None:
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps("ready"), file=reply, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = DOES[request.pop("do")](**request)
        print(json.dumps(answer), file=reply, flush=True)


if __name__ == "__main__":
    main()
