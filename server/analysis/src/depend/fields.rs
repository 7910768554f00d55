//! Of which classes the objects are that attributes hold and that calls give: worked out for all of a file at once, in rounds, so that
//! no question leads through the same code again and again.

use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Class, Context, DEPTH, Graph};
use super::inside::{all_effects, run_by};
use crate::effects::Effects;
use crate::tree::{Node, Nodes};
use hotsplice_channel::patch::What;

/// How many classes one attribute may hold objects of, or one call give; more tell nothing.
const MOST: usize = 8;

/// Bases that make a class's constructor of its fields; decorators that do so have many names.
pub(super) const RECORDS: [&str; 3] = ["NamedTuple", "BaseModel", "Struct"];
/// Stands for whichever fields an object has.
const ANY: &str = "*";

/// Classes by `Car.engine`, and by `build` and `Maker.build`.
#[derive(Default)]
pub(super) struct Types {
    pub(super) fields: HashMap<String, Vec<String>>,
    pub(super) results: HashMap<String, Vec<String>>,
    /// Attributes that hold what the object was given when it was made, or later.
    given: HashSet<String>,
    /// Whether somebody asked since this was last looked at: what was found without asking stays as it is.
    was_asked: AtomicBool,
}

impl Types {
    pub(super) fn field(&self, name: &str) -> &[String] {
        self.was_asked.store(true, Ordering::Relaxed);
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn holds_given(&self, field: &str) -> bool {
        self.given.contains(field)
    }

    pub(super) fn result(&self, callable: &str) -> &[String] {
        self.was_asked.store(true, Ordering::Relaxed);
        self.results.get(callable).map_or(&[], Vec::as_slice)
    }
}

/// What gives an attribute or a result its value, and where that stands.
struct Giving<'a> {
    name: String,
    by: &'a str,
    context: Context<'a>,
}

/// Something given to a call, which may store it.
struct Given<'a> {
    by: &'a str,
    given: &'a str,
    context: Context<'a>,
}

pub(super) struct Typing<'a> {
    fields: Vec<Giving<'a>>,
    results: Vec<Giving<'a>>,
    given: Vec<Given<'a>>,
    /// Attributes that callables store what they are given in: `Car.__init__` and `Car.engine`.
    storing: HashMap<String, Vec<String>>,
}

impl<'a> Typing<'a> {
    pub fn of(graph: &Graph<'a>, items: &'a Nodes) -> Self {
        let mut typing =
            Self { fields: Vec::new(), results: Vec::new(), given: Vec::new(), storing: HashMap::default() };
        for (name, node) in &graph.functions {
            typing.take_function(node, (*name).to_owned(), None);
        }
        for (name, class) in &graph.classes {
            for (method, node) in class.methods.iter().filter(|(_, node)| node.is_function()) {
                typing.take_function(node, format!("{name}.{method}"), Some(name));
            }
            let made = class.attributes.iter().map(|(attribute, by)| Giving {
                name: format!("{name}.{attribute}"),
                by,
                context: Context::default(),
            });
            typing.fields.extend(made);
            typing.take_fields(graph, name, class);
        }
        // In the order of their names: what is found does not depend on that of tables.
        typing.fields.sort_by(|one, other| (&one.name, one.by).cmp(&(&other.name, other.by)));
        typing.results.sort_by(|one, other| (&one.name, one.by).cmp(&(&other.name, other.by)));
        if !typing.storing.is_empty() {
            for node in items.iter().filter(|node| !node.is_definition()) {
                typing.take_given(&node.effects, Context::default());
            }
            for (node, class) in graph.all_functions() {
                for effects in run_by(node) {
                    typing.take_given(effects, Context { class, effects: Some(effects), depth: 0 });
                }
            }
        }
        typing
    }

    /// Tells the graph, round by round, what follows from what it knows by then.
    pub fn tell(self, graph: &mut Graph<'a>) {
        graph.types.given = self.storing.values().flatten().cloned().collect();
        let mut known: HashSet<(bool, &str, String)> = HashSet::default();
        let fields = self.fields.iter().map(|giving| (true, giving));
        let mut givings: Vec<(bool, &Giving)> =
            fields.chain(self.results.iter().map(|giving| (false, giving))).collect();
        let mut all_given: Vec<&Given> = self.given.iter().collect();
        for _ in 0..DEPTH {
            let mut found: Vec<(bool, &str, String)> = Vec::new();
            givings.retain(|(is_field, giving)| {
                graph.types.was_asked.store(false, Ordering::Relaxed);
                let types = graph.types_by(giving.by, giving.context, 0);
                found.extend(types.into_iter().map(|class| (*is_field, giving.name.as_str(), class)));
                graph.types.was_asked.load(Ordering::Relaxed)
            });
            all_given.retain(|given| {
                graph.types.was_asked.store(false, Ordering::Relaxed);
                let stored = self.stored_by(graph, given);
                if !stored.is_empty() {
                    let types = graph.types_of(given.given, given.context, 0);
                    let all =
                        stored.into_iter().flat_map(|name| types.iter().map(move |class| (true, name, class.clone())));
                    found.extend(all);
                }
                graph.types.was_asked.load(Ordering::Relaxed)
            });
            let before = known.len();
            for (is_field, name, class) in found {
                let types = &mut graph.types;
                let table = if is_field { &mut types.fields } else { &mut types.results };
                let classes = table.entry(name.to_owned()).or_default();
                if classes.len() < MOST && known.insert((is_field, name, class.clone())) {
                    classes.push(class);
                }
            }
            if known.len() == before {
                return;
            }
        }
    }

