"""What a program wants called: before a patch, where an exception refuses it; once it is live, first all that clear,
then all that update. Of those a failure is only reported."""

import traceback
from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ... import _hooks
from ..live import lookup
from ..native import native

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared


def _patch(transaction: "Prepared") -> SimpleNamespace:
    """What a hook is given."""
    return SimpleNamespace(
        label=transaction.label,
        files={
            change.path: list(dict.fromkeys(edit["definition"] for edit in change.edits))
            for change in transaction.files
        },
    )


def ask(transaction: "Prepared") -> None:
    """Calls what is to be called before; the first that raises refuses the patch."""
    for hook in _hooks.before_patches:
        patch = _patch(transaction)
        try:
            native.run_program(lambda hook=hook, patch=patch: hook(patch))  # type: ignore[misc]
        except Exception as error:
            text = _last_line(error)
            transaction.files[0].first_outcome.refused("HS0680", f"{_name(hook)} held the patch back: {text}")
            return


def _name(hook: Any) -> str:
    return getattr(hook, "__qualname__", repr(hook))


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]


def of(transaction: "Prepared") -> "list[tuple[Any, SimpleNamespace, FileChange]]":
    """The program's hooks that a patch calls, each with what it is given and the file that it stands for."""
    patch = _patch(transaction)
    found = [(hook, patch, transaction.files[0]) for hook in (*_hooks.clearing, *_hooks.updating)]
    for change in transaction.files:
        for namespace in change.namespaces:
            hook = namespace.globals.get("__hotsplice_patched__")
            if callable(hook) and change.edits:
                found.append((hook, patch, change))
            for scope in _patched_classes(change):
                owner = lookup.find_class(namespace, scope)
                if owner is not None and "__hotsplice_patched__" in owner.__dict__:
                    found.append((owner.__hotsplice_patched__, patch, change))
    return found


def _patched_classes(change: "FileChange") -> Iterable[tuple[str, ...]]:
    scopes = [tuple(edit["scope"]) for edit in change.edits if edit["scope"] and "<locals>" not in edit["scope"]]
    scopes += [
        (*edit["scope"], edit["definition"].rpartition(".")[2]) for edit in change.edits if edit["what"] == "class"
    ]
    return dict.fromkeys(scopes)


def call(transaction: "Prepared", hook: Any, patch: Any, change: "FileChange") -> None:
    """Calls a hook; one that fails is reported beside the verdicts."""
    try:
        native.run_program(lambda: hook(patch))
    except Exception as error:
        name, text = _name(hook), _last_line(error)
        code = getattr(hook, "__code__", None)
        line = code.co_firstlineno if code is not None and lookup.same_file(code.co_filename, change.path) else 1
        transaction.afterwards.append(
            {
                "path": change.path,
                "definition": name,
                "kind": "statement",
                "line": line,
                "end_line": line,
                "verdict": "caveat",
                "code": "HS0601",
                "message": f"the patch is live, but the hook {name} raised {text}",
            }
        )
