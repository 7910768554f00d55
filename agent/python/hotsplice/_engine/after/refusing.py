"""Why a call can not go on in other code, and stays where it is."""

from types import CodeType

from ..live.calls import SUSPENDABLE, Call
from .bytecode import Unknown, kinds, variables
from .target import Target


class Refused(Exception):
    """A call stays in the old code; the words say why."""


class Refusing:
    """Notes why a call stays. No generator: that would keep the whole patch alive, in a cycle through its traceback."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, Refused):
            self.call.reason = str(error)
        elif isinstance(error, (Unknown, ValueError, KeyError)):
            self.call.reason = "its bytecode is not understood"
        else:
            return False
        return True


def check_target(old: CodeType, new: CodeType, target: Target) -> None:
    check_needed(new, target)
    if old.co_flags & SUSPENDABLE and not target.fits():
        raise Refused("the new code needs more room than a generator or coroutine has")


def check_needed(new: CodeType, target: Target) -> None:
    if target.rebound:
        raise Refused(f"the new code gives {target.rebound[0]} something else before it comes there")
    if target.former:
        raise Refused(f"the new code uses {target.former[0]} there, which keeps its former code")
    lacking = (variables(new)[index] for index in target.needed if target.locals[index] is None)
    for name in (*lacking, *target.lacks):
        raise Refused(f"the new code reads {name} there, which the old code has given no value")


def refusal(old: CodeType, new: CodeType) -> str | None:
    """Why no call of a code can go on in another."""
    before, after = kinds(old), kinds(new)
    for name, kind in after.items():
        if "around" in (kind, before.get(name)) and before.get(name) != kind:
            return f"{name} is shared with other functions in another way"
    generator = 0x20 | 0x80 | 0x100 | 0x200
    if (old.co_flags ^ new.co_flags) & generator:
        return "what a call gives is another kind of thing now"
    return None
