//! Who calls whom in a file: worked out once for a graph, and asked from the callee's side.

use std::sync::OnceLock;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Context, Graph, called_result, may_be};
use super::inside::{given_out, lambdas_in, run_by};
use super::making::DERIVING;
use super::view::View;
use crate::effects::Effects;
use crate::tree::{Node, contents};

/// The callables of a file, and for what is called who calls it.
#[derive(Default)]
pub(super) struct Callers<'a> {
    all: Vec<Caller<'a>>,
    /// Name of what is called → places in `all`.
    by_callee: HashMap<String, Vec<usize>>,
    /// Those names that are put together: `ops.op_*`.
    beginnings: Vec<String>,
    /// Name of what may be an attribute of another module's object → who reads it, once somebody wanted to know.
    by_attribute: OnceLock<HashMap<String, Vec<usize>>>,
}

struct Caller<'a> {
    name: String,
    class: Option<&'a str>,
    /// What runs when it is called; nothing of what is called by other ways than its own code.
    effects: Vec<&'a Effects>,
}

impl<'a> Callers<'a> {
    pub fn of(graph: &Graph<'a>) -> Self {
        let mut callers = Self::default();
        for (name, node) in &graph.functions {
            callers.note(graph, (*name).to_owned(), None, [run_by(node), graph.wrapping(node)].concat());
            callers.note_others((*name).to_owned(), graph.called_instead(node));
            callers.note_given_out(graph, name, None, given_out(node));
            callers.note_handed_on(graph, name, node);
        }
        for (name, lambdas) in &graph.lambdas {
            for name in [(*name).to_owned(), contents(name)] {
                callers.note_given_out(graph, &name, None, lambdas_in(lambdas));
                callers.note(graph, name, None, vec![*lambdas]);
            }
        }
        for (name, class) in &graph.classes {
            // What decorates the class may have put something around its methods.
            let around = class.node.map(|node| graph.called_instead(node)).unwrap_or_default();
            let methods = class.methods.iter().map(|(method, node)| (*method, *node));
            for (method, node) in
                methods.chain(class.former_methods.iter().copied()).filter(|(_, node)| node.is_function())
            {
                callers.note(graph, format!("{name}.{method}"), Some(name), run_by(node));
                callers.note_others(format!("{name}.{method}"), graph.called_instead(node));
                callers.note_others(format!("{name}.{method}"), around.iter().cloned());
                callers.note_given_out(graph, &format!("{name}.{method}"), Some(name), given_out(node));
                let wrapping = graph.wrapping(node);
                if !wrapping.is_empty() {
                    callers.note(graph, format!("{name}.{method}"), None, wrapping);
                }
            }
            for (attribute, lambdas) in &class.lambdas {
                callers.note(graph, format!("{name}.{attribute}"), Some(name), vec![*lambdas]);
                callers.note_given_out(graph, &format!("{name}.{attribute}"), Some(name), lambdas_in(lambdas));
            }
        }
        for container in graph.contents.keys() {
            let called = graph.called_in(container, "", Context::default());
            // `way.run(1)` of what objects keep.
            if container.rsplit_once('.').is_some_and(|(class, _)| graph.classes.contains_key(class)) {
                callers.note_others(container.clone(), called.iter().cloned());
            }
            callers.note_others(contents(container), called);
        }
        // `total = partial(build, 1)`
        for name in graph.handed.keys() {
            callers.note_others((*name).to_owned(), graph.called(name, Context::default()));
        }
        for (function, implementation) in graph.implementations() {
            callers.note_others(function, [implementation]);
        }
        for (name, called) in graph.calling_back().into_iter().chain(graph.decorated_by_classes()) {
            callers.note_others(name, called);
        }
        for (name, class) in &graph.classes {
            let makers = graph.makers(name).into_iter().flat_map(|maker| graph.called(maker, Context::default()));
            // Of a metaclass.
            let calls = class.bases.iter().filter(|base| graph.classes.contains_key(*base)).flat_map(|base| {
                let own =
                    graph.classes.get(base).is_some_and(|class| class.bases.iter().any(|base| is_metaclass(base)));
                if own { graph.method(base, "__call__", 0) } else { Vec::new() }
            });
            let by_metaclass = graph.metaclasses(name).flat_map(|kind| graph.method(kind, "__call__", 0));
            callers.note_others(format!("{name}.{DERIVING}"), graph.metaclass_runs(name));
            let made_by = graph.made_by(name).into_iter().chain(makers).chain(calls).chain(by_metaclass);
            callers.note_others((*name).to_owned(), made_by);
        }
        callers.beginnings = callers.by_callee.keys().filter(|name| name.ends_with('*')).cloned().collect();
        callers
    }

