//! Who calls whom in a file, by names and by the classes of what names hold.

use super::assigning::is_property;
use super::called_back::{OtherClasses, Outside};
use super::callers::Callers;
use super::fields::Types;
use super::given::{Others, meant_by};
use super::inside::{given_out, lambdas_in, run_by};
use crate::effects::{EAGER, Effects, applies, examines, reads_headers};
use crate::tree::{Node, contents, members};
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

    /// The callables that a call of a name runs.
    pub(super) fn called(&self, name: &str, context: Context<'a>) -> Vec<String> {
        if context.depth > DEPTH {
            return Vec::new();
        }
        // Functions inside of functions inside of one are known together.
        if let Some(outer) = name.strip_suffix(RESULT).filter(|outer| outer.ends_with(RESULT)) {
            return self.called(outer, context);
        }
        if let Some(found) = self.called_of_contents(name, context) {
            return found;
        }
        if let Some((holder, method)) = name.rsplit_once('.') {
            if let Some(class) = context.class
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let mut found = self.overridden(class, method);
                found.extend(self.called_back_of_self(class, method, false));
                found.extend(self.called_in(name, "", context));
                return found;
            }
            if let (Some(class), "super()") = (context.class, holder) {
                let bases = self.classes.get(class).map_or(&[][..], |class| &class.bases);
                let mut found: Vec<String> = bases.iter().flat_map(|base| self.method(base, method, 0)).collect();
                if found.first().is_some_and(|first| !self.has_method(first)) {
                    found.extend(self.called_back_of_self(class, method, true));
                }
                return found;
            }
            if method == "__call__"
                && let Some(function) = holder.strip_suffix("()").filter(|name| !is_local(name, context))
                && (self.functions.contains_key(function) || self.lambdas.contains_key(function))
            {
                let objects = self.types_of(holder, context, 0).into_iter();
                let of_objects = objects.flat_map(|class| self.method(&class, method, 0));
                return self.called_of_result(function, context).into_iter().chain(of_objects).collect();
            }
            let classes = self.types_of(holder, context, 0);
            if classes.is_empty() && !is_local(name, context) && self.contents.contains_key(name) {
                // `table.build = build`
                let mut found = self.called_in(name, "", context);
                found.push(name.to_owned());
                return found;
            }
            let mut found: Vec<String> = match classes.is_empty() {
                false => classes.iter().flat_map(|class| self.method_or_kept(class, method, context)).collect(),
                true if is_local(name, context) => self.methods_of_given(holder, method, context),
                true if holder.contains('(') => Vec::new(),
                true => vec![name.to_owned()],
            };
            match classes.is_empty() {
                false => found.extend(classes.iter().filter_map(|class| self.called_back(class, method))),
                true if !is_local(name, context) => found.extend(self.called_back(holder, method)),
                true => {}
            }
            // `maker.build()()`
            if let Some(maker) = holder.strip_suffix("()").filter(|_| method == "__call__") {
                let makers = self.called(maker, context.deeper()).into_iter();
                let is_maker = |one: &String| !self.classes.contains_key(one.as_str());
                found.extend(makers.filter(is_maker).map(|maker| called_result(&maker)));
            }
            // Of a library: a module is no object.
            if !classes.is_empty() && !classes.iter().any(|class| self.is_known_class(class)) {
                found.extend(self.called_by_object(holder, method, context));
            }
            return found;
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
                let by = self.made.get(name).filter(|by| self.functions.contains_key(*by));
                let inside = by.into_iter().flat_map(|by| self.called_of_result(by, context));
                let others = handed.iter().filter(|one| **one != name);
                let of_items = |one: &&'a str| self.called_in(one, "", context.deeper());
                let of_items: Vec<String> = others.clone().flat_map(of_items).collect();
                let all = others.flat_map(|one| self.called(one, context.deeper())).chain(inside);
                return all.chain(of_items).collect();
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
            && (other.contains(['.', '[']) || !self.made.contains_key(other) || self.lambdas.contains_key(other))
            && !other.starts_with(&format!("{name}."))
        {
            return self.called(other, context.deeper());
        }
        // `f = TABLE.get("a")`
        let taken = by.filter(|by| !by.starts_with('=')).map(|by| format!("{by}().__call__"));
        if let Some(found) = taken.and_then(|taken| self.called_of_contents(&taken, context.deeper())) {
            return found;
        }
        // `call = make()`
        let is_function = |by: &&str| self.functions.contains_key(*by) || self.lambdas.contains_key(*by);
        if let Some(function) = by.filter(|by| !is_local(by, context) && is_function(by)) {
            let mut found = self.called(&format!("{function}().__call__"), context.deeper());
            if !is_local(name, context) {
                found.push(name.to_owned());
            }
            return found;
        }
        // `call = compose(build, fill)` of another module
        let given = self.made_with.get(name).filter(|_| !is_local(name, context)).into_iter().flatten();
        let given = given.flat_map(|given| self.called(given, context.deeper()));
        let given: Vec<String> = given.collect();
        if !given.is_empty() {
            return given.into_iter().chain([name.to_owned()]).collect();
        }
        let classes = self.types_of(name, context, 0);
        // `call = maker.build()`
        let maker = by.filter(|by| !by.starts_with('=') && !is_local(by, context) && !self.classes.contains_key(by));
        match classes.is_empty() {
            false => {
                let of_objects = classes.iter().flat_map(|class| self.method(class, "__call__", 0));
                let made = maker.into_iter().flat_map(|by| self.called(&called_result(by), context.deeper()));
                of_objects.chain(made).collect()
            }
            true if maker.is_some_and(|by| by.contains('.')) => {
                let made = maker.into_iter().flat_map(|by| self.called(&called_result(by), context.deeper()));
                made.chain([name.to_owned()]).collect()
            }
            true if is_local(name, context) => Vec::new(),
            true => vec![name.to_owned()],
        }
    }

    /// What is called where a function is, of what decorates it.
    pub(super) fn called_instead(&self, node: &'a Node) -> Vec<String> {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        let instead = |name: &String| match self.classes.contains_key(name.as_str()) {
            true => self.method(name, "__call__", 0),
            // Of other modules it is known by its name.
            false if self.functions.contains_key(name.as_str()) || !self.made.contains_key(name.as_str()) => {
                vec![called_result(name)]
            }
            false => Vec::new(),
        };
        names.flat_map(instead).collect()
    }

    /// Whether a decorator of the file calls what it decorates.
    pub fn is_called_by_decorators(&self, node: &Node) -> bool {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        let decorators = names.filter_map(|name| self.functions.get(name.as_str()));
        decorators.filter_map(|function| function.definition.as_deref()).any(|parts| parts.uses.calls)
    }

    /// What the file's decorators of a function put around it.
    pub(super) fn wrapping(&self, node: &'a Node) -> Vec<&'a Effects> {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        names.filter_map(|name| self.functions.get(name.as_str())).flat_map(|function| given_out(function)).collect()
    }

    /// What a call of what a function has given runs: `make()()`.
    fn called_of_result(&self, function: &str, context: Context<'a>) -> Vec<String> {
        let inside = self.functions.get(function).into_iter().flat_map(|function| given_out(function));
        let inside = inside.chain(self.lambdas.get(function).into_iter().flat_map(|lambda| lambdas_in(lambda)));
        let context = |effects| Context { class: None, effects: Some(effects), depth: context.depth + 1 };
        let called = inside.flat_map(|effects| self.callees(effects, context(effects)));
        called.chain([called_result(function)]).collect()
    }

    /// Whether code goes through one of these classes or containers, or gives it to what looks into it: `len(Kind)`.
    pub(super) fn looks_into_any(&self, effects: &Effects, context: Context<'a>, changed: &HashSet<String>) -> bool {
        let is_changed = |name: &String| {
            !effects.is_local(name) && (changed.contains(&members(name)) || changed.contains(&contents(name)))
        };
        let looks = |by: &str| EAGER.contains(&by) || reads_headers(by);
        // `vars(cls)`
        let looks_at_own = |(by, name): &(String, String)| {
            let class = context.class.filter(|_| looks(by) && is_first(name, context));
            class.is_some_and(|class| changed.contains(&dictionary(class)))
        };
        effects.passed.iter().any(|one| looks_at_own(one) || (looks(&one.0) && is_changed(&one.1)))
            || effects.implied.iter().any(|(name, methods)| methods.contains(&"__iter__") && is_changed(name))
    }

    /// Whether code asks what is of which class, of one of these: `isinstance(table, Table)`.
    pub(super) fn examines_any(&self, effects: &'a Effects, context: Context<'a>, changed: &HashSet<String>) -> bool {
        let is_one = |name: &String| !effects.is_local(name) && changed.contains(&members(name));
        let is_of_one =
            |name: &str| self.types_of(name, context, 0).iter().any(|class| changed.contains(&members(class)));
        effects.passed.iter().any(|(by, name)| examines(by) && (is_one(name) || is_of_one(name)))
    }

    /// `with_heirs`: what `self` has may be that of a class which derives from the method's own.
    pub(super) fn reads_any(
        &self,
        effects: &'a Effects,
        context: Context<'a>,
        changed: &HashSet<String>,
        with_heirs: bool,
    ) -> bool {
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
        if self.examines_any(effects, context, changed) {
            return true;
        }
        if self.looks_into_any(effects, context, changed) {
            return true;
        }
        if self.used_of_given(effects, context).0.iter().any(|name| !meant_by(name, changed).is_empty()) {
            return true;
        }
        effects.reads.iter().any(|name| {
            if name.contains("[].") && self.read_as(name, context).iter().any(|name| changed.contains(name)) {
                return true;
            }
            if name.contains('.') && self.attributes(name, context).iter().any(|name| !among(name, changed).is_empty())
            {
                return true;
            }
            if let (Some(class), Some((holder, attribute))) = (context.class, name.split_once('.'))
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let attribute = attribute.split('.').next().unwrap_or(attribute);
                let heirs = self.heirs.get(class).into_iter().flatten().copied().filter(|_| with_heirs);
                let mut owners = self.ancestors(class).iter().copied().chain([class]).chain(heirs);
                return owners.any(|owner| !among(&format!("{owner}.{attribute}"), changed).is_empty());
            }
            !effects.is_local(name) && (changed.contains(name) || changed.contains(&format!("{name}[]")))
        })
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

const RESULT: &str = "().__call__";
