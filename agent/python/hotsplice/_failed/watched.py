"""Whether anybody could answer a call that has failed: at the terminal, in a client, or for a time that was given."""

from __future__ import annotations

import sys
import time

from . import terminal


class _Settings:
    # Seconds for which a call is held also while nobody watches.
    hold_for: float | None = None


settings = _Settings()


def is_watched() -> bool:
    """Whether anybody could answer."""
    native = sys.modules.get("hotsplice._agent")
    watched = native is not None and native.holds_are_watched()
    return watched or bool(settings.hold_for) or terminal.is_there()


def will_be_watched() -> bool:
    """Whether anybody could answer; who looks for programs that come may have to come by first."""
    native = sys.modules.get("hotsplice._agent")
    while not is_watched():
        if native is None or not native.may_come_by():
            return False
        time.sleep(0.01)
    return True
