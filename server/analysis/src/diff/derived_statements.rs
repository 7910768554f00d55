//! Statements that give other values now, because of what they read or call.

use hotsplice_channel::patch::{Change, Kind, What};

use super::Comparison;
use super::classes::calls_of_class;
use super::derived::{Callables, is_single, looked_at};
use super::edits::statement_edit;
use super::found::Dirty;
use super::looked_at::copied;
use super::scope::Scope;
use crate::depend::given::meant_by;
use crate::depend::graph::{Context, Graph, among};
use crate::effects::{
    DESCRIBING, EAGER, Effects, OF_MEMBERS, SIGNATURE, applies, examines, instantiates, reads_headers,
};
use crate::tree::{Node, members};

impl<'a> Comparison<'a> {
    pub(super) fn derive_statement(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        dirty: &Dirty,
        called: &mut Callables<'_, 'a>,
    ) -> Vec<String> {
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        let is_edited = |name: &String| called.called.contains(name);
        let keeps_calls = self.keeps_what_calls_gave(node, &called.graph, &called.called, dirty);
        // What a function of the file makes of another one is a wrapper, mostly; a class it looks at.
        let is_used = |(by, name): &(String, String)| {
            let is_own = || self.defined(by).any(|item| item.is_function());
            let is_touched = || self.touched.contains(name) || dirty.contains(&members(name));
            (EAGER.contains(&by.as_str()) && (self.works_otherwise(name, &called.graph) || is_edited(name)))
                || (is_touched() && (is_own() || instantiates(by)))
                || (reads_headers(by) && self.has_other_header(name))
        };
        let uses_edited = node.what == What::Assignment && node.passed.iter().any(is_used);
        // A function that is only called is the new one while the statement runs.
        let is_called =
            |(by, name): &&(String, String)| applies(by) && self.defined(name).any(|item| item.is_function());
        let looks_early = uses_edited && node.passed.iter().filter(|one| is_used(one)).any(|one| !is_called(&one));
        // What a statement did by calling it stays as well.
        let may_call = matches!(node.what, What::Assignment | What::Statement | What::Block);
        let calls_edited = uses_edited
            || (may_call && called.graph.runs_any(&node.effects, &called.called))
            || calls_of_class(node, scope, called)
            || (may_call && !dirty.is_empty() && called.graph.reads_what_hooks_set(&node.effects, dirty))
            || (node.what == What::Import && self.foreign.takes_dynamic(node));
        let mut changed_reads = changed_reads(node, &self.reads_of(node, scope), dirty);
        if !dirty.is_empty() {
            // `[table.size for table in (first, second)]`
            let others = node.effects.reads.iter().filter(|name| name.contains('.') && !node.reads.contains(name));
            for name in others {
                let meant = called.graph.read_as(name, Context::default());
                let found: Vec<String> = meant.into_iter().filter(|name| dirty.contains(name)).collect();
                if name.contains("[]") {
                    // What a container holds is what is live.
                    self.deferred.extend(found.iter().cloned());
                }
                changed_reads.extend(found);
            }
        }
        let mut is_deferred = self.read_when_live(node, dirty, &called.graph, &mut changed_reads);
        if called.graph.runs_any(&node.effects, &called.readers) {
            is_deferred = true;
            let mut registries: Vec<String> = called.registries.iter().cloned().collect();
            registries.sort();
            changed_reads.extend(registries);
        }
        if self.looks_through_names(node, scope) && self.edit_for(node).is_none() {
            changed_reads.push("globals()".to_owned());
            is_deferred = true;
        }
        if !calls_edited && changed_reads.is_empty() && node.what == What::Statement {
            changed_reads = copied(node, dirty);
        }
        if let Some(edit) = self.edit_for(node) {
            if !changed_reads.is_empty() && !edit.offered {
                edit.fresh_names.extend(node.bound_names().into_iter().chain(node.writes.iter().cloned()));
            }
            edit.deferred |= is_deferred;
            let fresh = if edit.offered { Vec::new() } else { edit.fresh_names.clone() };
            edit.changed_reads = changed_reads;
            let is_kept = |name: &String| !fresh.contains(name);
            let is_kept = keeps_calls || (calls_edited && node.bound_names().iter().any(is_kept));
            if (looks_early || is_kept) && !edit.offered {
                // It runs before the commit, when the class still has its former attributes; what stays of it stays.
                let mut told = statement_edit(self.new, live, node, scope, Change::Derived);
                (told.kind, told.offered) = (Kind::Derived, true);
                self.edits.push(told);
            }
            return fresh;
        }
        if node.main_guard {
            return Vec::new();
        }
        if !calls_edited && changed_reads.is_empty() {
            return Vec::new();
        }
        let mut told = statement_edit(self.new, live, node, scope, Change::Derived);
        told.kind = Kind::Derived;
        told.changed_reads = changed_reads;
        told.deferred = is_deferred;
        // Of values that are others now it is computed again anyway.
        let is_by_values = !told.changed_reads.is_empty()
            && !uses_edited
            && node.what == What::Assignment
            && !called.graph.runs_any(&node.effects, &called.by_code)
            && !called.graph.changes_containers(&node.effects);
        told.offered |= calls_edited && !is_by_values;
        let mut fresh = Vec::new();
        if !told.offered {
            fresh = node.bound_names();
            fresh.extend(node.writes.iter().cloned());
        }
        self.push(node, told);
        self.rebuild_around(scope);
        fresh
    }

