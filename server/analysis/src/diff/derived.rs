//! What did not change itself but was computed from something that did.

use hotsplice_channel::patch::{Change, Kind, Part, What};
use rustc_hash::FxHashSet as HashSet;

use super::Comparison;
use super::derived_headers::reads_any;
use super::derived_imports::of_second_names;
use super::edits::{definition_edit, edit, header_run};
use super::found::Dirty;
use super::scope::Scope;
use crate::depend::graph::Graph;
use crate::depend::view::View;
use crate::effects::{DESCRIBING, EAGER, examines, reads_headers};
use crate::tree::{Node, Nodes, contents, flattened, members};

impl<'a> Comparison<'a> {
    pub(super) fn add_derived(&mut self) {
        if self.edits.is_empty() && self.removals.is_empty() && self.foreign.is_empty() {
            return;
        }
        let (foreign, new) = (self.foreign, self.new);
        match foreign.graph.as_ref().and_then(|kept| kept.of(new)) {
            Some(graph) => self.derive_by(graph),
            None if foreign.texts.is_empty() => self.derive_by(new.graph_after(self.live)),
            None => self.derive_by(&Graph::whole(&new.file.items, foreign.others(new))),
        }
    }

    fn derive_by(&mut self, graph: &Graph<'a>) {
        let mut edited = self.edited_definitions();
        edited.extend(self.foreign.calls(self.new));
        let in_classes = self.edits.iter().chain(self.removals.iter()).filter_map(|edit| edit.scope.first());
        self.touched = in_classes.filter(|name| self.is_class(name)).cloned().collect();
        for class in self.definitions().filter(|item| item.is_class()) {
            let bases = class.definition.as_ref().map_or(&[][..], |parts| &parts.base_names);
            if bases.iter().any(|base| self.touched.contains(base)) {
                self.touched.insert(class.name.clone());
            }
        }
        let new = self.new;
        let properties = self.foreign.properties(new);
        let graph = View::new(graph, properties, self.foreign.dynamic(new));
        if edited.iter().any(|name| self.is_class(name)) {
            let live = self.graph_of_live();
            edited.retain(|name| !self.is_made_alike(name, &graph, &live));
        }
        edited.extend(self.made_otherwise(&graph));
        edited.extend(self.meant_otherwise(&graph));
        // What a function imports by itself it takes of what is live: that can't be computed again before the patch is.
        let inside = self.foreign.changed_inside(&new.file.items);
        if !inside.is_empty() {
            edited.extend(graph.running(&HashSet::default(), &inside));
        }
        let changed = self.changed_values(&graph, &edited);
        let mut by_code = graph.running(&edited, &HashSet::default());
        let mut dirty = Dirty::of(self.removed_names(&[]));
        let mut gone: HashSet<String> = HashSet::default();
        dirty.extend(self.lost_writes.iter().cloned());
        let gone_definitions = self.gone_definitions();
        let former = (!gone_definitions.is_empty()).then(|| self.graph_of_live());
        for node in gone_definitions {
            // What its decorators and bases had registered it in.
            let contents_of = former.iter().flat_map(|former| former.mutated_by(node)).flat_map(with_contents);
            let found: Vec<String> = contents_of.collect();
            self.deferred.extend(found.iter().cloned());
            gone.extend(found.iter().cloned());
            dirty.extend(found);
        }
        // Who reads what definitions are registered in gets something else by now.
        let anew: Vec<&Node> = self.definitions().filter(|node| self.registers_anew(node)).collect();
        let mut registries: HashSet<String> =
            anew.into_iter().flat_map(|node| graph.mutated_by(node)).flat_map(with_contents).collect();
        registries.extend(gone.iter().cloned());
        let readers = graph.running(&graph.readers(&registries), &HashSet::default());
        let mut called = match changed.is_empty() && readers.is_empty() {
            true => by_code.clone(),
            false => graph.running(&edited.union(&readers).cloned().collect(), &changed),
        };
        self.running = called.clone();
        self.properties = self.running.iter().filter(|name| graph.is_property(name)).cloned().collect();
        let described = graph.described(&called);
        let members: HashSet<String> = called.union(&described).cloned().collect();
        for (name, callable) in graph.through_objects(&members) {
            if graph.is_property(callable) || described.contains(callable) {
                self.properties.insert(name.clone());
            }
            self.running.insert(name);
        }
        self.decorating_methods = self.methods_that_decorate_otherwise(&graph);
        let others = self.foreign.decorators(new);
        let of_others = graph.through_objects(&others).into_iter().map(|(name, _)| name);
        self.decorating_methods.extend(of_others);
        self.properties.extend(described.iter().cloned());
        self.running.extend(described);
        self.running.extend(graph.in_registries(&called));
        self.deferred.extend(self.foreign.late(new));
        by_code.extend(edited.iter().cloned());
        called.extend(edited);
        let mut callables = Callables { graph, called, by_code, readers, registries };
        let mut own = self.derive(&new.file.items, &Scope::default(), &mut dirty, &mut callables);
        own.extend(gone);
        self.note_late(&own);
        self.late.extend(callables.graph.through_objects(&own).into_iter().map(|(name, _)| name));
        self.late.extend(callables.graph.seen_in_containers(&own));
        self.hand_on(&own);
    }

