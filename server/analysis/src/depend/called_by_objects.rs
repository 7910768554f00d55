//! What objects of libraries and of other files' classes call of what they were given: functions, and methods of the file's
//! own classes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::called_back::Outside;
use super::given::Others;
use super::graph::{Context, Graph, is_local};
use super::inside::run_by;
use crate::effects::{Effects, FIELDS, describes, instantiates};
use crate::tree::{Node, flattened};

/// How methods begin by which an object is told what to call later, or that it is not to call any more.
const CONFIGURING: [&str; 32] = [
    "add",
    "after",
    "before",
    "bind",
    "call_at",
    "call_later",
    "call_soon",
    "cancel",
    "command",
    "connect",
    "context_processor",
    "create",
    "enter",
    "errorhandler",
    "exception_handler",
    "group",
    "include",
    "install",
    "join",
    "middleware",
    "mount",
    "on",
    "register",
    "remove",
    "route",
    "schedule",
    "set",
    "stop",
    "subscribe",
    "teardown",
    "template",
    "url",
];

/// A class of another file, or that of an object there.
#[derive(Default)]
pub(super) struct Other {
    pub(super) library: bool,
    pub(super) methods: HashSet<String>,
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

impl<'a> Graph<'a> {
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
        let described = effects.passed.iter().filter(|(by, name)| describes(by) && !is_local(name, context));
        let described = described.flat_map(|(_, name)| self.types_of(name, context, 0));
        let fields = described.map(|class| format!("{class}.{FIELDS}"));
        of_classes.chain(functions.map(|(_, function)| function.clone())).chain(fields).collect()
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

    /// Whether it is a class of the project.
    pub(super) fn is_known_class(&self, class: &str) -> bool {
        self.classes.contains_key(class) || self.other_class(class).is_some()
    }

    pub(super) fn other_class(&self, name: &str) -> Option<Arc<Other>> {
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
