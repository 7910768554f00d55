"""Of an edited statement only what the edit touches runs; what else stands there keeps what it made.

That holds for the branches of compound statements, the parts of a tuple and the statements of one line alike. What is
not re-executed automatically ends the run where it is reached.
"""

import ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..journal.writes import sets_attribute
from . import elements, executing, syntax
from .consuming import takes_input
from .former import is_pure, parsed
from .policy import MISSING
from .sorts import Sort, holds_things, sort

if TYPE_CHECKING:
    from ..live.messages import Edit
    from .views import Editing

_REACHED = "__hotsplice_reached__"


class Reduction:
    """One edited statement, as it is live and as it is to be."""

    def __init__(
        self,
        merger: "Editing",
        edit: "Edit",
        former_text: str,
        held: Callable[[str], Any],
        things: bool,
        executed: int | None = None,
    ) -> None:
        self._edit = edit
        # The line in the live text that is being executed, if it is of this statement.
        self._executed = executed
        self._scope = tuple(edit["scope"])
        self._former = parsed(former_text) if former_text else []
        self._shadow, self._world = merger.shadow, merger.world
        # What a name holds, live; whether things are made again; whether all that stands there runs.
        self.held, self._things, self._again = held, things, edit["change"] == "stale"
        self._evaluated = merger.evaluated.get(self._scope, set())
        self._fresh = set(edit.get("fresh", ()))
        self._several = set(edit.get("several", ()))
        self._stops = {tuple(stop) for stop in edit.get("stops", ())} if not things else set()
        # Names whose values are other ones now.
        self._changed = {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())}
        # Names that what runs binds, and names of things that are not made again.
        self.bound: list[str] = []
        self.preserved: list[str] = []
        # Names of containers with objects that edited code has made, and that stay.
        self.made_before: list[str] = []
        # Lines of statements that were reached and not run.
        self.reached: list[int] = []
        self.is_empty = False
        # Lines of loops that run as they stand, with the definitions in them.
        self.loops: list[range] = []
        # What runs at this moment, and has come to nothing behind it.
        self.is_running = executed is not None
        # The line of a value that is being computed, as it was before.
        self.in_progress: int | None = None
        self._has_stop = False
        # What it reads in another way than by name (through an object, a call, a class) is told by no part of it.
        self._reads_indirectly = False

    def reduced(self, tree: ast.Module) -> ast.Module:
        """The tree of the new text without what need not run."""
        statements = syntax.body_of(tree, self._scope)
        own = range(self._edit["line"], self._edit["end_line"] + 1)
        is_heading = (
            isinstance(one, ast.ImportFrom) and one.module == "__future__" and one.lineno not in own
            for one in statements
        )
        heading = [one for one, yes in zip(statements, is_heading) if yes]
        inside = _unwrapped([one for one in statements if one not in heading])
        former = self._former
        if self._executed is not None:
            found = executing.passed(inside, former, self._executed - self._edit["old_line"] + 1)
            inside, former, edited = found.statements, found.former, found.edited_value()
            self.in_progress = edited.lineno if edited is not None else None
        is_derived = self._edit["change"] == "derived" and not self.is_running
        self._reads_indirectly = is_derived and not self._reads_changed(inside)
        needed = self._needed(inside, former)
        self.is_empty = not needed
        if not needed:
            needed = [syntax.nothing(statements[0])]
        if self._has_stop and any(_is_reached(node) for one in needed for node in ast.walk(one)):
            needed = [self._watched(needed)]
        statements[:] = [*heading, *needed]
        if self._scope and heading:
            statements[:] = needed
        return ast.fix_missing_locations(tree)

    # What runs

    def _needed(self, statements: list[ast.stmt], former: list[ast.stmt], forced: bool = False) -> list[ast.stmt]:
        frames = {syntax.frame(one) for one in former}
        needed: list[ast.stmt] = []
        unmatched = list(former)
        for statement in statements:
            header = syntax.header(statement)
            partner = next((one for one in unmatched if header is not None and syntax.header(one) == header), None)
            unmatched = [one for one in unmatched if one is not partner]
            is_known = syntax.frame(statement) in frames
            if header is None:
                needed += self._simple(statement, is_known, forced)
            elif isinstance(statement, syntax.LOOPS) or self._is_stop(statement):
                # Each round builds on the one before.
                if self._is_touched(statement, is_known, forced):
                    needed += [self._stop(statement)] if self._acts(statement) else self._round(statement)
            else:
                needed += self._compound(statement, partner, forced)
        return needed

    def _round(self, loop: ast.stmt) -> list[ast.stmt]:
        found = self._whole(loop)
        if found == [loop] and isinstance(loop, syntax.LOOPS):
            self.loops.append(range(loop.lineno, (loop.end_lineno or loop.lineno) + 1))
        return found

    def _compound(self, statement: ast.stmt, partner: Any, forced: bool) -> list[ast.stmt]:
        inside = forced or self._reads_changed(syntax.heads(statement))
        # `if (n := 5) > 3:`
        names = [name for one in syntax.heads(statement) for name in syntax.bound(one)]
        binds = any(inside or name in self._fresh for name in names)
        for one in syntax.heads(statement) if binds else ():
            self._note(one)
        formers = syntax.branches(partner) if partner is not None else []
        suites = syntax.branches(statement)
        before = [list(suite) for suite in suites]
        for place, suite in enumerate(suites):
            suite[:] = self._needed(suite, formers[place] if formers else [], inside)
        if not any(suites) and not binds:
            return []
        if isinstance(statement, syntax.TRIES):
            # Whether it fails decides what else runs.
            kept = {id(one) for one in suites[0]}
            suites[0][:] = self._attempted(before[0], suites[0], kept)
        for suite in suites:
            if not suite and (suite is suites[0] or not isinstance(statement, (ast.If, *syntax.TRIES))):
                suite.append(syntax.nothing(statement))
        if isinstance(statement, syntax.TRIES):
            for handler in statement.handlers:
                handler.body[:] = handler.body or [syntax.nothing(statement)]
            if not statement.handlers and not statement.finalbody:
                statement.finalbody.append(syntax.nothing(statement))
        return [statement]

    def _attempted(self, before: list[ast.stmt], needed: list[ast.stmt], kept: set[int]) -> list[ast.stmt]:
        """The body of a ``try``: what does not run for its own sake runs for its failing, but makes no thing again."""
        found: list[ast.stmt] = []
        waiting = list(needed)
        for statement in before:
            own = [one for one in waiting if id(one) == id(statement) or one.lineno == statement.lineno]
            if own:
                found += own
                waiting = [one for one in waiting if one not in own]
            elif isinstance(statement, (*syntax.FUNCTIONS, ast.ClassDef)) or self._is_done_once(statement):
                continue
            else:
                suites = syntax.branches(statement)
                if suites and not suites[0]:
                    # Nothing of what stands in it runs.
                    suites[0].append(syntax.nothing(statement))
                found.append(statement)
        return [*found, *waiting]

    def _is_done_once(self, statement: ast.stmt) -> bool:
        changes = syntax.updated(statement) or syntax.item_owner(statement)
        return changes is not None or self._takes_input(statement) or self._makes_things(statement)

    def _makes_things(self, statement: ast.stmt) -> bool:
        names = syntax.bound(statement)
        held = [self.held(name) for name in names]
        return bool(names) and any(value is not MISSING and sort(value) is not Sort.VALUE for value in held)

    def _simple(self, statement: ast.stmt, is_known: bool, forced: bool) -> list[ast.stmt]:
        parts = syntax.elements(statement)
        if len(parts) > 1:
            return [kept for part in parts for kept in self._part(part, is_known, forced)]
        return self._part(statement, is_known, forced)

    def _part(self, statement: ast.stmt, is_known: bool, forced: bool) -> list[ast.stmt]:
        name = syntax.updated(statement) or syntax.item_owner(statement)
        if name is not None and name in self._evaluated | set(self.bound):
            # It goes on with what the text gives the name.
            self._note(statement)
            return [statement]
        if not self._is_touched(statement, is_known, forced):
            if isinstance(statement, ast.AnnAssign) and not is_known:
                self._note_names(statement)
                return [
                    ast.copy_location(
                        ast.AnnAssign(statement.target, statement.annotation, None, statement.simple), statement
                    )
                ]
            return []
        return self._whole(statement)

    def _whole(self, statement: ast.stmt) -> list[ast.stmt]:
        if self._is_stop(statement):
            return [self._stop(statement)]
        names = syntax.bound(statement)
        things = [name for name in names if self._is_thing(name, statement)]
        if things and not self._things:
            # What a loop gives other names is not made again either.
            others = [name for name in names if name in self._fresh and self.held(name) is not MISSING]
            self.preserved += [name for name in dict.fromkeys((*things, *others)) if name not in self.preserved]
            return []
        self._note(statement)
        self._keep_elements(statement)
        return [statement]

    def _keep_elements(self, statement: ast.stmt) -> None:
        """What stands in a container as before is not made again."""
        for name in syntax.bound(statement) if not (self._things or self._again) else ():
            formers = [found for one in self._former if (found := elements.display_of(one, name)) is not None]
            display = elements.display_of(statement, name)
            if display is None or len(formers) != 1:
                continue
            known = self._shadow.namespace.globals
            kept = elements.Elements(
                formers[0], self.held(name), known, self._shadow.globals, lambda element: self._reads_changed([element])
            )
            calls = kept.put_into(display) if kept else []
            called = (
                elements.meaning(node.func, known)
                for one in calls
                for node in ast.walk(one)
                if isinstance(node, ast.Call)
            )
            if any(map(self._world.runs_changed, called)):
                self.made_before.append(name)

    def _is_touched(self, statement: ast.stmt, is_known: bool, forced: bool) -> bool:
        is_definition = isinstance(statement, (*syntax.FUNCTIONS, ast.ClassDef))
        # A definition follows by itself; where several have its name, the block around decides.
        follows = is_definition and not self._several.intersection(syntax.bound(statement))
        if self._again or ((self._reads_indirectly or self._reads_changed([statement])) and not follows):
            return True
        if is_definition and forced:
            return True
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and self._edit["change"] == "derived":
            return True
        names = syntax.bound(statement)
        if not names or isinstance(statement, ast.AnnAssign) and statement.value is None:
            return forced or not is_known
        if syntax.item_owner(statement) is not None or _has_other_targets(statement):
            return not is_known or bool(self._fresh.intersection(names))
        return any(
            name in self._fresh or self.held(name) is MISSING or (forced and name in self._several) for name in names
        )

    def _is_thing(self, name: str, statement: ast.stmt) -> bool:
        """Whether a name holds what must not be made a second time."""
        if isinstance(statement, (*syntax.FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)):
            return False
        held = self.held(name)
        if held is MISSING:
            return False
        is_thing = sort(held) in (Sort.THING, Sort.ACTING) or (name not in self._fresh and holds_things(held))
        return is_thing and not is_pure(statement, self._shadow.globals)

    def _reads_changed(self, nodes: Any) -> bool:
        return any(
            isinstance(node, ast.Name) and node.id in self._changed and isinstance(node.ctx, ast.Load)
            for one in nodes
            for node in syntax.run_at_once(one)
        )

    def _note_names(self, statement: ast.AST) -> None:
        self.bound += [name for name in syntax.bound(statement) if name not in self.bound]

    def _note(self, statement: ast.AST) -> None:
        self._note_names(statement)
        name = syntax.updated(statement)
        if name is not None and name not in self.bound:
            self.bound.append(name)
        self._changed.update(syntax.bound(statement))

    # What ends the run

    def _acts(self, loop: ast.stmt) -> bool:
        """Whether a loop does something else than fill what the text gives anew, or what is written with the commit."""
        evaluated = {*self._evaluated, *self.bound, *syntax.bound(loop)}
        return any(
            self._is_stop(one) and syntax.updated(one) not in evaluated and not sets_attribute(one)
            for one in syntax.flattened([inner for branch in syntax.branches(loop) for inner in branch])
        )

    def _is_stop(self, statement: ast.stmt) -> bool:
        return (statement.lineno, statement.col_offset) in self._stops or self._takes_input(statement)

    def _takes_input(self, statement: ast.stmt) -> bool:
        is_simple = not syntax.branches(statement) and not self._things
        return is_simple and takes_input(statement, self._shadow.before)

    def _stop(self, statement: ast.stmt) -> ast.stmt:
        self._has_stop = True
        call = ast.Call(ast.Name(_REACHED, ast.Load()), [ast.Constant(statement.lineno)], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Raise(call, None), statement))

    def _watched(self, statements: list[ast.stmt]) -> ast.stmt:
        reached = self.reached

        class Reached(BaseException):
            """Ends the run at a statement that is not re-executed automatically."""

            def __init__(self, line: int) -> None:
                reached.append(line)

        self._shadow.globals[_REACHED] = Reached
        handler = ast.ExceptHandler(ast.Name(_REACHED, ast.Load()), None, [ast.Pass()])
        return ast.copy_location(ast.Try(statements, [handler], [], []), statements[0])


def forget(namespace: dict[str, Any]) -> None:
    namespace.pop(_REACHED, None)
    elements.forget(namespace)


def _is_reached(node: ast.AST) -> bool:
    call = node.exc if isinstance(node, ast.Raise) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == _REACHED


def _has_other_targets(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load)
        for node in syntax.run_at_once(statement)
    )


def _unwrapped(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Without the ``if 1:`` that stands for the compound statements around an excerpt."""
    while len(statements) == 1 and isinstance(statements[0], ast.If):
        test = statements[0].test
        if statements[0].orelse or not (isinstance(test, ast.Constant) and type(test.value) is int and test.value == 1):
            break
        statements = statements[0].body
    return statements
