"""Callbacks that a program wants run when code of it was patched."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar, overload

    class Patch(Protocol):
        """What went live."""

        @property
        def label(self) -> str:
            """What the user asked for."""
            ...

        @property
        def files(self) -> dict[str, list[str]]:
            """Each path, with the qualified names that changed."""
            ...

    Hook = TypeVar("Hook", bound=Callable[[Any], object])

# Called before a patch goes live; after it those that clear, then all others.
before_patches: "list[Callable[[Patch], object]]" = []
clearing: "list[Callable[[Patch], object]]" = []
updating: "list[Callable[[Patch], object]]" = []

if TYPE_CHECKING:

    @overload
    def on_patch(callback: Hook, *, clear: bool = False) -> Hook: ...

    @overload
    def on_patch(callback: None = None, *, clear: bool = False) -> Callable[[Hook], Hook]: ...

    @overload
    def on_patch(
        *,
        before: Callable[[Patch], object] | None = None,
        after: Callable[[Patch], object] | None = None,
        clear: bool = False,
    ) -> None: ...


def on_patch(callback: "Any" = None, *, clear: bool = False, before: "Any" = None, after: "Any" = None) -> "Any":
    """Has ``callback(patch)`` called after each patch, on the agent's thread.

    ``patch.label`` is what the user asked for, ``patch.files`` maps each path to the qualified names that changed. With
    ``clear=True`` it runs before all others: for what drops caches of old code, as .NET's ``ClearCache`` does before
    ``UpdateApplication``. A callback that raises is reported to the user and harms nothing. Also usable as a decorator.

    ``on_patch(before=…, after=…)`` has the one called when a patch is ready to go live, and the other as above. If
    ``before`` raises, the patch is refused (HS0680): nothing has changed.

    A module or a class may define ``__hotsplice_patched__(patch)`` instead (a class as a static method): it is called
    when something in that module or class was patched.
    """
    if before is not None:
        before_patches.append(before)
    if after is not None:
        (clearing if clear else updating).append(after)
    if callback is not None:
        (clearing if clear else updating).append(callback)
        return callback
    if before is None and after is None:
        return lambda function: on_patch(function, clear=clear)
    return None
