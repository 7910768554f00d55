"""``hotsplice.overlay()``: functions and methods of a second file stand in for those of a module while it is on.

The module's functions stay the objects that they are: a patch gives them bodies that pass their calls on. Whoever holds
one follows, a debugger stops in the second file, and that file's own globals hold. A patch of the module, whoever makes
it, takes those bodies away with the rest of the former text; they are put back at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import queue
import sys
import threading
from collections.abc import Mapping
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from . import _api, _hooks
from ._forwarding import MARK, CannotForward, Found, count_lines, decorators, find, forward, restore

# How often a module is looked for that is not imported yet.
_LOOK_EVERY = 0.05

# What stands in, by the key that the bodies name. An entry stays: a call may have begun before the overlay let go.
_standing_in: dict[str, Any] = {}
_on: list[Overlay] = []
_changing = threading.RLock()
# Whoever has the lock makes a patch for an overlay.
_is_changing = False
_patched: queue.SimpleQueue[frozenset[str] | None] = queue.SimpleQueue()
_worker: threading.Thread | None = None


def call(key: str) -> Any:
    """What a function's calls are passed on to."""
    return _standing_in[key]


class Overlay:
    """Functions of one file that stand in for those of a module until :meth:`stop`. A context manager.

    ``names`` are those that are stood in for, ``waiting`` those that the module does not have yet. ``error`` is why the
    last change of either file could not be followed, if so: what stood in before still does, or nothing.
    """

    def __init__(
        self, target: str | ModuleType, patches: ModuleType, names: Mapping[str, str] | None, watch: bool
    ) -> None:
        self.names: tuple[str, ...] = ()
        self.waiting: tuple[str, ...] = ()
        self.error: _api.PatchError | None = None
        self.is_on: bool = True
        # Whether the module was there when it was last looked what can stand in.
        self.has_found: bool = False
        self._target = target
        self._patches = patches
        self._renamed = names
        # By name: the definition as it passes its calls on, and as it was.
        self._former: dict[str, tuple[str, str]] = {}
        self._watching = _api.watch(_api.path_of(patches)) if watch else None

    def stop(self) -> None:
        """Lets go: the module's functions have their own bodies again, in their present text."""
        with _changing:
            if not self.is_on:
                return
            self.is_on = False
            if self in _on:
                _on.remove(self)
            module = self._module()
            try:
                if module is not None and self._former:
                    path = _api.path_of(module)
                    live = _api.live_text(path)
                    _make_live(path, live, restore(live, self._former))
            finally:
                self.names = self.waiting = ()
                if self._watching is not None:
                    self._watching.stop()

    def __enter__(self) -> Overlay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _module(self) -> ModuleType | None:
        """The module, once it is there as a whole."""
        found: Any = self._target if isinstance(self._target, ModuleType) else sys.modules.get(self._target)
        # A patch may give a module a class of its own for a while.
        is_module = issubclass(type(found), ModuleType)
        return found if is_module and not getattr(found.__spec__, "_initializing", False) else None

    def _refresh(self, at_least_one: bool = False) -> None:
        """Has what the second file defines now stand in for what the module has now."""
        with _changing:
            if self.is_on:
                try:
                    self._stand_in(at_least_one)
                except CannotForward as error:
                    raise _api.PatchError("HS0661", str(error)) from None
                self.error = None

    def _follow(self) -> None:
        """The same where nobody waits for it."""
        try:
            self._refresh()
        except _api.PatchError as error:
            if self.error is None or str(self.error) != str(error):
                sys.stderr.write(f"hotsplice: overlay of {self._patches.__name__}: {error}\n")
            self.error = error

    def _stand_in(self, at_least_one: bool) -> None:
        patches_path = _api.path_of(self._patches)
        own = find(_api.live_text(patches_path))
        pairs = dict(self._renamed) if self._renamed is not None else {name: name for name in own.functions}
        for stand_in in pairs.values():
            if stand_in not in own.functions or stand_in in own.repeated:
                why = "defined more than once in" if stand_in in own.repeated else "no function of"
                raise CannotForward(f"{stand_in} is {why} {patches_path}")
        module = self._module()
        self.has_found = module is not None
        if not pairs:
            raise _api.PatchError("HS0660", f"{patches_path} defines no function that could stand in for one")
        if module is None:
            self.names, self.waiting = (), tuple(pairs)
            return
        path = _api.path_of(module)
        live = _api.live_text(path)
        base = restore(live, self._former)
        there = find(base)
        found = {name: stand_in for name, stand_in in pairs.items() if name in there.functions}
        if at_least_one and not found:
            raise _api.PatchError("HS0660", f"{path} has none of {', '.join(pairs)}: wait=True waits for them")
        wanted = {}
        for name, stand_in in found.items():
            if MARK in there.source(name):
                raise CannotForward(f"{name} is stood in for already")
            key = f"{patches_path}:{stand_in}:{name}"
            _standing_in[key] = self._function(own, stand_in, there, name, module)
            wanted[name] = own.functions[stand_in], key
        text = forward(base, wanted)
        _make_live(path, live, text)
        after = find(text)
        former = {name: there.source(name) for name in found}
        self._former = {name: (after.source(name, count_lines(text)), text) for name, text in former.items()}
        self.names = tuple(found)
        self.waiting = tuple(name for name in pairs if name not in found)

    def _function(self, own: Found, stand_in: str, there: Found, name: str, module: ModuleType) -> Any:
        """What is called: beneath the decorators that the module's function has, too, since those are applied there."""
        *scope, last = stand_in.split(".")
        holder: Any = self._patches
        for part in scope:
            holder = vars(holder).get(part)
        value = vars(holder).get(last) if isinstance(holder, type | ModuleType) else None
        if value is None:
            raise CannotForward(f"{stand_in} is not in the module {self._patches.__name__}: its definition did not run")
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        elif type(value) is property:
            value = value.fget
        if decorators(own.functions[stand_in]) <= decorators(there.functions[name]):
            value = _beneath(value, last)
        if not callable(value):
            raise CannotForward(f"{stand_in} is no function once it is decorated")
        return _with_class(value, name, module)


