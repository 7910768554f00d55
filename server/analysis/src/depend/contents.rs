//! What containers and attributes of objects hold, as far as the text tells, and what runs when something in them is called.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Context, DEPTH, Graph, is_local};
use super::inside::all_effects;
use crate::effects::{Effects, NAMESPACE, RETURNED};
use crate::tree::{Node, Nodes, contents, flattened, members};
use hotsplice_channel::patch::What;

/// Methods that give what is in a container.
const TAKING: [&str; 5] = [".get()", ".pop()", ".popleft()", ".setdefault()", ".__getitem__()"];

impl<'a> Graph<'a> {
    /// What a call of something that was taken out of a container runs: `TABLE[]`, `TABLE[].fill`, `TABLE[]().fill`.
    pub(super) fn called_of_contents(&self, name: &str, context: Context<'a>) -> Option<Vec<String>> {
        if let Some((container, rest)) = name.split_once("[]") {
            let mut found = self.called_in(container, rest, context);
            if !is_local(container, context) {
                found.push(name.to_owned());
            }
            // Others may have put something into it.
            let rest = rest.trim_start_matches("[]");
            found.extend(self.fields_named(container, context).map(|field| format!("{}{rest}", contents(&field))));
            return Some(found);
        }
        let taken = TAKING.iter().find_map(|taking| name.split_once(taking));
        let (container, rest) = taken?;
        let rest = rest.strip_prefix(".__call__").unwrap_or(rest);
        let mut found = self.called_in(container, rest, context);
        found.extend(self.fields_named(container, context).map(|field| format!("{}{rest}", contents(&field))));
        // `table = tables.TABLE`
        let second = self.made.get(container).and_then(|by| by.strip_prefix('=')).filter(|other| *other != container);
        let is_followed = found.is_empty() && !is_local(container, context) && context.depth < DEPTH;
        if let Some(other) = second.filter(|_| is_followed) {
            return self.called_of_contents(&format!("{other}{}", &name[container.len()..]), context.deeper());
        }
        // What another module's container holds is known there.
        let is_foreign = found.is_empty()
            && !is_local(container, context)
            && !self.made.contains_key(container)
            && !self.contents.contains_key(container)
            && !container.contains('(');
        if is_foreign {
            return Some(vec![name.to_owned(), format!("{}{rest}", contents(container))]);
        }
        (!found.is_empty()).then_some(found)
    }

    /// The same, of a container by its name; `rest` is what is done with what comes out of it.
    pub(super) fn called_in(&self, container: &str, rest: &str, context: Context<'a>) -> Vec<String> {
        let rest = rest.trim_start_matches("[]");
        let call = |item: &String| match item.strip_suffix("()") {
            Some(_) if rest.is_empty() => format!("{item}.__call__"),
            _ => format!("{item}{rest}"),
        };
        let items = self.held_in(container, context);
        unique(items.iter().flat_map(|item| self.called(&call(item), context.deeper())))
    }

    /// What a call of an object's attribute runs: a method, or what the object was given: `entry.run(1)`.
    pub(super) fn method_or_kept(&self, class: &str, attribute: &str, context: Context<'a>) -> Vec<String> {
        let mut found = self.method_or_delegated(class, attribute);
        // `setattr(Table, name, build)` may have set any.
        for field in [format!("{class}.{attribute}"), members(class)] {
            if self.contents.contains_key(&field) {
                found.extend(self.called_in(&field, "", context));
            }
        }
        found
    }

    /// What a name may be that is read of what comes out of a container: `first.size` for `TABLES[].size`.
    pub(crate) fn read_as(&self, name: &str, context: Context<'a>) -> Vec<String> {
        match name.split_once("[]") {
            Some((container, rest)) if rest.starts_with('.') => {
                // What another module's container holds is known there.
                let held = self.held_in(container, context).into_iter().map(|item| format!("{item}{rest}"));
                held.chain([name.to_owned()]).collect()
            }
            _ => vec![name.to_owned()],
        }
    }

