//! What bases outside of the file call back: methods of the file's classes that a parser, a visitor, a mapping of a library calls,
//! or a base in another file of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::elsewhere::Class;
use super::given::Others;
use super::graph::{Context, Graph, is_local};
use super::inside::run_by;
use super::making::DERIVING;
use crate::effects::{Effects, instantiates};
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
/// How methods begin by which an object is told what to call later, or that it is not to call any more.
const CONFIGURING: [&str; 19] = [
    "add",
    "bind",
    "call_at",
    "call_later",
    "call_soon",
    "cancel",
    "connect",
    "create",
    "enter",
    "include",
    "install",
    "join",
    "on",
    "register",
    "remove",
    "schedule",
    "set",
    "stop",
    "subscribe",
];

/// What of a class's bases stands outside of its file.
#[derive(Default)]
pub(super) struct Outside {
    /// One is of a library: what it does is not known.
    library: bool,
    /// What methods of those in the project call or read of `self`.
    calls: HashMap<String, BTreeSet<String>>,
}

/// A class of another file, or that of an object there.
#[derive(Default)]
struct Other {
    library: bool,
    methods: HashSet<String>,
    /// What it calls of what its objects hold: that itself, and methods of it.
    calls_held: bool,
    members_held: HashSet<String>,
}

impl Other {
    /// `self.way(1)`, `self.table.fill()`, where the object was given what it holds.
    fn take_held(&mut self, class: &Node, method: &Node) {
        let Some(parts) = &method.definition else { return };
        let Some(own) = parts.inside.locals.first().filter(|_| parts.inside.parameters > 0) else { return };
        let of_own = |name: &String| Some(name.strip_prefix(own.as_str())?.strip_prefix('.')?.to_owned());
        let has = |name: &str| flattened(&class.body).iter().any(|(one, _)| one.name == name);
        for effects in run_by(method) {
            for rest in effects.calls.iter().chain(&effects.reads).filter_map(of_own) {
                let member = rest.split_once('.').map(|(_, member)| member.split(['.', '[', '(']).next());
                self.members_held.extend(member.flatten().map(str::to_owned));
            }
            let mut called = effects.calls.iter().filter_map(of_own).filter(|rest| !rest.contains('.'));
            self.calls_held |= called.any(|rest| !has(&rest));
        }
    }
}

