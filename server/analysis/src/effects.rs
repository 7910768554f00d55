//! What a statement, or the body of a function, does when it runs: plain data for the dependency graph.

use std::collections::BTreeSet;

/// Functions that call or look at what they are given at once.
pub(crate) const EAGER: [&str; 55] = [
    "map",
    "filter",
    "sorted",
    "min",
    "max",
    "sum",
    "any",
    "all",
    "reduce",
    "functools.reduce",
    "getattr",
    "hasattr",
    "vars",
    "dir",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "len",
    "iter",
    "enumerate",
    "zip",
    "reversed",
    "Counter",
    "next",
    "str",
    "repr",
    "fields",
    "asdict",
    "dataclasses.fields",
    "attrs.fields",
    "dataclasses.asdict",
    "json.dumps",
    "dumps",
    "json.loads",
    "loads",
    "re.sub",
    "nlargest",
    "nsmallest",
    "heapq.nlargest",
    "heapq.nsmallest",
    "groupby",
    "itertools.groupby",
    "itertools.accumulate",
    "accumulate",
    "itertools.starmap",
    "starmap",
    "itertools.takewhile",
    "takewhile",
    "itertools.dropwhile",
    "dropwhile",
    "itertools.filterfalse",
    "filterfalse",
    "operator.call",
];

/// Those of them that call a function which they are given.
pub(crate) fn applies(function: &str) -> bool {
    let last = function.rsplit('.').next().unwrap_or(function);
    const APPLYING: [&str; 14] = [
        "map",
        "filter",
        "reduce",
        "sorted",
        "min",
        "max",
        "accumulate",
        "groupby",
        "sub",
        "sort",
        "starmap",
        "takewhile",
        "dropwhile",
        "filterfalse",
    ];
    APPLYING.contains(&last)
}

/// Functions that look at a class which they are given, and not at its objects.
pub(crate) fn examines(function: &str) -> bool {
    ["isinstance", "issubclass"].contains(&function)
}

/// Functions that look at what they are given, and do not call it.
pub(crate) fn reads_headers(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    ["signature", "get_type_hints", "getdoc", "getfullargspec", "get_annotations", "getmembers"].contains(&last)
}

/// What can be seen of a function without calling it.
pub(crate) const DESCRIBING: [&str; 5] = ["__doc__", "__defaults__", "__kwdefaults__", "__code__", "__annotations__"];

/// All of that, where a function looks at it.
pub(crate) const SIGNATURE: &str = "__signature__";

/// Functions that make an object of a class which they are given and call its methods: `json.dumps(table, cls=Encoder)`.
pub(crate) fn instantiates(function: &str) -> bool {
    let last = function.rsplit('.').next().unwrap_or(function);
    ["dump", "dumps", "load", "loads"].contains(&last)
}

/// Functions that go through the fields of what they are given, and methods that give these.
pub(crate) fn describes(function: &str) -> bool {
    const DESCRIBING: [&str; 12] = [
        "asdict",
        "_asdict",
        "astuple",
        "to_builtins",
        "to_dict",
        "to_json",
        "unstructure",
        "json",
        "dict",
        "schema",
        "schema_json",
        "encode",
    ];
    let last = function.rsplit('.').next().unwrap_or(function);
    DESCRIBING.contains(&last) || last.starts_with("model_dump") || last == "model_json_schema" || instantiates(last)
}

/// Attributes of an enumeration that are computed from its members: Django's.
pub(crate) const OF_MEMBERS: [&str; 4] = ["choices", "labels", "names", "values"];

/// Methods that change the container that they are called on.
pub(crate) const MUTATING: [&str; 12] = [
    "append",
    "add",
    "insert",
    "extend",
    "update",
    "setdefault",
    "pop",
    "remove",
    "discard",
    "clear",
    "appendleft",
    "register",
];

/// What goes through all fields of an object reads this: `vars(record)`, `asdict(record)`, `model.model_dump()`.
pub(crate) const FIELDS: &str = "__dict__";

/// The container, among those of a function, of what is in a display that it gives.
pub(crate) const RETURNED: &str = "return";

