//! What was decorated by code that is edited now. New code of the wrappers that a decorator made is live everywhere; what
//! the decorator itself did, when it was called, is not done again unasked: it is told. So are classes that it had a part in making.

use hotsplice_channel::patch::{Change, Edit, Kind, Part};
use rustc_hash::FxHashSet as HashSet;

use super::Comparison;
use super::derived::Callables;
use super::edits::definition_edit;
use super::found::Dirty;
use super::scope::Scope;
use crate::depend::graph::Graph;
use crate::tree::{Node, Nodes};

impl<'a> Comparison<'a> {
    pub(super) fn tell_decorated(&mut self) {
        let items = &self.new.file.items;
        // The name of what is decorated itself holds whatever its own decorators made.
        let is_plain = |item: &&Node| item.definition.as_ref().is_some_and(|parts| parts.decorator_reads.is_empty());
        let plain = items.iter().filter(is_plain);
        let mut edited: HashSet<String> =
            plain.filter(|item| self.decorates_otherwise(item, true)).map(|item| item.name.clone()).collect();
        edited.extend(self.decorating_methods.iter().cloned());
        // Decorators that call edited code, and those of other modules.
        let heads: HashSet<&String> =
            self.edits.iter().map(|edit| edit.scope.first().unwrap_or(&edit.definition)).collect();
        let imported = self.foreign.calls(self.new);
        // What is registered with a function runs when that is called, and not when something else is registered.
        let names = self.definitions().flat_map(|item| item.definition.iter().flat_map(|parts| &parts.decorator_reads));
        let dispatching: HashSet<&str> = names.filter_map(|name| name.strip_suffix(".register")).collect();
        // What is put into another module's containers decorates nothing.
        let is_decorator = |name: &&String| {
            let is_elsewhere = name.contains(':') || imported.contains(*name);
            !heads.contains(name) && !is_elsewhere && !dispatching.contains(name.as_str())
        };
        edited.extend(self.running.iter().filter(is_decorator).cloned());
        self.decorating = edited.clone();
        edited.extend(self.foreign.decorators(self.new));
        if !edited.is_empty() {
            self.tell_decorated_by(items, &Scope::default(), &edited);
        }
    }

    /// Methods that would decorate otherwise, also as methods of the objects that the module's names hold: `bus.on` for `Bus.on`.
    pub(super) fn methods_that_decorate_otherwise(&mut self, graph: &Graph<'a>) -> HashSet<String> {
        let classes = self.new.file.items.iter().filter(|item| item.is_class());
        let methods = classes.flat_map(|class| class.body.iter().map(move |method| (class, method)));
        let methods = methods.filter(|(_, method)| method.is_function() && self.decorates_otherwise(method, true));
        let own: HashSet<String> = methods.map(|(class, method)| format!("{}.{}", class.name, method.name)).collect();
        let of_objects = graph.through_objects(&own).into_iter().map(|(name, _)| name);
        of_objects.chain(own.iter().cloned()).collect()
    }

    /// Whether code is edited that runs when a decorator is called: the function's own, and that of functions inside which
    /// make others again, or give back what they are given. The innermost are wrappers, which run when they are called.
    fn decorates_otherwise(&mut self, node: &Node, outermost: bool) -> bool {
        if node.is_class() {
            let makes = |method: &&Node| ["__init__", "__new__"].contains(&method.name.as_str());
            return outermost && node.body.iter().filter(makes).any(|method| self.is_body_edited(method));
        }
        let is_layer = node.is_function() && (outermost || !node.body.is_empty() || gives_back(node));
        let has_other_defaults =
            |edit: &mut Edit| edit.change == Change::Changed && edit.parts.contains(&Part::Defaults);
        is_layer
            && (self.is_body_edited(node)
                || self.edit_for(node).is_some_and(has_other_defaults)
                || node.body.iter().any(|inner| self.decorates_otherwise(inner, false)))
    }

    fn is_body_edited(&mut self, node: &Node) -> bool {
        self.edit_for(node).is_some_and(|edit| edit.change == Change::Changed && edit.parts.contains(&Part::Body))
    }