/// Classes of other files that were asked for, by the names that they and their objects have here.
#[derive(Default)]
pub(super) struct OtherClasses(Mutex<HashMap<String, Option<Arc<Other>>>>);

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
    fn take(&mut self, base: Option<Class>, methods: &mut HashSet<String>, depth: usize) {
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
    fn any_called_back(&self, class: &str) -> Option<String> {
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

    /// What functions of libraries call of the classes that they are given: `json.dumps(value, cls=Encoder)`.
    pub(super) fn called_of_given(&self, effects: &Effects, context: Context<'a>) -> Vec<String> {
        let given = effects.passed.iter().filter(|(by, name)| instantiates(by) && !is_local(name, context));
        let of_classes = given.filter_map(|(_, class)| self.any_called_back(class));
        // `Timer(1, build).start()`
        let is_used = |class: &str| {
            let used = |called: &String| called.strip_prefix(class).is_some_and(|rest| rest.starts_with("()."));
            is_class_name(class) && !self.classes.contains_key(class) && effects.calls.iter().any(used)
        };
        let functions = effects.passed.iter().filter(|(by, given)| {
            self.functions.contains_key(given.as_str()) && !is_local(given, context) && is_used(by)
        });
        of_classes.chain(functions.map(|(_, function)| function.clone())).collect()
    }

    /// What methods of other files' classes call of what their objects were given here: `Service(Table()).total()`.
    pub(super) fn called_by_others(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let mut found = Vec::new();
        if !self.others.is_known() {
            return found;
        }
        for (holder, _) in effects.calls.iter().chain(&effects.reads).filter_map(|name| name.rsplit_once('.')) {
            let (class, given): (&str, Vec<&str>) = match holder.strip_suffix("()") {
                Some(class) => {
                    let given = effects.passed.iter().filter(|(by, _)| by == class);
                    (class, given.map(|(_, given)| given.as_str()).collect())
                }
                None if is_local(holder, context) => {
                    let Some((_, class)) = effects.made.iter().rev().find(|(name, _)| name == holder) else { continue };
                    let given = effects.passed.iter().filter(|(by, _)| by == class || is_method_of(by, holder));
                    (class, given.map(|(_, given)| given.as_str()).collect())
                }
                None => match (self.made.get(holder), self.given_to.get(holder)) {
                    (Some(class), Some(given)) => (class, given.clone()),
                    _ => continue,
                },
            };
            if given.is_empty() || self.classes.contains_key(class) {
                continue;
            }
            let Some(other) = self.other_class(class) else { continue };
            for one in given.into_iter().filter(|one| *one != holder && !one.starts_with(holder)) {
                if other.calls_held {
                    found.extend(self.called(one.trim_end_matches("[]"), context.deeper()));
                }
                let classes = self.types_of(one, context, 0);
                let is_class = |name: &String| name.as_str() == one;
                let objects = classes.iter().filter(|class| !is_class(class));
                found.extend(objects.flat_map(|class| {
                    other.members_held.iter().flat_map(|member| self.method(class, member, 0)).collect::<Vec<_>>()
                }));
            }
        }
        found
    }

    /// What an object of a library may call, as it was given that before: `parser.parse_args()` after `parser.add_argument("x", type=f)`.
    pub(super) fn called_by_object(&self, holder: &str, method: &str, context: Context<'a>) -> Vec<String> {
        let is_configuring = CONFIGURING.iter().any(|verb| {
            let rest = method.strip_prefix(verb);
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_lowercase()))
        });
        if is_configuring || holder.contains('(') {
            return Vec::new();
        }
        let given: Vec<&str> = match context.effects.filter(|_| is_local(holder, context)) {
            Some(effects) => {
                let of_it = effects.passed.iter().filter(|(by, _)| is_method_of(by, holder));
                of_it.map(|(_, given)| given.as_str()).collect()
            }
            None => self.given_to.get(holder).cloned().unwrap_or_default(),
        };
        // `worker = Thread(target=lambda: build())`
        let lambda = self.lambdas.get_key_value(holder).filter(|_| !is_local(holder, context));
        let lambda = lambda.map(|(name, _)| (*name).to_owned());
        given
            .into_iter()
            .flat_map(|given| {
                let name = given.strip_suffix("()").unwrap_or(given);
                if !is_local(name, context) && self.functions.contains_key(name) && name == given {
                    return vec![name.to_owned()];
                }
                let classes = match self.classes.contains_key(name) && !is_local(name, context) {
                    true => vec![name.to_owned()],
                    false => self.types_of(given, context, 0),
                };
                classes.iter().filter_map(|class| self.any_called_back(class)).collect()
            })
            .chain(lambda)
            .collect()
    }

    /// Whether it only stands for calls that lead back into a class.
    pub(super) fn is_called_back(&self, callable: &str) -> bool {
        let Some((class, method)) = callable.rsplit_once('.') else { return false };
        self.outside
            .get(class)
            .is_some_and(|outside| [ANY, SPECIAL, MAKING].contains(&method) || outside.calls.contains_key(method))
    }

    /// Whether it is a class of the project.
    pub(super) fn is_known_class(&self, class: &str) -> bool {
        self.classes.contains_key(class) || self.other_class(class).is_some()
    }

    fn other_class(&self, name: &str) -> Option<Arc<Other>> {
        if !self.others.is_known() {
            return None;
        }
        let mut known = self.other_classes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = self.others.class(name).map(Arc::new);
        known.insert(name.to_owned(), found.clone());
        found
    }
}

/// What module-level statements give to objects, when they are made and to their methods, by the objects' names.
pub(super) fn given_to<'a>(statements: impl Iterator<Item = &'a Node>) -> HashMap<&'a str, Vec<&'a str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for effects in statements.map(|node| &node.effects) {
        for (by, given) in &effects.passed {
            if let Some((holder, _)) = by.rsplit_once('.') {
                found.entry(holder).or_default().push(given);
            }
            // `worker = Thread(target=build)`
            if let [(name, class)] = effects.made.as_slice()
                && class == by
                && is_class_name(by)
            {
                found.entry(name).or_default().push(given);
            }
        }
    }
    found.into_iter().collect()
}

fn is_class_name(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|class| class.starts_with(char::is_uppercase))
}

fn is_method_of(by: &str, holder: &str) -> bool {
    by.strip_prefix(holder).and_then(|rest| rest.strip_prefix('.')).is_some_and(|method| !method.contains('.'))
}

impl Others {
    fn is_known(&self) -> bool {
        !self.imports.is_empty()
    }

    fn class(&self, name: &str) -> Option<Other> {
        let (mut outside, mut methods) = (Outside::default(), HashSet::default());
        let class = self.class_of(name)?;
        let mut other = Other::default();
        if let Some(node) = class.outline.index().class(&class.name) {
            flattened(&node.body).into_iter().for_each(|(method, _)| other.take_held(node, method));
        }
        outside.take(Some(class), &mut methods, 0);
        Some(Other { library: outside.library, methods, ..other })
    }
}
