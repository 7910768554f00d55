//! What bases outside of the file call back: methods of the file's classes that a parser, a visitor, a mapping of a library calls,
//! or a base in another file of the project.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::elsewhere::Class;
use super::graph::{Context, Graph};
use super::inside::run_by;
use super::making::DERIVING;
use crate::tree::{Node, flattened};

/// Stands for a call of any method that a library's base has: it may call back every method.
const ANY: &str = "__called_back__";
/// The same of a special method: operators and items lead to special methods only.
const SPECIAL: &str = "__called_back_special__";
/// The same of what makes an object.
const MAKING: &str = "__called_back_making__";

/// What a base does while an object is made.
const FILLING: [&str; 3] = ["__setitem__", "__setattr__", "update"];
/// Special methods of a base by which no other method is called.
const PLAIN: [&str; 8] =
    ["__str__", "__repr__", "__format__", "__hash__", "__bool__", "__index__", "__getattribute__", "__instancecheck__"];
/// Bases that call nothing back.
const HARMLESS: [&str; 26] = [
    "ABC",
    "ABCMeta",
    "Any",
    "Counter",
    "Enum",
    "Flag",
    "Generic",
    "Hashable",
    "IntEnum",
    "IntFlag",
    "NamedTuple",
    "OrderedDict",
    "Path",
    "Protocol",
    "Sized",
    "StrEnum",
    "SimpleNamespace",
    "Struct",
    "TypedDict",
    "date",
    "datetime",
    "defaultdict",
    "deque",
    "local",
    "namedtuple",
    "timedelta",
];

/// What of a class's bases stands outside of its file.
#[derive(Default)]
pub(super) struct Outside {
    /// One is of a library: what it does is not known.
    pub(super) library: bool,
    /// What methods of those in the project call or read of `self`.
    calls: HashMap<String, BTreeSet<String>>,
}

impl Outside {
    /// What a method of a base leads to, at any remove.
    fn reached(&self, method: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut pending = vec![method];
        while let Some(name) = pending.pop() {
            for called in self.calls.get(name).into_iter().flatten() {
                if found.insert(called.as_str()) {
                    pending.push(called);
                }
            }
        }
        found
    }

    /// A base in another file of the project, with its own bases.
    pub(super) fn take(&mut self, base: Option<Class>, methods: &mut HashSet<String>, depth: usize) {
        let Some(base) = base.filter(|_| depth < 4) else { return };
        let index = base.outline.index();
        let Some(node) = index.class(&base.name) else { return };
        for (method, _) in flattened(&node.body) {
            methods.insert(method.name.clone());
            self.calls.entry(method.name.clone()).or_default().extend(of_self(method));
        }
        let others = base.there.others(&base.outline);
        for name in node.definition.iter().flat_map(|parts| &parts.base_names) {
            if !index.definitions(name).is_empty() {
                let own = Class { outline: base.outline.clone(), there: base.there.clone(), name: name.clone() };
                self.take(Some(own), methods, depth + 1);
            } else if let Some(known) = others.origin(name) {
                self.take(Some(known), methods, depth + 1);
            } else {
                let head = name.split('.').next().unwrap_or(name);
                self.library |= others.imports.contains_key(head) && !is_harmless(name);
            }
        }
    }
}

/// What a method calls or reads of its own object.
pub(super) fn of_self(method: &Node) -> BTreeSet<String> {
    let Some(parts) = &method.definition else { return BTreeSet::new() };
    let Some(own) = parts.inside.locals.first().filter(|_| parts.inside.parameters > 0) else { return BTreeSet::new() };
    let is = |decorator: &str| parts.decorator_reads.iter().any(|name| name == decorator);
    if is("staticmethod") {
        return BTreeSet::new();
    }
    // Operations with the class run nothing of its objects.
    let is_class = is("classmethod") || ["__new__", DERIVING, "__class_getitem__"].contains(&method.name.as_str());
    let mut found = BTreeSet::new();
    for effects in run_by(method) {
        let names = effects.calls.iter().chain(&effects.reads);
        let members = names.filter_map(|name| name.strip_prefix(own.as_str())?.strip_prefix('.'));
        found.extend(members.filter_map(|name| name.split(['.', '[', '(']).next()).map(str::to_owned));
        let implied = effects.implied.iter().filter(|(name, _)| name == own && !is_class);
        found.extend(implied.flat_map(|(_, methods)| methods.iter().map(|method| (*method).to_owned())));
    }
    found
}

fn is_harmless(base: &str) -> bool {
    let last = base.rsplit('.').next().unwrap_or(base);
    HARMLESS.contains(&last) || ["Error", "Exception", "Warning"].iter().any(|end| last.ends_with(end))
}

fn is_special(method: &str) -> bool {
    method.starts_with("__") && method.ends_with("__")
}

/// What stands for a call of a method that a library's base has.
fn standing_for(method: &str) -> Option<&'static str> {
    match method {
        "__init__" | "__new__" | "__post_init__" => Some(MAKING),
        _ if PLAIN.contains(&method) => None,
        _ if is_special(method) => Some(SPECIAL),
        _ => Some(ANY),
    }
}

