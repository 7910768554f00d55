"""Objects written in C whose content is no reference: it is read, and put back, by their own methods alone."""

import io
import sys
from typing import Any

from ..live import objects

# More is not copied for the case that a patch is refused.
_LIMIT = 1_000_000


def is_known(value: Any) -> bool:
    """Whether it is one of them, not closed, and not too much to copy."""
    kind = _kind_of(value)
    if kind is None:
        return False
    if kind is io.StringIO:
        return not kind.closed.__get__(value) and len(kind.getvalue(value)) <= _LIMIT
    if kind is io.BytesIO:
        return not kind.closed.__get__(value) and len(kind.getbuffer(value)) <= _LIMIT
    return bool(kind.__len__(value) <= _LIMIT)


def read(value: Any) -> Any:
    """Its content, to be compared; nothing once it is closed."""
    if not is_known(value):
        return None
    kind = _kind_of(value)
    if kind in (io.StringIO, io.BytesIO):
        return kind.getvalue(value), kind.tell(value)
    return bytes(value) if kind is bytearray else kind.tobytes(value)


def put_back(value: Any, before: Any, after: Any) -> None:
    """What it held, if it still holds what it did afterwards."""
    if before is None or read(value) != after:
        return
    kind = _kind_of(value)
    if kind in (io.StringIO, io.BytesIO):
        kind.seek(value, 0)
        kind.truncate(value)
        kind.write(value, before[0])
        kind.seek(value, before[1])
        return
    former = before if kind is bytearray else kind(value.typecode, before)
    try:
        kind.__setitem__(value, slice(None), former)
    except BufferError:
        # A view of it is held, so that its length stays.
        pass


def _kind_of(value: Any) -> Any:
    """Which of them a value is, also by derivation."""
    array = objects.attributes(sys.modules.get("array")).get("array")
    kinds = (bytearray, io.StringIO, io.BytesIO, *([array] if issubclass(type(array), type) else ()))
    return next((kind for kind in kinds if issubclass(type(value), kind)), None)
