//! Makes the graph of a file: its functions and classes, what its names were made of, and what its containers hold.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::assigning::is_property;
use super::called_by_objects::{OtherClasses, given_to};
use super::callers::Callers;
use super::contents::Storing;
use super::fields::{Types, Typing};
use super::given::Others;
use super::graph::{Class, Graph};
use super::inside::{WRAPPERS, all_effects, given_out};
use crate::effects::{Effects, LAMBDA};
use crate::tree::{Node, Nodes, flattened};

impl<'a> Graph<'a> {
    /// With who calls whom.
    pub fn whole(items: &'a Nodes, others: Others) -> Self {
        let mut graph = Self::new(items, others);
        graph.callers = Callers::of(&graph);
        graph
    }

    pub fn new(items: &'a Nodes, others: Others) -> Self {
        let mut graph = Self {
            functions: HashMap::default(),
            classes: HashMap::default(),
            method_names: HashSet::default(),
            made: HashMap::default(),
            lambdas: HashMap::default(),
            handed: HashMap::default(),
            made_with: HashMap::default(),
            contents: HashMap::default(),
            types: Types::default(),
            properties: HashSet::default(),
            described: HashSet::default(),
            ancestors: HashMap::default(),
            heirs: HashMap::default(),
            outside: HashMap::default(),
            given_to: given_to(items.iter().filter(|node| !node.is_definition())),
            given_by_statements: Vec::new(),
            other_classes: OtherClasses::default(),
            others,
            callers: Callers::default(),
        };
        for (node, _) in flattened(items) {
            if node.is_class() {
                graph.add_class(node, &node.name, None);
            } else if node.is_definition() {
                graph.functions.insert(&node.name, node);
            }
        }
        let bindings = items.iter().flat_map(|node| &node.binds);
        let imported = bindings.filter(|binding| binding.origin.is_some()).map(|binding| binding.name.as_str());
        let imported: HashSet<&str> = imported.collect();
        for node in items.iter().filter(|node| !node.is_definition()) {
            graph.made.extend(node.effects.made.iter().map(|(name, by)| (name.as_str(), by.as_str())));
            graph.given_by_statements.extend(node.effects.passed.iter().map(|(by, one)| (by.as_str(), one.as_str())));
            if let Some((name, lambdas)) = lambdas_of(node) {
                graph.lambdas.insert(name, lambdas);
            }
            let keeps = |by: &str| {
                WRAPPERS.contains(&by)
                    || graph.functions.get(by).is_some_and(|function| !given_out(function).is_empty())
                    || graph.lambdas.get(by).is_some_and(|lambda| lambda.lambdas.is_some())
            };
            if let Some((name, given)) = handed_of(node, keeps).filter(|(_, given)| !given.is_empty()) {
                graph.handed.insert(name, given);
            }
            let imported = |by: &str| imported.contains(by.split('.').next().unwrap_or(by)) && !is_spelled_as_class(by);
            if let Some((name, given)) = handed_of(node, imported).filter(|(_, given)| !given.is_empty()) {
                graph.made_with.insert(name, given);
            }
        }
        graph.add_records(items);
        // `global table; table = Table()`
        for effects in
            flattened(items).into_iter().filter(|(node, _)| node.is_function()).flat_map(|(node, _)| all_effects(node))
        {
            let is_own = |name: &str| name.contains(['.', '[']) || effects.is_local(name);
            for (name, by) in
                effects.made.iter().filter(|(name, by)| !is_own(name) && !effects.is_local(by.trim_start_matches('=')))
            {
                graph.made.entry(name).or_insert(by);
            }
        }
        for node in items.iter().filter(|node| !node.is_definition()) {
            graph.set_from_outside(&node.effects, None);
        }
        for (node, _) in flattened(items).into_iter().filter(|(node, _)| node.is_class()) {
            graph.set_by_decorators(node);
        }
        graph.derive_classes();
        graph.describe_methods();
        graph.look_outside(&imported);
        let storing = Storing::new(&graph, items);
        graph.contents = storing.contents();
        Typing::of(&graph, items).tell(&mut graph);
        graph
    }

