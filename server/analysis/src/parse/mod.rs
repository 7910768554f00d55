//! From text to [`Node`]s. The only folder that names the parser; its trees never leave it.

mod attributes;
mod branching;
mod builder;
mod callee;
mod containers;
pub(crate) mod dotted;
mod effects;
mod evaluated;
mod forms;
mod gives;
mod handed_on;
mod hashing;
mod held;
mod hints;
mod implied;
mod imported;
pub(crate) mod incremental;
mod looks;
mod names;
mod parts;
mod places;
mod rebinding;
mod references;
mod stops;
mod structure;
mod tokens;

use std::cell::Cell;

use ruff_python_ast::PySourceType;
use ruff_python_parser::parse_unchecked_source;
use ruff_text_size::Ranged;

use crate::lines::Lines;
use crate::misfits::{Import, References};
use crate::outline::Problem;
use crate::tree::{Nodes, Place, Span};
use builder::Builder;

/// Whether this is what a definition gives its name: that does not tell one definition from another.
pub(crate) fn is_definition(value: u64) -> bool {
    value == hashing::hash_of("def") || value == hashing::hash_of("class")
}

/// Everything that the rest of the crate knows of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct ParsedFile {
    pub items: Nodes,
    pub problems: Vec<Problem>,
    /// Identifiers that are not attributes, in text order.
    pub identifiers: Vec<Span>,
    /// Those that are.
    pub attributes: Vec<Span>,
    /// Lines that begin inside a string: they must not be indented anew.
    pub lines_in_strings: Vec<u32>,
    /// The lines of `from __future__` imports.
    pub future_lines: Vec<(u32, u32)>,
    /// Structure of the `from __future__` imports: they change how every function is compiled.
    pub future_hash: u64,
    /// `from __future__ import annotations`: annotations are not evaluated.
    pub lazy_annotations: bool,
    /// Where the module itself may go on in another version, while its statements are executed.
    pub places: Vec<Place>,
}

/// Room for the deepest nesting that [`tokens::is_too_deep`] lets through; only touched pages cost anything.
const STACK: usize = 512 * 1024 * 1024;

/// Texts too short to nest deeply are parsed where we are.
const SMALL: usize = 1_000;

/// Parses any text. What does not parse is left out or guessed, and told in `problems`.
pub(crate) fn parse(text: &str, lines: &Lines) -> ParsedFile {
    with_room(text, || parse_here(text, lines)).unwrap_or_else(|| failed("the text could not be parsed"))
}

/// What a text imports, in functions too. Of one that nests too deeply nothing is known.
pub(crate) fn imported(text: &str) -> Vec<Import> {
    let read = || {
        let parsed = parse_unchecked_source(text, PySourceType::Python);
        if tokens::is_too_deep(parsed.tokens()) {
            std::mem::forget(parsed);
            return Vec::new();
        }
        imported::of(parsed.syntax())
    };
    with_room(text, read).unwrap_or_default()
}

/// What a text uses of other modules, and what it offers to them. Of one that nests too deeply nothing is known.
pub(crate) fn references(text: &str) -> References {
    let unknown = || References { is_open: true, ..References::default() };
    let read = || {
        let parsed = parse_unchecked_source(text, PySourceType::Python);
        if tokens::is_too_deep(parsed.tokens()) {
            std::mem::forget(parsed);
            return unknown();
        }
        references::of(parsed.syntax())
    };
    with_room(text, read).unwrap_or_else(unknown)
}

thread_local! {
    /// Whether this thread has the room.
    static HAS_ROOM: Cell<bool> = const { Cell::new(false) };
}

fn with_room<T: Send>(text: &str, work: impl FnOnce() -> T + Send) -> Option<T> {
    if text.len() < SMALL || HAS_ROOM.get() {
        return Some(work());
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Does something that parses many texts on one thread that has room for all of them: one for each text costs as much as parsing it.
pub fn parsing_many<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut work = Some(work);
    let there = std::thread::scope(|scope| {
        let own = &mut work;
        let on_thread = move || {
            HAS_ROOM.set(true);
            own.take().map(|work| work())
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, on_thread).ok()?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    // Where there is no thread to spare it is done here, and each text has one of its own.
    there.or_else(|| work.map(|work| work())).expect("it is done once")
}

fn failed(message: &str) -> ParsedFile {
    ParsedFile { problems: vec![Problem { line: 1, column: 0, message: message.to_owned() }], ..ParsedFile::default() }
}

fn parse_here(text: &str, lines: &Lines) -> ParsedFile {
    parse_with(text, lines, None, true)
}

/// Statements from the middle of a text, or from its beginning if they are the first.
fn parse_part(text: &str, lazy_annotations: bool, are_first: bool) -> Option<ParsedFile> {
    let lines = Lines::new(text);
    with_room(text, || parse_with(text, &lines, Some(lazy_annotations), are_first))
}

/// `lazy_annotations`: whether annotations are evaluated, where the text itself does not tell.
fn parse_with(text: &str, lines: &Lines, lazy_annotations: Option<bool>, are_first: bool) -> ParsedFile {
    if u32::try_from(text.len()).is_err() {
        return failed("the text is longer than 4 GB");
    }
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    if tokens::is_too_deep(parsed.tokens()) {
        // Dropping the tree would recurse as deeply as it nests.
        std::mem::forget(parsed);
        return failed("the text nests too deeply");
    }
    let problems = parsed
        .errors()
        .iter()
        .map(|error| Problem {
            line: lines.line_of(error.start().to_usize()),
            column: lines.column_of(error.start().to_usize()),
            message: error.error.to_string(),
        })
        .collect();
    let token_index = tokens::TokenIndex::new(text, parsed.tokens(), lines);
    let body = &parsed.syntax().body;
    let lazy_annotations = lazy_annotations.unwrap_or_else(|| forms::are_annotations_lazy(body));
    let builder = Builder::new(text, lines, &token_index, lazy_annotations);
    let (future_lines, future_hash) = builder.futures(body);
    let items = builder.module(body, are_first);
    let places = places::of_module(body, text, lines);
    ParsedFile {
        items,
        problems,
        future_lines,
        future_hash,
        lazy_annotations,
        places,
        identifiers: token_index.identifiers,
        attributes: token_index.attributes,
        lines_in_strings: token_index.lines_in_strings,
    }
}
