//! Who calls whom in a file, by names and by the classes of what names hold.

use super::assigning::is_property;
use super::called_back::Outside;
use super::called_by_objects::OtherClasses;
use super::callers::Callers;
use super::fields::Types;
use super::given::Others;
use super::inside::run_by;
use crate::effects::{EAGER, Effects, applies};
use crate::tree::{Node, contents};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Methods that run when a class is called.
const MAKING: [&str; 4] = ["__init__", "__new__", "__post_init__", "_missing_"];
/// Methods that operations with a class itself run.
const OF_CLASSES: [&str; 4] = ["__class_getitem__", "__instancecheck__", "__subclasscheck__", "__subclasshook__"];
/// How many classes or results a name is followed through.
pub(super) const DEPTH: usize = 8;

#[derive(Default)]
pub(super) struct Class<'a> {
    /// None of what a call makes: `Point = namedtuple("Point", "x y")`.
    pub(super) node: Option<&'a Node>,
    pub(super) methods: HashMap<&'a str, &'a Node>,
    /// Former definitions of such a name: the getter of a property that has a setter.
    pub(super) former_methods: Vec<(&'a str, &'a Node)>,
    /// Lambdas of its attributes.
    pub(super) lambdas: HashMap<&'a str, &'a Effects>,
    /// Second names of its methods, and what else stands for a function: `price = staticmethod(build)`.
    pub(super) aliases: HashMap<&'a str, Vec<&'a str>>,
    /// What makes the values of its fields: `field(default_factory=build)`.
    pub(super) makers: Vec<String>,
    pub(super) bases: Vec<&'a str>,
    /// What stands in it, and what that was made by: `name = Field()`.
    pub(super) attributes: HashMap<&'a str, &'a str>,
    pub(super) metaclass: Vec<&'a str>,
}

