"""Functions that build an application: what they add to it now, the applications that they have built do not have."""

import sys
from typing import TYPE_CHECKING, Any

from ..live.lookup import with_subclasses
from ..native import native
from . import stores

if TYPE_CHECKING:
    from ..journal.plan import EditOutcome
    from ..journal.views import Prepared
    from ..live.messages import Unit

_APPLICATIONS = (
    ("flask", "Flask"),
    ("flask", "Blueprint"),
    ("starlette.applications", "Starlette"),
    ("starlette.routing", "Router"),
    ("aiohttp.web", "Application"),
    ("celery", "Celery"),
    ("click", "Group"),
    ("typer", "Typer"),
    ("dash", "Dash"),
    ("discord.ext.commands", "Bot"),
    ("sanic", "Sanic"),
    ("quart", "Quart"),
    ("bottle", "Bottle"),
    ("tornado.web", "Application"),
    ("argparse", "ArgumentParser"),
)


def report(transaction: "Prepared") -> None:
    kinds: list[Any] = [
        getattr(sys.modules[module], name, None) for module, name in _APPLICATIONS if module in sys.modules
    ]
    kinds = [kind for kind in kinds if kind is not None]
    for change in transaction.files if kinds else ():
        for namespace in change.namespaces:
            for code_change in change.code_changes.get(id(namespace), ()):
                built = _built(code_change.new_code, namespace.globals, tuple(kinds))
                unit = code_change.unit
                edited = [one for one in change.outcomes_of(unit) if _adds(one, unit)]
                if built and edited and (count := len(native.objects_of_type(*with_subclasses(built)))):
                    for outcome in edited:
                        outcome.caveat(
                            "HS0307",
                            f"{unit['name']} builds a {built.__name__}: what it built before (there are {count}) "
                            "stays as it was; call it again",
                        )


def _adds(outcome: "EditOutcome", unit: "Unit") -> bool:
    """Whether what the function itself does is another thing now, and not only a view inside of it."""
    edit = outcome.edit
    own = [*edit["scope"], edit["definition"].rpartition(".")[2]] == [*unit["scope"], unit["name"]]
    return ("body" in edit["parts"]) if own else bool({"decorators"} & set(edit["parts"]))


def _built(code: Any, names: dict[str, Any], kinds: tuple[type, ...]) -> "type | None":
    value: Any
    for name in code.co_names:
        value = names.get(name)
        values = [value]
        if stores.is_a(value, type(sys)):
            values = [value.__dict__[one] for one in code.co_names if one in value.__dict__]
        for one in values:
            if type(one) is not None and issubclass(type(one), type) and issubclass(one, kinds):
                built: type = one
                return built
    return None