    fn graph_of_live(&self) -> Graph<'a> {
        let live = self.live;
        Graph::new(&live.file.items, self.foreign.others(live))
    }

    /// Walks a scope in text order. Answers the names bound in it that have other values now.
    fn derive(
        &mut self,
        items: &'a Nodes,
        scope: &Scope<'a>,
        dirty: &mut Dirty,
        called: &mut Callables<'_, 'a>,
    ) -> HashSet<String> {
        let mut own: HashSet<String> = HashSet::default();
        for node in items {
            // What is taken of a module that the statement finds by its name is read of what is live.
            let found = if node.imports() { Vec::new() } else { self.foreign.changed_by(&node.effects) };
            self.deferred.extend(found.iter().cloned());
            dirty.extend(found);
            let fresh = match node.what {
                What::Function => {
                    self.derive_function(node, scope, dirty, called);
                    // Where something else had the name before, what was computed from that is computed again.
                    let mut fresh = self.hints_otherwise(node, &scope.path, dirty);
                    fresh.extend(self.takes_a_name(node, scope).then(|| node.name.clone()));
                    fresh
                }
                What::Class => {
                    let mut fresh = self.derive_class(node, scope, dirty, called);
                    fresh.extend(self.hints_otherwise(node, &scope.path, dirty));
                    fresh
                }
                _ if node.imports() && !self.foreign.changed.is_empty() => {
                    self.derive_import(node, scope, dirty, called)
                }
                What::Block => self.derive_block(node, items, scope, dirty, called),
                _ => self.derive_statement(node, scope, dirty, called),
            };
            let mut fresh = fresh;
            let mut seen_otherwise = self.seen_otherwise(node);
            if node.is_block() {
                for (inner, _) in flattened(&node.body) {
                    seen_otherwise.extend(self.seen_otherwise(inner));
                }
            }
            for name in seen_otherwise {
                // It is another one only once the patch is live.
                self.deferred.insert([scope.path.as_slice(), std::slice::from_ref(&name)].concat().join("."));
                fresh.push(name);
            }
            fresh.extend(of_second_names(node, dirty));
            if !node.is_block() {
                // A statement that runs as before gives the name its former value back.
                for name in node.bound_names() {
                    dirty.remove(&name);
                    own.remove(&name);
                }
            }
            own.extend(fresh.iter().cloned());
            dirty.extend(fresh);
            if node.is_definition() && scope.path.is_empty() && self.registers_anew(node) {
                let found: Vec<String> = called.graph.mutated_by(node).into_iter().flat_map(with_contents).collect();
                self.deferred.extend(found.iter().cloned());
                own.extend(found.iter().cloned());
                dirty.extend(found);
            }
        }
        own
    }

    fn derive_function(&mut self, node: &'a Node, scope: &Scope<'a>, dirty: &Dirty, called: &mut Callables<'_, 'a>) {
        // The graph knows a module's functions, and the methods of its classes.
        if self.derive_header(node, scope, dirty, called) && scope.path.len() <= 1 {
            // Who calls it gets other defaults.
            let name = [scope.path.as_slice(), std::slice::from_ref(&node.name)].concat().join(".");
            let found = called.graph.running(&HashSet::from_iter([name]), &HashSet::default());
            self.running.extend(found.iter().cloned());
            called.by_code.extend(found.iter().cloned());
            called.called.extend(found);
        }
        let Some(parts) = &node.definition else { return };
        self.tell_decorator_arguments(node, scope, dirty, called);
        let fresh = self.edit_for(node).map_or_else(Vec::new, |edit| edit.fresh_defaults.clone());
        let is_new = self.edit_for(node).is_some_and(|edit| matches!(edit.change, Change::Added));
        let was_computed = parts.defaults.iter().filter(|default| {
            let looks = || looked_at(&default.effects.passed).any(|name| dirty.contains(&name));
            !fresh.contains(&default.parameter)
                && (called.graph.runs_any(&default.effects, &called.called)
                    || looks()
                    || called.graph.reads_attributes(&default.effects, dirty))
        });
        let computed: Vec<String> = was_computed.map(|default| default.parameter.clone()).collect();
        if !computed.is_empty() && !is_new {
            // A call is not repeated unasked.
            let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
            let mut told = edit(live, node, scope, Kind::Derived, Change::Derived);
            (told.parts, told.offered) = (vec![Part::Defaults], true);
            told.run = header_run(self.new, node, scope, &told.parts, &computed);
            told.fresh_defaults = computed;
            self.edits.push(told);
        }
    }

    /// Definitions in a compound statement follow one by one, as those outside of it do, and what else stands there as a
    /// whole. `items` are those of the scope.
    fn derive_block(
        &mut self,
        node: &'a Node,
        items: &'a Nodes,
        scope: &Scope<'a>,
        dirty: &mut Dirty,
        called: &mut Callables<'_, 'a>,
    ) -> Vec<String> {
        let mut fresh = self.derive_statement(node, scope, dirty, called);
        fresh.extend(self.derive_imports_in(node, scope));
        let is_run = self
            .edit_for(node)
            .is_some_and(|edit| edit.run.is_some() && !edit.offered && edit.change != Change::Derived);
        let inner = scope.in_block(node);
        for one in &node.body {
            // What comes with the block's own run is not told twice.
            if !is_single(one, items) || (is_run && fresh.contains(&one.name)) {
                continue;
            }
            match one.what {
                What::Function => self.derive_function(one, &inner, dirty, called),
                What::Class => fresh.extend(self.derive_class(one, &inner, dirty, called)),
                _ => {}
            }
        }
        fresh
    }

    /// Whether a definition's decorators and bases see it for the first time, or again.
    fn registers_anew(&self, node: &Node) -> bool {
        let edit = self.edit_of.get(&std::ptr::from_ref(node)).and_then(|index| self.edits.get(*index));
        edit.is_some_and(|edit| {
            edit.change == Change::Added
                || matches!(edit.kind, Kind::Replaced | Kind::ClassHeader)
                || edit.parts.contains(&Part::Decorators)
        })
    }

    fn derive_class(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        dirty: &mut Dirty,
        called: &mut Callables<'_, 'a>,
    ) -> Vec<String> {
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        let mut fresh = Vec::new();
        match self.edit_for(node).map(|edit| (edit.change, edit.kind)) {
            Some((_, Kind::Replaced)) => return vec![node.name.clone()],
            Some((Change::Added, _)) => {
                return if self.takes_a_name(node, scope) { vec![node.name.clone()] } else { fresh };
            }
            Some((_, Kind::ClassHeader)) => fresh.push(node.name.clone()),
            _ => {
                let header_reads = node.definition.as_ref().map_or(&[][..], |parts| &parts.header_reads);
                if reads_any(header_reads, dirty) || self.copies_fields(node, dirty, &called.graph) {
                    let told = definition_edit(self.new, live, node, scope, Kind::Derived, Change::Derived);
                    self.push(node, told);
                    fresh.push(node.name.clone());
                }
            }
        }
        if let (Some(live), false) = (live, fresh.is_empty()) {
            self.add_class(live, node, scope);
            self.rebuild_around(scope);
        }
        let inner = scope.in_class(node);
        let entered = dirty.enter();
        dirty.extend(self.removed_names(&inner.path));
        let own = self.derive(&node.body, &inner, dirty, called);
        dirty.leave(entered);
        fresh.extend(own.iter().map(|name| format!("{}.{name}", node.name)));
        // What it inherits from a base in the same module.
        let bases = node.definition.as_ref().map_or(&[][..], |parts| &parts.base_names);
        let inherited: HashSet<&str> = bases.iter().flat_map(|base| dirty.members_of(base)).collect();
        let is_own = |name: &str| node.body.iter().any(|item| item.binds_name(name));
        if inherited.contains("*") {
            self.deferred.insert(members(&node.name));
        }
        fresh.extend(inherited.into_iter().filter(|name| !is_own(name)).map(|name| format!("{}.{name}", node.name)));
        let gone = self.removed_names(&inner.path);
        fresh.extend(gone.iter().map(|name| format!("{}.{name}", node.name)));
        fresh.extend(self.values_of_members(node, &fresh, &called.graph));
        fresh.extend(self.fields_seen(node, &inner, &called.graph));
        if scope.path.is_empty() {
            self.tell_made_with(node, dirty, called);
        }
        self.tell_decorator_arguments(node, scope, dirty, called);
        fresh
    }
}

