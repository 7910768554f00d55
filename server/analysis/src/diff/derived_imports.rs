//! Imports that give other values now.

use hotsplice_channel::patch::{Change, Kind};

use super::Comparison;
use super::derived::{Callables, Dirty};
use super::edits::statement_edit;
use super::scope::Scope;
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// An import of a name that has another value now runs again; a module's name leads to such names.
    pub(super) fn derive_import(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        dirty: &mut Dirty,
        called: &mut Callables<'_, 'a>,
    ) -> Vec<String> {
        let (bound, dotted) = self.foreign.through(node);
        let mut fresh = self.derive_statement(node, scope, dirty, called);
        if !bound.is_empty() && self.edit_for(node).is_none() {
            let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
            let mut told = statement_edit(self.new, live, node, scope, Change::Derived);
            told.kind = Kind::Derived;
            told.fresh_names = bound.clone();
            self.push(node, told);
        }
        fresh.extend(bound);
        fresh.extend(dotted);
        fresh
    }

    /// A block that imports a name that another module has by now, or that is another one there.
    pub(super) fn derive_imports_in(&mut self, node: &'a Node, scope: &Scope<'a>) -> Vec<String> {
        let (bound, _) = self.foreign.through(node);
        if bound.is_empty() || node.main_guard || self.edit_for(node).is_some() {
            return Vec::new();
        }
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        let mut told = statement_edit(self.new, live, node, scope, Change::Derived);
        told.kind = Kind::Derived;
        told.fresh_names.clone_from(&bound);
        let fresh = if told.offered { Vec::new() } else { bound };
        self.push(node, told);
        fresh
    }
}
