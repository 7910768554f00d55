//! What bodies are, with the definitions in them set aside: these count by name and place only.

use ruff_python_ast::Stmt;

use super::builder::Builder;
use super::hashing::{self, hash_of};
use crate::tree::Node;

/// A body while it is hashed.
#[derive(Default)]
pub(super) struct Structure {
    pub shell: Vec<u64>,
    pub nested: Vec<Node>,
}

impl Structure {
    pub fn hashes(&self, of: impl Fn(&Node) -> u64) -> Vec<u64> {
        self.nested.iter().map(of).collect()
    }
}

impl Builder<'_> {
    /// The structure of a body, with the definitions in it set aside.
    pub(super) fn suite(&self, body: &[Stmt], structure: &mut Structure) {
        structure.shell.push(hash_of("{"));
        for statement in body {
            match statement {
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                    let nested = self.statement(statement, false);
                    structure.shell.push(hash_of(&(nested.name.as_str(), "definition")));
                    structure.nested.push(nested);
                }
                _ => self.block(statement, structure),
            }
        }
        structure.shell.push(hash_of("}"));
    }

    /// The structure of a statement that is no definition.
    pub(super) fn block(&self, statement: &Stmt, structure: &mut Structure) {
        let mut push = |kind: &str, hash: u64| structure.shell.push(hash_of(&(kind, hash)));
        match statement {
            Stmt::If(branch) => {
                push("if", hashing::expression(&branch.test));
                self.suite(&branch.body, structure);
                for clause in &branch.elif_else_clauses {
                    structure.shell.push(hash_of(&("elif", clause.test.as_ref().map(hashing::expression))));
                    self.suite(&clause.body, structure);
                }
            }
            Stmt::For(each) => {
                push("for", hash_of(&(each.is_async, hashing::expressions([&*each.target, &*each.iter]))));
                self.suite(&each.body, structure);
                self.suite(&each.orelse, structure);
            }
            Stmt::While(each) => {
                push("while", hashing::expression(&each.test));
                self.suite(&each.body, structure);
                self.suite(&each.orelse, structure);
            }
            Stmt::With(with) => {
                push("with", hash_of(&(with.is_async, hashing::with_items(&with.items))));
                self.suite(&with.body, structure);
            }
            Stmt::Match(choice) => {
                push("match", hashing::expression(&choice.subject));
                for case in &choice.cases {
                    structure.shell.push(hash_of(&("case", hashing::case_header(case))));
                    self.suite(&case.body, structure);
                }
            }
            Stmt::Try(attempt) => {
                push("try", u64::from(attempt.is_star));
                self.suite(&attempt.body, structure);
                for handler in &attempt.handlers {
                    let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                    structure.shell.push(hash_of(&("except", hashing::handler_header(handler))));
                    self.suite(&handler.body, structure);
                }
                self.suite(&attempt.orelse, structure);
                self.suite(&attempt.finalbody, structure);
            }
            _ => push("statement", hashing::statement(statement)),
        }
    }
}
