"""pluggy, and pytest on top of it: how a registered hook is called follows its new parameters."""

from functools import partial
from typing import Any

from pluggy._hooks import HookImpl, varnames

from ..native import native


def follow(edits: Any, functions: Any) -> Any:
    for implementation in native.objects_of_type(HookImpl) if functions else ():
        function = getattr(implementation.function, "__func__", implementation.function)
        if function in functions:
            yield partial(_read_again, implementation)


def _read_again(implementation: Any) -> None:
    implementation.argnames, implementation.kwargnames = varnames(implementation.function)
