//! Definitions whose statements have just been run again, as a notebook's cell is: the texts may agree, but what the headers and
//! class bodies read may hold anything by now, so that it is evaluated again.

use hotsplice_channel::patch::{Change, FilePatch, Kind, Part};

use super::Comparison;
use super::edits::{definition_edit, edit, header_run, statement_edit};
use super::scope::Scope;
use crate::depend::foreign::Foreign;
use crate::outline::Outline;
use crate::tree::{Node, Nodes};

/// Decorators whose result depends on nothing but the function.
const PLAIN: [&str; 3] = ["classmethod", "property", "staticmethod"];

/// As [`super::diff`], with every function compiled anew and what definitions read when they are run evaluated again.
pub fn diff_anew(path: &str, base_version: u64, live: &Outline, new: &Outline) -> FilePatch {
    let foreign = Foreign::default();
    let mut comparison = Comparison::new(live, new, &foreign);
    comparison.all_units = true;
    comparison.compare_scope(&live.file.items, &new.file.items, &Scope::default());
    comparison.evaluate_anew(&new.file.items, &Scope::default());
    comparison.add_derived();
    comparison.tell_decorated();
    comparison.finish(path, base_version)
}

impl<'a> Comparison<'a> {
    fn evaluate_anew(&mut self, items: &'a Nodes, scope: &Scope<'a>) {
        for node in items.iter() {
            let Some(&live) = self.live_of.get(&std::ptr::from_ref(node)) else { continue };
            if node.is_class() {
                self.class_anew(live, node, scope);
            } else if node.is_function() {
                self.function_anew(live, node, scope);
            } else if scope.is_class() && !node.reads.is_empty() && self.edit_for(node).is_none() {
                let mut told = statement_edit(self.new, Some(live), node, scope, Change::Stale);
                told.offered = false;
                self.push(node, told);
                self.rebuild_around(scope);
            }
        }
    }

    fn class_anew(&mut self, live: &'a Node, node: &'a Node, scope: &Scope<'a>) {
        let Some(parts) = &node.definition else { return };
        let runs_whole = !parts.decorator_reads.is_empty() || !parts.header_reads.is_empty();
        if runs_whole && self.edit_for(node).is_none_or(|told| told.run.is_none()) {
            let mut told = definition_edit(self.new, Some(live), node, scope, Kind::ClassHeader, Change::Changed);
            told.parts = vec![if parts.decorator_reads.is_empty() { Part::Bases } else { Part::Decorators }];
            self.replace(node, told);
            self.add_class(live, node, scope);
        }
        self.evaluate_anew(&node.body, &scope.in_class(node));
    }

    fn function_anew(&mut self, live: &'a Node, node: &'a Node, scope: &Scope<'a>) {
        let Some(definition) = &node.definition else { return };
        let is_decorated = definition.decorator_reads.iter().any(|name| !PLAIN.contains(&name.as_str()));
        let computed = definition.defaults.iter().filter(|one| one.literal.is_none()).map(|one| one.parameter.clone());
        let computed: Vec<String> = computed.collect();
        if !is_decorated && computed.is_empty() {
            return;
        }
        let mut told = match self.edit_for(node) {
            Some(known) => known.clone(),
            None => edit(Some(live), node, scope, Kind::Decorators, Change::Changed),
        };
        told.fresh_defaults
            .extend(computed.iter().filter(|name| !told.fresh_defaults.contains(name)).cloned().collect::<Vec<_>>());
        for (is_so, part) in [(is_decorated, Part::Decorators), (!computed.is_empty(), Part::Defaults)] {
            if is_so && !told.parts.contains(&part) {
                told.parts.push(part);
            }
        }
        told.run = header_run(self.new, node, scope, &told.parts, &told.fresh_defaults);
        self.replace(node, told);
        self.rebuild_around(scope);
    }

    /// The edit of a node, in place of the one that there is.
    fn replace(&mut self, node: &Node, told: hotsplice_channel::patch::Edit) {
        match self.edit_for(node) {
            Some(known) => *known = told,
            None => self.push(node, told),
        }
    }
}