/// What functions look into that they are given: items of containers, members of classes.
pub(super) fn looked_at(passed: &[(String, String)]) -> impl Iterator<Item = String> {
    let eagerly = passed.iter().filter(|(by, _)| EAGER.contains(&by.as_str()) || reads_headers(by) || examines(by));
    let headers = passed.iter().filter(|(by, _)| reads_headers(by));
    let headers = headers.flat_map(|(_, name)| DESCRIBING.iter().map(move |seen| format!("{name}.{seen}")));
    eagerly.flat_map(|(_, name)| [contents(name), members(name)]).chain(headers)
}

/// Whether no other definition of the scope has its name.
pub(super) fn is_single(node: &Node, items: &Nodes) -> bool {
    flattened(items).iter().filter(|(other, _)| other.is_definition() && other.name == node.name).count() == 1
}

/// What a call of runs edited code, and how calls are told.
pub(super) struct Callables<'g, 'a> {
    pub(super) graph: View<'g, 'a>,
    pub(super) called: HashSet<String>,
    /// Those of them that run edited code, and not only read other values.
    pub(super) by_code: HashSet<String>,
    /// Those that read what definitions are registered in: what they give is another thing once the patch is live.
    pub(super) readers: HashSet<String>,
    pub(super) registries: HashSet<String>,
}

/// `REG`, `REG[]`
fn with_contents(name: String) -> Vec<String> {
    if name.ends_with("__subclasses__") { vec![name] } else { vec![contents(&name)] }
}
