//! Imports that give other values now.

use hotsplice_channel::patch::{Change, Kind};
use rustc_hash::FxHashSet as HashSet;

use super::Comparison;
use super::derived::Callables;
use super::edits::statement_edit;
use super::found::Dirty;
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
        let (bound, dotted) = self.foreign.through(node);
        if bound.is_empty() || node.main_guard || self.edit_for(node).is_some() {
            return dotted;
        }
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        let mut told = statement_edit(self.new, live, node, scope, Change::Derived);
        told.kind = Kind::Derived;
        told.fresh_names.clone_from(&bound);
        let mut fresh = if told.offered { Vec::new() } else { bound };
        fresh.extend(dotted);
        self.push(node, told);
        fresh
    }

    /// What is another one of what the module has of others, others have of it: `between.Table.limit`.
    pub(super) fn hand_on(&mut self, own: &HashSet<String>) {
        let imported = self.new.imported_names();
        // `from module import *` may give any name that the module itself does not.
        let bound: Option<HashSet<String>> = imported.contains("*").then(|| self.new.bound_names().collect());
        let is_imported =
            |head: &str| imported.contains(head) || bound.as_ref().is_some_and(|bound| !bound.contains(head));
        let is_of_others = |name: &&String| {
            // Longer names lead through modules that import each other, on and on.
            let parts = name.split_once(['.', '[']);
            parts.is_some_and(|(head, rest)| is_imported(head) && rest.matches('.').count() < 2)
        };
        for name in own.iter().filter(is_of_others) {
            let names = if self.deferred.contains(name) { &mut self.late } else { &mut self.handed_on };
            names.insert(name.clone());
        }
    }
}

/// `Kind.limit` for `Kind = Table`.
pub(super) fn of_second_names(node: &Node, dirty: &HashSet<String>) -> Vec<String> {
    if dirty.is_empty() || node.is_definition() {
        return Vec::new();
    }
    let second = node.effects.made.iter().filter_map(|(name, by)| Some((name, by.strip_prefix('=')?)));
    let found = second.filter(|(name, _)| !name.contains('.')).flat_map(|(name, other)| {
        let of_it = dirty.iter().filter_map(move |one| one.strip_prefix(other));
        of_it.filter(|rest| rest.starts_with(['.', '['])).map(move |rest| format!("{name}{rest}"))
    });
    found.collect()
}
