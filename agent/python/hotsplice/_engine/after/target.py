"""The place in other code at which a call goes on, and what becomes of its variables there."""

from types import CodeType

from .bytecode import kinds, variables


class Target:
    """Where a call goes on, as the native half takes it."""

    __slots__ = (
        "code",
        "depth",
        "former",
        "former_locals",
        "former_stack",
        "is_loop",
        "lacks",
        "locals",
        "needed",
        "rebound",
        "stack",
        "unit",
        "units",
        "unwrapped",
        "wrapped",
    )

    def __init__(
        self, old: CodeType, new: CodeType, offset: int, depth: int, needed: set[str], rebound: list[str]
    ) -> None:
        before, after = variables(old), variables(new)
        places = {name: index for index, name in enumerate(before)}
        self.code = new
        self.is_loop = False
        # Names that a module has given no value, and that the new code reads.
        self.lacks: list[str] = []
        # Functions that the call has made, and that the new code calls though they keep their former code.
        self.former: list[str] = []
        self.unit = offset // 2
        self.units = len(new.co_code) // 2
        self.depth = depth
        self.locals = [places.get(name) for name in after]
        held, holds = kinds(old), kinds(new)
        # What functions inside share from here on gets a cell of its own; what they share no more gives it up.
        self.wrapped = [
            index for index, name in enumerate(after) if holds[name] == "inside" and held.get(name) != "inside"
        ]
        self.unwrapped = [
            index for index, name in enumerate(after) if holds[name] == "own" and held.get(name) == "inside"
        ]
        shared = {*new.co_cellvars, *new.co_freevars}.difference(after[index] for index in self.wrapped)
        self.needed = [index for index, name in enumerate(after) if name in needed or name in shared]
        # What the new code reads, and has given another value before.
        self.rebound = sorted(needed.intersection(rebound))
        self.former_locals = len(before)
        self.former_stack = old.co_stacksize
        self.stack = new.co_stacksize

    def is_possible(self) -> bool:
        """Whether any call may go on here."""
        return not (self.rebound or self.lacks or self.former)

    def fits(self) -> bool:
        """Whether a call need not have more room than it has: what is suspended keeps its own."""
        return len(self.locals) + self.stack <= self.former_locals + self.former_stack
