"""What means something else to a call than what it took before, though it can be called alike."""

from collections.abc import Collection, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from ..live import objects
from ..live.code import tree
from . import reach
from .dispatch import MISSING
from .formers import Formers, Parameters, innermost

if TYPE_CHECKING:
    from ..journal.views import Prepared
    from .changes import Changes


def giving(transaction: "Prepared", changes: "Changes", renamed: Collection[str]) -> set[int]:
    """The ids of code whose calls give something of another kind in the new text, or raise that."""
    changed = (one for change in transaction.files for several in change.code_changes.values() for one in several)
    found = {id(old) for one in changed if one.unit.get("gives_otherwise") for old, _ in one.pairs.values()}
    # An object, or an error, of another class: whoever asks for its class does so by the former one.
    each = [(name, *values) for names in changes.names.values() for name, values in names.items()]
    gone = {name for name, before, after in each if isinstance(before, type) and after is not before}
    made = {name for name, before, after in each if isinstance(after, type) and after is not before}
    left = {name for name, _, after in each if after is MISSING and name not in renamed}
    for function, parts in list(changes.functions.values()):
        code = function.__code__
        # What such a call waits for is given by the former one: `running = False`.
        if any(not left.isdisjoint(reach.given_globally(one)) for one in (tree(code) if left else ())):
            found.add(id(code))
        # What has begun a `with` goes on to its end: the new one may count on what the new `__enter__` does.
        if code.co_name in ("__exit__", "__aexit__"):
            found.add(id(code))
        if not gone.isdisjoint(_names(code)) and not made.isdisjoint(_names(parts.get("code", code))):
            found.add(id(code))
    return found


def _names(code: CodeType) -> Iterator[str]:
    return (name for one in tree(code) for name in one.co_names)


def overrides(formers: Formers, owner: type, name: str, after: Any) -> bool:
    """Whether what takes the place of an inherited attribute does not fit those who look that up."""
    former, new = objects.live(inherited(owner, name)), innermost(after)
    if former is object.__init__ and type(new) is FunctionType:
        return not Parameters.of(new, {}).take(1, ())
    return type(innermost(former)) is FunctionType and formers.is_incompatible(former, after)


def inherited(owner: type, name: str) -> Any:
    """What a class has under a name of which it has none itself."""
    bases = (base.__dict__ for base in objects.order(owner)[1:])
    return next((members[name] for members in bases if name in members), MISSING)
