"""Flask: routes, hooks and error handlers come, change and go while the application serves."""

import copy
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import flask
from flask.views import MethodView, View, http_method_funcs
from werkzeug.routing import BaseConverter, Map

from ..live.lookup import with_subclasses
from ..native import native
from . import click as commands
from . import copied, resolved, without

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from . import LiveOf
    from .observed import Observed

_REGISTRIES = (
    "view_functions",
    "error_handler_spec",
    "before_request_funcs",
    "before_first_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "teardown_appcontext_funcs",
    "template_context_processors",
    "url_value_preprocessors",
    "url_default_functions",
    "url_build_error_handlers",
    "shell_context_processors",
)
# What blueprints hand on to the application under their names, when they are registered.
_HANDED_ON = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "template_context_processors",
    "url_value_preprocessors",
    "url_default_functions",
    "error_handler_spec",
)

# What templates find, kept by the environment.
_TEMPLATES = ("filters", "tests", "globals")


def registries(decorator: Any) -> list[Any]:
    """`@app.template_filter()` and its like register in what the application has for templates."""
    if not decorator.__module__.startswith("flask.") or "template_" not in decorator.__name__:
        return []
    apps = native.objects_of_type(*with_subclasses(flask.Flask))
    return [getattr(app.jinja_env, name) for app in apps if "jinja_env" in vars(app) for name in _TEMPLATES]


def stand_in(value: Any) -> Any:
    if not isinstance(value, (flask.Flask, flask.Blueprint)):
        return None
    twin = copy.copy(value)
    for name in _REGISTRIES:
        if name in vars(value):
            vars(twin)[name] = copied(vars(value)[name])
    twin.cli = commands.stand_in(value.cli)
    if isinstance(value, flask.Flask):
        twin._got_first_request = False
        twin.url_map = _copied_map(value.url_map)
        twin._rules_before = _rules(twin.url_map)
    else:
        twin._got_registered_once = False
        twin.deferred_functions = list(value.deferred_functions)
    return twin


def forget(twin: Any, holds: Callable[[Any], bool]) -> None:
    commands.forget(twin.cli, holds)
    if isinstance(twin, flask.Flask):
        gone = {endpoint for endpoint, view in twin.view_functions.items() if holds(view)}
        if gone:
            twin.url_map = _copied_map(twin.url_map, lambda rule: rule.endpoint not in gone)
    else:
        twin.deferred_functions = [one for one in twin.deferred_functions if not _defers(one, holds)]
        vars(twin)["_forgotten"] = [*vars(twin).get("_forgotten", ()), holds]
    for name in _REGISTRIES:
        without(vars(twin).get(name), holds)


def hand_on(live: Any, twin: Any, copy_of: Callable[[Any], Any]) -> None:
    """What changes in a blueprint changes in each application that it is registered with."""
    if not isinstance(live, flask.Blueprint):
        return
    added = [one for one in twin.deferred_functions if not any(one is known for known in live.deferred_functions)]
    forgotten = vars(twin).get("_forgotten", ())
    changed = [name for name in _HANDED_ON if vars(twin).get(name) != vars(live).get(name)]
    if not added and not forgotten and not changed:
        return
    for app in native.objects_of_type(*with_subclasses(flask.Flask)):
        if "_rules_before" in vars(app):
            # A copy: this patch's, or one that the collector has not come to.
            continue
        names = [name for name, blueprint in app.blueprints.items() if blueprint is live]
        for name in names:
            copy_of_app = copy_of(app)
            prefix = _prefix(app, live, name)
            for holds in forgotten:
                forget(copy_of_app, holds)
            outer, _, own = name.rpartition(".")
            options = {"url_prefix": prefix, "name": own, "name_prefix": outer}
            state = live.make_setup_state(copy_of_app, options, name == names[0])
            for defer in added:
                defer(state)
            for registry in changed:
                vars(copy_of_app)[registry][name] = vars(twin)[registry].get(None, {})


def settle(live: Any, twin: Any, live_of: "LiveOf", plan: "Plan") -> None:
    for name in _REGISTRIES:
        if name in vars(live):
            new = resolved(vars(twin)[name], live_of, vars(live)[name])
            if new != vars(live)[name]:
                plan.set_name(vars(live), name, new)
    commands.settle(live.cli, twin.cli, live_of, plan)
    if "jinja_env" in vars(twin) and "jinja_env" not in vars(live):
        # Made for the copy, which the program does not get.
        plan.afterwards.append(partial(_give_templates, live, twin.jinja_env, live_of))
    if isinstance(live, flask.Blueprint):
        plan.set_name(vars(live), "deferred_functions", twin.deferred_functions)
    elif _rules(twin.url_map) != twin._rules_before:
        plan.set_name(vars(live), "url_map", twin.url_map)