def _beneath(decorated: Any, name: str) -> Any:
    """The function of this name that decorators were applied to; what they made, where that does not show it."""
    value = decorated
    while type(value) is not FunctionType or value.__code__.co_name != name:
        value = getattr(value, "__wrapped__", None)
        if value is None:
            return decorated
    return value


def _with_class(function: Any, name: str, module: ModuleType) -> Any:
    """A method that says ``super()`` means the class for which it stands in."""
    if type(function) is not FunctionType or "__class__" not in function.__code__.co_freevars:
        return function
    owner: Any = module
    for part in name.split(".")[:-1]:
        owner = vars(owner).get(part)
    if not isinstance(owner, type):
        return function
    from types import CellType

    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    closure = tuple(CellType(owner) if variable == "__class__" else cell for variable, cell in cells)
    made = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    return made


def _make_live(path: str, live: str, text: str) -> None:
    global _is_changing
    if text != live:
        _is_changing = True
        try:
            _api.patch(path, text).check()
        finally:
            _is_changing = False


def overlay(
    target: str | ModuleType,
    patches: str | os.PathLike[str] | ModuleType,
    *,
    names: Mapping[str, str] | None = None,
    wait: bool = False,
    watch: bool = True,
) -> Overlay:
    """Has functions and methods of a second file stand in for those of a module, without an edit of its file.

    ``target`` is a module, or the name of one that need not be imported yet; ``patches`` a module or the path of a
    file. A function stands in for the one of its own qualified name (``Order.total``), or as ``names`` says:
    ``{"Order.total": "total"}``. Saves of the second file go live by themselves, unless ``watch`` is false. What the
    module does not define yet is waited for; that it has none of it is an error (HS0660) unless ``wait`` is true.
    """
    if isinstance(target, ModuleType):
        _api.path_of(target)
    elif not isinstance(target, str):
        raise _api.PatchError("HS0660", f"{target!r} is neither a module nor the name of one")
    elif target not in sys.modules and not wait and not _can_be_found(target.partition(".")[0]):
        raise _api.PatchError("HS0660", f"there is no module {target}: wait=True waits for it")
    made = Overlay(target, _loaded(patches), names, watch)
    try:
        made._refresh(at_least_one=not wait)
    except BaseException:
        made.stop()
        raise
    with _changing:
        _on.append(made)
    _start_worker()
    return made


def _can_be_found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _loaded(patches: str | os.PathLike[str] | ModuleType) -> ModuleType:
    """The second file as a module: the one that the program has, or one of its own."""
    if isinstance(patches, ModuleType):
        return patches
    path = os.path.abspath(os.fspath(patches))
    if not os.path.isfile(path):
        raise _api.PatchError("HS0011", f"{path}: there is no such file")
    for module in list(sys.modules.values()):
        if issubclass(type(module), ModuleType) and module.__dict__.get("__file__") == path:
            return module
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules:
        name = f"hotsplice_overlay_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise _api.PatchError("HS0011", f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _start_worker() -> None:
    """A patch is made by the agent's thread, which calls us: what follows it is a patch of its own, made by another."""
    global _worker
    with _changing:
        if _worker is None or not _worker.is_alive():
            if _worker is None:
                _hooks.updating.append(_note)
                _api.putting_back.append(_put_back)
            _worker = threading.Thread(target=_follow, name="hotsplice-overlay", daemon=True)
            _worker.start()
    _patched.put(None)


def _put_back() -> None:
    """After a patch that this process has asked for itself, and goes on from."""
    with _changing:
        if not _is_changing:
            for made in list(_on):
                made._follow()


def _note(patch: Any) -> None:
    if _on:
        _patched.put(frozenset(os.path.abspath(path) for path in patch.files))


def _follow() -> None:
    is_waiting = False
    while True:
        try:
            files = _patched.get(timeout=_LOOK_EVERY if is_waiting else None)
        except queue.Empty:
            files = frozenset()
        is_waiting = False
        for made in list(_on):
            module = made._module()
            is_waiting = is_waiting or module is None
            # It may have come before this thread has looked for the first time.
            came = module is not None and not made.has_found
            own = {_api.path_of(made._patches), *([] if module is None else [_api.path_of(module)])}
            if came or (files and not files.isdisjoint(own)):
                made._follow()