/// The functions and classes of a file. Callables are named `build`, `Table`, `Table.fill`; those of other modules as the file
/// names them.
pub(crate) struct Graph<'a> {
    pub(super) functions: HashMap<&'a str, &'a Node>,
    pub(super) classes: HashMap<&'a str, Class<'a>>,
    /// Of all methods.
    pub(super) method_names: HashSet<&'a str>,
    /// The module's names and what gives them their values.
    pub(super) made: HashMap<&'a str, &'a str>,
    /// Names that hold lambdas.
    pub(super) lambdas: HashMap<&'a str, &'a Effects>,
    /// What names hand on to others that they were made of: `call = partial(build, 1)`.
    pub(super) handed: HashMap<&'a str, Vec<&'a str>>,
    /// What names were given to that others made of it: `call = compose(build, fill)` of another module.
    pub(super) made_with: HashMap<&'a str, Vec<&'a str>>,
    /// What containers and attributes hold: `TABLE`, `Table.rows`.
    pub(super) contents: HashMap<String, Vec<String>>,
    /// Of which classes what attributes hold and calls give is.
    pub(super) types: Types,
    /// Methods that run when they are read, by their own names.
    pub(super) properties: HashSet<&'a str>,
    /// Methods that run when they are read of the class, too: what decorates them has a `__get__`.
    pub(super) described: HashSet<String>,
    /// What each class derives from, and what derives from it, at any remove; bases of other files by the names that they have here.
    pub(super) ancestors: HashMap<&'a str, Vec<&'a str>>,
    pub(super) heirs: HashMap<&'a str, Vec<&'a str>>,
    /// What other modules' functions do with what they are given.
    pub(crate) others: Others,
    pub(super) callers: Callers<'a>,
    /// What of the bases of classes stands in other files, where that may call methods back.
    pub(super) outside: HashMap<&'a str, Outside>,
    /// What methods of the module's objects were given: `parser` and `convert`.
    pub(super) given_to: HashMap<&'a str, Vec<&'a str>>,
    /// What statements of the module give to what they call: `register` and `build`.
    pub(super) given_by_statements: Vec<(&'a str, &'a str)>,
    pub(super) other_classes: OtherClasses,
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

    /// Containers that making a definition changes: by its decorators, and by the bases and the metaclass of a class.
    pub fn mutated_by(&self, node: &Node) -> Vec<String> {
        let bases = if node.is_class() { self.ancestors(&node.name) } else { &[] };
        let own = bases.iter().filter(|base| self.classes.contains_key(*base) || !self.others.knows(base));
        let mut found: Vec<String> = own.map(|base| format!("{base}.__subclasses__")).collect();
        for name in self.stored_by_hooks(node).mutates {
            // As the file itself may call it.
            found.extend(self.others.called_here(&name));
            found.push(name);
        }
        found
    }

    pub(super) fn callees(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let calls = effects.calls.iter().map(String::as_str);
        let is_eager = |by: &str| EAGER.contains(&by) || applies(by);
        let given = effects.passed.iter().filter(|(by, _)| is_eager(by)).map(|(_, name)| name.as_str());
        let mut found: Vec<String> = calls.chain(given).flat_map(|name| self.called(name, context)).collect();
        // Of a class itself, and not of its objects.
        let is_class = |name: &str| self.classes.contains_key(name) && !is_local(name, context);
        for (name, methods) in &effects.implied {
            if is_class(name) {
                let kinds = self.metaclasses(name);
                found.extend(kinds.flat_map(|kind| methods.iter().flat_map(|method| self.method(kind, method, 0))));
            }
            let classes = match (context.class, name.strip_suffix("[]")) {
                (Some(class), _) if is_first(name, context) => vec![class.to_owned()],
                (_, Some(container)) => self.types_in(container, context, 0),
                _ => self.types_of(name, context, 0),
            };
            let unknown = classes.is_empty() && !is_local(name, context);
            for class in classes.into_iter().chain(unknown.then(|| name.clone())) {
                let own = methods.iter().filter(|method| !is_class(name) || OF_CLASSES.contains(method));
                found.extend(own.clone().flat_map(|method| self.method(&class, method, 0)));
                found.extend(own.filter_map(|method| self.called_back(&class, method)));
            }
            // `TABLE[key]` of a `defaultdict(build)`
            if methods.contains(&"__missing__") && self.makes_missing(name, context) {
                found.extend(self.called(&contents(name), context));
            }
        }
        found.extend(self.computing(effects, context));
        found.extend(self.assigning(effects, context));
        // `compose(build, fill)(1)`
        for by in effects.calls.iter().filter_map(|name| name.strip_suffix(RESULT)) {
            let given = effects.passed.iter().filter(|(function, given)| function == by && given != by);
            found.extend(given.flat_map(|(_, given)| self.called(given.trim_end_matches("[]"), context.deeper())));
        }
        found.extend(self.called_of_given(effects, context));
        found.extend(self.called_by_others(effects, context));
        found.extend(self.called_of_unknown(effects, context));
        let (members, called) = self.used_of_given(effects, context);
        found.extend(called);
        found.extend(members.iter().filter_map(|name| name.rsplit_once('.')).flat_map(|(class, member)| {
            let own = self.classes.contains_key(class) || !is_class(class);
            let runs = if own { self.method(class, member, 0) } else { Vec::new() };
            // A method that is only read does not run.
            runs.into_iter().filter(|name| member != "*" || self.is_property(name)).collect::<Vec<_>>()
        }));
        let is_property_name = |name: &str| match name.strip_suffix('*') {
            Some(beginning) => self.properties.iter().any(|name| stands_for(beginning, name)),
            None => self.properties.contains(name),
        };
        let reads_property = |name: &&String| {
            name.rsplit_once('.').is_some_and(|(holder, attribute)| {
                is_property_name(attribute) && (!is_class(holder) || self.is_described(holder, attribute))
            })
        };
        let read = effects.reads.iter().filter(reads_property).flat_map(|name| self.called(name, context));
        found.extend(read.filter(|name| self.is_property(name)));
        found
    }

    fn is_described(&self, class: &str, attribute: &str) -> bool {
        self.method(class, attribute, 0).iter().any(|method| self.described.contains(method))
    }

    fn makes_missing(&self, container: &str, context: Context<'a>) -> bool {
        let by = self.made.get(container).filter(|_| !is_local(container, context));
        by.is_some_and(|by| *by == "defaultdict" || by.ends_with(".defaultdict"))
    }

    /// What runs when a class is called.
    pub fn made_by(&self, class: &str) -> Vec<String> {
        MAKING.iter().flat_map(|method| self.method(class, method, 0)).collect()
    }

    /// What makes the values of a class's fields, inherited ones too.
    pub(super) fn makers(&self, class: &str) -> Vec<&str> {
        let all = self.ancestors(class).iter().copied().chain([class]);
        all.filter_map(|name| self.classes.get(name)).flat_map(|class| &class.makers).map(String::as_str).collect()
    }

    pub fn is_property(&self, callable: &str) -> bool {
        callable.rsplit_once('.').and_then(|(class, method)| Some((self.classes.get(class)?, method))).is_some_and(
            |(class, method)| match class.methods.get(method) {
                Some(node) => is_property(node) || self.described.contains(callable),
                None => class.lambdas.contains_key(method) && self.properties.contains(method),
            },
        )
    }
}

/// Those of the names that one stands for; `Table.*` for any of the class's.
pub(crate) fn among(name: &str, names: &HashSet<String>) -> Vec<String> {
    if names.contains(name) {
        return vec![name.to_owned()];
    }
    let Some(beginning) = name.strip_suffix('*') else { return Vec::new() };
    names.iter().filter(|name| stands_for(beginning, name)).cloned().collect()
}

/// Whether a name is one that another stands for, which ends with `*`.
pub(super) fn may_be(any: &str, name: &str) -> bool {
    any.strip_suffix('*').is_some_and(|beginning| stands_for(beginning, name))
}

/// What stands for all that is in a class: `Table.__dict__`.
pub(crate) fn dictionary(class: &str) -> String {
    format!("{class}.__dict__")
}

/// Whether it may be a name that is put together of that beginning.
fn stands_for(beginning: &str, name: &str) -> bool {
    let rest = name.strip_prefix(beginning).unwrap_or("");
    let is_special = beginning.ends_with('.') && rest.starts_with("__");
    !(rest.is_empty() || is_special || rest.contains(['.', '[', '(']))
}

pub(super) fn is_local(name: &str, context: Context) -> bool {
    context.effects.is_some_and(|effects| effects.is_local(name))
}

/// Whether a name is a method's first parameter.
pub(super) fn is_first(name: &str, context: Context) -> bool {
    context
        .effects
        .is_some_and(|effects| effects.parameters > 0 && effects.locals.first().is_some_and(|own| own == name))
}

/// How a call is named of what a function gives: `build()()`.
pub(crate) fn called_result(function: &str) -> String {
    format!("{function}{RESULT}")
}

pub(super) const RESULT: &str = "().__call__";
