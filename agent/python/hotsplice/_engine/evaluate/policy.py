"""What becomes of a binding whose text, or what it reads, is another one now: the one place where that is decided."""

from enum import Enum
from types import FunctionType
from typing import Any

from .equality import equal
from .sorts import Sort, sort

MISSING: Any = object()
# What the former text gave a name where that can't be told without running code of the program.
UNKNOWN: Any = object()


class Decision(Enum):
    """What becomes of a binding."""

    # The text means what it did: whatever the name holds stays, and there is nothing to report.
    KEEP = "keep"
    # What the name holds stays though the text says something else: reported.
    PRESERVE = "preserve"
    # The object stays and gets what the text says.
    IN_PLACE = "in place"
    # The name gets what the text says.
    REPLACE = "replace"


def decide(
    live: Any,
    former: Any,
    new: Any,
    one_type: bool,
    changed_by_others: bool = False,
    loosely: bool = False,
    is_imported: bool = False,
) -> Decision:
    """For a name that was evaluated again: ``former`` is what the live text gives it, ``new`` what the new one gives.

    ``loosely``: code of the program made what the text gives, each time with other objects in it. A function that
    ``is_imported`` goes on where it is defined now, with what it keeps.
    """
    if live is MISSING or live is new:
        return Decision.REPLACE
    held = Sort.VALUE if is_imported and type(live) is FunctionType else sort(live)
    if former is not UNKNOWN and former is not MISSING:
        if equal(former, new):
            return Decision.KEEP
        if held not in (Sort.THING, Sort.ACTING) and not equal(former, live, loosely):
            return Decision.PRESERVE
    elif changed_by_others:
        return Decision.PRESERVE
    if held in (Sort.THING, Sort.ACTING):
        return Decision.PRESERVE
    if held in (Sort.CONTAINER, Sort.RECORD) and one_type:
        # What the program has made of it since can't be told from what the text gave it.
        is_told = former is not UNKNOWN and former is not MISSING
        if not is_told and (held is Sort.RECORD or not equal(live, new)):
            return Decision.PRESERVE
        return Decision.IN_PLACE
    return Decision.REPLACE