    /// Classes without a text, whose objects have what they are given.
    fn add_records(&mut self, items: &'a Nodes) {
        let tuples = self.made.iter().filter(|(_, by)| matches!(by.rsplit('.').next(), Some("namedtuple")));
        let mut found: Vec<&'a str> = tuples.map(|(name, _)| *name).collect();
        for (name, origin) in items.iter().flat_map(Node::imported) {
            match origin {
                "types:SimpleNamespace" => found.push(name),
                "types" if name == "types" => found.push("types.SimpleNamespace"),
                _ => {}
            }
        }
        for name in found {
            self.classes.entry(name).or_default();
        }
    }

    fn derive_classes(&mut self) {
        // `Base = Table; class Other(Base)`
        for class in self.classes.keys().copied().collect::<Vec<_>>() {
            let bases = self.classes[class].bases.iter().map(|base| self.second_name(base)).collect();
            self.classes.entry(class).and_modify(|class| class.bases = bases);
        }
        for class in self.classes.keys() {
            let mut found: Vec<&str> = Vec::new();
            let mut pending = vec![*class];
            while let Some(name) = pending.pop() {
                for base in self.classes.get(name).map_or(&[][..], |class| &class.bases) {
                    if !found.contains(base) {
                        found.push(base);
                        pending.push(base);
                    }
                }
            }
            for base in found.iter().filter(|base| *base != class) {
                self.heirs.entry(base).or_default().push(class);
            }
            self.ancestors.insert(class, found);
        }
    }

    /// Methods that run when they are read, as what decorates them is a class with a `__get__`.
    fn describe_methods(&mut self) {
        for (name, class) in &self.classes {
            for (method, node) in &class.methods {
                let mut decorators = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
                if decorators.any(|decorator| self.is_descriptor(decorator)) {
                    self.properties.insert(method);
                    self.described.insert(format!("{name}.{method}"));
                }
            }
        }
    }

    fn is_descriptor(&self, class: &str) -> bool {
        match self.classes.get(class) {
            Some(known) => known.methods.contains_key("__get__") || self.inherits(class, "__get__"),
            None => self.others.origin(class).is_some_and(|class| class.has("__get__", 0)),
        }
    }

    /// The class that a name stands for which an assignment gives it.
    fn second_name(&self, name: &'a str) -> &'a str {
        let other = self.made.get(name).and_then(|by| by.strip_prefix('='));
        other.filter(|other| !self.classes.contains_key(name) && self.classes.contains_key(other)).unwrap_or(name)
    }

    /// What a statement sets on classes, or a decorator on the class that it is given: `Table.fill = lambda self: 1`.
    /// `decorated`: the decorator, its parameter, and that class.
    fn set_from_outside(&mut self, effects: &'a Effects, decorated: Option<(&'a Node, &str, &str)>) {
        for (target, by) in &effects.made {
            let Some((holder, attribute)) = target.rsplit_once('.') else { continue };
            let class = match decorated {
                Some((_, parameter, class)) if parameter == holder => class,
                Some(_) => continue,
                None if self.classes.contains_key(holder) => holder,
                // Of an object of the class.
                None => self.made.get(holder).copied().unwrap_or(holder),
            };
            let Some(class) = self.classes.get_mut(class) else { continue };
            let made_of = effects.passed.iter().filter(|(called, _)| called == by).map(|(_, one)| one.as_str());
            let meant = by.strip_prefix('=').into_iter().chain(made_of);
            let meant: Vec<&str> = meant.collect();
            let inner = decorated.into_iter().flat_map(|(decorator, ..)| flattened(&decorator.body));
            let mut inner = inner.map(|(node, _)| node).filter(|node| node.is_function());
            if let Some(function) = inner.find(|node| meant.contains(&node.name.as_str())) {
                class.methods.entry(attribute).or_insert(function);
                self.method_names.insert(attribute);
            }
            let is_property = by.ends_with("property");
            let is_lambda = meant.contains(&LAMBDA);
            if let Some(lambdas) = effects.lambdas.as_deref().filter(|_| is_property || is_lambda) {
                class.lambdas.insert(attribute, lambdas);
            }
            if is_property {
                self.properties.insert(attribute);
            }
        }
    }

