//! What the editor shows against what is live: the ground that code actions, lenses, hovers and commands stand on.

use std::collections::HashSet;
use std::sync::Arc;

use hotsplice_analysis::{Definition, Outline, changed_definitions, diff};
use hotsplice_channel::patch::{Change, What};
use tower_lsp::ls_types::Uri;

use super::documents::Document;
use crate::session::{Live, Session};

/// What a request looks at.
#[derive(Clone)]
pub struct Snapshot {
    pub uri: Uri,
    pub document: Document,
    /// Every open file.
    pub documents: Vec<Document>,
    /// Those of the window.
    pub sessions: Vec<Arc<Session>>,
    /// Processes that are not of the window.
    pub strangers: Vec<Arc<Session>>,
    /// The file as the user calls it: relative to the workspace.
    pub shown_path: String,
    /// Why no process can be found at all.
    pub trouble: Option<String>,
}

impl Snapshot {
    pub fn file_name(&self) -> String {
        let name = self.document.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.split_once('#') {
            // A cell by its notebook.
            Some((notebook, _)) if self.document.is_cell => notebook.to_owned(),
            _ => name,
        }
    }
}

/// What is live of a file, in the sessions that have loaded it and answer.
pub fn live_texts<'a>(document: &Document, sessions: &'a [Arc<Session>]) -> Vec<(&'a Arc<Session>, Arc<Live>)> {
    let live = |session: &'a Arc<Session>| {
        let path = session.known_loaded(&document.path)?;
        Some((session, session.known_baseline(&path).ok()?))
    };
    sessions.iter().filter_map(live).collect()
}

/// A statement of a module or class that differs from what is live, or is new: a constant, a class attribute, a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub qualified_name: String,
    /// From 1.
    pub line: u32,
    pub end_line: u32,
    /// It is run only when the user says so.
    pub is_offered: bool,
}

/// Every one that differs somewhere, in text order.
pub fn changed_statements(lives: &[Arc<Live>], outline: &Outline) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for live in lives.iter().filter(|live| live.outline().text() != outline.text()) {
        for edit in diff("", 0, live.outline(), outline, &[]).edits {
            let is_definition = matches!(edit.what, What::Function | What::Class);
            let is_own = matches!(edit.change, Change::Added | Change::Changed);
            let is_local = edit.scope.iter().any(|part| part == "<locals>");
            if is_definition || !is_own || is_local || found.iter().any(|known| known.line == edit.line) {
                continue;
            }
            let qualified_name =
                edit.binds.first().filter(|_| edit.scope.is_empty()).unwrap_or(&edit.definition).clone();
            let (line, end_line) = (edit.line, edit.end_line);
            found.push(Statement { qualified_name, line, end_line, is_offered: edit.offered });
        }
    }
    found.sort_by_key(|statement| statement.line);
    found
}

/// A text against what is live of it in one process.
pub struct Comparison {
    changed: HashSet<String>,
    defined: HashSet<String>,
}

impl Comparison {
    pub fn new(live: &Live, outline: &Outline) -> Self {
        let mut changed: HashSet<String> = changed_definitions(live.outline(), outline).into_iter().collect();
        changed.extend(live.baseline.differs.iter().cloned());
        let defined = live.outline().definitions().into_iter().map(|definition| definition.qualified_name).collect();
        Self { changed, defined }
    }

    pub fn is_defined(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    /// Whether the definition itself differs, not only one inside of it.
    pub fn is_changed(&self, name: &str) -> bool {
        self.changed.contains(name)
    }

    /// Whether the definition or one inside of it differs in what it means.
    fn differs(&self, name: &str) -> bool {
        let inside = format!("{name}.");
        self.changed.iter().any(|changed| changed == name || changed.starts_with(&inside))
    }
}

/// A text against what is live of it everywhere.
pub struct Comparisons<'a> {
    outline: &'a Outline,
    each: Vec<(Arc<Live>, Comparison)>,
}

impl<'a> Comparisons<'a> {
    pub fn new(lives: impl Iterator<Item = Arc<Live>>, outline: &'a Outline) -> Self {
        let compare = |live: Arc<Live>| {
            let comparison = Comparison::new(&live, outline);
            (live, comparison)
        };
        Self { outline, each: lives.map(compare).collect() }
    }

    pub fn is_defined(&self, name: &str) -> bool {
        self.each.iter().any(|(_, comparison)| comparison.is_defined(name))
    }

    pub fn is_changed(&self, name: &str) -> bool {
        self.each.iter().any(|(_, comparison)| comparison.is_changed(name))
    }

    /// Whether there is anything to patch in a definition; a comment counts.
    pub fn differs(&self, name: &str) -> bool {
        let text = text_of(self.outline, name);
        self.each.iter().any(|(live, comparison)| comparison.differs(name) || text_of(live.outline(), name) != text)
    }

    /// Of definitions around a place, innermost first, the one that is meant: the innermost that exists live and
    /// differs there, else the innermost that exists live; the outermost one if all is new.
    pub fn target<'b>(&self, candidates: impl Iterator<Item = &'b Definition> + Clone) -> Option<&'b Definition> {
        let mut existing =
            candidates.clone().filter(|definition| self.is_defined(&definition.qualified_name)).peekable();
        let innermost = existing.peek().copied();
        existing.find(|definition| self.differs(&definition.qualified_name)).or(innermost).or_else(|| candidates.last())
    }
}

/// The text of what has a name; a comment has none.
pub fn text_of(outline: &Outline, name: &str) -> Vec<String> {
    let lines: Vec<&str> = outline.text().lines().collect();
    let text = |(first, last): (u32, u32)| {
        let last = (last as usize).min(lines.len());
        lines[(first as usize - 1).min(last)..last].join("\n")
    };
    outline.lines_of(name).into_iter().map(text).collect()
}
