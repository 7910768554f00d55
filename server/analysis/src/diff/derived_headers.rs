//! Headers that were computed from something that changed: defaults, annotations, decorators.

use super::Comparison;
use super::derived::Dirty;
use super::edits::{edit, header_run};
use super::scope::Scope;
use crate::tree::{Node, Nodes, flattened};
use hotsplice_channel::patch::{Change, Kind, Part};

impl<'a> Comparison<'a> {
    /// A default that reads such a name is evaluated again, the others keep their values; so are annotations. Decorators
    /// that read it decorate anew.
    ///
    /// Answers whether what it does without arguments is another thing now.
    pub(super) fn derive_header(&mut self, node: &'a Node, scope: &Scope<'a>, dirty: &Dirty) -> bool {
        let Some(parts) = &node.definition else { return false };
        let derived: Vec<String> = parts
            .defaults
            .iter()
            .filter(|default| reads_any(&default.reads, dirty))
            .map(|default| default.parameter.clone())
            .collect();
        // A class that is edited is the same object as before.
        let reads_value = |reads: &[String]| reads.iter().any(|name| dirty.contains(name) && !self.is_class(name));
        let mut told_parts = Vec::new();
        if !derived.is_empty() {
            told_parts.push(Part::Defaults);
        }
        if reads_value(&parts.annotation_reads) {
            told_parts.push(Part::Annotations);
        }
        if reads_value(&parts.decorator_reads) {
            told_parts.push(Part::Decorators);
        }
        if told_parts.is_empty() {
            return false;
        }
        let is_called_otherwise = told_parts.iter().any(|part| matches!(part, Part::Defaults | Part::Decorators));
        let of_defaults = parts.defaults.iter().flat_map(|default| &default.reads);
        let reads = of_defaults.chain(&parts.annotation_reads).chain(&parts.decorator_reads);
        let changed_reads: Vec<String> = reads.filter(|name| dirty.contains(*name)).cloned().collect();
        let outline = self.new;
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        if let Some(edit) = self.edit_for(node) {
            edit.changed_reads = changed_reads;
            if edit.change == Change::Added || edit.kind == Kind::Replaced {
                return false;
            }
            for name in derived {
                if !edit.fresh_defaults.contains(&name) {
                    edit.fresh_defaults.push(name);
                }
            }
            for part in told_parts {
                if !edit.parts.contains(&part) {
                    edit.parts.push(part);
                }
            }
            edit.run = header_run(outline, node, scope, &edit.parts, &edit.fresh_defaults);
        } else {
            let mut told = edit(live, node, scope, Kind::Derived, Change::Derived);
            told.parts = told_parts;
            let is_value_of_member = |name: &String| name.ends_with(".value") || name.ends_with("._value_");
            told.deferred = told.parts == [Part::Defaults]
                && changed_reads.iter().any(|name| is_value_of_member(name) && self.deferred.contains(name));
            told.changed_reads = changed_reads;
            told.run = header_run(outline, node, scope, &told.parts, &derived);
            told.fresh_defaults = derived;
            self.push(node, told);
        }
        self.rebuild_around(scope);
        is_called_otherwise
    }

    /// Whether a name is a class's, before and after.
    pub(super) fn is_class(&self, name: &str) -> bool {
        let has = |items: &Nodes| flattened(items).iter().any(|(item, _)| item.is_class() && item.name == name);
        has(&self.live.file.items) && has(&self.new.file.items)
    }

    /// Every class around gets a unit, because something in its body is run.
    pub(super) fn rebuild_around(&mut self, scope: &Scope<'a>) {
        for (class, around) in scope.enclosing() {
            if let Some(&live) = self.live_of.get(&std::ptr::from_ref(class)) {
                self.add_class(live, class, &around);
            }
        }
    }
}

pub(super) fn reads_any(reads: &[String], dirty: &Dirty) -> bool {
    !dirty.is_empty() && reads.iter().any(|name| dirty.contains(name))
}
