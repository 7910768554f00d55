//! Headers that were computed from something that changed: defaults, annotations, decorators.

use super::Comparison;
use super::derived::Callables;
use super::edits::{edit, header_run};
use super::found::Dirty;
use super::scope::Scope;
use crate::effects::Effects;
use crate::tree::{DefaultValue, Node};
use hotsplice_channel::patch::{Change, Kind, Part};
use rustc_hash::FxHashSet as HashSet;

impl<'a> Comparison<'a> {
    /// A default that reads such a name is evaluated again, the others keep their values; so are annotations. Decorators
    /// that read it decorate anew.
    ///
    /// Answers whether what it does without arguments is another thing now.
    pub(super) fn derive_header(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        dirty: &Dirty,
        called: &Callables<'_, 'a>,
    ) -> bool {
        let Some(parts) = &node.definition else { return false };
        // A call of edited code is not repeated unasked.
        let is_derived = |default: &&DefaultValue| {
            reads_any(&default.reads, dirty) && !called.graph.runs_any(&default.effects, &called.by_code)
        };
        let defaults: Vec<&'a DefaultValue> = parts.defaults.iter().filter(is_derived).collect();
        let derived: Vec<String> = defaults.iter().map(|default| default.parameter.clone()).collect();
        // A class that is edited is the same object as before.
        let reads_value = |reads: &[String]| reads.iter().any(|name| dirty.contains(name) && !self.is_class(name));
        let mut told_parts = Vec::new();
        if !derived.is_empty() {
            told_parts.push(Part::Defaults);
        }
        // What decorates it may ask what its annotations mean.
        let may_be_asked = node.is_function() && !parts.decorator_reads.is_empty();
        if reads_value(&parts.annotation_reads) || (may_be_asked && reads_value(&parts.hint_reads)) {
            told_parts.push(Part::Annotations);
        }
        let repeats_calls = called.graph.runs_any(&parts.decorator_arguments, &called.by_code);
        if reads_value(&parts.decorator_reads) && !repeats_calls {
            told_parts.push(Part::Decorators);
        }
        if told_parts.is_empty() {
            return false;
        }
        let is_called_otherwise = told_parts.iter().any(|part| matches!(part, Part::Defaults | Part::Decorators));
        let of_defaults = parts.defaults.iter().flat_map(|default| &default.reads);
        let reads = of_defaults.chain(&parts.annotation_reads).chain(&parts.hint_reads).chain(&parts.decorator_reads);
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
            // What it reads is another thing only once the patch is live.
            told.deferred = changed_reads.iter().any(|name| self.deferred.contains(name))
                || self.calls_what_is_read_later(defaults.iter().map(|default| &default.effects), called)
                || (told.parts.contains(&Part::Decorators)
                    && self.calls_what_is_read_later([&parts.decorator_arguments], called));
            told.offered = told.deferred && told.parts != [Part::Defaults];
            told.changed_reads = changed_reads;
            told.run = header_run(outline, node, scope, &told.parts, &derived);
            told.fresh_defaults = derived;
            self.push(node, told);
        }
        self.rebuild_around(scope);
        is_called_otherwise
    }

    /// Whether one of these calls what reads something that is another thing only once the patch is live.
    fn calls_what_is_read_later(&self, all: impl IntoIterator<Item = &'a Effects>, called: &Callables<'_, 'a>) -> bool {
        let calling: Vec<&'a Effects> = all.into_iter().filter(|effects| !effects.calls.is_empty()).collect();
        if self.deferred.is_empty() || calling.is_empty() {
            return false;
        }
        let late = called.graph.running(&HashSet::default(), &self.deferred);
        calling.into_iter().any(|effects| called.graph.runs_any(effects, &late))
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
