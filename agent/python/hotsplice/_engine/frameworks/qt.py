"""Qt: a widget that exists does not call a method of C++ that its class overrides since."""

import sys
from types import FunctionType
from typing import TYPE_CHECKING

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed

_BASES = (("PyQt6.sip", "wrapper"), ("PyQt5.sip", "wrapper"), ("sip", "wrapper"), ("shiboken6", "Object"))


def observe(patch: "Observed") -> None:
    for module, name in _BASES:
        base = getattr(sys.modules.get(module), name, None)
        for cls, outcomes in patch.classes_below(base) if base is not None else ():
            for outcome in outcomes:
                edit = outcome.edit
                overridden = edit["definition"].rpartition(".")[2]
                if edit["what"] != "function" or edit["change"] not in ("added", "removed"):
                    continue
                if _is_of_qt(cls, overridden) and (count := len(native.objects_of_type(*with_subclasses(cls)))):
                    outcome.caveat(
                        "HS0403",
                        f"Qt has noted which methods {count} existing {cls.__name__} override: {overridden} is not "
                        "looked for in them; make them again",
                    )


def _is_of_qt(cls: type, name: str) -> bool:
    found = (base.__dict__[name] for base in cls.__mro__[1:-1] if name in base.__dict__)
    return any(type(one) is not FunctionType for one in found)