    /// What a statement reads; of a compound one without what its definitions read, which follow one by one. Where several
    /// of one name stand in the scope, which of them is live is not known, and the block decides.
    fn reads_of<'b>(&self, node: &'b Node, scope: &Scope<'a>) -> Vec<&'b String> {
        if !node.is_block() {
            return node.reads.iter().collect();
        }
        let items = scope.class().map_or(&self.new.file.items, |class| &class.body);
        let of_several = node.body.iter().filter(|one| one.is_definition() && !is_single(one, items));
        node.own_reads.iter().chain(of_several.flat_map(|one| &one.reads)).collect()
    }

    /// Attributes that elements and objects have of edited classes, and what definitions are registered in: they are others
    /// only once the patch is live.
    fn read_when_live(
        &self,
        node: &'a Node,
        dirty: &Dirty,
        graph: &Graph<'a>,
        changed_reads: &mut Vec<String>,
    ) -> bool {
        let attributes = node.effects.reads.iter().flat_map(|name| graph.attributes(name, Context::default()));
        let mut found: Vec<String> = attributes.flat_map(|name| among(&name, dirty)).collect();
        // What sees a class when it is made sets attributes on it.
        let reads = node.effects.reads.iter().filter(|name| !node.effects.calls.contains(name));
        for (class, attribute) in reads.filter_map(|name| name.rsplit_once('.')) {
            if dirty.contains(&members(class)) && graph.is_set_by_hooks(class, attribute) {
                found.push(members(class));
            }
        }
        found.extend(self.members_taken(&node.effects, dirty, graph));
        let given = graph.used_of_given(&node.effects, Context::default()).0;
        // Tables whose keys code objects are find their entries by the new ones.
        let is_key = |name: &String| node.what == What::Statement && name.ends_with(".__code__");
        found.extend(given.iter().flat_map(|name| meant_by(name, dirty)).filter(|name| !is_key(name)));
        let examined = node.passed.iter().filter(|(by, _)| examines(by));
        let in_effects = node.effects.passed.iter().filter(|(by, _)| examines(by));
        let classes = examined.chain(in_effects).flat_map(|(_, name)| graph.types_of(name, Context::default(), 0));
        found.extend(classes.map(|class| members(&class)).filter(|name| dirty.contains(name)));
        for element in &node.effects.elements {
            let of_class = |name: &&String| {
                name.rsplit_once('.').is_some_and(|(owner, attribute)| {
                    let is_seen = DESCRIBING.contains(&attribute);
                    (attribute == element && (is_seen || graph.is_class(owner))) || (is_seen && element == SIGNATURE)
                })
            };
            found.extend(dirty.iter().filter(of_class).cloned());
        }
        let is_deferred = !found.is_empty() || changed_reads.iter().any(|name| self.deferred.contains(name));
        found.retain(|name| !changed_reads.contains(name));
        found.sort();
        changed_reads.extend(found);
        is_deferred
    }

    /// All members of enumerations that have others now, where something is made of them: `models.CharField(choices=Status.choices)`,
    /// `click.Choice(Status)`.
    pub(super) fn members_taken(&self, effects: &Effects, dirty: &Dirty, graph: &Graph<'a>) -> Vec<String> {
        let computed = effects.reads.iter().filter_map(|name| name.rsplit_once('.'));
        let computed = computed.filter(|(_, attribute)| OF_MEMBERS.contains(attribute)).map(|(class, _)| class);
        let of_library = |by: &String| !self.is_class(by) && graph.is_class(by);
        let taken = effects.passed.iter().filter(|(by, _)| of_library(by)).map(|(_, name)| name.as_str());
        let has_others = |class: &&str| dirty.contains(&members(class)) && dirty.contains(&format!("{class}.value"));
        computed.chain(taken).filter(has_others).map(members).collect()
    }
}

/// What a statement reads that has another value now.
fn changed_reads(node: &Node, reads: &[&String], dirty: &Dirty) -> Vec<String> {
    if dirty.is_empty() {
        return Vec::new();
    }
    reads.iter().copied().cloned().chain(looked_at(&node.passed)).filter(|name| dirty.contains(name)).collect()
}
