"""Statements in branches: of an edited ``if`` or ``match`` only what the edit touches runs again.

What else stands there keeps what it made, as it does outside of branches. Other compound statements run as a whole,
because which of their statements run depends on each other.
"""

import ast
import copy
import re

from . import changed_values

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Branches:
    """One edited compound statement, as it is live and as it is to be."""

    def __init__(self, merger, edit):
        self._merger = merger
        self._scope = tuple(edit["scope"])
        self._rebound = edit.get("rebound")
        former = changed_values.former_statement(merger, edit)
        self._former = former.body if former is not None else []
        # Names whose values are other ones now.
        self._changed = {re.split(r"[.\[]", name)[0] for name in edit.get("changed_reads", ())}
        # Names that statements assign which run again.
        self._assigned = []

    def reduced(self, tree):
        """The tree of the new text without what need not run."""
        statements = tree.body
        for name in self._scope:
            statements = next(one for one in statements if isinstance(one, ast.ClassDef) and one.name == name).body
        statements[:] = self._needed(statements, self._former) or [ast.copy_location(ast.Pass(), statements[0])]
        return tree

    def changed_by_program(self, holder):
        """Names among those that run again whose values the program changed since."""
        if self._rebound:
            return []
        return [
            name
            for name in dict.fromkeys(self._assigned)
            if changed_values.is_changed(self._merger, _assignments(self._former, name), name, holder, self._scope)
        ]

    def _needed(self, statements, former):
        frames = {_frame(one) for one in former}
        needed, unmatched = [], list(former)
        for statement in statements:
            header = _header(statement)
            partner = next((one for one in unmatched if header is not None and _header(one) == header), None)
            unmatched = [one for one in unmatched if one is not partner]
            if partner is not None and not self._reads_changed(_heads(statement)):
                branches = _branches(statement)
                for branch, former_branch in zip(branches, _branches(partner)):
                    branch[:] = self._needed(branch, former_branch)
                if any(branches):
                    branches[0][:] = branches[0] or [ast.copy_location(ast.Pass(), statement)]
                    for branch in branches[1:] if isinstance(statement, ast.Match) else ():
                        branch[:] = branch or [ast.copy_location(ast.Pass(), statement)]
                    needed.append(statement)
            elif _frame(statement) not in frames or self._reads_changed([statement]):
                self._note(statement)
                needed.append(statement)
        return needed

    def _reads_changed(self, nodes):
        return any(
            isinstance(node, ast.Name) and node.id in self._changed and isinstance(node.ctx, ast.Load)
            for one in nodes
            for node in _run_at_once(one)
        )

    def _note(self, statement):
        for node in _run_at_once(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._changed.add(node.id)
                self._assigned.append(node.id)
            elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                self._changed.add(node.name)
            elif isinstance(node, ast.alias):
                self._changed.add((node.asname or node.name).partition(".")[0])


def _run_at_once(node):
    """The nodes that are evaluated when a statement runs: bodies of functions are not."""
    yield node
    if isinstance(node, _FUNCTIONS):
        inner = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
    elif isinstance(node, ast.Lambda):
        inner = [node.args]
    elif isinstance(node, ast.ClassDef):
        # What its body binds is its own.
        inner = [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        inner += [one for member in node.body for one in _run_at_once(member) if isinstance(one, ast.Name)]
        inner = [one for one in inner if not isinstance(getattr(one, "ctx", None), ast.Store)]
    else:
        inner = ast.iter_child_nodes(node)
    for one in inner:
        yield from _run_at_once(one)


def _frame(statement):
    """What a statement is but for the code of its functions, which goes live without it."""
    frame = copy.deepcopy(statement)
    for node in ast.walk(frame):
        if isinstance(node, _FUNCTIONS):
            node.body = []
    return ast.dump(frame)


def _heads(statement):
    """The expressions that decide which branch runs."""
    if isinstance(statement, ast.If):
        return [statement.test]
    guards = [case.guard for case in statement.cases if case.guard is not None]
    return [statement.subject, *(case.pattern for case in statement.cases), *guards]


def _header(statement):
    if not isinstance(statement, (ast.If, ast.Match)):
        return None
    return type(statement), [ast.dump(one) for one in _heads(statement)], len(_branches(statement))


def _branches(statement):
    if isinstance(statement, ast.If):
        return [statement.body, statement.orelse]
    return [case.body for case in statement.cases]


def _assignments(statements, name):
    """Assignments of a name, at any depth."""
    found = []
    for statement in statements:
        for node in _run_at_once(statement):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                stored = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
                if name in stored and node.value is not None:
                    found.append(node)
    return found
