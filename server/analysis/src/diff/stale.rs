//! Definitions whose live code is known to differ from what the live text says.

use super::Comparison;
use super::edits::edit;
use super::scope::Scope;
use crate::tree::{Node, Nodes};
use hotsplice_channel::patch::{Change, Kind};

impl<'a> Comparison<'a> {
    pub(super) fn add_stale(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let new = self.new;
        self.mark_stale(&new.file.items, &Scope::default(), names, None);
    }

    /// `unit` is the outermost function around, which is what gets compiled.
    fn mark_stale(
        &mut self,
        items: &'a Nodes,
        scope: &Scope<'a>,
        names: &[String],
        unit: Option<(&'a Node, &Scope<'a>)>,
    ) {
        for node in items {
            if node.is_block() {
                self.mark_stale(&node.body, &scope.in_block(node), names, unit);
            }
            if !node.is_definition() {
                continue;
            }
            let unit = unit.or_else(|| node.is_function().then_some((node, scope)));
            if names.contains(&scope.qualified(&node.name)) {
                self.tell_stale(node, scope, unit);
            }
            let inner = match node.is_class() {
                true => scope.in_class(node),
                false => scope.in_function(node),
            };
            self.mark_stale(&node.body, &inner, names, unit);
        }
    }

    fn tell_stale(&mut self, node: &'a Node, scope: &Scope<'a>, unit: Option<(&'a Node, &Scope<'a>)>) {
        let Some(&live) = self.live_of.get(&std::ptr::from_ref(node)) else {
            return;
        };
        if let Some((function, around)) = unit
            && let Some(&live_function) = self.live_of.get(&std::ptr::from_ref(function))
        {
            self.add_unit(live_function, function, around);
        }
        if !self.edit_of.contains_key(&std::ptr::from_ref(node)) {
            let kind = if node.is_class() { Kind::ClassHeader } else { Kind::Body };
            let told = edit(Some(live), node, scope, kind, Change::Stale);
            self.push(node, told);
        }
    }
}
