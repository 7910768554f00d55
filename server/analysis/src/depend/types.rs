//! Of which class is what a name holds, and what a method's name means on a class, as far as the text tells.

use super::graph::{Context, DEPTH, Graph, is_local};

impl<'a> Graph<'a> {
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

    /// The class of what a name holds, as far as the text tells.
    pub(crate) fn type_of(&self, name: &str, context: Context<'a>, depth: usize) -> Option<String> {
        if depth > DEPTH {
            return None;
        }
        if let Some(container) = name.strip_suffix("[]") {
            return self.types_in(container, context, depth + 1).into_iter().next();
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

    /// The classes of the objects that a container holds; classes in it are none.
    pub(super) fn types_in(&self, container: &str, context: Context<'a>, depth: usize) -> Vec<String> {
        // What leads from container to container may lead back.
        let context = context.deeper().deeper();
        let items = if depth > DEPTH { Vec::new() } else { self.held_in(container, context) };
        let is_class = |item: &String| self.classes.contains_key(item.as_str()) && !is_local(item, context);
        let objects = items.iter().filter(|item| !is_class(item));
        let mut found: Vec<String> = objects.filter_map(|item| self.type_of(item, context, depth + 1)).collect();
        found.sort_unstable();
        found.dedup();
        found
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
        if let Some(beginning) = method.strip_suffix('*') {
            return self.methods_beginning_with(class, beginning);
        }
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

    /// Methods that a name may mean which is put together when it is needed: `visit_` and what follows.
    fn methods_beginning_with(&self, class: &str, beginning: &str) -> Vec<String> {
        let all = self.ancestors(class).into_iter().chain([class.to_owned()]);
        let methods = all.filter_map(|name| Some((self.classes.get(name.as_str())?, name)));
        methods
            .flat_map(|(class, name)| {
                let own = class.methods.keys().chain(class.lambdas.keys());
                let meant = own.filter(|method| method.starts_with(beginning) && !method.starts_with("__"));
                meant.map(|method| format!("{name}.{method}")).collect::<Vec<_>>()
            })
            .collect()
    }

    /// A method called on `self`, which may be of a class that derives from this one.
    pub(super) fn overridden(&self, class: &str, method: &str) -> Vec<String> {
        let mut found = self.method(class, method, 0);
        for name in self.classes.keys().filter(|name| **name != class) {
            let derives = self.ancestors(name).iter().any(|base| base == class);
            if derives && method.ends_with('*') {
                found.extend(self.method(name, method, 0));
            } else if derives && self.classes[name].methods.contains_key(method) {
                found.push(format!("{name}.{method}"));
            }
        }
        found
    }
}
