//! Who calls whom in a file, by names and by the classes of what names hold.

use super::inside::{all_effects, run_by};
use crate::effects::{EAGER, Effects, examines};
use crate::tree::{Node, contents, members};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Methods that run when a class is called.
const MAKING: [&str; 4] = ["__init__", "__new__", "__post_init__", "_missing_"];
/// Methods that operations with a class itself run.
const OF_CLASSES: [&str; 4] = ["__class_getitem__", "__instancecheck__", "__subclasscheck__", "__subclasshook__"];
/// How many classes or results a name is followed through.
pub(super) const DEPTH: usize = 8;

pub(super) struct Class<'a> {
    pub(super) methods: HashMap<&'a str, &'a Node>,
    /// Lambdas of its attributes.
    pub(super) lambdas: HashMap<&'a str, &'a Effects>,
    /// Second names of its methods, and what else stands for a function: `price = staticmethod(build)`.
    pub(super) aliases: HashMap<&'a str, Vec<&'a str>>,
    /// What makes the values of its fields: `field(default_factory=build)`.
    pub(super) makers: Vec<String>,
    pub(super) bases: Vec<&'a str>,
}

/// The functions and classes of a file. Callables are named `build`, `Table`, `Table.fill`; those of other modules as the file
/// names them.
pub(crate) struct Graph<'a> {
    pub(super) functions: HashMap<&'a str, &'a Node>,
    pub(super) classes: HashMap<&'a str, Class<'a>>,
    /// The module's names and what gives them their values.
    pub(super) made: HashMap<&'a str, &'a str>,
    /// Names that hold lambdas.
    pub(super) lambdas: HashMap<&'a str, &'a Effects>,
    /// What names hand on to others that they were made of: `call = partial(build, 1)`.
    pub(super) handed: HashMap<&'a str, Vec<&'a str>>,
    /// What containers and attributes hold: `TABLE`, `Table.rows`.
    pub(super) contents: HashMap<String, Vec<String>>,
    /// Methods that run when they are read, by their own names.
    pub(super) properties: HashSet<&'a str>,
    /// Those of other modules' classes, as the file names them.
    pub(super) foreign_properties: HashSet<String>,
    /// Other modules with a `__getattr__` that runs edited code, as the file names them, each with the names that it has besides.
    pub(crate) dynamic: HashMap<String, HashSet<String>>,
}

/// Where a name is read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    pub(super) class: Option<&'a str>,
    pub(super) effects: Option<&'a Effects>,
    /// How many names one was followed through.
    pub(super) depth: usize,
}

