//! Which modules a text imports.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ModModule, Stmt};

use crate::misfits::Import;

pub(super) fn of(module: &ModModule) -> Vec<Import> {
    let mut collector = Collector(Vec::new());
    collector.visit_body(&module.body);
    collector.0
}

struct Collector(Vec<Import>);

impl<'a> Visitor<'a> for Collector {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                let modules = import.names.iter().map(|alias| alias.name.to_string());
                self.0.extend(modules.map(|module| Import { module, ..Import::default() }));
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|name| name.to_string()).unwrap_or_default();
                let level = import.level as usize;
                self.0.extend(import.names.iter().map(|alias| Import {
                    module: module.clone(),
                    level,
                    name: (alias.name.as_str() != "*").then(|| alias.name.to_string()),
                }));
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }
}