    fn tell_decorated_by(&mut self, items: &'a Nodes, scope: &Scope<'a>, edited: &HashSet<String>) {
        for node in items {
            let Some(parts) = &node.definition else { continue };
            let is_known = |edit: &Edit| {
                edit.offered && edit.line == node.line && edit.parts == [Part::Decorators] && edit.scope == scope.path
            };
            // A class that a decorator is given is not called by it, as a rule: `@uses(Model)`.
            let is_given_class = |name: &String| {
                !parts.decorator_heads.contains(name)
                    && [".__init__", ".__new__"].iter().any(|method| edited.contains(&format!("{name}{method}")))
            };
            if parts.decorator_reads.iter().any(|name| edited.contains(name) && !is_given_class(name))
                && !self.is_decorated_anew(node)
                && !self.edits.iter().any(is_known)
            {
                let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
                let mut told = definition_edit(self.new, live, node, scope, Kind::Derived, Change::Derived);
                told.parts = vec![Part::Decorators];
                told.offered = true;
                self.edits.push(told);
            }
            if node.is_class() {
                self.tell_decorated_by(&node.body, &scope.in_class(node), edited);
            }
        }
    }

    /// What its decorators were given was computed by calling edited code, or they have called it: `@retry(limit())`.
    pub(super) fn tell_decorator_arguments(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        dirty: &Dirty,
        called: &Callables<'_, 'a>,
    ) {
        let Some(parts) = &node.definition else { return };
        if parts.decorator_reads.is_empty() && parts.decorator_arguments.is_nothing() {
            return;
        }
        let name = scope.qualified(&node.name);
        let arguments = &parts.decorator_arguments;
        let reads_others = called.graph.reads_attributes(arguments, dirty)
            || !self.members_taken(arguments, dirty, &called.graph).is_empty();
        let is_computed = called.graph.runs_any(arguments, &called.called)
            || reads_others
            // The process tells it of a function that is edited itself.
            || (called.called.contains(&name)
                && self.edit_for(node).is_none()
                && called.graph.is_called_by_decorators(node));
        if !is_computed || self.is_decorated_anew(node) {
            return;
        }
        let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
        let mut told = definition_edit(self.new, live, node, scope, Kind::Derived, Change::Derived);
        (told.parts, told.offered) = (vec![Part::Decorators], true);
        if reads_others {
            let is_other = |name: &&String| dirty.iter().any(|other| head(other) == head(name));
            told.changed_reads = arguments.reads.iter().filter(is_other).cloned().collect();
        }
        self.edits.push(told);
    }

    /// What is decorated anew anyway needs no word.
    fn is_decorated_anew(&mut self, node: &Node) -> bool {
        self.edit_for(node).is_some_and(|edit| {
            edit.change == Change::Added
                || matches!(edit.kind, Kind::Replaced | Kind::ClassHeader)
                || edit.parts.contains(&Part::Decorators)
        })
    }

    /// A class that edited code had a part in making, as its base's `__init_subclass__` has by a helper, stays as it was made.
    pub(super) fn tell_made_with(&mut self, node: &'a Node, dirty: &Dirty, called: &Callables<'_, 'a>) {
        let graph = &called.graph;
        let mut hooks = graph.made_with(node);
        // What registers the class in a container goes on doing so.
        hooks.retain(|hook| {
            called.by_code.contains(hook) || (called.called.contains(hook) && !graph.changes_any(hook, dirty))
        });
        if hooks.is_empty() {
            return;
        }
        // What is edited itself is reported there; a class that has edits of its own is made again.
        let edited = self.edited_definitions();
        let is_value = |hook: &String| hook.ends_with("._generate_next_value_");
        hooks.retain(|hook| is_value(hook) || !edited.contains(hook));
        let is_edited = self.edit_for(node).is_some();
        let is_inside = |edit: &Edit| !edit.scope.is_empty() && edit.change != Change::Derived;
        let is_made_again = is_edited || self.edits.about(&node.name).any(is_inside);
        if hooks.iter().any(|hook| is_value(hook) || !is_made_again) {
            let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
            let mut told = definition_edit(self.new, live, node, &Scope::default(), Kind::Derived, Change::Derived);
            (told.parts, told.offered) = (vec![Part::Bases], true);
            self.edits.push(told);
        }
    }
}

fn head(name: &str) -> &str {
    name.split(['.', '[', '(']).next().unwrap_or(name)
}

/// Whether a function gives what it is given: `def register(function): REG.append(function); return function`.
fn gives_back(node: &Node) -> bool {
    let Some(parts) = &node.definition else { return false };
    let parameters = &parts.inside.locals[..parts.inside.parameters.min(parts.inside.locals.len())];
    let given = parts.inside.returns.iter().filter_map(|by| by.strip_prefix('='));
    given.into_iter().any(|name| parameters.iter().any(|own| own == name))
}
