//! Undo is a patch to a former text.

use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::message::FormerVersion;
use hotsplice_channel::patch::Options;

use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::session::{Session, SessionError};

/// Takes back the latest patch of each session: of the files named, of one definition of them, or (no files) whatever
/// the session's latest patch changed. Nothing where nothing was patched.
pub fn undo(
    sessions: &[Arc<Session>],
    files: &[PathBuf],
    function: Option<&str>,
) -> Result<Vec<FileResult>, SessionError> {
    let mut results = Vec::new();
    for session in sessions {
        let wanted = match function {
            Some(function) => former_definition(session, files, function)?,
            None => former_files(session, files)?,
        };
        if wanted.is_empty() {
            continue;
        }
        let wanted = Wanted {
            label: "Undo hot-patch".to_owned(),
            files: wanted,
            options: Options { run_statements: false, ..Options::default() },
            dry_run: false,
            each: true,
        };
        results.extend(patching::patch(std::slice::from_ref(session), &wanted));
    }
    Ok(results)
}

/// Former versions of the files, newest first; of all patched files where none is named.
fn histories(session: &Session, files: &[PathBuf]) -> Result<Vec<(String, Vec<FormerVersion>)>, SessionError> {
    let mut paths = Vec::new();
    if files.is_empty() {
        session.forget_files();
        paths.extend(session.files()?.into_iter().filter(|file| file.version > 0).map(|file| file.path));
    } else {
        for file in files {
            paths.extend(session.loaded(file)?);
        }
    }
    paths.into_iter().map(|path| Ok((path.clone(), session.history(&path)?.versions))).collect()
}

/// What the latest transaction replaced.
fn former_files(session: &Session, files: &[PathBuf]) -> Result<Vec<WantedFile>, SessionError> {
    let newest: Vec<(String, FormerVersion)> = histories(session, files)?
        .into_iter()
        .filter_map(|(path, versions)| versions.into_iter().next().map(|version| (path, version)))
        .collect();
    let latest = newest.iter().map(|(_, version)| version.transaction).max();
    Ok(newest
        .into_iter()
        .filter(|(_, version)| !files.is_empty() || Some(version.transaction) == latest)
        .map(|(path, version)| WantedFile { path: path.into(), text: version.text, function: None })
        .collect())
}

/// The newest former text in which the definition is another than it is now.
fn former_definition(session: &Session, files: &[PathBuf], function: &str) -> Result<Vec<WantedFile>, SessionError> {
    let mut wanted = Vec::new();
    for (path, versions) in histories(session, files)? {
        let live = session.baseline(&path)?;
        let text_of = |outline: &Outline| {
            let definitions = outline.definitions();
            let found: Vec<String> = definitions
                .iter()
                .filter(|definition| definition.qualified_name == function)
                .map(|definition| lines(outline.text(), definition.line, definition.end_line))
                .collect();
            found
        };
        let now = text_of(&live.outline);
        let former =
            versions.into_iter().map(|version| version.text).find(|text| text_of(&Outline::parse(text)) != now);
        if let Some(text) = former {
            wanted.push(WantedFile { path: path.into(), text, function: Some(function.to_owned()) });
        }
    }
    Ok(wanted)
}

fn lines(text: &str, first: u32, last: u32) -> String {
    text.lines().skip(first as usize - 1).take((last - first) as usize + 1).collect::<Vec<_>>().join("\n")
}
