//! Dotted names: `app.config.debug`.

use ruff_python_ast::{Decorator, Expr};

/// `a.b.c` as one dotted name, when it is one.
pub(super) fn dotted(expression: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut current = expression;
    loop {
        match current {
            Expr::Attribute(attribute) => {
                parts.push(attribute.attr.as_str());
                current = &attribute.value;
            }
            Expr::Name(name) => {
                parts.push(name.id.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            _ => return None,
        }
    }
}

/// The part of a dotted name before the first dot.
pub(crate) fn head(name: &str) -> &str {
    name.split(['.', '[']).next().unwrap_or(name)
}

/// What decorators are, and for those that are called what is called.
pub(super) fn decorator_heads(decorators: &[Decorator]) -> Vec<String> {
    let head = |decorator: &Decorator| {
        let mut named = &decorator.expression;
        while let Expr::Call(call) = named {
            named = &call.func;
        }
        dotted(named)
    };
    decorators.iter().filter_map(head).collect()
}
