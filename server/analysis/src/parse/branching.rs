//! Names that compound statements bind and read, with what decides which of their branches run.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Stmt};

use super::dotted::dotted;
use super::hashing::{self, hash_of};
use super::names::Names;

impl Names {
    fn visit_under(&mut self, condition: u64, body: &[Stmt]) {
        let around = self.condition;
        self.condition = hash_of(&(around, condition));
        for statement in body {
            self.visit_stmt(statement);
        }
        self.condition = around;
    }

    /// Branches, with what decides which of them run.
    pub(super) fn visit_compound(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(branch) => {
                self.visit_expr(&branch.test);
                let mut condition = hash_of(&("if", hashing::expression(&branch.test)));
                self.visit_under(condition, &branch.body);
                for clause in &branch.elif_else_clauses {
                    clause.test.iter().for_each(|test| self.visit_expr(test));
                    condition = hash_of(&(condition, clause.test.as_ref().map(hashing::expression)));
                    self.visit_under(condition, &clause.body);
                }
            }
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                self.read_contents(&each.iter);
                self.passed.extend(dotted(&each.iter).map(|name| ("iter".to_owned(), name)));
                let iterated = hash_of(&("for", hashing::expression(&each.iter)));
                self.assign(&each.target, None, iterated);
                self.visit_under(iterated, &each.body);
                self.visit_under(iterated, &each.orelse);
            }
            Stmt::While(each) => {
                self.visit_expr(&each.test);
                let condition = hash_of(&("while", hashing::expression(&each.test)));
                self.visit_under(condition, &each.body);
                self.visit_under(condition, &each.orelse);
            }
            Stmt::With(with) => {
                for item in &with.items {
                    self.visit_expr(&item.context_expr);
                    if let Some(target) = &item.optional_vars {
                        self.assign(target, None, hash_of(&("with", hashing::expression(&item.context_expr))));
                    }
                }
                self.visit_body(&with.body);
            }
            Stmt::Match(choice) => {
                self.visit_expr(&choice.subject);
                let mut condition = hash_of(&("match", hashing::expression(&choice.subject)));
                for case in &choice.cases {
                    condition = hash_of(&(condition, hashing::case_header(case)));
                    self.visit_pattern(&case.pattern);
                    case.guard.iter().for_each(|guard| self.visit_expr(guard));
                    self.visit_under(condition, &case.body);
                }
            }
            Stmt::Try(attempt) => {
                self.visit_body(&attempt.body);
                // What most attempts fail with: an import, a probe.
                let is_tried = |one: &&Stmt| matches!(one, Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Expr(_));
                let tried: Vec<u64> = attempt.body.iter().filter(is_tried).map(hashing::statement).collect();
                for handler in &attempt.handlers {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    handler.type_.iter().for_each(|kind| self.visit_expr(kind));
                    self.visit_under(hash_of(&(&tried, hashing::handler_header(handler))), &handler.body);
                }
                self.visit_under(hash_of(&(&tried, "else")), &attempt.orelse);
                self.visit_body(&attempt.finalbody);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }
}
