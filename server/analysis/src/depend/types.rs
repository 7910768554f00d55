//! Of which class is what a name holds, and what a method's name means on a class, as far as the text tells.

use super::fields::RECORDS;
use super::graph::{Context, DEPTH, Graph, is_first, is_local};
use crate::effects::{FIELDS, describes};
use crate::tree::contents;

/// The method that gives a text of an object, which somebody else makes of the fields of a class.
pub(crate) const TEXT_OF_FIELDS: &str = "__repr__";

impl<'a> Graph<'a> {
    /// Whether somebody makes methods of a class by its fields: a decorator, or a base.
    pub(crate) fn is_record(&self, class: &str) -> bool {
        let Some(known) = self.classes.get(class) else { return false };
        let is_decorated = known.node.and_then(|node| node.definition.as_ref());
        is_decorated.is_some_and(|parts| !parts.decorator_reads.is_empty())
            || known.bases.iter().any(|base| RECORDS.contains(&base.rsplit('.').next().unwrap_or(base)))
    }

    /// The attributes of classes that a dotted name may mean: `Settings.SIZE` for `config.SIZE`.
    pub(crate) fn attributes(&self, name: &str, context: Context<'a>) -> Vec<String> {
        let Some((holder, attribute)) = name.rsplit_once('.') else { return Vec::new() };
        let classes = self.types_of(holder, context, 0).into_iter();
        classes.filter(|class| class != holder).map(|class| format!("{class}.{attribute}")).collect()
    }

    /// Whether a dotted name is a class's; of other modules the usual spelling tells.
    pub fn is_class(&self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_spelled = (name != last || !self.functions.contains_key(name)) && last.starts_with(char::is_uppercase);
        !name.ends_with(')') && (self.classes.contains_key(name) || is_spelled)
    }

    /// The classes of the file, and the names of others, that a class derives from.
    pub fn ancestors(&self, class: &str) -> &[&'a str] {
        self.ancestors.get(class).map_or(&[], Vec::as_slice)
    }

    /// Whether a class has what it does of another one: a base, or the metaclass of one.
    pub fn is_made_of(&self, class: &str, other: &str) -> bool {
        let own = [class].into_iter().chain(self.ancestors(class).iter().copied());
        own.clone().any(|one| one == other)
            || own
                .filter_map(|one| self.classes.get(one))
                .flat_map(|one| &one.metaclass)
                .any(|kind| *kind == other || self.ancestors(kind).contains(&other))
    }

    /// Whether it is the name of a class that stands in another one.
    pub fn is_inner_class(&self, name: &str) -> bool {
        name.contains('.') && self.classes.contains_key(name)
    }

    /// The callables that a call of a name at module level runs.
    pub fn called_by_name(&self, name: &str) -> Vec<String> {
        self.called(name, Context::default())
    }

    pub fn is_enumeration(&self, class: &str) -> bool {
        const KINDS: [&str; 3] = ["Enum", "Flag", "Choices"];
        self.ancestors(class).iter().any(|base| KINDS.iter().any(|kind| base.ends_with(kind)))
    }

    /// The class of what a name holds, as far as the text tells.
    pub(crate) fn type_of(&self, name: &str, context: Context<'a>, depth: usize) -> Option<String> {
        self.types_of(name, context, depth).into_iter().next()
    }

    /// The same, where it may be one of several.
    pub(crate) fn types_of(&self, name: &str, context: Context<'a>, depth: usize) -> Vec<String> {
        if depth > DEPTH {
            return Vec::new();
        }
        if let Some(container) = name.strip_suffix("[]") {
            return self.types_in(container, context, depth + 1);
        }
        if let Some(callee) = name.strip_suffix("()") {
            return self.results_of(callee, context, depth + 1);
        }
        let is_local = is_local(name, context);
        if self.classes.contains_key(name) && !is_local {
            return vec![name.to_owned()];
        }
        let made = context.effects.map_or(&[][..], |effects| &effects.made);
        let own: Vec<&str> = made.iter().rev().filter(|(known, _)| known == name).map(|(_, by)| by.as_str()).collect();
        if !own.is_empty() {
            // The last ones: each may lead on to several.
            let others = own.into_iter().filter(|by| !is_made_of(by, name)).take(2);
            return others.flat_map(|by| self.types_by(by, context, depth + 1)).collect();
        }
        if let Some((holder, attribute)) = name.rsplit_once('.') {
            let classes = self.classes_of_holder(holder, context, depth + 1);
            let found: Vec<String> = classes.iter().flat_map(|class| self.field(class, attribute)).collect();
            if !found.is_empty() {
                return found;
            }
        }
        if is_local {
            return context.class.filter(|_| is_first(name, context)).map(str::to_owned).into_iter().collect();
        }
        match self.made.get(name).filter(|by| !is_made_of(by, name)) {
            Some(by) => self.types_by(by, context, depth + 1),
            None => Vec::new(),
        }
    }

