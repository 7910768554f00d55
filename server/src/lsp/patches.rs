//! What the commands about open files do: patches and undoing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::patch::Options;
use tower_lsp::ls_types::Position;

use super::commands::How;
use super::comparison::{Comparisons, Snapshot, Statement, changed_statements, live_texts};
use super::documents::Document;
use super::unloaded;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::outlines;
use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::rest;
use crate::session::{Live, Session};
use crate::undoing;

/// What of an open file is wanted.
#[derive(Debug, Clone)]
pub enum Part {
    Function(String, How),
    File(How),
    /// Nothing new: what is live at this line runs again.
    Again(u32),
}

/// Makes a definition of an open file live, or all of it, or runs a part of it again.
pub fn patch(snapshot: &Snapshot, part: Part, cancel: &Cancel) -> Result<Vec<FileResult>, Failure> {
    let Snapshot { document, sessions, shown_path, .. } = snapshot;
    let label = match &part {
        Part::Function(name, _) => format!("Hot-patch {name}"),
        Part::File(_) => format!("Hot-patch file {shown_path}"),
        Part::Again(line) => format!("Run line {line} of {shown_path} again"),
    };
    let how = if let Part::File(how) | Part::Function(_, how) = part { how } else { How::default() };
    let again = if let Part::Again(line) = part { Some(line) } else { None };
    let file = WantedFile {
        function: if let Part::Function(function, _) = part { Some(function) } else { None },
        again,
        outline: Some(document.outline()),
        ..WantedFile::new(document.path.clone(), document.text.to_string())
    };
    let wanted = Wanted {
        label,
        files: vec![file],
        options: Options { run_statements: how.run_statements, ..Options::default() },
        dry_run: false,
        each: how.each,
        asked: SystemTime::now(),
        cancel: cancel.clone(),
    };
    let results = match &wanted.files[..] {
        [file] if how.rest && file.function.is_none() => rest::patch(sessions, &wanted, file),
        _ => patching::patch(sessions, &wanted),
    };
    if results.is_empty() {
        return Err(unloaded::failure(snapshot));
    }
    Ok(results)
}

/// Open files that differ from what is live in some process.
pub fn edited<'a>(documents: &'a [Document], sessions: &[Arc<Session>]) -> Vec<&'a Document> {
    let differs = |document: &&Document| {
        let lives = live_texts(document, sessions);
        lives.iter().any(|(_, live)| *live.outline().text() != *document.text || !live.baseline.differs.is_empty())
    };
    // A cell goes live by being run, or one definition at a time.
    documents.iter().filter(|document| !document.is_cell).filter(differs).collect()
}

/// Makes every open file live that differs from what is, or those of them that are named: all of them or none.
pub fn patch_edited(
    documents: &[Document],
    paths: &[PathBuf],
    sessions: &[Arc<Session>],
    cancel: &Cancel,
) -> Result<Vec<FileResult>, Failure> {
    let of_document = |document: &Document| WantedFile {
        outline: Some(document.outline()),
        ..WantedFile::new(document.path.clone(), document.text.to_string())
    };
    let is_meant = |document: &&Document| paths.is_empty() || paths.contains(&document.path);
    let files: Vec<WantedFile> = edited(documents, sessions).into_iter().filter(is_meant).map(of_document).collect();
    if files.is_empty() {
        if documents.iter().all(|document| live_texts(document, sessions).is_empty()) {
            let message = format!("no registered process has loaded any of the open files: {}", unloaded::HOW);
            return Err(Failure::no_process(message));
        }
        let message = "no open file that a process has loaded differs from what is live";
        return Err(Failure::new(codes::NO_SESSION, message));
    }
    let label = format!("Hot-patch {} edited files", files.len());
    let wanted = Wanted {
        label,
        files,
        options: Options::default(),
        dry_run: false,
        each: false,
        asked: SystemTime::now(),
        cancel: cancel.clone(),
    };
    Ok(patching::patch(sessions, &wanted))
}

/// Makes files live as they are on disk now, as one patch. One that does not parse is half written: it comes again.
pub fn patch_changed(paths: &[PathBuf], sessions: &[Arc<Session>]) -> Vec<FileResult> {
    let read = |path: &PathBuf| {
        if matches!(path.try_exists(), Ok(false)) {
            return Some(WantedFile::deleted(path.clone()));
        }
        let text = crate::source_file::read(path).ok()?;
        let outline = outlines::parse(sessions, path, &text);
        outline.is_valid().then(|| WantedFile { outline: Some(outline), ..WantedFile::new(path.clone(), text) })
    };
    // A process is not asked about what it has not loaded.
    let mut loaded = BTreeSet::new();
    let mut has_any = |session: &&Arc<Session>| {
        let files = session.loaded_of(paths);
        loaded.extend(files.iter().map(|(path, _)| path.clone()));
        !files.is_empty()
    };
    let sessions: Vec<Arc<Session>> = sessions.iter().filter(|session| has_any(session)).cloned().collect();
    let files: Vec<WantedFile> = loaded.iter().filter_map(read).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let what = if files.len() == 1 { files[0].path.display().to_string() } else { format!("{} files", files.len()) };
    let label = format!("Hot-patch {what}, changed on disk");
    let wanted = Wanted {
        label,
        files,
        options: Options::default(),
        dry_run: false,
        each: false,
        asked: SystemTime::now(),
        cancel: Cancel::default(),
    };
    patching::patch(&sessions, &wanted)
}

/// The qualified name that a position means: what the code actions offer there, a changed statement or a function rather than
/// a class. A statement that is run only when the user says so is run.
pub fn name_at(snapshot: &Snapshot, position: Position) -> Result<(String, How), Failure> {
    let outline = snapshot.document.outline();
    let around = outline.definition_at(position.line + 1);
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    let lives: Vec<_> = known.into_iter().map(|(_, live)| live).collect();
    if let Some(statement) = statement_at(&lives, &outline, position.line + 1) {
        let how = How { run_statements: statement.is_offered, ..How::default() };
        return Ok((statement.qualified_name, how));
    }
    let comparisons = Comparisons::new(lives.iter().cloned(), &outline);
    let of_kind = |is_class: bool| around.iter().filter(move |definition| definition.is_class == is_class);
    comparisons
        .target(of_kind(false))
        .or_else(|| comparisons.target(of_kind(true)))
        .map(|definition| (definition.qualified_name.clone(), How::default()))
        .ok_or_else(|| {
            Failure::new(codes::UNKNOWN_FUNCTION, "there is no function, class or changed statement at this place")
        })
}

/// The changed statement at a line.
pub fn statement_at(lives: &[Arc<Live>], outline: &Outline, line: u32) -> Option<Statement> {
    let is_here = |statement: &Statement| (statement.line..=statement.end_line).contains(&line);
    changed_statements(lives, outline).into_iter().find(is_here)
}

pub fn undo(sessions: &[Arc<Session>], file: Option<PathBuf>, name: Option<&str>) -> Result<Vec<FileResult>, Failure> {
    let files: Vec<PathBuf> = file.into_iter().collect();
    let undone = undoing::undo(sessions, &files, name);
    if undone.results.is_empty() {
        if let Some(error) = undone.failures.into_iter().next() {
            return Err(error.into());
        }
        return Err(Failure::new(codes::NOTHING_TO_UNDO, "there is no hot-patch to undo"));
    }
    Ok(undone.results)
}
