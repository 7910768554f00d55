//! A parsed file as plain data: definitions and statements with their lines, names and structural hashes.
//!
//! Nothing here knows the parser. Two hashes are equal when the structure is: comments, layout, parentheses and the
//! style of quotes do not count, docstrings do.

use std::sync::Arc;

use hotsplice_channel::patch::What;

use crate::effects::{Effects, Uses};

/// A byte range of the text.
pub(crate) type Span = (usize, usize);

/// One statement of a module, a class or (definitions only) a function or a compound statement.
///
/// Nothing in it counts from the beginning of the text but lines: versions of a text share the nodes of what did not move.
/// Simple statements that share a physical line are one node, because only whole lines are ever cut out.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub what: What,
    /// The name of a definition, else the names that it binds, else its first words.
    pub name: String,
    /// First line, decorators included.
    pub line: u32,
    pub end_line: u32,
    /// Structure, nested definitions included.
    pub hash: u64,
    /// Structure, without the code of the functions inside: what a block does when it runs.
    pub frame: u64,
    /// Of a block: its structure without the definitions in it, which count by name only.
    pub shell: u64,
    /// Where each token stands, counted from the first line: what line tables and column tables are made of.
    pub layout: u64,
    pub binds: Vec<Binding>,
    /// Method calls that change what a name holds: `x.append(1)`. Such a name is not bound.
    pub updates: Vec<Binding>,
    /// Names loaded when the statement runs; `config.X` gives `config`, `config[]` and `config.X`.
    pub reads: Vec<String>,
    /// Of a block: those that more than the definitions in it read.
    pub own_reads: Vec<String>,
    /// Names called when the statement runs.
    pub calls: Vec<String>,
    /// Names given to a call as arguments, with what is called.
    pub passed: Vec<(String, String)>,
    /// What it assigns besides names: `Settings.debug`, and `TABLE[]` for an item of `TABLE`.
    pub writes: Vec<String>,
    /// What it does when it runs; of a definition nothing.
    pub effects: Effects,
    /// What gives names their values, of those that several parts of the statement give theirs.
    pub parts: Vec<(Vec<String>, Effects)>,
    /// There are lambdas in it.
    pub makes_lambdas: bool,
    /// It may be re-executed automatically: imports, assignments, definitions, and blocks as far as only those are reached.
    pub runs_unasked: bool,
    /// Where statements begin that may not: line, and column in bytes.
    pub stops: Vec<(u32, u32)>,
    /// One of them does more than change what a name holds.
    pub acts: bool,
    /// `if __name__ == "__main__":`
    pub main_guard: bool,
    pub definition: Option<Box<Parts>>,
    /// Of a class its statements, of a function or a block the definitions in it.
    pub body: Nodes,
}

/// Statements in text order. Versions of a text share those that are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes(Vec<Arc<Node>>);

/// One after the other.
pub(crate) type NodesIter<'a> = std::iter::Map<std::slice::Iter<'a, Arc<Node>>, fn(&'a Arc<Node>) -> &'a Node>;

impl Nodes {
    pub fn iter(&self) -> NodesIter<'_> {
        self.0.iter().map(Arc::as_ref)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn shared(&self) -> &[Arc<Node>] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Nodes {
    type Item = &'a Node;
    type IntoIter = NodesIter<'a>;

    fn into_iter(self) -> NodesIter<'a> {
        self.iter()
    }
}

impl FromIterator<Arc<Node>> for Nodes {
    fn from_iter<T: IntoIterator<Item = Arc<Node>>>(nodes: T) -> Self {
        Self(nodes.into_iter().collect())
    }
}

impl FromIterator<Node> for Nodes {
    fn from_iter<T: IntoIterator<Item = Node>>(nodes: T) -> Self {
        nodes.into_iter().map(Arc::new).collect()
    }
}

/// How the items of something are named among what statements read and write.
pub(crate) fn contents(name: &str) -> String {
    format!("{name}[]")
}

/// How all that can be seen of a class by looking at it is named.
pub(crate) fn members(class: &str) -> String {
    format!("{class}.*")
}

/// A name that a statement binds. The origin of an import tells whether the name means the same as before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Binding {
    pub name: String,
    pub origin: Option<String>,
    /// The structure of what it is bound to: the value's expression and the place in it, whatever the statement around is.
    pub value: u64,
    /// What decides in compound statements whether it is bound; 0 where nothing does.
    pub condition: u64,
    /// `x += 1`, `x.append(1)`: what the name held before goes on in it.
    pub updates: bool,
    /// A display or a call of a plain container type: updates of it are part of what the text gives the name.
    pub is_container: bool,
}