/// What gives an attribute its value where a lambda does: `Table.fill = lambda self: 1`.
pub(crate) const LAMBDA: &str = "<lambda>";

/// The container of all names of a module: `globals()[name]`.
pub(crate) const NAMESPACE: &str = "globals()";

/// A module that is found by a name which the program computes, or one relative to its own.
pub(crate) const FOUND: &str = "<module>";
/// Ends the beginning of such a name.
pub(crate) const ANY_MODULE: char = '?';

/// Functions whose result reads or calls an attribute, by its name, of what it is called with.
pub(crate) const GETTERS: [&str; 4] = ["attrgetter", "operator.attrgetter", "methodcaller", "operator.methodcaller"];

/// Names are dotted as they stand in the text: `table.fill`; `Table().fill` is a method of what a call gives, `TABLE[].fill` one of what
/// is in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub calls: Vec<String>,
    pub reads: Vec<String>,
    /// Attributes that it assigns or deletes: `table.size`, `Table().size`.
    pub assigns: Vec<String>,
    /// Names given to calls: what is called, and the name.
    pub passed: Vec<(String, String)>,
    /// Names and what gives them their values: `Table` for `t = Table()` and `t: Table`, `=table` for another name.
    pub made: Vec<(String, String)>,
    /// What gives the result, in the same way.
    pub returns: Vec<String>,
    /// Methods that run without being called: what they are methods of, and which of them: `+`, `len(x)`, `x[key]`.
    pub implied: Vec<(String, &'static [&'static str])>,
    /// Attributes that an iteration reads or calls of the elements: `name` in `c.name for c in CLASSES`.
    pub elements: Vec<String>,
    /// What is put into containers, by their names: `build` and `Table()` in `TABLE = {"a": build, "b": Table()}`.
    pub holds: Vec<(String, String)>,
    /// Containers whose contents change.
    pub mutates: Vec<String>,
    /// Modules, or names of such, that it imports itself: what it calls them, and what they are, as an import's [`Binding`] has it.
    pub imports: Vec<(String, String)>,
    /// Names that mean something of its own, parameters first.
    pub locals: Vec<String>,
    pub parameters: usize,
    /// What lambdas do that are called later.
    pub lambdas: Option<Box<Effects>>,
    /// Of a lambda: it calls what it is given.
    pub applies: bool,
}

/// What a function does with what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// It calls it.
    pub calls: bool,
    /// Members that it reads or runs.
    pub members: BTreeSet<String>,
    /// What it hands it on to.
    pub passes: BTreeSet<String>,
}

impl Effects {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a dotted name begins with a name that means something of its own here.
    pub fn is_local(&self, name: &str) -> bool {
        let head = name.split(['.', '[', '(']).next().unwrap_or(name);
        self.locals.iter().any(|local| local == head)
    }

    /// Only what is said of names around it.
    pub fn without_locals(mut self) -> Self {
        let locals = std::mem::take(&mut self.locals);
        let is_outer = |name: &String| {
            let head = name.split(['.', '[', '(']).next().unwrap_or(name);
            // Of a lambda that stands in a class.
            head == "self" || !locals.iter().any(|local| local == head)
        };
        self.calls.retain(is_outer);
        self.reads.retain(is_outer);
        self.assigns.retain(is_outer);
        self.mutates.retain(is_outer);
        self.implied.retain(|(name, _)| is_outer(name));
        self.holds.retain(|(container, _)| is_outer(container));
        self.made.clear();
        self
    }

    /// Adds what another piece of code does; its names are its own.
    pub fn extend(&mut self, other: Effects) {
        self.calls.extend(other.calls);
        self.reads.extend(other.reads);
        self.assigns.extend(other.assigns);
        self.passed.extend(other.passed);
        self.implied.extend(other.implied);
        self.elements.extend(other.elements);
        self.holds.extend(other.holds);
        self.mutates.extend(other.mutates);
        self.imports.extend(other.imports);
        if let Some(lambdas) = other.lambdas {
            self.lambdas.get_or_insert_default().extend(*lambdas);
        }
    }
}