    pub(super) fn held_in(&self, container: &str, context: Context<'a>) -> Vec<String> {
        if context.depth > DEPTH {
            return Vec::new();
        }
        let own = context.effects.into_iter().filter(|_| is_local(container, context));
        // An enumeration holds its members.
        let of_enumeration =
            (!is_local(container, context) && self.is_enumeration(container)).then(|| format!("{container}()"));
        // `Box[int]` is the class, with what its parameters are.
        let is_class = !is_local(container, context) && self.classes.contains_key(container);
        let of_class = (is_class && !self.is_enumeration(container)).then(|| container.to_owned());
        let subclasses = container.strip_suffix(".__subclasses__").and_then(|class| self.heirs.get(class));
        let subclasses = subclasses.into_iter().flatten().map(|class| (*class).to_owned());
        let all_names = (container == NAMESPACE).then(|| self.functions.keys().chain(self.lambdas.keys()));
        let all_names = all_names.into_iter().flatten().map(|name| (*name).to_owned());
        let mut found: Vec<String> = own
            .flat_map(|effects| &effects.holds)
            .filter(|(name, _)| name == container)
            .map(|(_, item)| item.clone())
            .chain(of_enumeration)
            .chain(of_class)
            .chain(subclasses)
            .chain(all_names)
            .collect();
        let mut known: Vec<String> = Vec::new();
        known.extend(self.fields_named(container, context));
        // What a call gives: `Maker.several()` of `maker.several()`.
        if let Some((holder, method)) = container.strip_suffix("()").and_then(|callee| callee.rsplit_once('.')) {
            let methods = self.called(&format!("{holder}.{method}"), context.deeper());
            known.extend(methods.into_iter().map(|method| format!("{method}()")));
        }
        if !is_local(container, context) {
            known.push(container.to_owned());
        }
        found.extend(known.iter().filter_map(|name| self.contents.get(name)).flatten().cloned());
        // Another name of it, and what is unpacked into it.
        let made = context.effects.filter(|_| is_local(container, context)).map_or_else(
            || self.made.get(container).copied(),
            |effects| effects.made.iter().rev().find(|(name, _)| name == container).map(|(_, by)| by.as_str()),
        );
        let others = made.and_then(|by| by.strip_prefix('=')).map(|by| by.trim_end_matches("[]").to_owned());
        let inner = found.iter().filter(|item| self.contents.contains_key(*item)).cloned();
        let others: Vec<String> = others.into_iter().chain(inner).filter(|other| other != container).collect();
        for other in others {
            found.extend(self.held_in(&other, context.deeper()));
        }
        unique(found)
    }

    /// The attributes of classes that a container's name may mean: `Table.rows` for `self.rows`.
    fn fields_named(&self, container: &str, context: Context<'a>) -> impl Iterator<Item = String> + use<'a> {
        let (holder, attribute) = container.rsplit_once('.').unwrap_or_default();
        let class = match holder {
            "" => None,
            "self" | "cls" => context.class.map(str::to_owned),
            _ => self.type_of(holder, context, 0),
        };
        let ancestors = class.iter().flat_map(|class| self.ancestors(class).iter().copied());
        let fields = ancestors.chain(class.as_deref()).map(|class| format!("{class}.{attribute}"));
        fields.collect::<Vec<_>>().into_iter()
    }

    /// Functions that run others by what they are given, and those: `show` and `of_list` under `@show.register`.
    pub(super) fn implementations(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut note = |node: &Node, class: Option<&str>| {
            let registers = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
            for function in registers.filter_map(|name| name.strip_suffix(".register")) {
                let own = |name: &str| class.map_or_else(|| name.to_owned(), |class| format!("{class}.{name}"));
                found.push((own(function), own(&node.name)));
            }
        };
        self.functions.values().for_each(|node| note(node, None));
        for (name, class) in &self.classes {
            class.methods.values().for_each(|node| note(node, Some(name)));
        }
        found
    }
}

/// In the order in which they come first: what leads there on several ways is followed once.
fn unique(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::default();
    names.into_iter().filter(|name| known.insert(name.clone())).collect()
}

/// Collects what a file puts where.
pub(super) struct Storing<'g, 'a> {
    graph: &'g Graph<'a>,
    found: HashMap<String, Vec<String>>,
}

impl<'g, 'a> Storing<'g, 'a> {
    pub fn new(graph: &'g Graph<'a>, items: &'a Nodes) -> Self {
        let mut storing = Self { graph, found: HashMap::default() };
        for node in items.iter().filter(|node| !node.is_definition()) {
            storing.take_statement(&node.effects);
        }
        for (node, _) in flattened(items) {
            storing.take_decorated(node);
            if !node.is_class() {
                storing.take_function(node, None);
                continue;
            }
            storing.take_hooks(node);
            for item in &node.body {
                if item.is_function() {
                    storing.take_function(item, Some(&node.name));
                    storing.take_decorated(item);
                }
                for (container, held) in &item.effects.holds {
                    // What stands in the class has its own names before those of the module.
                    let is_it = |one: &Node| one.binds_name(held) || (one.is_definition() && one.name == *held);
                    let is_own = node.body.iter().any(is_it);
                    let held = if is_own { format!("{}.{held}", node.name) } else { held.clone() };
                    storing.put(format!("{}.{container}", node.name), held);
                }
            }
        }
        storing
    }

