"""Modules whose statements are being executed while a patch comes: which places of the text their code has."""

import ast
from types import CodeType
from typing import TYPE_CHECKING

from ..errors import Refusal
from ..live.calls import Call
from ..live.code import compile_text
from ..live.files import live_file
from . import onward, open_worlds, running
from .bytecode import Bytecode, statement

if TYPE_CHECKING:
    from ..journal.file_change import FileChange
    from ..journal.views import Prepared
    from ..live.line_tables import Positions
    from ..live.messages import MovedPlace
    from .moving import Moves


def add(planned: "Moves", transaction: "Prepared", call: Call) -> bool:
    """The code of a module's new text, in which its statements go on; answers whether the running one is as it was."""
    for change in transaction.files:
        known = any(namespace.globals is call.globals and namespace.lines_known for namespace in change.namespaces)
        if known:
            try:
                new = compile_text(change.text.removeprefix("\ufeff"), call.code.co_filename)
            except Refusal:
                continue
            running_code, positions = change.executed_at or (None, None)
            before = Bytecode(call.code, positions if running_code is call.code else None)
            planned.add_module(before, call, new, _places(before, new, change))
            executed, outcome = running.statement(call), running.edited(call.code, change)
            if executed is not None and outcome is not None:
                lines = outcome.edit["line"], outcome.edit["end_line"]
                return statement(call.code, executed[1], before.positions) == statement(new, lines)
    return False


def _places(running_code: Bytecode, new: CodeType, change: "FileChange") -> "list[MovedPlace]":
    """Those of the text before the patch that the running code has, too: that may be of an earlier text."""
    places = change.places or []
    code = running_code.code
    text = live_file(change.path).text_before().removeprefix("\ufeff")
    try:
        before = compile_text(text, code.co_filename) if places else code
    except Refusal:
        return []
    lines = [(node.lineno, node.end_lineno or node.lineno) for node in ast.parse(text).body] if places else []
    around = [next((span for span in lines if span[0] <= place["old"][0] <= span[1]), None) for place in places]

    def of(code: CodeType, positions: "Positions") -> "list[MovedPlace]":
        # Names that are gone it looks up by others.
        forms = {code, code.replace(co_names=open_worlds.names_at_first(code))}
        spans = {span: statement(before, span) for span in around if span is not None}
        same = {
            span for span, there in spans.items() if any(statement(form, span, positions) == there for form in forms)
        }
        return [place for place, span in zip(places, around) if span in same]

    found = of(code, running_code.positions)
    between = onward.live_before(code)
    if between is not None:
        known_code, positions = change.goes_on_at or (None, None)
        goes_on = Bytecode(between, positions if known_code is between else None)
        known = {offset for place in found for offset in running_code.place(place["what"], place["old"])}
        earlier = onward.places(code, new, of(between, goes_on.positions), goes_on)
        found += [place for place in earlier if known.isdisjoint(place["here"])]
    return found
