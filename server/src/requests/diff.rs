//! What differs between the files on disk and what is live in each process.

use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::message::{Baseline, Trust};
use schemars::JsonSchema;
use serde::Serialize;

use super::patch::is_loaded;
use crate::failure::Failure;
use crate::session::Session;
use crate::source_file;

/// A file of which a process runs another text than the disk holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    pub session: String,
    pub pid: u32,
    /// As the process knows it
    pub file: String,
    /// From the live text to the text on disk
    pub unified_diff: String,
}

/// What differs, and what can't be told.
#[derive(Debug, Default)]
pub struct Differing {
    pub differences: Vec<Difference>,
    pub unknown: Vec<Failure>,
}

/// Of the files, or (none named) of every one that is loaded and not of an installed package.
pub fn diff(sessions: &[Arc<Session>], files: &[PathBuf]) -> Result<Differing, Failure> {
    let are_named = !files.is_empty();
    let files: Vec<PathBuf> = files.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
    if let Some(path) = files.iter().find(|path| !is_loaded(sessions, path)) {
        let message = format!("no registered process has loaded {}; `hotsplice sessions` lists them", path.display());
        return Err(Failure::new(codes::NO_SESSION, message));
    }
    let mut found = Differing::default();
    for session in sessions {
        for path in loaded(session, &files) {
            let Ok(Some(known)) = session.loaded(&path) else { continue };
            let disk =
                source_file::read_if_there(&path).map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()));
            let (live, disk) = match (session.known_baseline(&known), disk) {
                (Ok(live), Ok(disk)) => (live, disk.unwrap_or_default()),
                // What was never a file of its own, as a module of an archive, or is gone with its text.
                (Err(_), Ok(None)) if !are_named => continue,
                (live, disk) => {
                    let failure = live.err().map_or_else(|| disk.err(), |error| Some(error.into()));
                    match failure {
                        Some(failure) if are_named => return Err(failure),
                        failure => found.unknown.extend(failure),
                    }
                    continue;
                }
            };
            found.unknown.extend(doubt(&live.baseline));
            if disk != live.text() {
                let diff = similar::TextDiff::from_lines(live.text(), disk.as_str());
                let header = (format!("{known}\tlive in {}", session.name()), format!("{}\ton disk", path.display()));
                found.differences.push(Difference {
                    session: session.entry.id.clone(),
                    pid: session.entry.pid,
                    file: known,
                    unified_diff: diff.unified_diff().header(&header.0, &header.1).to_string(),
                });
            }
        }
    }
    Ok(found)
}

/// Why the text that is said to be live may not be: the file had changed before anybody asked the process.
pub fn doubt(baseline: &Baseline) -> Option<Failure> {
    if baseline.trust == Trust::Exact {
        return None;
    }
    let differing = match baseline.differs.as_slice() {
        [] => String::new(),
        names => format!(", but for the code of {}, which is another one", names.join(", ")),
    };
    let message = format!(
        "{}: the file had changed before this process could be asked for it: what is known to be live is the text on disk as far as \
         the process has its definitions{differing}; what its statements gave can't be told",
        baseline.path
    );
    Some(Failure::new(codes::BASELINE_ASSUMED, message))
}

/// The wanted files that a process has loaded.
pub fn loaded(session: &Session, wanted: &[PathBuf]) -> Vec<PathBuf> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let files = session.files().unwrap_or_default();
    let files = files.iter().filter(|file| file.cell.is_none() && !file.installed);
    files.map(|file| session.editor_path(&file.path)).collect()
}
