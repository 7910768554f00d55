"""Calls that began before a patch go on in the world that they began in, until they have ended.

A name that retired code can still look up, and that the patch removes or gives to something that does not fit, goes on
meaning what it meant for that code and for nothing else: the code looks it up under an alias, which stands among the
builtins and in no module. Attributes of classes and modules, which others look up too, dispatch on who asks
(``dispatch``). Where neither can be done it is reported, with the line, before the patch is live.

A world is complete before the commit: until then its names mean what everybody sees. It ends when the last code object
is freed that its calls run; nothing is armed and nobody is asked meanwhile.
"""

import builtins
import sys
import weakref
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..live import calls
from ..native import native
from . import dispatch, open_worlds, reach, renames
from .callers import Callers
from .dispatch import MISSING
from .formers import Formers, innermost
from .inside import Inside

_STORES = {"STORE_GLOBAL", "STORE_NAME", "DELETE_GLOBAL", "DELETE_NAME"}
_ATTRIBUTE_STORES = {"STORE_ATTR", "DELETE_ATTR"}


def met(code: CodeType, what: str) -> tuple[CodeType, str, str]:
    """A problem: what a call that runs a code meets."""
    return code, "HS0308", f"a call that began before {what}, which may not fit it"


class World(Inside):
    """What the calls that run code retired by one patch go on seeing."""

    def __init__(self, number: int, formers: Formers, names: "dict[int, dict[str, tuple[Any, Any]]]") -> None:
        super().__init__()
        self.number = number
        self.formers = formers
        # id of a namespace → name → (value before the patch, value after it)
        self.names = names
        # Retired code that is running: called when the last call has left it.
        self.waiting: list[weakref.ref[CodeType]] = []
        self.suspended: list[weakref.ref[Any]] = []
        # Whether the patch that it belongs to is committed.
        self.is_live = False
        self._is_ending = False
        self._aliases: dict[tuple[int, str], tuple[dict[str, Any], dict[str, Any], str]] = {}
        self.renamed: list[tuple[weakref.ref[CodeType], tuple[str, ...], dict[int, str]]] = []
        self._rewritten: list[CodeType] = []
        # Each copy of former code, with the id of that.
        self.copies: list[tuple[weakref.ref[CodeType], int]] = []
        # id of a namespace → former name → the one under which what it holds goes on
        self.renames: dict[int, dict[str, str]] = {}
        # Those of them that attributes have, too.
        self.renamed_attributes: dict[int, dict[str, str]] = {}
        self._follows: list[tuple[CodeType, str, str]] = []
        self._reached: dict[int, FunctionType] = {}
        self._done: set[int] = set()
        # Those that retired code looks its names up in.
        self.namespaces: list[dict[str, Any]] = []
        self.attributes: list[dispatch.Attribute] = []
        self.callers = Callers(self.is_retired, self.is_inside)
        # (module, names as retired code sees them, who else does)
        self.modules: list[tuple[ModuleType, dict[str, tuple[Any, bool]], dispatch.IsRetired]] = []
        # Names that can only stay where they are until the world ends: (namespace, name, value).
        self.deferred: list[tuple[dict[str, Any], str, Any]] = []
        # (code, the code of a caveat, its words)
        self.problems: list[tuple[CodeType, str, str]] = []

    def who_sees(self, live: Any) -> dispatch.IsRetired:
        """Who goes on with what the patch takes away, or gives another value: that one fits who is not edited."""
        return self.is_inside if live is MISSING else self.is_retired

    def keeps_for_unedited(self) -> bool:
        """Whether anything that is gone is kept for code that is not edited."""
        return (
            bool(self.deferred)
            or any(place.live is MISSING for place in self.attributes)
            or any(sees == self.is_inside for _, _, sees in self.modules)
        )

    def watch(self, codes: Iterable[CodeType]) -> None:
        self.waiting.extend(map(weakref.ref, codes))

    def watch_suspended(self, references: Iterable[weakref.ref[Any]]) -> None:
        self.suspended.extend(references)

    def take_rewritten(self) -> list[CodeType]:
        """Copies of former code that were made since this was asked."""
        taken, self._rewritten = self._rewritten, []
        return taken

    def is_empty(self, names: "list[tuple[CodeType, dict[str, str]]]") -> bool:
        return not any(aliases for _, aliases in names)

    def is_held(self, module: ModuleType) -> bool:
        """Whether a namespace of retired code has the module, or a package around it, under a name."""
        parts = module.__name__.split(".")
        names = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        wanted = {id(found) for name in names if (found := sys.modules.get(name)) is not None}
        return any(id(value) in wanted for globals in self.namespaces for value in list(globals.values()))

    # Names

    def former(
        self, globals: dict[str, Any], name: str, is_edited: bool, is_old: bool
    ) -> tuple[Any, Any, bool, bool] | None:
        """(former, the real one, whether the name goes, whether the new one does not fit), if it has to be kept.

        Code that is not ``is_old`` stands in the new text as it is: what other statements give a name now fits it.
        """
        changed = self.names.get(id(globals), {}).get(name)
        live = globals.get(name, MISSING)
        before, after = changed if changed is not None else (live, live)
        if before is MISSING:
            return None
        former = self.formers.of(before)
        if after is MISSING:
            return former, before, True, True
        if not is_old:
            return None
        if after is before and former is before:
            return None
        does_not_fit = self.formers.is_incompatible(before, after)
        is_function = isinstance(before, FunctionType)
        return (former, before, False, does_not_fit) if does_not_fit or (is_edited and is_function) else None

    def aliases(
        self,
        code: CodeType,
        globals: dict[str, Any],
        offsets: Iterable[int] | None,
        is_edited: bool,
        is_old: bool = True,
    ) -> dict[str, str]:
        """The names that a code has to look up by another name, and reports of those for which that can't be done."""
        found = {}
        renamed = self.renames.get(id(globals), {})
        for name, use in reach.uses(code, offsets).items():
            followed = reach.GLOBAL_LOADS | _STORES
            if name in self.renamed_attributes.get(id(globals), {}):
                followed |= reach.ATTRIBUTE_LOADS | _ATTRIBUTE_STORES
            if name in renamed and use.opnames <= followed:
                self._follows.append((code, name, renamed[name]))
                continue
            if name in renamed:
                self.problems.append(met(code, f"uses {name} in line {use.line} as it was before the patch"))
            if not use.opnames & (reach.GLOBAL_LOADS | _STORES):
                continue
            kept = self.former(globals, name, is_edited, is_old)
            # What only gives it a value gives it to the calls that look it up.
            if kept is None or not (use.opnames & reach.GLOBAL_LOADS or kept[2]):
                continue
            former, real, is_removed, does_not_fit = kept
            if former is not real and not use.is_called_only:
                former = real
            if not use.opnames <= reach.GLOBAL_LOADS | (_STORES if is_removed else set()):
                if is_removed:
                    self.deferred.append((globals, name, real))
                elif does_not_fit and not self.callers.asks(innermost(real)):
                    self._report(code, use.line, name)
                continue
            if former is real and globals.get(name) is real and not is_removed and self._stays(globals, name):
                # It is handed on or kept, so it has to be the real one, which is updated in place.
                if does_not_fit and not self.callers.asks(innermost(real)):
                    self._report(code, use.line, name)
                continue
            if former is real:
                self.reach(real)
            found[name] = self._alias(globals, name, former)
        for name in reach.texts(code):
            # `globals()["name"]` finds it where it is.
            before, after = self.names.get(id(globals), {}).get(name, (MISSING, None))
            if before is not MISSING and after is MISSING:
                self.deferred.append((globals, name, before))
                if name in renamed:
                    self.problems.append(met(code, f"finds {name} by its name as it was before the patch"))
        return found

    def _report(self, code: CodeType, line: int, name: str) -> None:
        self.problems.append(met(code, f"looks up {name} in line {line} and gets the new one"))

    def reach(self, value: Any) -> None:
        """A function or class that the patch takes the name from goes on as it is, and looks up names of its own."""
        values = list(value.__dict__.values()) if isinstance(value, type) else [value]
        for function in map(innermost, values):
            if isinstance(function, FunctionType):
                self._reached.setdefault(id(function), function)

    def give_attributes(
        self, module: ModuleType, formers: dict[str, tuple[Any, bool]], who_sees: dispatch.IsRetired
    ) -> None:
        """Retired code sees these attributes of a module as they were."""
        known = next((given for one, given, sees in self.modules if one is module and sees == who_sees), None)
        if known is not None:
            known.update(formers)
        elif formers:
            self.modules.append((module, formers, who_sees))
            dispatch.give_attributes(module, formers, who_sees)

    def take_reached(self) -> list[FunctionType]:
        """Functions that go on as they are and that were reached since this was asked."""
        taken = [function for key, function in self._reached.items() if key not in self._done]
        self._done.update(self._reached)
        return taken

    def _stays(self, globals: dict[str, Any], name: str) -> bool:
        before, after = self.names.get(id(globals), {}).get(name, (None, None))
        return before is after

    def _alias(self, globals: dict[str, Any], name: str, value: Any) -> str:
        key = id(globals), name
        known = self._aliases.get(key)
        if known is not None and known[1][known[2]] is value:
            return known[2]
        label = f"{name} of {globals.get('__name__')} before patch {self.number}"
        alias = sys.intern(label if known is None else f"{label}, as a value")
        # `__builtins__` is a module in the main module, a dictionary elsewhere.
        seen = globals.get("__builtins__", builtins)
        seen = seen.__dict__ if isinstance(seen, ModuleType) else seen
        seen[alias] = value
        self._aliases[key if known is None else (id(globals), alias)] = globals, seen, alias
        return alias

    def aliased(self) -> list[tuple[dict[str, Any], dict[str, Any], str]]:
        """(namespace, what stands for its builtins, alias) of each name that is looked up otherwise."""
        return list(self._aliases.values())

    def rewritten(self, code: CodeType, globals: dict[str, Any]) -> CodeType:
        """A copy of former code that looks names up as the calls of this world do."""
        known = len(self._follows)
        names = self.aliases(code, globals, None, True)
        follows, self._follows[known:] = self._follows[known:], []
        constants = tuple(
            self.rewritten(constant, globals) if isinstance(constant, CodeType) else constant
            for constant in code.co_consts
        )
        copy = code.replace(co_names=tuple(names.get(name, name) for name in code.co_names), co_consts=constants)
        self._follows += [(copy, former, name) for _, former, name in follows]
        self.note_retired(copy, keep=True)
        self._rewritten.append(copy)
        self.copies.append((weakref.ref(copy), id(code)))
        return copy

    def give_names(self, code: CodeType, names: dict[str, str]) -> None:
        """The running code looks these names up by their aliases."""
        positions = {index: names[name] for index, name in enumerate(code.co_names) if name in names}
        if not positions:
            return
        before = code.co_names
        if native.can_set_names():
            new = tuple(positions.get(index, name) for index, name in enumerate(before))
            self.renamed.append((weakref.ref(code), before, positions))
            native.set_names(code, new)
            return
        # Two references: the code's own, and `before`. Others that have the same tuple see the aliases, too.
        removed = {index for index, alias in positions.items() if not self._is_live(alias)}
        is_shared = native.reference_count(before) > _OWN_NAMES + 1
        for index in positions.keys() - removed if is_shared else ():
            self._report(code, code.co_firstlineno, before[index])
        names_before = (*before,)
        for index, alias in positions.items():
            if not is_shared or index in removed:
                native.set_name_in_place(before, index, alias)
        self.renamed.append((weakref.ref(code), names_before, positions))

    def renaming(self) -> Iterator[tuple[Any, ...]]:
        """Operations of the commit: code that runs finds what goes on under another name."""
        codes: dict[int, tuple[CodeType, dict[str, str]]] = {}
        for code, former, name in self._follows:
            codes.setdefault(id(code), (code, {}))[1][former] = name
        self._follows.clear()
        for code, names in codes.values():
            positions = {index: names[name] for index, name in enumerate(code.co_names) if name in names}
            self.renamed.append((weakref.ref(code), (*code.co_names,), positions))
            yield from renames.operations(code, names)

    def _is_live(self, alias: str) -> bool:
        for (namespace, name), (_, _, known) in self._aliases.items():
            if known == alias:
                return self.names.get(namespace, {}).get(name, (None, None))[1] is not MISSING
        return False

    def look_again(self) -> None:
        """Has specialised bytecode look its names up again: a namespace that gains a key makes it."""
        for globals in {id(globals): globals for globals, _, _ in self.aliased()}.values():
            native.look_again(globals)

    # The end

    def begin(self) -> None:
        open_worlds.worlds.append(self)
        codes = [found for ref in self.waiting if (found := ref()) is not None]
        self.waiting = [weakref.ref(code, self._left) for code in codes]
        del codes
        # What is planned with it is planned: it would keep later code for as long as these calls go on.
        self.formers.forget()
        self._left(None)

    def _left(self, _gone: Any) -> None:
        """Called in the thread that left the code: the rest is done elsewhere."""
        if all(ref() is None for ref in self.waiting) and not self._is_ending:
            self._is_ending = True
            native.call_later(0, self.end)

    def end_if_nobody_is_inside(self) -> None:
        """For codes that something else keeps: a debugger, a history, a closure that was not given new code."""
        codes = list({id(code): code for ref in self.waiting if (code := ref()) is not None}.values())
        if any(ref() is not None for ref in self.suspended) or calls.running(codes, heap=False):
            return
        # What was on a stack when the patch came may be suspended now.
        if not any(native.functions_of(codes)) and not calls.running(codes):
            self.end()

    def abandon(self) -> None:
        """Nothing of the patch goes live: what was deferred until then is not done."""
        self.deferred.clear()
        self.end()

    def end(self) -> None:
        """Everything deferred is carried out; retired code that is left sees what everybody sees."""
        if self in open_worlds.worlds:
            open_worlds.worlds.remove(self)
        for ref, before, positions in reversed(self.renamed):
            code = ref()
            if code is None:
                continue
            if native.can_set_names():
                native.set_names(code, before)
            else:
                for index in positions:
                    native.set_name_in_place(code.co_names, index, before[index])
        self.renamed.clear()
        self.callers.end()
        for globals, seen, alias in self._aliases.values():
            seen.pop(alias, None)
            globals.pop(alias, None)
        for place in self.attributes:
            if place.owner.__dict__.get(place.name) is place:
                if place.live is MISSING:
                    native.commit([("type-delete", place.owner, place.name)])
                else:
                    native.commit([("type-set", place.owner, place.name, place.live)])
        for module, formers, _ in self.modules:
            dispatch.take_attributes(module, formers)
        for globals, name, value in self.deferred:
            if dict.get(globals, name) is value:
                native.commit([("dict-delete", globals, name)])
        # What is left would be a cycle of functions, each of which knows its world.
        self.formers.forget()
        for kept in (
            self._aliases,
            self._reached,
            self._rewritten,
            self.attributes,
            self.waiting,
        ):
            kept.clear()
        self.forget_codes()


def _own_names() -> int:
    code = compile("a_name_that_nothing_else_uses", "<hotsplice>", "exec")
    names = code.co_names
    return int(native.reference_count(names))


# The reference count of a tuple of names that belongs to one code object alone, asked as above.
_OWN_NAMES = _own_names()