/// What a definition consists of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// Of a class: its name with those of the classes around it.
    pub qualified: String,
    pub is_async: bool,
    /// Where the name begins and ends on its line, in bytes.
    pub name_columns: (u32, u32),
    /// The line of `def` or `class`.
    pub name_line: u32,
    /// The line of the name itself (another one only after a backslash).
    pub header_line: u32,
    /// The line of the colon; the last line when the body begins on that line.
    pub header_end_line: u32,
    /// The body stands on the line of the header.
    pub one_line: bool,
    pub decorators: u64,
    /// Only the decorators' names: `property`, `x.setter`.
    pub decorator_shape: u64,
    pub type_parameters: u64,
    pub docstring: u64,
    /// Of a function: its code without docstring and nested definitions, which count by name and place only.
    pub body: u64,
    pub annotations: u64,
    pub has_annotations: bool,
    /// Names that the annotations read when the definition runs.
    pub annotation_reads: Vec<String>,
    /// What those read that are texts, once somebody asks for what they mean: `get_type_hints`.
    pub hint_reads: Vec<String>,
    /// Names, kinds and order.
    pub parameters: u64,
    pub defaults: Vec<DefaultValue>,
    /// Of a function: what its own code does, without that of the functions inside.
    pub inside: Effects,
    /// Of a function: what it does with what it is given.
    pub uses: Uses,
    /// Of a function: what kind of thing its calls give.
    pub gives: u64,
    /// Of a function: where its calls may go on in another version.
    pub places: Vec<Place>,
    /// Of a constructor: what it sets on the object.
    pub attributes: Vec<InstanceAttribute>,
    /// Of a class.
    pub bases: u64,
    pub keywords: u64,
    /// Names that the decorators read.
    pub decorator_reads: Vec<String>,
    /// What decorates, without what it is given: `cache.memoize` of `@cache.memoize(60)`.
    pub decorator_heads: Vec<String>,
    /// What evaluating the arguments of decorators does: `@retry(limit())`.
    pub decorator_arguments: Effects,
    /// Names that the header reads, defaults left out.
    pub header_reads: Vec<String>,
    /// What a class derives from, as its header names it: `Base` and `pkg.Other` for `Base[Item], pkg.Other`; of bases that are
    /// computed every name.
    pub base_names: Vec<String>,
    /// The name that a class's keyword `metaclass` is given.
    pub metaclass: Option<String>,
}

/// A place at which a call of a function may go on in another version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub kind: PlaceKind,
    /// The blocks around it.
    pub blocks: u64,
    /// What it is in itself: the header of a loop, a statement that waits.
    pub like: u64,
    /// What gives the function's variables their values.
    pub bindings: Arc<Vec<Rebinding>>,
    /// The part of the text, in bytes from the beginning of the definition, that an iteration begins with here; what is bound there is bound again.
    pub repeated: Option<[usize; 2]>,
    /// Of a `while` loop.
    pub test: Option<Test>,
    /// Line, column in bytes, last line and column.
    pub at: [u32; 4],
}

/// The condition of a `while` loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Test {
    /// Line, column in bytes, last line and column; nothing if it is true always.
    pub at: Option<[u32; 4]>,
    /// Whether asking once more may give, or do, something else: it calls, waits or binds.
    pub acts: bool,
}

/// What gives a variable a value: `how` is equal where that is of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rebinding {
    pub name: String,
    pub how: u64,
    /// In bytes from the beginning of the definition.
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PlaceKind {
    /// The first statement of a loop's body.
    Loop,
    /// A statement of a function, by itself.
    Statement,
    /// A statement of a function, by the one before it.
    Following,
    /// An `await`, `yield` or `yield from`.
    Wait,
}

/// The default of one parameter.
#[derive(Debug, Clone)]
pub(crate) struct DefaultValue {
    pub parameter: String,
    pub hash: u64,
    /// Bytes, from the beginning of the definition's first line.
    pub span: Span,
    pub reads: Vec<String>,
    /// What it does when it is evaluated.
    pub effects: Effects,
    /// Its text, if it consists of literals.
    pub literal: Option<String>,
}

/// An attribute that a constructor sets, with the text of its value if that can be had at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceAttribute {
    pub name: String,
    pub value: Option<String>,
}

impl Node {
    pub fn is_definition(&self) -> bool {
        self.definition.is_some()
    }

    pub fn is_function(&self) -> bool {
        self.what == What::Function
    }

    pub fn is_class(&self) -> bool {
        self.what == What::Class
    }

    pub fn is_block(&self) -> bool {
        self.what == What::Block
    }

    /// Each name that it binds, once.
    pub fn bound_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(self.binds.len());
        for binding in &self.binds {
            if !names.contains(&binding.name) {
                names.push(binding.name.clone());
            }
        }
        names
    }

    pub fn binds_name(&self, name: &str) -> bool {
        self.binds.iter().any(|binding| binding.name == name)
    }

    /// What an import binds, one in a block too (`try: import x`), with what it stands for.
    pub fn imported(&self) -> impl Iterator<Item = (&str, &str)> {
        let bindings = self.binds.iter().filter(|_| self.imports() || self.is_block());
        bindings.filter_map(|binding| Some((binding.name.as_str(), binding.origin.as_deref()?)))
    }

    /// Whether it binds modules, or names of such: `h = import_module("helper")` does, too.
    pub fn imports(&self) -> bool {
        let may_import = matches!(self.what, What::Import | What::Assignment);
        may_import && self.binds.iter().any(|binding| binding.origin.is_some())
    }
}

/// Definitions of a scope in text order, those in blocks too, each with the block that it stands in.
pub(crate) fn flattened(items: &Nodes) -> Vec<(&Node, Option<&Node>)> {
    let mut found = Vec::new();
    for item in items {
        if item.is_definition() {
            found.push((item, None));
        } else if item.is_block() {
            found.extend(item.body.iter().map(|inner| (inner, Some(item))));
        }
    }
    found
}
