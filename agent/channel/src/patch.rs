//! A patch: the new text of some files, and the typed edits that lead to it.
//!
//! Lines are 1-based, inclusive, and those of the new text unless a name says `old`. A definition starts at its
//! first decorator, as `co_firstlineno` does. Qualified names are Python's own (`View.get`, `outer.<locals>.inner`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// A text: whole, or what of the former one is another. Files are long, edits short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NewText {
    Whole(String),
    Edited {
        /// So many characters at the former text's beginning stay, and so many at its end.
        before: usize,
        after: usize,
        between: String,
        /// How many characters the former text has, so that no other one is taken for it.
        former: usize,
    },
}

impl Default for NewText {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

impl NewText {
    /// How one text comes of another.
    pub fn of(former: &str, new: &str) -> Self {
        let same = |(one, other): &(u8, u8)| one == other;
        let mut before = former.bytes().zip(new.bytes()).take_while(same).count();
        while !new.is_char_boundary(before) || !former.is_char_boundary(before) {
            before -= 1;
        }
        let rest = (&former[before..], &new[before..]);
        let mut after = rest.0.bytes().rev().zip(rest.1.bytes().rev()).take_while(same).count();
        while !new.is_char_boundary(new.len() - after) || !former.is_char_boundary(former.len() - after) {
            after -= 1;
        }
        Self::Edited {
            before: new[..before].chars().count(),
            after: new[new.len() - after..].chars().count(),
            between: new[before..new.len() - after].to_owned(),
            former: former.chars().count(),
        }
    }
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

/// Pieces of the new text, each at its own line; what is between them is blank. Joined, it is a text that
/// Python compiles with the right line numbers, name mangling and `__class__` cells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Excerpt(pub Vec<Chunk>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub line: u32,
    /// Whole lines, without the last newline.
    pub text: String,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// As the engine does it.
    fn applied(former: &str, text: &NewText) -> String {
        let NewText::Edited { before, after, between, .. } = text else { panic!("it is whole") };
        let characters: Vec<char> = former.chars().collect();
        let (start, end) = (&characters[..*before], &characters[characters.len() - after..]);
        start.iter().copied().chain(between.chars()).chain(end.iter().copied()).collect()
    }

    #[test]
    fn an_edited_text_comes_of_the_former_one() {
        let texts = ["", "a", "aa", "aaa", "αβ\u{1F40D}γ", "αβ\u{1F40E}γ", "αγ", "a\r\nb", "a\nb"];
        for former in texts {
            for new in texts {
                assert_eq!(applied(former, &NewText::of(former, new)), new, "{former:?} to {new:?}");
            }
        }
        let NewText::Edited { before, after, between, former } = NewText::of("αβ\u{1F40D}γ", "αβ\u{1F40E}γ")
        else {
            panic!("it is not whole")
        };
        assert_eq!((before, after, between.as_str(), former), (2, 1, "\u{1F40E}", 4));
    }
}
