//! What single patterns, calls and comprehensions are about, by their form alone.

use ruff_python_ast::{Comprehension, Expr, ExprCall, ExprUnaryOp, Identifier, Pattern, UnaryOp};

use super::dotted::dotted;
use crate::effects::examines;
use crate::tree::members;

/// The name that a pattern gives what it matches; those of the patterns in it are others.
pub(super) fn captured(pattern: &Pattern) -> Option<&Identifier> {
    match pattern {
        Pattern::MatchAs(capture) => capture.name.as_ref(),
        Pattern::MatchStar(star) => star.name.as_ref(),
        Pattern::MatchMapping(mapping) => mapping.rest.as_ref(),
        _ => None,
    }
}

/// The class of what a pattern captures as a whole: `Table` for `case Table() as table`.
pub(super) fn matched_class(pattern: &Pattern) -> Option<String> {
    dotted(&pattern.as_match_as()?.pattern.as_ref()?.as_match_class()?.cls)
}

/// What decides which attributes a pattern takes: `Point.__match_args__` for `case Point(x, y)`.
pub(super) fn positional(pattern: &Pattern) -> Option<String> {
    let class = pattern.as_match_class()?;
    let name = dotted(&class.cls).filter(|_| !class.arguments.patterns.is_empty())?;
    Some(format!("{name}.__match_args__"))
}

/// The class of an object that is made to be looked at: `Table` for `isinstance(Table(), Sized)`.
pub(super) fn examined(called: &str, call: &ExprCall) -> Option<String> {
    let object = call.arguments.args.first().filter(|_| examines(called))?;
    dotted(&object.as_call_expr()?.func)
}

/// `~Color.RED` is about all members of its class.
pub(super) fn complemented(operation: &ExprUnaryOp) -> Option<String> {
    let member = dotted(&operation.operand).filter(|_| operation.op == UnaryOp::Invert)?;
    member.rsplit_once('.').map(|(class, _)| members(class))
}

pub(super) fn generators(comprehension: &Expr) -> &[Comprehension] {
    match comprehension {
        Expr::ListComp(comprehension) => &comprehension.generators,
        Expr::SetComp(comprehension) => &comprehension.generators,
        Expr::DictComp(comprehension) => &comprehension.generators,
        Expr::Generator(comprehension) => &comprehension.generators,
        _ => &[],
    }
}
