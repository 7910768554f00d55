"""Starlette and FastAPI: routes come, change and go while the application serves, and follow new signatures."""

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route, Router, request_response

from ..live.lookup import with_subclasses
from ..native import native
from . import change_classes, copied, resolved, without
from .gaps import Gap, filled

if TYPE_CHECKING:
    from ..journal.plan import Plan
    from ..live.messages import Edit
    from . import LiveOf
    from .observed import Observed

_HANDLERS = ("exception_handlers", "user_middleware")


def _fastapi(name: str) -> Any:
    """A class of FastAPI's, or nothing if the program does without."""
    module = sys.modules.get("fastapi.routing" if name in ("APIRoute", "APIRouter") else "fastapi")
    return getattr(module, name, ())


def stand_in(value: Any) -> Any:
    if isinstance(value, Starlette):
        twin = copy.copy(value)
        twin.router = stand_in(value.router)
        for name in _HANDLERS:
            vars(twin)[name] = copied(vars(value)[name])
        # Otherwise it says that the application has started.
        twin.middleware_stack = None
    elif isinstance(value, Router):
        twin = copy.copy(value)
        twin.routes = list(value.routes)
    else:
        return None
    return twin


def _router(value: Any) -> Any:
    return value.router if isinstance(value, Starlette) else value


def forget(twin: Any, holds: Callable[[Any], bool]) -> None:
    routes = _router(twin).routes
    for index, route in enumerate(routes):
        if holds(getattr(route, "endpoint", None)):
            routes[index] = Gap(route.endpoint)
    if isinstance(twin, Starlette):
        without(twin.exception_handlers, holds)
        kept = (one for one in twin.user_middleware if not any(map(holds, _options(one).values())))
        twin.user_middleware = list(kept)


def _options(middleware: Any) -> dict[str, Any]:
    return getattr(middleware, "kwargs", None) or getattr(middleware, "options", {})


def hand_on(live: Any, twin: Any, copy_of: Callable[[Any], Any]) -> None:
    """FastAPI puts copies of a router's routes into what includes the router."""
    kinds = _fastapi("APIRouter")
    if not kinds or not isinstance(live, kinds):
        return
    added = [route for route in twin.routes if not isinstance(route, Gap) and route not in live.routes]
    gone = [route for route in live.routes if route not in twin.routes]
    if not added and not gone:
        return
    # By their ids: routers compare by their routes, and have no hash.
    applications = {id(app.router): app for app in native.objects_of_type(*with_subclasses(Starlette))}
    for other in native.objects_of_type(*with_subclasses(kinds)):
        pairs = [(mine, theirs) for mine in live.routes for theirs in other.routes if _includes(theirs, mine)]
        if other is live or not pairs or vars(other) is vars(twin):
            continue
        target = _router(copy_of(applications.get(id(other), other)))
        for mine, theirs in pairs:
            if mine in gone and theirs in target.routes:
                target.routes[target.routes.index(theirs)] = Gap(theirs.endpoint)
        mine, theirs = pairs[0]
        part = copy.copy(live)
        part.routes = added
        part.on_startup, part.on_shutdown = [], []
        target.include_router(
            part,
            prefix=theirs.path[: len(theirs.path) - len(mine.path)],
            tags=_before(theirs.tags, mine.tags),
            dependencies=_before(theirs.dependencies, mine.dependencies),
        )


def _includes(theirs: Any, mine: Any) -> bool:
    api_route = _fastapi("APIRoute")
    return (
        isinstance(theirs, api_route)
        and isinstance(mine, api_route)
        and theirs is not mine
        and theirs.endpoint is mine.endpoint
        and theirs.path.endswith(mine.path)
        and theirs.methods == mine.methods
    )


def _before(theirs: Any, mine: Any) -> list[Any]:
    """What was put before a route's own tags or dependencies when its router was included."""
    return list(theirs or [])[: len(theirs or []) - len(mine or [])]


def settle(live: Any, twin: Any, live_of: "LiveOf", plan: "Plan") -> None:
    router = _router(live)
    routes = filled(_router(twin).routes, lambda route: getattr(route, "endpoint", None), live_of, router.routes)
    if routes != router.routes:
        plan.set_name(vars(router), "routes", routes)
        plan.afterwards.append(_forget_schemas)
    if isinstance(live, Starlette):
        for name in _HANDLERS:
            new = resolved(vars(twin)[name], live_of)
            if new != vars(live)[name]:
                plan.set_name(vars(live), name, new)
                # Built again at the next request.
                plan.set_name(vars(live), "middleware_stack", None)