    fn set_by_decorators(&mut self, node: &'a Node) {
        for name in node.definition.iter().flat_map(|parts| &parts.decorator_reads) {
            let Some(decorator) = self.functions.get(name.as_str()).copied() else { continue };
            let Some(inside) = decorator.definition.as_ref().map(|parts| &parts.inside) else { continue };
            if let Some(parameter) = inside.locals.first().filter(|_| inside.parameters > 0) {
                self.set_from_outside(inside, Some((decorator, parameter, &node.name)));
            }
        }
    }

    /// With the classes in it: `Table.Row`.
    fn add_class(&mut self, node: &'a Node, name: &'a str, around: Option<&'a Node>) {
        let Some(parts) = &node.definition else { return };
        let known = |class: &'a str| {
            let beside = around.into_iter().flat_map(inner_classes).find(|(inner, _)| inner.name == class);
            beside.map_or(class, |(_, qualified)| qualified)
        };
        let methods = flattened(&node.body).into_iter().map(|(method, _)| (method.name.as_str(), method));
        self.properties.extend(methods.clone().filter(|(_, node)| is_property(node)).map(|(name, _)| name));
        let mut class = Class {
            node: Some(node),
            methods: HashMap::default(),
            former_methods: Vec::new(),
            lambdas: HashMap::default(),
            aliases: HashMap::default(),
            makers: Vec::new(),
            bases: parts.base_names.iter().map(|base| known(base)).collect(),
            attributes: HashMap::default(),
            metaclass: parts.metaclass.iter().map(String::as_str).collect(),
        };
        for (name, method) in methods {
            self.method_names.insert(name);
            class.former_methods.extend(class.methods.insert(name, method).map(|former| (name, former)));
        }
        for item in node.body.iter().filter(|item| !item.is_definition()) {
            let made = item.effects.made.iter();
            class.aliases.extend(made.filter_map(|(name, by)| Some((&**name, vec![by.strip_prefix('=')?]))));
            let handed = handed_of(item, |by| WRAPPERS.contains(&by));
            class.aliases.extend(handed.clone());
            let calls = item.effects.made.iter().filter(|(_, by)| !by.starts_with('='));
            class.attributes.extend(calls.map(|(name, by)| (name.as_str(), by.as_str())));
            if let Some((name, lambdas)) = lambdas_of(item) {
                class.lambdas.insert(name, lambdas);
                if item.effects.made.iter().any(|(_, by)| by.ends_with("property")) {
                    self.properties.insert(name);
                }
                if !item.effects.calls.is_empty() {
                    class.makers.push(format!("{}.{name}", node.name));
                }
            }
            // What a field is given: `field(default_factory=build)`.
            if handed.is_none() && !item.effects.made.is_empty() {
                class.makers.extend(item.effects.passed.iter().map(|(_, given)| given.clone()));
            }
        }
        self.classes.insert(name, class);
        for (inner, qualified) in inner_classes(node) {
            self.add_class(inner, qualified, Some(node));
        }
    }
}

/// The classes that stand in a class, by their qualified names.
fn inner_classes(class: &Node) -> impl Iterator<Item = (&Node, &str)> {
    let inner = flattened(&class.body).into_iter().map(|(node, _)| node).filter(|node| node.is_class());
    inner.filter_map(|node| Some((node, node.definition.as_ref()?.qualified.as_str())))
}

/// The one name that a statement gives lambdas to.
fn lambdas_of(node: &Node) -> Option<(&str, &Effects)> {
    match (node.effects.lambdas.as_deref(), node.binds.as_slice()) {
        (Some(lambdas), [binding]) => Some((&binding.name, lambdas)),
        _ => None,
    }
}

/// `call = partial(build, 1)`; `keeps` tells of what is called whether its result calls what it is given.
fn handed_of(node: &Node, keeps: impl Fn(&str) -> bool) -> Option<(&str, Vec<&str>)> {
    let [(name, by)] = node.effects.made.as_slice() else { return None };
    let given = node.effects.passed.iter().filter(|(called, _)| called == by);
    keeps(by).then(|| (name.as_str(), given.map(|(_, name)| name.trim_end_matches("[]")).collect()))
}

fn is_spelled_as_class(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase))
}