    /// A callable with code of its own.
    fn note(&mut self, graph: &Graph<'a>, name: String, class: Option<&'a str>, effects: Vec<&'a Effects>) {
        for &one in &effects {
            let context = Context { class, effects: Some(one), depth: 0 };
            let of_elements = one.elements.iter().map(|method| of_element(method));
            for called in graph.callees(one, context).into_iter().chain(of_elements) {
                self.by_callee.entry(called).or_default().push(self.all.len());
            }
        }
        self.all.push(Caller { name, class, effects });
    }

    /// What a function gives that is called later.
    fn note_given_out(&mut self, graph: &Graph<'a>, name: &str, class: Option<&'a str>, effects: Vec<&'a Effects>) {
        if !effects.is_empty() {
            self.note(graph, called_result(name), class, effects);
        }
    }

    /// What a function gives may be what others have made that it calls: `setattr(cls, name, wrap(method))` of a decorator.
    fn note_handed_on(&mut self, graph: &Graph<'a>, name: &str, node: &'a Node) {
        for effects in run_by(node) {
            let makers =
                effects.calls.iter().filter(|called| !effects.is_local(called) && !called.contains(['.', '[', '(']));
            let makers = makers.filter(|called| *called != name && !graph.classes.contains_key(called.as_str()));
            self.note_others(called_result(name), makers.map(|maker| called_result(maker)));
        }
    }

    /// What calls others without code of its own.
    fn note_others(&mut self, name: String, called: impl IntoIterator<Item = String>) {
        for called in called {
            self.by_callee.entry(called).or_default().push(self.all.len());
        }
        self.all.push(Caller { name, class: None, effects: Vec::new() });
    }

    /// Who calls a callable, by its name or as an element of what is iterated over.
    pub fn of_callable<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s String> {
        let as_element = name.rsplit_once('.').and_then(|(_, method)| self.by_callee.get(&of_element(method)));
        let put_together = self.beginnings.iter().filter(move |one| may_be(one, name));
        let put_together = put_together.filter_map(|one| self.by_callee.get(one));
        self.by_callee
            .get(name)
            .into_iter()
            .chain(as_element)
            .chain(put_together)
            .flatten()
            .map(|&place| &self.all[place].name)
    }

    /// Who reads another module's property.
    pub fn of_property(&self, graph: &Graph<'a>, name: &str) -> impl Iterator<Item = &String> {
        let by_attribute = self.by_attribute.get_or_init(|| {
            let mut found: HashMap<String, Vec<usize>> = HashMap::default();
            for (place, caller) in self.all.iter().enumerate() {
                for &effects in &caller.effects {
                    let context = Context { class: caller.class, effects: Some(effects), depth: 0 };
                    for name in graph.of_objects(effects, context) {
                        found.entry(name).or_default().push(place);
                    }
                }
            }
            found
        });
        by_attribute.get(name).into_iter().flatten().map(|&place| &self.all[place].name)
    }

    /// Those that read one of the names, or one that a module's `__getattr__` gives, which runs edited code.
    pub fn reading<'s>(
        &'s self,
        view: &'s View<'_, 'a>,
        changed: &'s HashSet<String>,
    ) -> impl Iterator<Item = &'s String> {
        let reads = move |caller: &&Caller<'a>| {
            caller.effects.iter().any(|&effects| {
                let context = Context { class: caller.class, effects: Some(effects), depth: 0 };
                let is_given = |name: &String| !effects.is_local(name) && view.is_dynamic(name);
                view.reads_any(effects, context, changed, !is_hook(&caller.name)) || effects.reads.iter().any(is_given)
            })
        };
        self.all.iter().filter(reads).map(|caller| &caller.name)
    }
}

fn is_metaclass(base: &str) -> bool {
    ["type", "ABCMeta", "abc.ABCMeta", "EnumMeta", "enum.EnumMeta"].contains(&base)
}

/// What runs a method of whatever it iterates over.
fn of_element(method: &str) -> String {
    format!("[].{method}")
}

/// Whether it runs when a class is made that derives from its own: what others that do so have is nothing to it.
fn is_hook(callable: &str) -> bool {
    callable.ends_with(".__init_subclass__")
}