    /// The same, of what gives a value: `Table`, `=table`.
    pub(super) fn types_by(&self, by: &str, context: Context<'a>, depth: usize) -> Vec<String> {
        match by.strip_prefix('=') {
            // `Kind = TABLE["a"]`
            Some(other) if let Some(container) = other.strip_suffix("[]") => {
                let mut found = self.types_of(other, context, depth);
                let held = if depth > DEPTH { Vec::new() } else { self.held_in(container, context.deeper().deeper()) };
                let is_class = |item: &String| self.classes.contains_key(item.as_str()) && !is_local(item, context);
                found.extend(held.into_iter().filter(is_class));
                found
            }
            Some(other) => self.types_of(other, context, depth),
            None => self.results_of(by, context, depth),
        }
    }

    /// The classes of what stands before a dot; of a class itself that class.
    fn classes_of_holder(&self, holder: &str, context: Context<'a>, depth: usize) -> Vec<String> {
        match context.class {
            Some(class) if matches!(holder, "self" | "cls") || is_first(holder, context) => vec![class.to_owned()],
            Some(class) if holder == "super()" => {
                let bases = self.classes.get(class).map_or(&[][..], |class| &class.bases);
                bases.iter().map(|base| (*base).to_owned()).collect()
            }
            _ => self.types_of(holder, context, depth),
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

    /// The classes of what a call gives. What is called in another module may be a class.
    fn results_of(&self, callee: &str, context: Context<'a>, depth: usize) -> Vec<String> {
        if depth > DEPTH {
            return Vec::new();
        }
        if let (Some(class), "cls") = (context.class, callee) {
            return vec![class.to_owned()];
        }
        let is_local = is_local(callee, context);
        if self.classes.contains_key(callee) && !is_local {
            return vec![callee.to_owned()];
        }
        if let Some(object) = callee.strip_suffix(".__class__") {
            let classes = self.types_of(object, context, depth + 1);
            // Of another module's object it is known by its name.
            return if classes.is_empty() && !is_local { vec![object.to_owned()] } else { classes };
        }
        if let Some(container) = callee.strip_suffix("[]") {
            // `REG[name]()`; of other modules what their registries hold is known by that name.
            let held = self.held_in(container, context.deeper().deeper());
            let classes: Vec<String> = held.into_iter().filter(|one| self.classes.contains_key(one.as_str())).collect();
            let is_foreign = classes.is_empty() && !is_local && !self.made.contains_key(container);
            return if is_foreign { vec![format!("{callee}()")] } else { classes };
        }
        // `TABLE.get(key)()`
        if let Some(container) = callee.strip_suffix("().__call__").and_then(taken_from) {
            let found = self.results_of(&contents(container), context, depth + 1);
            if !found.is_empty() {
                return found;
            }
        }
        // `Kind = Table`
        let own = context.effects.and_then(|effects| effects.made.iter().rev().find(|(known, _)| known == callee));
        let by = own.map(|(_, by)| by.as_str());
        let by = by.or_else(|| self.made.get(callee).copied().filter(|_| !is_local));
        if let Some(other) = by.and_then(|by| by.strip_prefix('=')).filter(|_| !callee.contains('.'))
            && !is_made_of(other, callee)
        {
            return self.results_of(other, context, depth + 1);
        }
        // `Kind = TABLE.get(key, Table)`
        if let Some((by, container)) = by.filter(|by| *by != callee).and_then(|by| Some((by, taken_from(by)?))) {
            let passed = context.effects.map_or(&[][..], |effects| &effects.passed);
            let given = passed.iter().filter(|(function, _)| function == by).map(|(_, given)| given.as_str());
            let mut found = self.results_of(&contents(container), context, depth + 1);
            found.extend(given.filter(|given| self.classes.contains_key(given)).map(str::to_owned));
            if !found.is_empty() {
                return found;
            }
        }
        if self.functions.contains_key(callee) && !is_local {
            return self.types.result(callee).to_vec();
        }
        if let Some((holder, method)) = callee.rsplit_once('.') {
            let mut found: Vec<String> = Vec::new();
            let classes = self.classes_of_holder(holder, context, depth + 1);
            // `kind = Table` in a class
            found.extend(classes.iter().flat_map(|class| self.class_in(class, method)));
            for callable in classes.iter().flat_map(|class| self.method(class, method, 0)) {
                if self.classes.contains_key(callable.as_str()) {
                    found.push(callable);
                    continue;
                }
                let is_known = callable.rsplit_once('.').is_some_and(|(class, _)| self.classes.contains_key(class));
                if is_known || self.functions.contains_key(callable.as_str()) {
                    found.extend(self.types.result(&callable).iter().cloned());
                } else {
                    found.push(callable);
                }
            }
            if !classes.is_empty() {
                return found;
            }
        }
        let head = callee.split('.').next().unwrap_or(callee);
        let is_foreign = !is_local && !self.made.contains_key(head) && !callee.contains('(');
        if is_foreign { vec![callee.to_owned()] } else { Vec::new() }
    }

    /// The class that stands in another one, by another name: `kind = Table`.
    fn class_in(&self, class: &str, attribute: &str) -> Option<String> {
        let mut all = [class].into_iter().chain(self.ancestors(class).iter().copied());
        let aliases = all.find_map(|one| self.classes.get(one)?.aliases.get(attribute))?;
        aliases.iter().find(|other| self.classes.contains_key(*other)).map(|other| (*other).to_owned())
    }

    /// The callables that a method's name means on a class; what other modules' classes define is named by them.
    pub(crate) fn method(&self, class: &str, method: &str, depth: usize) -> Vec<String> {
        let Some(own) = self.classes.get(class) else {
            let fields = describes(method).then(|| format!("{class}.{FIELDS}"));
            return [format!("{class}.{method}")].into_iter().chain(fields).collect();
        };
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
                    // `run = service.run`
                    Some((holder, method)) if !self.classes.contains_key(holder) => {
                        let classes = self.types_of(holder, Context::default(), 0).into_iter();
                        let named = classes.map(|class| format!("{class}.{method}")).collect::<Vec<_>>();
                        if named.is_empty() { vec![(*other).to_owned()] } else { named }
                    }
                    Some((class, method)) => self.method(class, method, depth + 1),
                    None if self.functions.contains_key(other) => vec![(*other).to_owned()],
                    None => self.method(class, other, depth + 1),
                })
                .collect();
        }
        let bases = own.bases.iter().filter(|_| depth < DEPTH);
        let found: Vec<String> = bases.flat_map(|base| self.method(base, method, depth + 1)).collect();
        // The class itself has what its metaclass has.
        if found.is_empty() && [TEXT_OF_FIELDS, FIELDS].contains(&method) && self.is_record(class) {
            return vec![format!("{class}.{method}")];
        }
        let is_described = describes(method) && self.is_record(class) && !found.iter().any(|one| self.has_method(one));
        let found: Vec<String> = found.into_iter().chain(is_described.then(|| format!("{class}.{FIELDS}"))).collect();
        let of_class = own.metaclass.iter().filter(|_| found.is_empty() && depth < DEPTH && !method.starts_with("__"));
        of_class.flat_map(|kind| self.method(kind, method, depth + 1)).chain(found.iter().cloned()).collect()
    }

    /// What a method means of an attribute that holds what the object was given, from elsewhere: of any class of the file.
    pub(super) fn methods_of_given(&self, holder: &str, method: &str, context: Context<'a>) -> Vec<String> {
        let own = holder.split_once('.').filter(|(own, _)| is_first(own, context));
        let (Some((_, attribute)), Some(class)) = (own, context.class) else { return Vec::new() };
        if method.starts_with("__") || !self.types.holds_given(&format!("{class}.{attribute}")) {
            return Vec::new();
        }
        let known = self.classes.iter().filter(|(_, class)| class.methods.contains_key(method));
        known.map(|(name, _)| format!("{name}.{method}")).collect()
    }

    /// Whether a class of which the text is known, and that this one derives from, has a method.
    pub(crate) fn inherits(&self, class: &str, method: &str) -> bool {
        self.ancestors(class).iter().any(|base| match self.classes.get(base) {
            Some(base) => base.methods.contains_key(method),
            None => self.others.origin(base).is_some_and(|base| base.has(method, 0)),
        })
    }

    /// Names of the methods that a class has, inherited ones too.
    pub(crate) fn method_names(&self, class: &str) -> impl Iterator<Item = &'a str> {
        let own = self.classes.get_key_value(class).map(|(class, _)| *class);
        let all = own.into_iter().chain(self.ancestors(class).iter().copied());
        all.filter_map(|name| self.classes.get(name)).flat_map(|class| class.methods.keys().copied())
    }

    /// Methods that a name may mean which is put together when it is needed: `visit_` and what follows.
    fn methods_beginning_with(&self, class: &str, beginning: &str) -> Vec<String> {
        let all = self.ancestors(class).iter().copied().chain([class]);
        let methods = all.filter_map(|name| Some((self.classes.get(name)?, name)));
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
        for name in self.heirs.get(class).into_iter().flatten() {
            if method.ends_with('*') {
                found.extend(self.method(name, method, 0));
            } else if self.classes[name].methods.contains_key(method) {
                found.push(format!("{name}.{method}"));
            }
        }
        found
    }
}

/// The container of which a call gives something: `TABLE` for `TABLE.get`.
fn taken_from(callee: &str) -> Option<&str> {
    let (container, method) = callee.rsplit_once('.')?;
    ["get", "pop", "setdefault"].contains(&method).then_some(container)
}

/// Whether what gives a name its value is itself read from that name: `node = node.next`.
fn is_made_of(by: &str, name: &str) -> bool {
    let by = by.trim_start_matches('=');
    by.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