    fn take_function(&mut self, node: &'a Node, name: String, class: Option<&'a str>) {
        let Some(parts) = &node.definition else { return };
        let inside = &parts.inside;
        let context = Context { class, effects: Some(inside), depth: 0 };
        let results = inside.returns.iter().map(|by| Giving { name: name.clone(), by, context });
        self.results.extend(results);
        let Some(class) = class else { return };
        for effects in all_effects(node) {
            for (target, by) in &effects.made {
                let own = target.split_once('.').filter(|(holder, _)| {
                    matches!(*holder, "self" | "cls") || inside.locals.first().is_some_and(|first| first == holder)
                });
                let Some((_, attribute)) = own.filter(|(_, attribute)| !attribute.contains('.')) else { continue };
                let field = format!("{class}.{attribute}");
                let is_parameter = by.strip_prefix('=').is_some_and(|by| {
                    inside.locals[..inside.parameters.min(inside.locals.len())].iter().any(|local| local == by)
                });
                if is_parameter {
                    self.storing.entry(name.clone()).or_default().push(field.clone());
                }
                let context = Context { class: Some(class), effects: Some(effects), depth: 0 };
                self.fields.push(Giving { name: field, by, context });
            }
        }
    }

    /// Fields of a class whose constructor somebody else makes of them: a data class, a named tuple.
    fn take_fields(&mut self, graph: &Graph<'a>, name: &str, class: &Class<'a>) {
        let Some(node) = class.node else {
            self.storing.entry(name.to_owned()).or_default().push(format!("{name}.{ANY}"));
            return;
        };
        if class.methods.contains_key("__init__") || !graph.is_record(name) {
            return;
        }
        for item in node.body.iter().filter(|item| matches!(item.what, What::Annotation | What::Assignment)) {
            let fields = item.binds.iter().map(|binding| format!("{name}.{}", binding.name));
            self.storing.entry(name.to_owned()).or_default().extend(fields);
            // `field(default_factory=Table)`
            let [binding] = item.binds.as_slice() else { continue };
            let made = item.effects.passed.iter().filter(|(by, _)| makes_field(by)).map(|(_, given)| Giving {
                name: format!("{name}.{}", binding.name),
                by: given,
                context: Context::default(),
            });
            self.fields.extend(made);
        }
    }

    fn take_given(&mut self, effects: &'a Effects, context: Context<'a>) {
        self.given.extend(effects.passed.iter().map(|(by, given)| Given { by, given, context }));
    }

    fn stored_by(&self, graph: &Graph<'a>, given: &Given<'a>) -> Vec<&str> {
        let mut found = Vec::new();
        for callable in graph.called(given.by, given.context) {
            let made =
                if graph.classes.contains_key(callable.as_str()) { graph.made_by(&callable) } else { Vec::new() };
            let bases = graph.ancestors(&callable).iter().map(|base| (*base).to_owned()).collect::<Vec<_>>();
            for callable in made.iter().chain(&bases).chain([&callable]) {
                found.extend(self.storing.get(callable).into_iter().flatten().map(String::as_str));
            }
        }
        found
    }
}

impl<'a> Graph<'a> {
    /// Functions, and methods with their classes.
    fn all_functions(&self) -> Vec<(&'a Node, Option<&'a str>)> {
        let methods = self.classes.iter().flat_map(|(name, class)| {
            class.methods.values().filter(|node| node.is_function()).map(move |node| (*node, Some(*name)))
        });
        self.functions.values().map(|node| (*node, None)).chain(methods).collect()
    }

    /// Of an enumeration.
    fn is_member(&self, class: &str, attribute: &str) -> bool {
        let node = self.classes.get(class).and_then(|class| class.node).filter(|_| self.is_enumeration(class));
        node.is_some_and(|node| {
            node.body.iter().any(|item| item.what == What::Assignment && item.binds_name(attribute))
        })
    }

    /// The classes of what an attribute of a class's objects holds; other modules' classes know their own.
    pub(super) fn field(&self, class: &str, attribute: &str) -> Vec<String> {
        if !self.classes.contains_key(class) {
            return vec![format!("{class}.{attribute}")];
        }
        if self.is_member(class, attribute) {
            return vec![class.to_owned()];
        }
        let all = [class].into_iter().chain(self.ancestors(class).iter().copied());
        let names = all.flat_map(|name| [attribute, ANY].map(|attribute| format!("{name}.{attribute}")));
        let mut found: Vec<String> = Vec::new();
        for one in names.flat_map(|name| self.types.field(&name)) {
            if !found.contains(one) {
                found.push(one.clone());
            }
        }
        found
    }
}

/// Whether a call describes a field of a class: of dataclasses, attrs, pydantic.
fn makes_field(called: &str) -> bool {
    matches!(called.rsplit('.').next(), Some("field" | "Field" | "Factory" | "attrib" | "ib"))
}
