"""What became of patches, for the program's own ``logging``: records on the logger ``hotsplice`` (docs/api.md).

Nothing is imported for it, no handler is added, and where the program has none nothing is logged.
"""

import sys
from typing import TYPE_CHECKING

from ..native import native

if TYPE_CHECKING:
    from ..live.messages import Verdict

# Held back because something else was refused, which is reported itself.
_HELD_BACK = "HS0105"
# So many definitions are named.
_MOST = 10


def log_live(label: str, verdicts: "list[Verdict]") -> None:
    """The patch is live: one record for it, and one for whatever is not as in a fresh process."""
    if "logging" in sys.modules:
        native.run_program(lambda: _log(label, verdicts, True))


def log_refused(label: str, verdicts: "list[Verdict]") -> None:
    """A record for each reason."""
    if "logging" in sys.modules:
        native.run_program(lambda: _log(label, verdicts, False))


def _log(label: str, verdicts: "list[Verdict]", is_live: bool) -> None:
    make = getattr(sys.modules.get("logging"), "getLogger", None)
    if make is None:
        return
    logger = make("hotsplice")
    # One without handlers would have warnings written to standard error.
    if not logger.hasHandlers():
        return
    if is_live:
        live = [verdict for verdict in verdicts if verdict["verdict"] == "applied"]
        extra = {"hotsplice": {"label": label, "committed": True, "edits": verdicts}}
        logger.info("%s: live: %s", label, _names(live) or "nothing but lines", extra=extra)
    outcome = "caveat" if is_live else "refused"
    reported = [verdict for verdict in verdicts if verdict["verdict"] == outcome]
    reasons = [verdict for verdict in reported if verdict["code"] != _HELD_BACK] or reported
    for edit in reasons:
        logger.warning(
            "%s: %s: %s:%s: %s: %s: %s",
            label,
            "live, but" if is_live else "refused",
            edit["path"],
            edit["line"],
            edit["definition"],
            edit["code"],
            edit["message"],
            extra={"hotsplice": {"label": label, "committed": is_live, "edits": [edit]}},
        )


def _names(verdicts: "list[Verdict]") -> str:
    by_file: dict[str, list[str]] = {}
    for verdict in verdicts[:_MOST]:
        by_file.setdefault(verdict["path"], []).append(verdict["definition"])
    named = "; ".join(f"{path}: {', '.join(dict.fromkeys(names))}" for path, names in by_file.items())
    return f"{named} and {len(verdicts) - _MOST} more" if len(verdicts) > _MOST else named