    pub fn contents(self) -> HashMap<String, Vec<String>> {
        self.found
    }

    fn put(&mut self, container: String, held: String) {
        let items = self.found.entry(container).or_default();
        if !items.contains(&held) {
            items.push(held);
        }
    }

    /// What a statement of the module puts somewhere itself, and what it gives to functions that do: `hook(build)`.
    fn take_statement(&mut self, effects: &Effects) {
        for (container, held) in &effects.holds {
            self.put(container.clone(), held.clone());
            for attribute in self.graph.attributes(container, Context::default()) {
                self.put(attribute, held.clone());
            }
        }
        for (by, given) in &effects.passed {
            for container in self.stored_by(by) {
                self.put(container, given.clone());
            }
        }
    }

    /// What a function puts somewhere whenever it is called.
    fn take_function(&mut self, node: &'a Node, class: Option<&str>) {
        for effects in all_effects(node) {
            for (container, held) in effects.holds.iter().filter(|(_, held)| !effects.is_local(held)) {
                let container = match container.as_str() {
                    RETURNED => {
                        class.map_or_else(|| format!("{}()", node.name), |class| format!("{class}.{}()", node.name))
                    }
                    _ => named(container, class),
                };
                self.put(container, held.clone());
            }
        }
    }

    /// What a definition's decorators put it into.
    fn take_decorated(&mut self, node: &'a Node) {
        let Some(parts) = &node.definition else { return };
        for name in &parts.decorator_reads {
            for container in self.stored_by(name) {
                self.put(container, node.name.clone());
            }
        }
    }

    /// What sees a class when it is made puts it somewhere, or what stands in it: `cls.table = {name: value for … in namespace.items()}`.
    fn take_hooks(&mut self, node: &'a Node) {
        let stored = self.graph.stored_by_hooks(node);
        for container in stored.in_containers {
            self.put(container, node.name.clone());
        }
        for table in stored.tables {
            for method in node.body.iter().filter(|item| item.is_function() && !item.name.starts_with("__")) {
                self.put(table.clone(), format!("{}.{}", node.name, method.name));
            }
        }
    }

    /// Where what a class is given goes that has no `__init__` in the text, as a dataclass or a named tuple: into any of its fields.
    fn fields(&self, class: &str) -> Vec<String> {
        let is_made = self.graph.method(class, "__init__", 0).iter().any(|made| self.graph.has_method(made));
        if is_made || !self.graph.classes.contains_key(class) {
            return Vec::new();
        }
        let all = [class].into_iter().chain(self.graph.ancestors(class).iter().copied());
        let nodes = all.filter_map(|name| self.graph.classes.get(name)?.node);
        let is_field = |item: &&Node| matches!(item.what, What::Assignment | What::Annotation);
        let fields = nodes.flat_map(|node| &node.body).filter(is_field);
        fields.flat_map(|item| item.bound_names()).map(|name| format!("{class}.{name}")).collect()
    }

    /// Where a function puts what it is given.
    fn stored_by(&self, name: &str) -> Vec<String> {
        let function = self.graph.functions.get(name).map(|node| (*node, None));
        let of_class = || {
            let class = self.graph.type_of(name, Context::default(), 0)?;
            self.graph.method(&class, "__init__", 0).pop()
        };
        let method = || match name.rsplit_once('.') {
            Some((holder, method)) => {
                let class = self.graph.type_of(holder, Context::default(), 0)?;
                self.graph.method(&class, method, 0).pop()
            }
            None => of_class(),
        };
        let found = function.or_else(|| {
            let method = method()?;
            let (class, method) = method.rsplit_once('.')?;
            let (class, known) = self.graph.classes.get_key_value(class)?;
            Some((*known.methods.get(method)?, Some(*class)))
        });
        let Some((node, class)) = found else { return self.fields(name) };
        let all = all_effects(node);
        let is_given = |held: &String| all.iter().any(|effects| effects.is_local(held));
        let stored = all.iter().flat_map(|effects| &effects.holds).filter(|(_, held)| is_given(held));
        stored.map(|(container, _)| named(container, class)).collect()
    }
}

/// `Table.rows` for `self.rows` in the class.
fn named(container: &str, class: Option<&str>) -> String {
    let own = ["self.", "cls."].iter().find_map(|first| container.strip_prefix(first));
    match (own, class) {
        (Some(attribute), Some(class)) => format!("{class}.{attribute}"),
        _ => container.to_owned(),
    }
}
