//! What is run when a class or a decorated function is made, of whichever file that is, and what it puts where: registries, and tables
//! that it makes of what stands in the class.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::called_back::of_self;
use super::elsewhere::Class;
use super::given::Others;
use super::graph::{Context, Graph};
use super::inside::all_effects;
use crate::effects::{Effects, RETURNED};
use crate::tree::{Node, contents, flattened, members};

/// Methods of a metaclass that see what stands in a class.
const OF_METACLASS: [&str; 2] = ["__new__", "__init__"];

/// A function that sees a definition when it is made.
struct Hook<'n> {
    function: &'n Node,
    /// Names for what its first parameter is: the class that has it, mostly a base of the one that is made.
    owner: Option<String>,
    /// What names of its module's begin with here: nothing in the same file.
    module: String,
    /// Its first parameter is an object of the owner.
    is_of_object: bool,
}

impl<'a> Graph<'a> {
    /// What the hooks of a definition change: containers, of other files as `module:REG`; and what of them they put the definition
    /// itself into, or all that stands in it.
    pub(super) fn stored_by_hooks(&self, node: &Node) -> Stored {
        let mut stored = Stored::default();
        let Some(parts) = &node.definition else { return stored };
        for name in &parts.decorator_reads {
            match self.functions.get(name.as_str()) {
                Some(function) => {
                    stored.take(&Hook { function, owner: None, module: String::new(), is_of_object: false }, node)
                }
                None if !self.take_own_method(&mut stored, name, node) => {
                    stored.take_of_others(&self.others, name, node)
                }
                None => {}
            }
        }
        if !node.is_class() {
            return stored;
        }
        let all = [node.name.as_str()].into_iter().chain(self.ancestors(&node.name).iter().copied());
        for name in all {
            let Some(class) = self.classes.get(name) else {
                stored.take_base(self.others.origin(name), node, 0);
                continue;
            };
            if name != node.name
                && let Some(function) = class.methods.get("__init_subclass__")
            {
                stored.take(
                    &Hook { function, owner: Some(name.to_owned()), module: String::new(), is_of_object: false },
                    node,
                );
            }
            for metaclass in &class.metaclass {
                match self.classes.get(metaclass) {
                    Some(known) => {
                        for function in OF_METACLASS.iter().filter_map(|method| known.methods.get(method)) {
                            let owner = Some((*metaclass).to_owned());
                            stored.take(&Hook { function, owner, module: String::new(), is_of_object: false }, node);
                        }
                    }
                    None => stored.take_foreign(self.others.origin(metaclass), &OF_METACLASS, node),
                }
            }
        }
        stored
    }
}

impl<'a> Graph<'a> {
    /// A method of an object of a class in this file, or of one in another: `bus.on`.
    fn take_own_method(&self, stored: &mut Stored, name: &str, node: &Node) -> bool {
        let Some((holder, method)) = name.rsplit_once('.') else { return false };
        let classes = self.types_of(holder, Context::default(), 0);
        for class in &classes {
            for callable in self.method(class, method, 0) {
                let Some((owner, method)) = callable.rsplit_once('.') else { continue };
                match self.classes.get(owner).and_then(|class| class.methods.get(method)) {
                    Some(function) => {
                        let owner = Some(owner.to_owned());
                        stored.take(&Hook { function, owner, module: String::new(), is_of_object: true }, node);
                    }
                    None => stored.take_method(self.others.origin(owner), method, node, 0),
                }
            }
        }
        !classes.is_empty()
    }

    /// Whether a method is called of a class with other members than it had, or of its object, that reads what was made of them.
    pub(crate) fn reads_what_hooks_set(&self, effects: &Effects, changed: &HashSet<String>) -> bool {
        let called = effects.calls.iter().filter_map(|name| name.rsplit_once('.'));
        called.map(|(holder, method)| (holder.strip_suffix("()").unwrap_or(holder), method)).any(|(class, method)| {
            self.classes.contains_key(class)
                && changed.contains(&members(class))
                && self.read_by(class, method).iter().any(|read| self.is_set_by_hooks(class, read))
        })
    }

    /// What a method of a class reads or calls of its own object, where that is not what the class defines that has the method.
    fn read_by(&self, class: &str, method: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for callable in self.method(class, method, 0) {
            let Some((owner, _)) = callable.rsplit_once('.') else { continue };
            let known = self.classes.get(owner).and_then(|owner| owner.node);
            let other = self.others.origin(owner).filter(|_| known.is_none());
            let items = other.as_ref().map(|other| (flattened(&other.outline.file.items), &other.name));
            let elsewhere = items.and_then(|(items, name)| items.into_iter().find(|(one, _)| one.name == *name));
            let Some(owner) = known.or(elsewhere.map(|(node, _)| node)) else { continue };
            let all = methods(owner, &[method]).into_iter().flat_map(of_self);
            found.extend(all.filter(|name| {
                let has = |item: &Node| item.binds_name(name) || (item.is_definition() && item.name == *name);
                !owner.body.iter().any(has)
            }));
        }
        found
    }

