//! Dotted names: `app.config.debug`.

use ruff_python_ast::Expr;

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
