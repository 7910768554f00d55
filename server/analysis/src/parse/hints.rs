//! What annotations that are texts mean once somebody asks for it: `from __future__ import annotations`, `"Table"`.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};

use super::names::Names;

/// The names in them. `lazy`: all annotations of the file are texts.
pub(super) fn of<'a>(annotations: impl Iterator<Item = &'a Expr>, lazy: bool) -> Vec<String> {
    let mut found = Names::new(false);
    let mut quoted = Quoted::default();
    for annotation in annotations {
        if lazy {
            found.visit_annotation(annotation);
        }
        quoted.visit_expr(annotation);
    }
    found.reads.extend(quoted.names);
    found.reads
}

/// The annotations in the body of a class.
pub(super) fn in_class(body: &[Stmt]) -> impl Iterator<Item = &Expr> {
    body.iter().filter_map(Stmt::as_ann_assign_stmt).map(|assignment| &*assignment.annotation)
}

#[derive(Default)]
struct Quoted {
    names: Vec<String>,
}

impl<'a> Visitor<'a> for Quoted {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::StringLiteral(text) = expression {
            let words = text.value.to_str().split(|one: char| !one.is_alphanumeric() && one != '_' && one != '.');
            self.names.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        visitor::walk_expr(self, expression);
    }
}