    /// Whether what a call makes for a class is asked for its name there.
    fn sees_its_name(&self, by: &str) -> bool {
        let kinds = self.types_of(&format!("{by}()"), Context::default(), 0);
        kinds.iter().any(|kind| match self.classes.get(kind.as_str()) {
            Some(known) => known.methods.contains_key("__set_name__") || self.inherits(kind, "__set_name__"),
            None => self.others.origin(kind).is_some_and(|kind| kind.has("__set_name__", 0)),
        })
    }

    /// Whether an attribute of a class stands in none of the classes that it is made of, though something sees it when it is made.
    pub(crate) fn is_set_by_hooks(&self, class: &str, attribute: &str) -> bool {
        let all = || [class].into_iter().chain(self.ancestors(class).iter().copied());
        let is_seen = |one: &super::graph::Class| {
            let decorated = one.node.and_then(|node| node.definition.as_ref());
            !one.metaclass.is_empty()
                || one.methods.contains_key("__init_subclass__")
                || decorated.is_some_and(|parts| !parts.decorator_reads.is_empty())
                || one.attributes.values().any(|by| self.sees_its_name(by))
                || one.bases.iter().any(|base| !self.classes.contains_key(base) && self.others.knows(base))
        };
        let known = || all().filter_map(|one| self.classes.get(one));
        let has = |one: &super::graph::Class| {
            one.methods.contains_key(attribute)
                || one.node.is_some_and(|node| node.body.iter().any(|item| item.binds_name(attribute)))
        };
        !attribute.starts_with("__") && known().any(is_seen) && !known().any(has)
    }
}

#[derive(Default)]
pub(super) struct Stored {
    /// Containers that change.
    pub(super) mutates: Vec<String>,
    /// Containers that the definition is put into.
    pub(super) in_containers: Vec<String>,
    /// Attributes of the class that get what stands in it.
    pub(super) tables: Vec<String>,
}

impl Stored {
    /// A base in another file, with its own bases.
    fn take_base(&mut self, base: Option<Class>, node: &Node, depth: usize) {
        let Some(base) = base.filter(|_| depth < 4) else { return };
        let prefix = format!("{}:", base.there.module);
        self.mutates.push(format!("{prefix}{}.__subclasses__", base.name));
        let index = base.outline.index();
        let Some(class) = index.class(&base.name) else { return };
        for function in methods(class, &["__init_subclass__"]) {
            self.take(
                &Hook { function, owner: Some(base.name.clone()), module: prefix.clone(), is_of_object: false },
                node,
            );
        }
        let Some(parts) = &class.definition else { return };
        let others = base.there.others(&base.outline);
        let of = |name: &String| match !index.definitions(name).is_empty() {
            true => Some(Class { outline: base.outline.clone(), there: base.there.clone(), name: name.clone() }),
            false => others.origin(name),
        };
        if let Some(metaclass) = &parts.metaclass {
            self.take_foreign(of(metaclass), &OF_METACLASS, node);
        }
        for name in &parts.base_names {
            self.take_base(of(name), node, depth + 1);
        }
    }

    /// A function of another file, or these methods of a class there.
    fn take_foreign(&mut self, found: Option<Class>, of_class: &[&str], node: &Node) {
        let Some(found) = found else { return };
        let module = format!("{}:", found.there.module);
        let Some(one) = found.outline.index().definitions(&found.name).first() else { return };
        if one.is_class() {
            for function in methods(one, of_class) {
                self.take(
                    &Hook { function, owner: Some(found.name.clone()), module: module.clone(), is_of_object: false },
                    node,
                );
            }
        } else {
            self.take(&Hook { function: one, owner: None, module, is_of_object: false }, node);
        }
    }

    /// What is called of another file: a function, a class, or a method of an object: `bus.on`.
    fn take_of_others(&mut self, others: &Others, name: &str, node: &Node) {
        let found = others.origin(name);
        if found.is_some() {
            return self.take_foreign(found, &["__init__"], node);
        }
        if let Some((holder, method)) = name.rsplit_once('.') {
            let before = self.mutates.len();
            self.take_method(others.class_of(holder), method, node, 0);
            // As an attribute of that very object.
            if let Some(object) = others.found(holder, true) {
                let attributes = self.mutates[before..].iter().filter_map(|name| name.rsplit_once('.'));
                let named =
                    attributes.map(|(_, attribute)| format!("{}:{}.{attribute}", object.there.module, object.name));
                let named: Vec<String> = named.collect();
                self.mutates.extend(named);
            }
        }
    }

