"""pluggy, and pytest on top of it: how a registered hook is called follows its new parameters."""

from functools import partial
from typing import TYPE_CHECKING, Any

from pluggy import HookspecMarker, PluginManager
from pluggy._hooks import HookCaller, HookImpl, normalize_hookimpl_opts, varnames

from ..live.lookup import with_subclasses
from ..native import native

if TYPE_CHECKING:
    from .observed import Observed


def observe(patch: "Observed") -> None:
    """A plugin that is registered gets and loses hooks with its class."""
    edited = {id(one) for cls, _ in patch.classes_below(object) for one in with_subclasses(cls)}
    edited |= {id(namespace.module) for namespace in patch.namespaces()}
    # A pass over the heap; other bodies are no other hooks.
    managers = [] if patch.is_of_bodies() else native.objects_of_type(*with_subclasses(PluginManager))
    for manager in managers:
        for given in _specifying(manager):
            if id(given) in edited or id(type(given)) in edited:
                # It may give more of them now.
                patch.after(partial(_specify_more, manager, given))
        for plugin in manager.get_plugins():
            if id(type(plugin)) in edited or id(plugin) in edited:
                patch.after(partial(_register_again, manager, plugin))
    for outcome, named in patch.registrations():
        is_specification = any(type(one) is HookspecMarker for one in named)
        if is_specification and {"decorators", "parameters"} & set(outcome.edit["parts"]):
            outcome.caveat("HS0403", "the plugin manager read it when it was given the specifications")


def _specifying(manager: Any) -> list[Any]:
    """Classes, modules and objects that gave it specifications."""
    callers = (one for one in vars(manager.hook).values() if isinstance(one, HookCaller) and one.has_spec())
    return list({id(one.spec.namespace): one.spec.namespace for one in callers}.values())


def _specify_more(manager: Any, given: Any) -> None:
    for name in dir(given):
        options = manager.parse_hookspec_opts(given, name)
        caller = getattr(manager.hook, name, None)
        if options is None or (caller is not None and caller.has_spec()):
            continue
        if caller is None:
            setattr(manager.hook, name, HookCaller(name, manager._hookexec, given, options))
        else:
            caller.set_specification(given, options)


def _register_again(manager: Any, plugin: Any) -> None:
    held = {one.name: one for one in manager.get_hookcallers(plugin) or ()}
    found = _implementations(manager, plugin)
    for hook, caller in held.items():
        before = next(one for one in caller.get_hookimpls() if one.plugin is plugin)
        if hook not in found:
            caller._remove_plugin(plugin)
        elif found[hook].opts != before.opts:
            _exchange(manager, caller, plugin, found[hook])
    for hook, implementation in found.items():
        caller = getattr(manager.hook, hook, None)
        if hook not in held and caller is not None:
            _exchange(manager, caller, plugin, implementation)


def _implementations(manager: Any, plugin: Any) -> dict[str, Any]:
    found = {}
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            normalize_hookimpl_opts(options)
            made = HookImpl(plugin, manager.get_name(plugin), getattr(plugin, attribute), options)
            found[options.get("specname") or attribute] = made
    return found


def _exchange(manager: Any, caller: Any, plugin: Any, implementation: Any) -> None:
    """Adds all again in the order in which the plugins were registered: it decides which of them comes first."""
    by_plugin = {id(one.plugin): one for one in caller.get_hookimpls()}
    by_plugin[id(plugin)] = implementation
    if caller.has_spec():
        manager._verify_hook(caller, implementation)
    for one in caller.get_hookimpls():
        caller._remove_plugin(one.plugin)
    for _, one in manager.list_name_plugin():
        if id(one) in by_plugin:
            caller._add_hookimpl(by_plugin[id(one)])


def follow(edits: Any, functions: Any) -> Any:
    for implementation in native.objects_of_type(HookImpl) if functions else ():
        function = getattr(implementation.function, "__func__", implementation.function)
        if function in functions:
            yield partial(_read_again, implementation)


def _read_again(implementation: Any) -> None:
    implementation.argnames, implementation.kwargnames = varnames(implementation.function)
