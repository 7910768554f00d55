//! The graph of a file as one patch looks at it: with what it changes in other modules, by the names that they have here.

use std::ops::Deref;

use super::graph::{Context, Graph, among, is_local};
use crate::effects::Effects;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

pub(crate) struct View<'g, 'a> {
    graph: &'g Graph<'a>,
    /// Methods of other modules' classes that run when they are read.
    properties: HashSet<String>,
    /// Other modules with a `__getattr__` that runs edited code, each with the names that it has besides.
    dynamic: HashMap<String, HashSet<String>>,
}

impl<'a> Deref for View<'_, 'a> {
    type Target = Graph<'a>;

    fn deref(&self) -> &Graph<'a> {
        self.graph
    }
}

impl<'g, 'a> View<'g, 'a> {
    pub fn new(graph: &'g Graph<'a>, properties: HashSet<String>, dynamic: HashMap<String, HashSet<String>>) -> Self {
        Self { graph, properties, dynamic }
    }

    /// The callables a call of which runs one of `edited`, or reads one of `changed`; those included.
    pub fn running(&self, edited: &HashSet<String>, changed: &HashSet<String>) -> HashSet<String> {
        let callers = &self.graph.callers;
        let mut reached = edited.clone();
        if !changed.is_empty() || !self.dynamic.is_empty() {
            reached.extend(callers.reading(self, changed).cloned());
        }
        let mut pending: Vec<String> = reached.iter().cloned().collect();
        while let Some(name) = pending.pop() {
            let readers = self.properties.contains(&name).then(|| callers.of_property(self.graph, &name));
            for caller in callers.of_callable(&name).chain(readers.into_iter().flatten()) {
                if reached.insert(caller.clone()) {
                    pending.push(caller.clone());
                }
            }
        }
        reached
    }

    /// The callables that read one of these containers, and do not change it.
    pub fn readers(&self, containers: &HashSet<String>) -> HashSet<String> {
        if containers.is_empty() {
            return HashSet::default();
        }
        self.graph
            .callers
            .reading(self, containers)
            .filter(|name| !self.changes_any(name, containers))
            .cloned()
            .collect()
    }

    /// Whether a module's statement runs one of these callables.
    pub fn runs_any(&self, effects: &'a Effects, running: &HashSet<String>) -> bool {
        // Most defaults and decorators do nothing.
        if running.is_empty() || effects.is_nothing() {
            return false;
        }
        let context = Context::default();
        if effects.reads.iter().any(|name| self.is_dynamic(name)) {
            return true;
        }
        let is_element = |method: &String| running.iter().any(|name| is_method(name, method));
        self.callees(effects, context).iter().any(|name| !among(name, running).is_empty())
            || effects.elements.iter().any(is_element)
            || (!self.properties.is_empty()
                && self.of_objects(effects, context).iter().any(|name| self.is_foreign_property(name, running)))
    }

    /// Whether an attribute is read of what a name holds or a call gives, which is another one now, or a class or container is looked
    /// into that is: `Table().size`, `len(Kind)`.
    pub fn reads_attributes(&self, effects: &'a Effects, changed: &HashSet<String>) -> bool {
        let context = Context::default();
        let is_changed = |name: &String| changed.contains(name);
        if changed.is_empty() {
            return false;
        }
        let is_other = |name: &String| {
            self.attributes(name, context).iter().any(is_changed) || self.read_as(name, context).iter().any(is_changed)
        };
        self.looks_into_any(effects, context, changed)
            || self.examines_any(effects, context, changed)
            || effects.reads.iter().any(is_other)
    }

    fn is_foreign_property(&self, name: &String, running: &HashSet<String>) -> bool {
        self.properties.contains(name) && running.contains(name)
    }

    pub fn is_property(&self, callable: &str) -> bool {
        self.graph.is_property(callable) || self.properties.contains(callable)
    }

    /// Whether a name is one that another module's `__getattr__` gives, which runs edited code.
    pub(super) fn is_dynamic(&self, name: &str) -> bool {
        self.dynamic.iter().any(|(module, has)| {
            name.strip_prefix(module.as_str())
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|rest| rest.split(['.', '[', '(']).next())
                .is_some_and(|attribute| !has.contains(attribute) && !attribute.starts_with("__"))
        })
    }
}

impl<'a> Graph<'a> {
    /// What is read that may be an attribute of another module's object: `tables.TABLE.size`, and of a class none.
    pub(super) fn of_objects(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let mut found = Vec::new();
        for name in &effects.reads {
            let Some((holder, attribute)) = name.rsplit_once('.') else { continue };
            let last = holder.rsplit('.').next().unwrap_or(holder);
            let is_object = last.starts_with(char::is_lowercase) || !last.contains(char::is_lowercase);
            // Of a class it is a descriptor that runs; one of which the text is further away is not known as such.
            let is_distant = || holder.matches('.').count() > 1;
            if (is_object || self.others.is_class(holder) || is_distant()) && !is_local(name, context) {
                found.push(name.clone());
            }
            let classes = self.types_of(holder, context, 0).into_iter().filter(|class| class != holder);
            let methods = classes.flat_map(|class| self.method(&class, attribute, 0));
            found.extend(methods.filter(|method| !self.has_method(method)));
        }
        found
    }

    pub(super) fn has_method(&self, callable: &str) -> bool {
        callable.rsplit_once('.').is_some_and(|(class, _)| self.classes.contains_key(class))
    }
}

fn is_method(callable: &str, method: &str) -> bool {
    callable.rsplit_once('.').is_some_and(|(_, name)| name == method)
}
