//! What differs between the files on disk and what is live in each process.

use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_channel::codes;
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

/// Of the files, or (none named) of every one that is loaded and not of an installed package.
pub fn diff(sessions: &[Arc<Session>], files: &[PathBuf]) -> Result<Vec<Difference>, Failure> {
    let files: Vec<PathBuf> = files.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
    if let Some(path) = files.iter().find(|path| !is_loaded(sessions, path)) {
        let message = format!("no registered process has loaded {}; `hotsplice sessions` lists them", path.display());
        return Err(Failure::new(codes::NO_SESSION, message));
    }
    let mut found = Vec::new();
    for session in sessions {
        for path in loaded(session, &files) {
            let Ok(Some(known)) = session.loaded(&path) else { continue };
            let live = session.known_baseline(&known)?;
            let disk = source_file::read_if_there(&path)
                .map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()))?
                .unwrap_or_default();
            if disk != live.baseline.text {
                let diff = similar::TextDiff::from_lines(live.baseline.text.as_str(), disk.as_str());
                let header = (format!("{known}\tlive in {}", session.name()), format!("{}\ton disk", path.display()));
                found.push(Difference {
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

/// The wanted files that a process has loaded.
pub fn loaded(session: &Session, wanted: &[PathBuf]) -> Vec<PathBuf> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let files = session.files().unwrap_or_default();
    let files = files.into_iter().filter(|file| file.cell.is_none() && !file.installed);
    files.map(|file| session.editor_path(&file.path)).collect()
}