impl<'a> Graph<'a> {
    /// What of the bases of the file's classes stands elsewhere. `imported`: the names that the file has of other modules.
    pub(super) fn look_outside(&mut self, imported: &HashSet<&str>) {
        let mut found = HashMap::default();
        for name in self.classes.keys() {
            let mut outside = Outside::default();
            for class in [*name].into_iter().chain(self.ancestors(name).iter().copied()) {
                for base in self.classes.get(class).into_iter().flat_map(|class| class.bases.iter().copied()) {
                    let head = base.split('.').next().unwrap_or(base);
                    if self.classes.contains_key(base) || !imported.contains(head) {
                        continue;
                    }
                    match self.others.origin(base) {
                        Some(known) => outside.take(Some(known), &mut HashSet::default(), 0),
                        None => outside.library |= !is_harmless(base),
                    }
                }
            }
            if outside.library || !outside.calls.is_empty() {
                found.insert(*name, outside);
            }
        }
        self.outside = found;
    }

    /// What a call of a method runs besides it, where a base outside of the file has the method: `Tags.__called_back__`, `Own.run`.
    pub(super) fn called_back(&self, class: &str, method: &str) -> Option<String> {
        if !self.classes.contains_key(class) {
            let other = self.other_class(class)?;
            let is_own = other.methods.contains(method);
            return standing_for(method).filter(|_| other.library && !is_own).map(|name| format!("{class}.{name}"));
        }
        let outside = self.outside.get(class)?;
        // Its own methods, and those of its bases in the file, come first.
        if self.method(class, method, 0).first().is_some_and(|found| self.has_method(found)) {
            return None;
        }
        if outside.calls.contains_key(method) {
            return Some(format!("{class}.{method}"));
        }
        standing_for(method).filter(|_| outside.library).map(|name| format!("{class}.{name}"))
    }

    /// What stands for whatever a library calls of a class or its objects.
    pub(super) fn any_called_back(&self, class: &str) -> Option<String> {
        let is_of_library = match self.outside.get(class) {
            Some(outside) => outside.library,
            None => self.other_class(class).is_some_and(|other| other.library),
        };
        is_of_library.then(|| format!("{class}.{ANY}"))
    }

    /// The same as `called_back` of `self`, which may be of a class that derives from this one, and of `super()`.
    pub(super) fn called_back_of_self(&self, class: &str, method: &str, of_base: bool) -> Vec<String> {
        let all = [class].into_iter().chain(self.heirs.get(class).into_iter().flatten().copied());
        let name = |class: &str| match self.outside.get(class).filter(|_| of_base) {
            Some(outside) if outside.calls.contains_key(method) => Some(format!("{class}.{method}")),
            Some(outside) if outside.library => Some(format!("{class}.{}", standing_for(method)?)),
            _ => self.called_back(class, method).filter(|_| !of_base),
        };
        all.filter_map(name).collect()
    }

    /// What stands for calls that lead back into the file's classes, each with what they run.
    pub(super) fn calling_back(&self) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for (name, outside) in &self.outside {
            let mut methods: BTreeSet<&str> = BTreeSet::new();
            for class in [*name].into_iter().chain(self.ancestors(name).iter().copied()) {
                let class = self.classes.get(class);
                methods.extend(class.into_iter().flat_map(|class| class.methods.keys().chain(class.lambdas.keys())));
            }
            let meant = |is_it: &dyn Fn(&str) -> bool| {
                let own = methods.iter().filter(|method| is_it(method));
                own.flat_map(|method| self.method(name, method, 0)).filter(|one| self.has_method(one)).collect()
            };
            if outside.library {
                let is_any = |method: &str| {
                    let is_private = method.starts_with("__") && !is_special(method);
                    !is_private && !["__init__", "__new__"].contains(&method)
                };
                found.push((format!("{name}.{ANY}"), meant(&is_any)));
                found.push((format!("{name}.{SPECIAL}"), meant(&|method| is_special(method) && is_any(method))));
                found.push((format!("{name}.{MAKING}"), meant(&|method| FILLING.contains(&method))));
            }
            for method in outside.calls.keys() {
                let reached = outside.reached(method);
                found.push((format!("{name}.{method}"), meant(&|one| reached.contains(one))));
            }
            let making = ["__init__", "__new__"].iter().filter_map(|method| self.called_back(name, method));
            found.push(((*name).to_owned(), making.collect()));
        }
        found
    }

    /// What a decorated function's calls run of the classes that decorate it.
    pub(super) fn decorated_by_classes(&self) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        let mut note = |name: String, node: &Node| {
            for decorator in node.definition.iter().flat_map(|parts| &parts.decorator_reads) {
                let classes = match self.classes.contains_key(decorator.as_str()) {
                    true => vec![decorator.clone()],
                    false => self.types_of(decorator, Context::default(), 0),
                };
                let called = classes.iter().flat_map(|class| {
                    let own = self.method(class, "__call__", 0).into_iter().filter(|one| self.has_method(one));
                    own.chain(self.called_back(class, "__call__")).collect::<Vec<_>>()
                });
                let mut called: Vec<String> = called.collect();
                // Of a class in another file it is known by its name.
                let others = classes.is_empty() && !self.functions.contains_key(decorator.as_str());
                called.extend(others.then(|| format!("{decorator}.__get__")));
                called.extend(classes.iter().flat_map(|class| self.method(class, "__get__", 0)));
                if !called.is_empty() {
                    found.push((name.clone(), called));
                }
            }
        };
        for (name, node) in &self.functions {
            note((*name).to_owned(), node);
        }
        for (name, class) in &self.classes {
            class.methods.iter().for_each(|(method, node)| note(format!("{name}.{method}"), node));
        }
        found
    }

    /// Whether it only stands for calls that lead back into a class.
    pub(super) fn is_called_back(&self, callable: &str) -> bool {
        let Some((class, method)) = callable.rsplit_once('.') else { return false };
        self.outside
            .get(class)
            .is_some_and(|outside| [ANY, SPECIAL, MAKING].contains(&method) || outside.calls.contains_key(method))
    }
}