    /// A method of a class in another file, or one that it inherits.
    fn take_method(&mut self, class: Option<Class>, method: &str, node: &Node, depth: usize) {
        let Some(class) = class else { return };
        let Some(one) = class.outline.index().class(&class.name) else { return };
        match methods(one, &[method]).first() {
            Some(function) => {
                let (owner, module) = (Some(class.name.clone()), format!("{}:", class.there.module));
                self.take(&Hook { function, owner, module, is_of_object: true }, node);
            }
            None => {
                class.bases(depth).into_iter().for_each(|base| self.take_method(Some(base), method, node, depth + 1))
            }
        }
    }

    fn take(&mut self, hook: &Hook, node: &Node) {
        let all = all_effects(hook.function);
        let Some(own) = all.first() else { return };
        for effects in &all {
            self.mutates.extend(effects.mutates.iter().filter_map(|name| hook.named(name, own, effects)));
            for (container, held) in &effects.holds {
                let is_own = own.is_local(held) || effects.is_local(held);
                if !is_own || held.contains('.') || container == RETURNED {
                    continue;
                }
                let local = container.split_once('.').filter(|(holder, _)| own.is_local(holder));
                match (held.ends_with("[]"), local) {
                    (true, Some((_, attribute))) => {
                        self.tables.push(format!("{}.{attribute}", node.name));
                        // Methods of the base itself go by it.
                        let owner = hook.owner.iter().filter(|_| hook.module.is_empty());
                        self.tables.extend(owner.map(|owner| format!("{owner}.{attribute}")));
                    }
                    (false, _) => self.in_containers.extend(hook.named(container, own, effects)),
                    _ => {}
                }
            }
        }
    }
}

impl Hook<'_> {
    /// How a container is called from outside of the function; nothing of its own.
    fn named(&self, name: &str, own: &Effects, inside: &Effects) -> Option<String> {
        if !own.is_local(name) && !inside.is_local(name) {
            return Some(format!("{}{name}", self.module));
        }
        let (_, attribute) = name.split_once('.').filter(|(holder, _)| self.is_of_object == (*holder == "self"))?;
        Some(format!("{}{}.{attribute}", self.module, self.owner.as_ref()?))
    }
}

fn methods<'n>(class: &'n Node, wanted: &[&str]) -> Vec<&'n Node> {
    let all = flattened(&class.body).into_iter().map(|(method, _)| method);
    all.filter(|method| method.is_function() && wanted.contains(&method.name.as_str())).collect()
}

impl<'a> Graph<'a> {
    /// How other modules name what is in their containers of this file's: `base:REG[]().fill` for `Table.fill`, `base:REG[]` for `build`.
    pub(crate) fn in_registries(&self, running: &HashSet<String>) -> Vec<String> {
        let mut found = Vec::new();
        let mut of_classes: HashMap<&str, Vec<&String>> = HashMap::default();
        for one in running {
            let around = one.match_indices('.').map(|(end, _)| &one[..end]).chain([one.as_str()]);
            around.for_each(|class| of_classes.entry(class).or_default().push(one));
        }
        for (name, class) in &self.classes {
            let (Some(node), Some(own)) = (class.node, of_classes.get(name)) else { continue };
            for container in self.stored_elsewhere(node, name) {
                // The class itself, or an object of it.
                found.extend(own.iter().flat_map(|one| match one.rsplit_once('.') {
                    Some((_, method)) => {
                        ["()", ""].map(|made| format!("{}{made}.{method}", contents(&container))).to_vec()
                    }
                    None => vec![contents(&container)],
                }));
            }
        }
        for (name, node) in self.functions.iter().filter(|(name, _)| running.contains(**name)) {
            found.extend(self.stored_elsewhere(node, name).iter().map(|container| contents(container)));
            // `@show.register`
            let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
            let dispatching = names.filter_map(|name| self.others.origin(name.strip_suffix(".register")?));
            found.extend(dispatching.map(|function| format!("{}:{}", function.there.module, function.name)));
        }
        found
    }

    /// Containers of other modules that a definition is put into: by what sees it when it is made, and by what statements give it to.
    pub(super) fn stored_elsewhere(&self, node: &Node, name: &str) -> Vec<String> {
        let mut stored = self.stored_by_hooks(node);
        for (by, _) in self.given_by_statements.iter().filter(|(_, given)| *given == name) {
            stored.take_of_others(&self.others, by, node);
        }
        stored.in_containers.retain(|container| container.contains(':'));
        stored.in_containers
    }
}
