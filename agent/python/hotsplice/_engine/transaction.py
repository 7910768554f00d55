"""One patch in this process: prepared, then committed or dropped. Until the commit nothing is changed."""

import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from . import acceptance, evaluation, frameworks
from .after import (
    events,
    going_on,
    hooks,
    late,
    left_over,
    nameless,
    proven,
    renames,
    running,
    unchanged,
    versions,
    world_plan,
)
from .after.changes import Changes
from .errors import EngineError, Refusal, TimeLimit
from .frameworks import debuggers, factories, reloaders
from .journal.file_change import FileChange
from .journal.plan import Plan
from .journal.renaming import Renaming
from .live import importing, lookup, shown_text
from .live.code import compile_excerpt
from .live.files import live_file
from .merge import caches, classes, examined, fallbacks, functions, hashes, moves, resolving, running_module, virtual
from .native import native

if TYPE_CHECKING:
    from .journal.plan import EditOutcome
    from .live.calls import Call
    from .live.messages import Patch, Verdict

# How often the world of a patch is worked out anew because calls went on meanwhile.
_ATTEMPTS = 10

# What is evaluated for an edit raises an error, or is not compiled.
_FAILED = ("HS0102", "HS0103")


class Transaction:
    def __init__(self, number: int, patch: "Patch") -> None:
        self.number = number
        self.label = patch.get("label", "")
        self.options = patch.get("options") or {}
        self.plan = Plan()
        self.files = [FileChange(message) for message in patch["files"]]
        self.renaming = Renaming(self.files)
        self.timings: dict[str, int] = {}
        self.ready = False
        # From the commit on: nothing may refuse it any more.
        self.is_live = False
        # What undoes what was done while evaluating; each may be called more than once.
        self.undoing: list[Callable[..., Any]] = []
        # Lambdas of statements, with the code that they get.
        self.renewed_lambdas: list[tuple[FunctionType, CodeType]] = []
        # What is still to be done after the commit.
        self._following: deque[Callable[[], Any]] = deque()
        # The step of those that is being done.
        self._step: Any = None
        # Functions that lose their name while somebody holds them.
        self.held_functions: list[FunctionType] = []
        # Calls that run what the patch retires.
        self.old_calls: list[Call] = []
        # Where those that have not moved stand: id of their code → offsets. Given by `world_plan`.
        self.calls_stand_at: dict[int, set[int]]
        # How often threads had switched before they were looked for, and the code that the patch retires.
        self.calls_seen: int | None = None
        self.retired: list[weakref.ref[CodeType]] = []
        # Copies of that for calls that go on in it, with the ids of what they are copies of.
        self.copies: list[tuple[weakref.ref[CodeType], int]] = []
        # What calls in former code take, and make, otherwise than the new code does.
        self.taken_otherwise: Any = None
        self.doubts: proven.Doubts
        self.unchanged: unchanged.Unchanged
        # Files that were executed for the first time while it was evaluated.
        self.loaded_files: set[str] = set()
        # Verdicts that came up after the commit.
        self.afterwards: list[Verdict] = []
        self._started = native.monotonic_ns()

    def _lap(self, stage: str) -> None:
        now = native.monotonic_ns()
        self.timings[stage] = self.timings.get(stage, 0) + (now - self._started) // 1000
        self._started = now

    def outcomes(self) -> "list[EditOutcome]":
        found = [outcome for file in self.files for outcome in file.outcomes]
        found += [outcome for file in self.files for outcome in file.beside]
        return found + [file.whole for file in self.files if file.whole.verdict is not None]

    def verdicts(self) -> "list[Verdict]":
        return [outcome.as_message() for outcome in self.outcomes()] + self.afterwards

    def prepare(self) -> Any:
        """Compiles, resolves and evaluates. Afterwards ``ready`` says whether the patch may be committed."""
        try:
            if self._baselines_fit():
                self.held_functions = nameless.held(self.files)
                self._resolve()
                unreached = [change for change in self.files if importing.refuse_unreached(change)]
                if unreached:
                    return self._end_prepare()
                for change in self.files:
                    importing.report_unreached(change)
                self._evaluate()
                frameworks.follow(self)
                factories.report(self)
                examined.follow(self)
                for change in self.files:
                    fallbacks.report(change)
                caches.follow(self)
                virtual.forget_answers(self)
                hashes.follow(self)
                self._lap("evaluate")
        except TimeLimit:
            self._refuse_all("HS0104", f"evaluating the patch took longer than {self._time_limit() / 1000:g} s")
        self._end_prepare()

    def _evaluate(self) -> None:
        self.undoing.append(self.renaming.forget)
        self.renaming.check()
        if self._is_refused():
            return
        try:
            if self.renaming.show(bool(self.options.get("dry_run"))):
                evaluation.evaluate(self)
        finally:
            self.renaming.hide()

    def _is_refused(self) -> bool:
        return any(outcome.verdict == "refused" for outcome in self.outcomes())

    def leaves_out_followers(self) -> bool:
        """Whether the patch may be tried once more, without what follows in files that nobody edited, and fails.

        What is left out stays as it was, and is reported.
        """
        refused = [one for one in self.outcomes() if one.verdict == "refused" and one.code != "HS0105"]
        following = {id(one) for change in self.files if change.only_follows for one in change.outcomes}
        failed = [one for one in refused if id(one) in following and one.code in _FAILED and "failed" not in one.edit]
        if len(failed) < len(refused):
            return False
        for outcome in failed:
            outcome.edit["offered"] = True
            outcome.edit["failed"] = outcome.notes[0][1]
        return bool(failed)

    def _end_prepare(self) -> None:
        if not self.options.get("dry_run") and not self._is_refused():
            try:
                hooks.ask(self)
            except TimeLimit:
                self._refuse_all("HS0104", "what the program has called before a patch took too long")
        refused = self._is_refused()
        if refused:
            for outcome in self.outcomes():
                if outcome.verdict != "refused":
                    outcome.refused("HS0105", "held back because another edit of the same patch was refused")
        self.ready = not refused
        if self.ready:
            self.doubts = proven.Doubts(self)
            self.unchanged = unchanged.Unchanged(self)

    def _time_limit(self) -> int:
        """In milliseconds."""
        return self.options.get("time_limit_ms", 10_000)

    def roll_back(self) -> None:
        """Has everything hold what it did before the patch."""
        while self.undoing:
            self.undoing.pop(0)()

    def _refuse_all(self, code: str, message: str) -> None:
        for outcome in self.outcomes():
            outcome.refused(code, message)

    def _baselines_fit(self) -> bool:
        fit = True
        for change in self.files:
            for namespace in change.namespaces:
                namespace.lines_known = live_file(change.path).trust == "exact"
            if live_file(change.path).reloaded and change.outcomes:
                change.first_outcome.caveat(
                    "HS0204", "the program reloaded the module: what was patched before is gone"
                )
            if change.is_of_live_text():
                change.make_text()
            else:
                fit = False
                for outcome in change.outcomes or [change.whole]:
                    outcome.refused("HS0203", "the live text was changed while the patch was made; try again")
        return fit

    def _resolve(self) -> None:
        for change in self.files:
            compiled: dict[str, CodeType] = {}
            for namespace in change.namespaces:
                filename = namespace.filename
                if change.units and filename not in compiled:
                    try:
                        compiled[filename] = compile_excerpt(
                            change.compile, filename, frameworks.rewriter(namespace.module)
                        )
                    except Refusal as refusal:
                        change.outcome_at(refusal.line).refused(refusal.code, refusal.message)
                        return
                    self._lap("compile")
                if not acceptance.is_accepted(change, namespace):
                    return
                resolved = resolving.resolve(change, namespace, compiled[filename]) if change.units else []
                change.code_changes[id(namespace)] = resolved
                functions.plan(resolved, change, self.plan)
                for name in moves.plan_moves(change, namespace, self.plan):
                    self.say_afterwards(
                        "HS0605", f"the lines of {name} stay as they were: its code object is part of a key of a table"
                    )
                running_module.plan_lines(change, namespace, self.plan)
                self._lap("resolve")

    def commit(self) -> None:
        """Makes the patch live; if that fails, nothing of it stays."""
        try:
            self._commit()
        except BaseException:
            if not self.is_live:
                self.abort()
            raise

    def _commit(self) -> None:
        """Swaps the pointers; runs no Python code of the program's until that is done."""
        self._started = native.monotonic_ns()
        for change in self.files:
            if live_file(change.path).version != change.base_version:
                raise EngineError("HS0203", "the live text was changed since the patch was prepared; try again")
        files = [(change, live_file(change.path)) for change in self.files]
        operations = list(self.plan.operations)
        changes = [Changes(operations)]
        prepared = self._problems(world_plan.prepared_before(self, changes[0]))
        # Calls go on while their world is worked out: then it is not theirs any more.
        for attempt in range(1, _ATTEMPTS + 1):
            self.plan.operations[:] = operations
            # Nothing of ours may hold what is retired.
            world, problems = self._prepare_world(changes.pop() if changes else Changes(operations))
            renames.carry(self)
            self.renaming.plan(self.plan, self.old_calls)
            retired = self._retired()
            calls = self.calls_stand_at if attempt < _ATTEMPTS else None
            try:
                replaced, (_swept, lacking, makes_more) = native.commit(
                    self.plan.operations, retired, self.options.get("fail_at"), calls
                )
                if world is not None:
                    world.is_live = True
                break
            except native.CallsWentOn:
                native.sleep(0)
            except native.ProgramChanged as error:
                raise EngineError("HS0203", f"{error}, since that was prepared; try again") from None
            except native.RollbackFailed as error:
                raise EngineError("HS0604", f"the commit failed and left traces: {error}") from None
            finally:
                if world is not None and not world.is_live:
                    world.abandon()
        del operations
        self.held_functions.clear()
        for outcome, code, what in [*problems, *prepared]:
            outcome.caveat(code, what)
        # The patch is live: from here on nothing may say otherwise. What is live is noted before all else.
        self.is_live = True
        self.undoing.clear()
        for change, file in files:
            file.replace_text(change.text, self.label, change.edits, self.number, change.new_path)
            # The next patch of the file tries these again.
            file.differs = [outcome.edit["definition"] for outcome in change.outcomes if outcome.code == "HS0413"]
        self.renaming.follow(self.old_calls)
        self._lap("commit")
        follow = self._following
        if world is not None:
            follow.append(world.begin)
        # First of all: until then calls go on in former code.
        follow.append(partial(going_on.carry_out, self))
        if retired is not None:
            follow.append(partial(late.follow, retired))
            if makes_more:
                follow.append(partial(late.watch, retired))
            if lacking:
                follow.extend(partial(functions.say_swept, change, lacking) for change in self.files)
            del retired
        for change, file in files:
            follow.append(partial(versions.note, self, file, change))
            names = {namespace.filename for namespace in change.namespaces}
            follow.append(partial(shown_text.show, change.path, change.text, names, change.kept))
            follow.append(partial(debuggers.move_breakpoints, change.path, change.text))
        follow.extend(partial(native.run_program, action) for action in self.plan.afterwards)
        # What was put off takes part in it.
        follow += [self.doubts.settle, self.unchanged.settle, *self.plan.at_last]
        follow.extend(partial(classes.discard, made) for made in self.plan.discarded)
        follow.extend(partial(hooks.call, self, *hook) for hook in hooks.of(self))
        follow.append(partial(reloaders.report, self))
        follow.append(replaced.clear)
        follow.append(running.watch)
        applied = [{"path": file.path, "version": file.version} for _, file in files]
        follow.append(partial(native.notify, "patch/applied", {"files": applied}))
        follow.append(partial(left_over.retract, self))
        follow.append(lambda: events.log_live(self.label, self.verdicts()))
        self._follow_up()
        self._lap("after")

    def _retired(self) -> Any:
        """The code that goes, and what of ours holds it: what else does may be a function that nobody has found."""
        changes = [item for change in self.files for items in change.code_changes.values() for item in items]
        known = [*changes, *(change.retired for change in self.files), *(change.code_changes for change in self.files)]
        known += [code for change in self.files for code in change.holders]
        # Once each: namespaces of a file that was executed twice share the code of the patch before.
        pairs = list({id(pair[0]): pair for change in changes for pair in change.replaced}.values())
        return native.Retired(pairs, known, self.old_calls) if pairs else None

    def _follow_up(self) -> None:
        """Carries out what follows the commit; a failure is reported beside the verdicts, for the patch is live."""
        native.limit_time(self._time_limit())
        while self._following:
            self._step = self._following.popleft()
            try:
                self._step()
            except TimeLimit:
                self._say_stopped()
                native.limit_time(self._time_limit())
            except BaseException as error:
                what = f"{type(error).__name__}: {error}"
                self.say_afterwards("HS0603", f"the patch is live, but what follows it failed: {what}")
        self._step = None
        native.limit_time(0)

    def follow_up_without_stuck(self) -> None:
        """Carries on, on another thread, behind the step that never ends."""
        if self._step is not None:
            self._say_stopped()
        self._follow_up()

    def _say_stopped(self) -> None:
        seconds = self._time_limit() / 1000
        self.say_afterwards(
            "HS0603", f"the patch is live, but something that follows it took longer than {seconds:g} s and was stopped"
        )

    def say_afterwards(self, code: str, message: str) -> None:
        self.afterwards.append(
            {
                "path": self.files[0].new_path,
                "definition": "<module>",
                "kind": "statement",
                "line": 1,
                "end_line": 1,
                "verdict": "caveat",
                "code": code,
                "message": message,
            }
        )

    def _prepare_world(self, changes: Changes) -> "tuple[Any, list[tuple[EditOutcome, str, str]]]":
        """What calls in retired code go on seeing, and what can't be kept for them: (outcome, code, words) each."""
        world = world_plan.plan(self, changes)
        problems = self._problems(world.problems if world is not None else ())
        if world is not None:
            # Nothing may keep the code that the end of its last call frees.
            world.problems.clear()
        return world, problems

    def _problems(self, found: "Iterable[tuple[CodeType, str, str]]") -> "list[tuple[EditOutcome, str, str]]":
        """What is reported of a code, with the edit of the definition that it is of."""
        problems = []
        for code, number, what in dict.fromkeys(found):
            change = next((one for one in self.files if lookup.same_file(code.co_filename, one.path)), self.files[0])
            problems.append((change.outcome_of_old(code.co_firstlineno), number, what))
        return problems

    def abort(self) -> None:
        self.roll_back()
        made, self.plan = self.plan.discarded, Plan()
        for one in made:
            classes.discard(one)
