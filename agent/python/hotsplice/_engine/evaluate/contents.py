"""Objects written in C whose content is no reference: it is read, and put back, by their own methods alone."""

import io
import sys
from typing import Any

from ..live import objects

_PLAIN = (bytearray, io.StringIO, io.BytesIO)


def size(value: Any) -> int | None:
    """How much one of them holds; nothing of another object, or of one that is closed, or was never begun."""
    kind = _kind_of(value)
    try:
        if kind is bytearray or kind is None:
            return None if kind is None else bytearray.__len__(value)
        if kind is io.BytesIO:
            # It is not copied until somebody writes.
            return len(kind.getvalue(value))
        # Of text nobody says how much there is without going through it, nor where its end is without moving there.
        return (
            len(kind.getvalue(value))
            if kind is io.StringIO
            else int(kind.__len__(value) * kind.itemsize.__get__(value))
        )
    except ValueError:
        return None


def read(value: Any) -> Any:
    """Its content, to be compared; nothing once it is closed."""
    kind = _kind_of(value)
    try:
        if kind is io.StringIO:
            # What it does with the ends of lines, too.
            return kind.__getstate__(value)[:3]
        if kind is io.BytesIO:
            return kind.getvalue(value), kind.tell(value)
        return bytes(value) if kind is bytearray else kind.tobytes(value)
    except ValueError:
        return None


def put_back(value: Any, before: Any, after: Any) -> None:
    """What it held, if it still holds what it did afterwards."""
    if before is None or after is None or read(value) != after:
        return
    kind = _kind_of(value)
    if kind is io.StringIO:
        kind.__setstate__(value, (*before, None))
        return
    try:
        if kind is io.BytesIO:
            kind.seek(value, 0)
            kind.truncate(value)
            kind.write(value, before[0])
            kind.seek(value, before[1])
        else:
            former = before if kind is bytearray else kind(kind.typecode.__get__(value), before)
            kind.__setitem__(value, slice(None), former)
    except BufferError:
        # A view of it is held, so that its length stays.
        pass


def _kind_of(value: Any) -> Any:
    """Which of them a value is, also by derivation."""
    kind = type(value)
    for one in _PLAIN:
        if issubclass(kind, one):
            return one
    array = objects.attributes(sys.modules.get("array")).get("array")
    return array if array is not None and issubclass(type(array), type) and issubclass(kind, array) else None
