//! Bringing back what was live before a patch.

use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_channel::codes;

use crate::failure::Failure;
use crate::session::Session;
use crate::undoing::{self, Undone};

/// Of the files, of one definition of them, or (no files) of each process's latest patch. Nothing to undo is a failure.
pub fn undo(sessions: &[Arc<Session>], files: &[PathBuf], function: Option<&str>) -> Result<Undone, Failure> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path)
            .map_err(|error| Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display())))
    };
    let files = files.iter().map(absolute).collect::<Result<Vec<_>, Failure>>()?;
    let undone = undoing::undo(sessions, &files, function);
    if undone.results.is_empty() {
        if let Some(error) = undone.failures.first() {
            return Err(error.into());
        }
        let what = match (function, files.as_slice()) {
            (Some(function), _) => format!("{function} was not patched"),
            (None, _) if sessions.iter().any(|session| was_patched(session, &files)) => {
                "nothing is left to undo; of each file the latest 20 patches can be undone".to_owned()
            }
            (None, []) => "nothing was patched".to_owned(),
            (None, _) => "the file was not patched in any process".to_owned(),
        };
        return Err(Failure::new(codes::NOTHING_TO_UNDO, what));
    }
    Ok(undone)
}

/// One of the files, or any (none named).
fn was_patched(session: &Session, files: &[PathBuf]) -> bool {
    let known: Vec<String> = files.iter().filter_map(|file| session.loaded(file).ok().flatten()).collect();
    let loaded = session.files().unwrap_or_default();
    loaded.iter().any(|file| file.version > 0 && (files.is_empty() || known.contains(&file.path)))
}
