//! A patch: the new text of some files, and the typed edits that lead to it.
//!
//! Lines are 1-based, inclusive, and those of the new text unless a name says `old`. A definition starts at its
//! first decorator, as `co_firstlineno` does. Qualified names are Python's own (`View.get`, `outer.<locals>.inner`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::edit::*;
pub use crate::text::*;

/// Everything that goes live together, or not at all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Patch {
    /// What a person asked for: `Hot-patch function greet`.
    pub label: String,
    /// In the order in which they are to be applied. What is the same in several processes is there once.
    pub files: Vec<Arc<FilePatch>>,
    #[serde(default)]
    pub options: Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Run the module statements that are otherwise only offered.
    #[serde(default)]
    pub run_statements: bool,
    /// Nothing is committed, and nothing run that the program could notice.
    #[serde(default)]
    pub dry_run: bool,
    /// How long the evaluation of one patch may take.
    #[serde(default = "Options::default_time_limit_ms")]
    pub time_limit_ms: u64,
    /// For tests: the number of an operation of the commit that is to fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_at: Option<usize>,
}

impl Options {
    fn default_time_limit_ms() -> u64 {
        10_000
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { run_statements: false, dry_run: false, time_limit_ms: Self::default_time_limit_ms(), fail_at: None }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FilePatch {
    /// The path as the process knows it (`co_filename`).
    pub path: String,
    /// What the file was called that this one takes the place of: its module is the same one, under another name or as a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The version of the live text that the edits were worked out against. A mismatch is a refusal (HS0203).
    pub base_version: u64,
    /// The text that is live once the patch is.
    pub text: NewText,
    /// What changed, in the order of the new text; removals last.
    pub edits: Vec<Edit>,
    /// Functions that get new code, whole; methods are named by their classes. Compiled from `compile`.
    #[serde(default)]
    pub units: Vec<Unit>,
    /// Every unit with the headers of the classes and blocks around it, everything else blank. Compiled, never run.
    #[serde(default)]
    pub compile: Excerpt,
    /// Unchanged definitions whose first line is another one now.
    #[serde(default)]
    pub moves: Vec<Unit>,
    /// For each class with an edit that is not just a function's code: the whole new class statement, to be run
    /// where the class has to be built again.
    #[serde(default)]
    pub classes: Vec<ClassUnit>,
    /// Module-level functions and classes a call of which runs edited code: values that others computed by calling them stay.
    #[serde(default)]
    pub running: Vec<String>,
    /// Those of them that would decorate otherwise now: edits of the wrappers that a decorator made do not count.
    #[serde(default)]
    pub decorating: Vec<String>,
    /// Those of `running` that run where they are read: `Table.size`.
    #[serde(skip)]
    pub properties: Vec<String>,
    /// Attributes of the module's functions and classes that are others only once the patch is live: `Table.limit` where a base
    /// has it, `build.__defaults__`.
    #[serde(skip)]
    pub late: Vec<String>,
    /// What is another one of what the module has of other modules, by the names that it has here: `Table.limit`.
    #[serde(skip)]
    pub handed_on: Vec<String>,
    /// Where the module's own statements may go on in the new code, while they are executed.
    #[serde(default)]
    pub places: Vec<MovedPlace>,
}

/// An outermost function (a module's function or a method, never one nested in a function), or in
/// [`FilePatch::moves`] a class or a statement that makes lambdas too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The qualified names' parts of the classes around it, outermost first.
    pub scope: Vec<String>,
    pub name: String,
    pub what: What,
    pub old_line: u32,
    #[serde(default)]
    pub old_end_line: u32,
    pub line: u32,
    /// Where calls that run may go on in the new code.
    #[serde(default)]
    pub places: Vec<MovedPlace>,
    /// Whether what a call gives its caller may be of another kind in the new code.
    #[serde(default)]
    pub gives_otherwise: bool,
}

/// A place in the former text of a function and its counterpart in the new one: first line, column in bytes, last line and column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MovedPlace {
    pub what: Moved,
    pub old: [u32; 4],
    pub new: [u32; 4],
    /// Variables that the new text gives something else before this place.
    #[serde(default)]
    pub rebound: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moved {
    /// The first statement of a loop's body.
    Loop,
    /// The condition of a `while` loop: an iteration begins with it.
    Test,
    /// A statement that begins a line of its own.
    Statement,
    /// An `await`, `yield` or `yield from`.
    Wait,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassUnit {
    pub scope: Vec<String>,
    pub name: String,
    pub old_line: u32,
    pub line: u32,
    pub run: Excerpt,
}

/// What became of one edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub path: String,
    pub definition: String,
    pub kind: Kind,
    pub line: u32,
    pub end_line: u32,
    pub verdict: Outcome,
    /// `HS0101`; nothing where there is nothing to explain.
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Unneeded,
    Applied,
    Caveat,
    Refused,
}