def _forget_schemas() -> None:
    """Has FastAPI look at its routes again, where it remembers them."""
    for router in native.objects_of_type(*with_subclasses(_fastapi("APIRouter") or Router)):
        if hasattr(router, "_mark_routes_changed"):
            router._mark_routes_changed()
    if _fastapi("FastAPI"):
        for app in native.objects_of_type(*with_subclasses(_fastapi("FastAPI"))):
            app.openapi_schema = None


def observe(patch: "Observed") -> None:
    """What runs when an application starts has run."""
    edited = patch.taking(0)
    # Looking for applications is a pass over the heap.
    if not edited:
        return
    apps = [app for app in native.objects_of_type(*with_subclasses(Starlette)) if app.middleware_stack is not None]
    started = set()
    for router in (app.router for app in apps):
        for one in (*getattr(router, "on_startup", ()), *_lifespans(getattr(router, "lifespan_context", None))):
            started.add(id(inspect.unwrap(one)))
    for outcome, functions in edited if started else ():
        if functions & started:
            outcome.caveat("HS0403", "it ran when the application started and does not run again: start it again")


def _lifespans(found: Any, depth: int = 4) -> Iterator[Any]:
    """A lifespan and those that FastAPI has put around it, for routers that were included."""
    if callable(found) and depth:
        yield found
        for cell in getattr(found, "__closure__", None) or ():
            yield from _lifespans(cell.cell_contents, depth - 1)


def follow(edits: "list[Edit]", functions: set[FunctionType]) -> Iterator[Callable[[], Any]]:
    """A route keeps what it read of its endpoint's signature."""
    models = change_classes(edits)
    if not functions and not models:
        return
    api_route, found = _fastapi("APIRoute"), []
    for route in native.objects_of_type(*with_subclasses(Route)):
        if api_route and isinstance(route, api_route):
            if models or _calls(route.dependant, functions):
                found.append((route, _derived(route)))
        elif getattr(route.endpoint, "__func__", route.endpoint) in functions:
            yield functools.partial(_adapt, route, _is_async(route.endpoint))
    if found:
        yield lambda: _read_again(found)


def _calls(dependant: Any, functions: set[FunctionType]) -> bool:
    """Whether an endpoint or one of its dependencies gets new code."""
    called = inspect.unwrap(dependant.call) if callable(dependant.call) else None
    called = getattr(called, "__func__", called)
    if inspect.isclass(called):
        called = called.__dict__.get("__init__", called)
    elif not inspect.isroutine(called):
        # An object that is called.
        called = next((cls.__dict__["__call__"] for cls in type(called).__mro__ if "__call__" in cls.__dict__), called)
    return any(called is function for function in functions) or any(
        _calls(inner, functions) for inner in dependant.dependencies
    )


def _derived(route: Any) -> dict[str, Any]:
    """Arguments of the route that were taken from its endpoint, and not given."""
    doc = inspect.cleandoc(route.endpoint.__doc__ or "").partition("\f")[0]
    returns = inspect.unwrap(route.endpoint).__annotations__.get("return")
    derived = {"description": None} if route.description == doc else {}
    given = route.response_model
    if given is None and returns is None or given is not None and given in (returns, _evaluated(route, returns)):
        derived["response_model"] = sys.modules["fastapi.datastructures"].Default(None)
    return derived


def _evaluated(route: Any, annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, inspect.unwrap(route.endpoint).__globals__)
    except Exception:
        return None


def _read_again(found: list[tuple[Any, dict[str, Any]]]) -> None:
    # FastAPI remembers by the function itself what kind it is.
    for name, module in list(sys.modules.items()):
        if name.startswith("fastapi."):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
    for route, derived in found:
        names = [name for name in inspect.signature(type(route).__init__).parameters if hasattr(route, name)]
        arguments = {name: getattr(route, name) for name in names}
        made = type(route)(**{**arguments, **derived})
        # In one step, for requests that come meanwhile. What the router or the program set beside stays.
        vars(route).update(vars(made))
    _forget_schemas()


def _is_async(endpoint: Any) -> bool:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return inspect.iscoroutinefunction(endpoint)


def _adapt(route: Any, was_async: bool) -> None:
    """Functions and coroutine functions are called in different ways."""
    if _is_async(route.endpoint) != was_async and not inspect.isclass(route.endpoint):
        route.app = request_response(route.endpoint)
