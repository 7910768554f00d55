"""Which code objects calls run that began before a patch."""

import weakref
from collections.abc import Iterable
from types import CodeType
from typing import Any

from ..live.code import children, tree


class Inside:
    """The code that one patch retires, and the code of the modules whose statements are being executed."""

    def __init__(self) -> None:
        # id → a way to the code object
        self._retired: dict[int, Any] = {}
        # Code that stands in the new text as it is, of a module that is being executed.
        self._unedited: dict[int, weakref.ref[CodeType]] = {}

    def is_retired(self, code: CodeType) -> bool:
        found = self._retired.get(id(code))
        return found is not None and found() is code

    def is_inside(self, code: CodeType) -> bool:
        """Whether calls run a code that began before the patch, edited or not: what is gone is still there for them."""
        found = self._unedited.get(id(code))
        return found is not None and found() is code or self.is_retired(code)

    def note_unedited(self, code: CodeType) -> None:
        for one in tree(code):
            self._unedited[id(one)] = weakref.ref(one)

    def note_retired(self, code: CodeType, keep: bool = False) -> None:
        for one in tree(code):
            self._retired[id(one)] = (lambda one=one: one) if keep else weakref.ref(one)

    def note_module(self, code: CodeType, lines: Iterable[tuple[int, int]]) -> None:
        """Of a module that is being executed what stands in these lines began before; its functions are live."""
        ranges = list(lines)
        self._retired[id(code)] = weakref.ref(code)
        for child in children(code):
            is_old = any(first <= child.co_firstlineno <= last for first, last in ranges)
            (self.note_retired if is_old else self.note_unedited)(child)

    def forget_codes(self) -> None:
        self._retired.clear()
        self._unedited.clear()
