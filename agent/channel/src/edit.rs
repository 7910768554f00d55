//! One edit of a patch: which definition or statement changed, how, and what has to be run for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::Excerpt;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Qualified name of a definition, or a statement's own short name: what it binds, else its first words.
    pub definition: String,
    pub kind: Kind,
    pub change: Change,
    pub what: What,
    /// The classes (and `name`, `<locals>` pairs of functions) around it, outermost first.
    pub scope: Vec<String>,
    pub line: u32,
    pub end_line: u32,
    /// Where it stood in the live text; nothing for what is added.
    #[serde(default)]
    pub old_line: Option<u32>,
    #[serde(default)]
    pub old_end_line: Option<u32>,
    /// Digests of what the live text and the new one say there, whatever comments, spaces and lines they say it with.
    #[serde(default)]
    pub old_form: Option<u64>,
    #[serde(default)]
    pub form: Option<u64>,
    /// Parameters whose default is new or changed, or reads a name that is. In `run`, the other parameters' default
    /// expressions are replaced by `None`, so that only these are evaluated.
    #[serde(default)]
    pub fresh_defaults: Vec<String>,
    /// Of a function inside a function: every parameter with a default, in order; with the value's text where that is new or
    /// changed, and nothing but literals.
    #[serde(default)]
    pub local_defaults: Vec<NewValue>,
    /// Which parts of a definition changed.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Names that it binds in its scope.
    #[serde(default)]
    pub binds: Vec<String>,
    /// Those of them that get another value, as far as the text tells: an import line that gains a name leaves the others.
    /// And what else it assigns: `Settings.debug`, `TABLE[]` for an item of `TABLE`.
    #[serde(skip)]
    pub fresh_names: Vec<String>,
    /// Names that it reads when it runs, in its own scope and outwards.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Those of them that have another value now.
    #[serde(default)]
    pub changed_reads: Vec<String>,
    /// What has to be run for it, with the headers of the classes around it; nothing when new code is enough.
    /// For a function whose decorators are unchanged: the bare `def` without them.
    #[serde(default)]
    pub run: Option<Excerpt>,
    /// Names that the decorators of the live definition read: what they registered it with.
    #[serde(default)]
    pub registrars: Vec<String>,
    /// What a constructor sets on each object and did not set before.
    #[serde(default)]
    pub attributes: Vec<NewValue>,
    /// Names that it binds to which the new text gives something else than the live one, whatever statements that is spread over.
    #[serde(default)]
    pub fresh: Vec<String>,
    /// The name that what it binds had before: the text was given another name for it everywhere, and what the name held goes on.
    #[serde(default)]
    pub renamed_from: Option<String>,
    /// That is so in all files of the patch, of which more than one names it.
    #[serde(default)]
    pub renamed_across: bool,
    /// Names that it binds whose value depends on what runs: several are written.
    #[serde(default)]
    pub several: Vec<String>,
    /// Names that it binds and that hold what other statements made of them, which are not re-executed automatically: a loop counts.
    /// Whether the new text has those, too.
    #[serde(default)]
    pub made_by_others: BTreeMap<String, bool>,
    /// Lines of the live statements, first and last, that gave the names their values, and of those that gave what these read theirs.
    #[serde(default)]
    pub former: Vec<(u32, u32)>,
    /// Those of them that gave the names themselves.
    #[serde(default)]
    pub given_by: Vec<(u32, u32)>,
    /// Where statements in it begin (line, column in bytes) that are not re-executed automatically: it runs up to the first of them.
    #[serde(default)]
    pub stops: Vec<(u32, u32)>,
    /// Names of a statement that does nothing but change what they hold: `x += 1`, `x.append(1)`. It is run where they are
    /// evaluated again.
    #[serde(default)]
    pub updates: Vec<String>,
    /// It stands in a compound statement that is not run with it.
    #[serde(default)]
    pub conditional: bool,
    /// A definition further down takes its name, as the implementation does after overloads.
    #[serde(default)]
    pub superseded: bool,
    /// For a statement that calls something: it is offered, not run unasked.
    #[serde(default)]
    pub offered: bool,
    /// It reads what is so only once the patch is live, and runs then: registries that definitions join or leave, attributes that
    /// objects have of edited classes.
    #[serde(default)]
    pub deferred: bool,
}

/// What objects or functions which exist lack: an attribute, a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewValue {
    pub name: String,
    /// The text of its value, an expression of module-level names, parameters and the object itself that calls nothing of
    /// the program's; nothing where the value can't be had without running the constructor.
    pub value: Option<String>,
}

/// What a person calls the edit; part of the command line's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Body,
    Defaults,
    Annotations,
    Docstring,
    Decorators,
    Signature,
    Added,
    Removed,
    Renamed,
    ClassHeader,
    ClassAttribute,
    Import,
    Constant,
    Statement,
    Derived,
    Replaced,
    Lines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Added,
    Changed,
    Removed,
    /// Its own text is the same, but something that it reads has changed.
    Derived,
    /// Its text is the same, but what runs is not what the live text says.
    Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Function,
    Class,
    Import,
    /// Binds names to values: assignments, annotated ones, `type X = …`.
    Assignment,
    /// `name: type` without a value.
    Annotation,
    Docstring,
    /// `if`, `try`, `with`, `for`, `while`, `match` at module or class level.
    Block,
    /// Anything else: expressions, `del`, `assert`, `raise`, augmented assignments, …
    Statement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Body,
    Docstring,
    /// Positional and keyword defaults.
    Defaults,
    Annotations,
    Decorators,
    /// Parameters: names, kinds or order.
    Parameters,
    /// `async` came or went.
    Async,
    TypeParameters,
    Bases,
    /// Keywords of a class: metaclass and what goes to `__init_subclass__`.
    Keywords,
}