impl Context<'_> {
    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'a> Graph<'a> {
    /// The callables a call of which runs one of `edited`, or reads one of `changed`; those included.
    pub fn running(&self, edited: &HashSet<String>, changed: &HashSet<String>) -> HashSet<String> {
        let mut callers: HashMap<String, Vec<String>> = HashMap::default();
        let mut reached = edited.clone();
        let mut note = |caller: &str, class: Option<&'a str>, effects: Vec<&'a Effects>| {
            for effects in effects {
                let context = Context { class, effects: Some(effects), depth: 0 };
                let of_elements = effects.elements.iter().map(|method| of_element(method));
                for called in self.callees(effects, context).into_iter().chain(of_elements) {
                    callers.entry(called).or_default().push(caller.to_owned());
                }
                let is_given = |name: &String| !effects.is_local(name) && self.is_dynamic(name);
                if self.reads_any(effects, context, changed) || effects.reads.iter().any(is_given) {
                    reached.insert(caller.to_owned());
                }
            }
        };
        for (name, node) in &self.functions {
            note(name, None, run_by(node));
        }
        for (name, lambdas) in &self.lambdas {
            note(name, None, vec![*lambdas]);
            note(&contents(name), None, vec![*lambdas]);
        }
        for (name, class) in &self.classes {
            for (method, node) in &class.methods {
                if node.is_function() {
                    note(&format!("{name}.{method}"), Some(name), run_by(node));
                }
            }
            for (attribute, lambdas) in &class.lambdas {
                note(&format!("{name}.{attribute}"), None, vec![*lambdas]);
            }
        }
        for (container, items) in &self.contents {
            for called in items.iter().flat_map(|item| self.called(item, Context::default())) {
                callers.entry(called).or_default().push(contents(container));
            }
        }
        for (function, implementation) in self.implementations() {
            callers.entry(implementation).or_default().push(function);
        }
        for (name, class) in &self.classes {
            let makers = self.makers(name).into_iter().flat_map(|maker| self.called(maker, Context::default()));
            for made in self.made_by(name).into_iter().chain(makers) {
                callers.entry(made).or_default().push((*name).to_owned());
            }
            // Of a metaclass.
            let calls = class.bases.iter().filter(|base| self.classes.contains_key(*base)).flat_map(|base| {
                let own = self.classes.get(base).is_some_and(|class| class.bases.iter().any(|base| is_metaclass(base)));
                if own { self.method(base, "__call__", 0) } else { Vec::new() }
            });
            for call in calls {
                callers.entry(call).or_default().push((*name).to_owned());
            }
        }
        let mut pending: Vec<String> = reached.iter().cloned().collect();
        while let Some(name) = pending.pop() {
            let as_element = name.rsplit_once('.').and_then(|(_, method)| callers.get(&of_element(method)));
            for caller in callers.get(&name).into_iter().chain(as_element).flatten() {
                if reached.insert(caller.clone()) {
                    pending.push(caller.clone());
                }
            }
        }
        reached
    }

    /// What those callables are called by where they are methods of objects that the module's names hold, or inherited.
    pub fn through_objects(&self, running: &HashSet<String>) -> HashSet<String> {
        let mut found = HashSet::default();
        for name in self.made.keys().chain(self.classes.keys()) {
            let Some(class) = self.type_of(name, Context::default(), 0) else { continue };
            for callable in running {
                if let Some((_, method)) = callable.rsplit_once('.')
                    && self.method(&class, method, 0).iter().any(|known| known == callable)
                {
                    found.insert(if method == "__call__" && self.made.contains_key(name) {
                        (*name).to_owned()
                    } else {
                        format!("{name}.{method}")
                    });
                }
            }
        }
        found
    }

    /// Whether a module's statement runs one of these callables.
    pub fn runs_any(&self, effects: &'a Effects, running: &HashSet<String>) -> bool {
        if running.is_empty() {
            return false;
        }
        let context = Context::default();
        if effects.reads.iter().any(|name| self.is_dynamic(name)) {
            return true;
        }
        let is_element = |method: &String| running.iter().any(|name| is_method(name, method));
        self.callees(effects, context).iter().any(|name| running.contains(name))
            || effects.elements.iter().any(is_element)
            || self.runs_methods_of_given(effects, running)
    }

    /// Whether what a statement calls changes what containers hold: to do that again does it twice.
    pub fn changes_containers(&self, effects: &'a Effects) -> bool {
        let called = self.callees(effects, Context::default());
        let made = called.iter().flat_map(|name| self.made_by(name)).collect::<Vec<_>>();
        called.iter().chain(&made).any(|name| {
            let node = match name.rsplit_once('.') {
                Some((class, method)) => self.classes.get(class).and_then(|class| class.methods.get(method)),
                None => self.functions.get(name.as_str()),
            };
            node.is_some_and(|node| run_by(node).iter().any(|effects| !effects.mutates.is_empty()))
        })
    }

    /// `total(cart)`, where `total` calls a method of its parameter.
    fn runs_methods_of_given(&self, effects: &Effects, running: &HashSet<String>) -> bool {
        effects.passed.iter().any(|(by, given)| {
            let Some(class) = self.type_of(given, Context::default(), 0) else { return false };
            let Some(inside) = self.functions.get(by.as_str()).and_then(|node| node.definition.as_ref()) else {
                return false;
            };
            inside.inside.calls.iter().any(|called| {
                let parameters = &inside.inside.locals[..inside.inside.parameters.min(inside.inside.locals.len())];
                called.split_once('.').is_some_and(|(head, method)| {
                    parameters.iter().any(|name| name == head)
                        && self.method(&class, method, 0).iter().any(|name| running.contains(name))
                })
            })
        })
    }

    /// The attribute of a class that a dotted name means: `Settings.SIZE` for `config.SIZE`.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let (holder, attribute) = name.rsplit_once('.')?;
        let class = self.type_of(holder, Context::default(), 0)?;
        (class != holder).then(|| format!("{class}.{attribute}"))
    }

    /// Whether a dotted name is a class's; of other modules the usual spelling tells.
    pub fn is_class(&self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_spelled = (name != last || !self.functions.contains_key(name)) && last.starts_with(char::is_uppercase);
        !name.ends_with(')') && (self.classes.contains_key(name) || is_spelled)
    }

    /// Containers that making a definition changes: by its decorators, and by the bases of a class.
    pub fn mutated_by(&self, node: &Node) -> Vec<String> {
        let Some(parts) = &node.definition else { return Vec::new() };
        let mut found = Vec::new();
        for name in &parts.decorator_reads {
            if let Some(function) = self.functions.get(name.as_str()) {
                all_effects(function).iter().for_each(|effects| found.extend(effects.mutates.iter().cloned()));
            }
        }
        for base in if node.is_class() { self.ancestors(&node.name) } else { Vec::new() } {
            found.push(format!("{base}.__subclasses__"));
            let hook = self.classes.get(base.as_str()).and_then(|class| class.methods.get("__init_subclass__"));
            for effects in hook.map_or_else(Vec::new, |hook| all_effects(hook)) {
                let own = |name: &String| name.replacen("cls.", &format!("{base}."), 1);
                found.extend(effects.mutates.iter().map(own));
            }
        }
        found
    }

    /// The classes of the file, and the names of others, that a class derives from.
    pub fn ancestors(&self, class: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut pending = vec![class.to_owned()];
        while let Some(name) = pending.pop() {
            for base in self.classes.get(name.as_str()).map_or(&[][..], |class| &class.bases) {
                if !found.iter().any(|known| known == base) {
                    found.push((*base).to_owned());
                    pending.push((*base).to_owned());
                }
            }
        }
        found
    }

    fn callees(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let calls = effects.calls.iter().map(String::as_str);
        let given = effects.passed.iter().filter(|(by, _)| EAGER.contains(&by.as_str())).map(|(_, name)| name.as_str());
        let mut found: Vec<String> = calls.chain(given).flat_map(|name| self.called(name, context)).collect();
        // Of a class itself, and not of its objects.
        let is_class = |name: &str| self.classes.contains_key(name) && !is_local(name, context);
        for (name, methods) in &effects.implied {
            let class = match context.class {
                Some(class) if is_first(name, context) => Some(class.to_owned()),
                _ => self.type_of(name, context, 0),
            };
            let Some(class) = class.or_else(|| (!is_local(name, context)).then(|| name.clone())) else { continue };
            let own = methods.iter().filter(|method| !is_class(name) || OF_CLASSES.contains(method));
            found.extend(own.flat_map(|method| self.method(&class, method, 0)));
        }
        let reads_property = |name: &&String| {
            name.rsplit_once('.')
                .is_some_and(|(holder, attribute)| self.properties.contains(attribute) && !is_class(holder))
        };
        let read = effects.reads.iter().filter(reads_property).flat_map(|name| self.called(name, context));
        found.extend(read.filter(|name| self.is_property(name)));
        if !self.foreign_properties.is_empty() {
            let of_objects = effects.reads.iter().filter_map(|name| {
                let (holder, attribute) = name.rsplit_once('.')?;
                let class = self.type_of(holder, context, 0).filter(|class| class != holder)?;
                Some(self.method(&class, attribute, 0))
            });
            found.extend(of_objects.flatten().filter(|name| self.foreign_properties.contains(name)));
        }
        found
    }

    /// What runs when a class is called.
    pub fn made_by(&self, class: &str) -> Vec<String> {
        MAKING.iter().flat_map(|method| self.method(class, method, 0)).collect()
    }

    /// What makes the values of a class's fields, inherited ones too.
    fn makers(&self, class: &str) -> Vec<&str> {
        let all = self.ancestors(class).into_iter().chain([class.to_owned()]);
        all.filter_map(|name| self.classes.get(name.as_str()))
            .flat_map(|class| &class.makers)
            .map(String::as_str)
            .collect()
    }

    pub fn is_property(&self, callable: &str) -> bool {
        callable.rsplit_once('.').and_then(|(class, method)| Some((self.classes.get(class)?, method))).is_some_and(
            |(class, method)| match class.methods.get(method) {
                Some(node) => is_property(node),
                None => class.lambdas.contains_key(method) && self.properties.contains(method),
            },
        ) || self.foreign_properties.contains(callable)
    }

    /// The callables that a call of a name runs.
    pub(super) fn called(&self, name: &str, context: Context<'a>) -> Vec<String> {
        if context.depth > DEPTH {
            return Vec::new();
        }
        if let Some(found) = self.called_of_contents(name, context) {
            return found;
        }
        if let Some((holder, method)) = name.rsplit_once('.') {
            if let Some(class) = context.class
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let mut found = self.overridden(class, method);
                found.extend(self.called_in(name, "", context));
                return found;
            }
            if let (Some(class), "super()") = (context.class, holder) {
                let bases = self.classes.get(class).map_or(&[][..], |class| &class.bases);
                return bases.iter().flat_map(|base| self.method(base, method, 0)).collect();
            }
            return match self.type_of(holder, context, 0) {
                Some(class) => self.method(&class, method, 0),
                None if is_local(name, context) || holder.contains('(') => Vec::new(),
                None => vec![name.to_owned()],
            };
        }
        if let (Some(class), "cls") = (context.class, name) {
            return vec![class.to_owned()];
        }
        if !is_local(name, context) && (self.functions.contains_key(name) || self.classes.contains_key(name)) {
            return vec![name.to_owned()];
        }
        if !is_local(name, context) {
            if self.lambdas.contains_key(name) {
                return vec![name.to_owned()];
            }
            if let Some(handed) = self.handed.get(name) {
                return handed.iter().filter(|one| **one != name).flat_map(|one| self.called(one, context)).collect();
            }
        }
        // `total = Table.total`, `first = TABLE["a"]`
        let own = context.effects.and_then(|effects| effects.made.iter().rev().find(|(known, _)| known == name));
        let by = match own {
            Some((_, by)) => Some(by.as_str()),
            None if is_local(name, context) => None,
            None => self.made.get(name).copied(),
        };
        if let Some(other) = by.and_then(|by| by.strip_prefix('='))
            && other != name
            && (other.contains(['.', '[']) || self.functions.contains_key(other) || self.lambdas.contains_key(other))
            && !other.starts_with(&format!("{name}."))
        {
            return self.called(other, context.deeper());
        }
        // `f = TABLE.get("a")`
        let taken = by.filter(|by| !by.starts_with('=')).map(|by| format!("{by}().__call__"));
        if let Some(found) = taken.and_then(|taken| self.called_of_contents(&taken, context.deeper())) {
            return found;
        }
        match self.type_of(name, context, 0) {
            Some(class) => self.method(&class, "__call__", 0),
            None if is_local(name, context) => Vec::new(),
            None => vec![name.to_owned()],
        }
    }

    /// The class of what a name holds, as far as the text tells.
    pub(crate) fn type_of(&self, name: &str, context: Context<'a>, depth: usize) -> Option<String> {
        if depth > DEPTH {
            return None;
        }
        if let Some(callee) = name.strip_suffix("()") {
            return self.result_of(callee, context, depth + 1);
        }
        if self.classes.contains_key(name) && !is_local(name, context) {
            return Some(name.to_owned());
        }
        let own = context.effects.and_then(|effects| effects.made.iter().rev().find(|(known, _)| known == name));
        let by = match own {
            Some((_, by)) => by.as_str(),
            None if is_local(name, context) => return None,
            None => self.made.get(name).copied()?,
        };
        match by.strip_prefix('=') {
            Some(other) if other == name => None,
            Some(other) => self.type_of(other, context, depth + 1),
            None => self.result_of(by, context, depth + 1),
        }
    }

    /// The class of what a call gives. What is called in another module may be a class.
    fn result_of(&self, callee: &str, context: Context<'a>, depth: usize) -> Option<String> {
        if depth > DEPTH {
            return None;
        }
        if self.classes.contains_key(callee) {
            return Some(callee.to_owned());
        }
        let function = match callee.rsplit_once('.') {
            None => self.functions.get(callee).copied(),
            Some((holder, method)) => {
                let class = self.type_of(holder, context, depth + 1);
                class.as_deref().and_then(|class| self.classes.get(class)?.methods.get(method).copied())
            }
        };
        let Some(function) = function else {
            let head = callee.split('.').next().unwrap_or(callee);
            return (!is_local(callee, context) && !self.made.contains_key(head) && !callee.contains('('))
                .then(|| callee.to_owned());
        };
        let inside = &function.definition.as_ref()?.inside;
        let context = Context { class: None, effects: Some(inside), depth: 0 };
        inside.returns.iter().find_map(|by| match by.strip_prefix('=') {
            Some(name) => self.type_of(name, context, depth + 1),
            None => self.result_of(by, context, depth + 1),
        })
    }

    /// The callables that a method's name means on a class; what other modules' classes define is named by them.
    pub(super) fn method(&self, class: &str, method: &str, depth: usize) -> Vec<String> {
        let Some(own) = self.classes.get(class) else { return vec![format!("{class}.{method}")] };
        if own.methods.contains_key(method) || own.lambdas.contains_key(method) {
            return vec![format!("{class}.{method}")];
        }
        if let Some(others) = own.aliases.get(method).filter(|_| depth < DEPTH) {
            let others = others.iter().filter(|other| **other != method);
            return others
                .flat_map(|other| match other.rsplit_once('.') {
                    Some((class, method)) => self.method(class, method, depth + 1),
                    None if self.functions.contains_key(other) => vec![(*other).to_owned()],
                    None => self.method(class, other, depth + 1),
                })
                .collect();
        }
        let bases = own.bases.iter().filter(|_| depth < DEPTH);
        bases.flat_map(|base| self.method(base, method, depth + 1)).collect()
    }

    /// A method called on `self`, which may be of a class that derives from this one.
    fn overridden(&self, class: &str, method: &str) -> Vec<String> {
        let mut found = self.method(class, method, 0);
        for name in self.classes.keys().filter(|name| **name != class) {
            let derives = self.ancestors(name).iter().any(|base| base == class);
            if derives && self.classes[name].methods.contains_key(method) {
                found.push(format!("{name}.{method}"));
            }
        }
        found
    }

    fn reads_any(&self, effects: &Effects, context: Context<'a>, changed: &HashSet<String>) -> bool {
        if changed.is_empty() {
            return false;
        }
        let is_of_element = |name: &String| {
            name.rsplit_once('.').is_some_and(|(owner, attribute)| {
                self.classes.contains_key(owner) && effects.elements.iter().any(|element| element == attribute)
            })
        };
        if changed.iter().any(is_of_element) {
            return true;
        }
        let is_examined =
            |(by, name): &(String, String)| examines(by) && !effects.is_local(name) && changed.contains(&members(name));
        if effects.passed.iter().any(is_examined) {
            return true;
        }
        effects.reads.iter().any(|name| {
            if let (Some(class), Some((holder, attribute))) = (context.class, name.split_once('.'))
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let attribute = attribute.split('.').next().unwrap_or(attribute);
                let owners = self.ancestors(class).into_iter().chain([class.to_owned()]);
                return owners.into_iter().any(|owner| changed.contains(&format!("{owner}.{attribute}")));
            }
            let is_attribute = |name: &String| self.attribute(name).is_some_and(|name| changed.contains(&name));
            !effects.is_local(name)
                && (changed.contains(name) || changed.contains(&format!("{name}[]")) || is_attribute(name))
        })
    }
}

/// Whether reading the attribute runs the function.
pub(super) fn is_property(node: &Node) -> bool {
    node.definition.as_ref().is_some_and(|parts| parts.decorator_reads.iter().any(|name| name.ends_with("property")))
}

fn is_metaclass(base: &str) -> bool {
    ["type", "ABCMeta", "abc.ABCMeta", "EnumMeta", "enum.EnumMeta"].contains(&base)
}

fn is_method(callable: &str, method: &str) -> bool {
    callable.rsplit_once('.').is_some_and(|(_, name)| name == method)
}

/// What runs a method of whatever it iterates over.
fn of_element(method: &str) -> String {
    format!("[].{method}")
}

pub(super) fn is_local(name: &str, context: Context) -> bool {
    context.effects.is_some_and(|effects| effects.is_local(name))
}

/// Whether a name is a method's first parameter.
fn is_first(name: &str, context: Context) -> bool {
    context
        .effects
        .is_some_and(|effects| effects.parameters > 0 && effects.locals.first().is_some_and(|own| own == name))
}