def _give_templates(live: Any, made: Any, live_of: "LiveOf") -> None:
    for name in _TEMPLATES:
        held = getattr(live.jinja_env, name)
        for key, value in getattr(made, name).items():
            held.setdefault(key, live_of(value))


def _prefix(app: Any, blueprint: Any, name: str) -> Any:
    """What the application puts before a blueprint's rules: seen by comparing them with what it made of them."""
    for defer in blueprint.deferred_functions:
        cells = _cells(defer)
        if "rule" not in cells:
            continue
        endpoint = cells.get("endpoint") or getattr(cells.get("view_func"), "__name__", None)
        endpoint = f"{name}.{endpoint}"
        for rule in app.url_map.iter_rules(endpoint) if endpoint in app.view_functions else ():
            end = cells["rule"].lstrip("/")
            if rule.rule.endswith(end):
                return rule.rule[: len(rule.rule) - len(end)].rstrip("/") or None
    return blueprint.url_prefix


def _defers(function: Any, holds: Callable[[Any], bool]) -> bool:
    return any(holds(value) for value in _cells(function).values())


def _cells(function: Any) -> dict[str, Any]:
    function = getattr(function, "__wrapped__", function)
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    values = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or ()):
        try:
            values[name] = cell.cell_contents
        except ValueError:
            continue
    return values


def _copied_map(rules: Any, keeps: Callable[[Any], bool] = lambda rule: True) -> Any:
    """A map with rules of its own: those of a bound rule can't be taken out."""
    made = Map(
        default_subdomain=rules.default_subdomain,
        strict_slashes=rules.strict_slashes,
        merge_slashes=rules.merge_slashes,
        redirect_defaults=rules.redirect_defaults,
        sort_parameters=rules.sort_parameters,
        sort_key=rules.sort_key,
        host_matching=rules.host_matching,
    )
    made.__class__ = type(rules)
    made.converters = rules.converters
    for rule in list(rules._rules):
        if keeps(rule):
            new = rule.empty()
            if hasattr(rule, "provide_automatic_options"):
                # Flask sets it on the rule once that is made.
                new.provide_automatic_options = rule.provide_automatic_options
            made.add(new)
    return made


def _rules(rules: Any) -> list[Any]:
    return [(rule.rule, rule.endpoint, rule.methods, rule.defaults, rule.subdomain) for rule in rules._rules]


def observe(patch: "Observed") -> None:
    """The methods that a class of views answers are noted in its rules; views are looked up at each request."""
    for _, outcomes in patch.classes_below(View):
        for outcome in outcomes:
            if {"decorators", "init_every_request", "provide_automatic_options"} & set(outcome.edit["binds"]):
                outcome.caveat("HS0403", "as_view() looked at it when the view was registered: register it again")
    if patch.classes_below(BaseConverter):
        patch.after(_compile_rules)
    for cls, outcomes in patch.classes_below(MethodView):
        names = {outcome.edit["definition"].rpartition(".")[2] for outcome in outcomes}
        if names & {*http_method_funcs, "methods"}:
            patch.after(partial(_note_methods, cls))


def _compile_rules() -> None:
    """A rule has its converters' expressions in its own."""
    for app in native.objects_of_type(*with_subclasses(flask.Flask)):
        app.url_map = _copied_map(app.url_map)


def _note_methods(cls: Any) -> None:
    classes = sorted(with_subclasses(cls), key=lambda one: len(one.__mro__))
    for one in classes:
        if type(one.__dict__.get("methods")) is set:
            # Found by the class itself, not written in it.
            del one.methods
        one.__init_subclass__()
    for app in native.objects_of_type(*with_subclasses(flask.Flask)):
        for rule in list(app.url_map.iter_rules()):
            view = app.view_functions.get(rule.endpoint)
            made_by: Any = getattr(view, "view_class", None)
            if made_by in classes:
                added = set(made_by.methods) | ({"HEAD"} if "GET" in made_by.methods else set())
                kept = rule.methods & {"OPTIONS"}
                view.methods = made_by.methods
                rule.methods = {method.upper() for method in added} | kept
