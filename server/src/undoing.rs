//! Undo is a patch to a former text. Undone patches are stepped over: the next undo takes back the patch before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hotsplice_analysis::Outline;
use hotsplice_channel::message::FormerVersion;
use hotsplice_channel::patch::Options;

use crate::cancel::Cancel;
use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::session::{Live, Session, SessionError};

/// How the history tells an undo from other patches, the agent's too.
const LABEL: &str = "Undo hot-patch";

/// What came of an undo: results, and sessions that could not be asked.
#[derive(Default)]
pub struct Undone {
    pub results: Vec<FileResult>,
    pub failures: Vec<SessionError>,
}

/// Takes back the latest patch of each session: of the files named, of one definition of them, or (no files) whatever
/// the session's latest patch changed. Nothing where nothing was patched.
pub fn undo(sessions: &[Arc<Session>], files: &[PathBuf], function: Option<&str>) -> Undone {
    let mut undone = Undone::default();
    for session in sessions {
        let former = match function {
            Some(function) => former_definition(session, files, function),
            None => former_files(session, files),
        };
        let wanted = match former {
            Ok(wanted) if wanted.is_empty() => continue,
            Ok(wanted) => wanted,
            Err(error) => {
                undone.failures.push(error);
                continue;
            }
        };
        let wanted = Wanted {
            label: LABEL.to_owned(),
            files: wanted,
            options: Options { run_statements: false, ..Options::default() },
            dry_run: false,
            each: true,
            asked: SystemTime::now(),
            cancel: Cancel::default(),
        };
        undone.results.extend(patching::patch(std::slice::from_ref(session), &wanted));
    }
    undone
}

/// Former versions of the files, newest first; of all patched files where none is named.
fn histories(session: &Session, files: &[PathBuf]) -> Result<Vec<(String, Vec<FormerVersion>)>, SessionError> {
    let mut paths = Vec::new();
    if files.is_empty() {
        session.forget_files();
        let files = session.files()?;
        paths.extend(files.iter().filter(|file| file.version > 0).map(|file| file.path.clone()));
    } else {
        for file in files {
            paths.extend(session.loaded(file)?);
        }
    }
    paths.into_iter().map(|path| Ok((path.clone(), session.history(&path)?.versions))).collect()
}

/// Whether the file has a patch that is not undone.
pub fn is_undoable(session: &Session, live: &Live) -> Result<bool, SessionError> {
    if live.baseline.undoable == 0 {
        return Ok(false);
    }
    let versions = session.history(&live.baseline.path)?.versions;
    Ok(before_latest(state(live), versions, former_state).is_some())
}

/// The version before the latest patch that is not undone. Versions come newest first; a patch that left the view as it
/// was is none.
fn before_latest<T: PartialEq>(
    live: T,
    versions: Vec<FormerVersion>,
    view: impl Fn(&FormerVersion) -> T,
) -> Option<FormerVersion> {
    let mut after = live;
    let mut versions = versions.into_iter();
    while let Some(version) = versions.next() {
        let before = view(&version);
        if before == after {
            continue;
        }
        if version.label != LABEL {
            return Some(version);
        }
        // An undo went back to an earlier state: what came between is undone. If it was of one definition only, there is
        // no such state, and the patches before it stand.
        if let Some(back_to) = versions.as_slice().iter().position(|earlier| view(earlier) == after) {
            versions.nth(back_to);
        } else {
            after = before;
        }
    }
    None
}

/// What a file is called, and its text.
fn state(live: &Live) -> (String, String) {
    (live.baseline.path.clone(), live.text().to_owned())
}

fn former_state(version: &FormerVersion) -> (String, String) {
    (version.path.clone(), version.text.clone())
}

/// What the latest transaction replaced.
fn former_files(session: &Session, files: &[PathBuf]) -> Result<Vec<WantedFile>, SessionError> {
    let mut former = Vec::new();
    for (path, versions) in histories(session, files)? {
        let live = session.baseline(&path)?;
        former.extend(before_latest(state(&live), versions, former_state).map(|version| (path, version)));
    }
    let latest = former.iter().map(|(_, version)| version.transaction).max();
    Ok(former
        .into_iter()
        .filter(|(_, version)| !files.is_empty() || Some(version.transaction) == latest)
        .map(|(path, version)| {
            let was = (path != version.path).then_some(path);
            WantedFile { was, ..WantedFile::new(version.path.into(), version.text) }
        })
        .collect())
}

/// The text before the latest patch that changed the definition.
fn former_definition(session: &Session, files: &[PathBuf], function: &str) -> Result<Vec<WantedFile>, SessionError> {
    let mut wanted = Vec::new();
    for (path, versions) in histories(session, files)? {
        let live = session.baseline(&path)?;
        let view = |version: &FormerVersion| definitions(&version.text, function);
        let former = before_latest(definitions(live.text(), function), versions, view);
        wanted.extend(former.map(|version| WantedFile {
            function: Some(function.to_owned()),
            ..WantedFile::new(path.into(), version.text)
        }));
    }
    Ok(wanted)
}

/// The text of every definition and statement of a name.
fn definitions(text: &str, name: &str) -> Vec<String> {
    Outline::parse(text).lines_of(name).into_iter().map(|(first, last)| lines(text, first, last)).collect()
}

fn lines(text: &str, first: u32, last: u32) -> String {
    let count = last.saturating_sub(first) as usize + 1;
    text.lines().skip(first.saturating_sub(1) as usize).take(count).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States in the order in which they were live; an undo is marked with `<`.
    fn target(states: &[&str]) -> Option<String> {
        let label = |state: &str| if state.starts_with('<') { LABEL } else { "Hot-patch file a.py" }.to_owned();
        let text = |state: &str| state.trim_start_matches('<').to_owned();
        let versions = states.windows(2).rev().map(|pair| FormerVersion {
            version: 0,
            path: "a.py".to_owned(),
            text: text(pair[0]),
            label: label(pair[1]),
            definitions: Vec::new(),
            transaction: 0,
            replaced_at: 0.0,
        });
        let live = text(states.last()?);
        let state = ("a.py".to_owned(), live);
        before_latest(state, versions.collect(), former_state).map(|version| version.text)
    }

    #[test]
    fn every_undo_goes_one_patch_further_back() {
        assert_eq!(target(&["a"]), None);
        assert_eq!(target(&["a", "b", "c"]).as_deref(), Some("b"));
        assert_eq!(target(&["a", "b", "c", "<b"]).as_deref(), Some("a"));
        assert_eq!(target(&["a", "b", "c", "<b", "<a"]), None);
        assert_eq!(target(&["a", "b", "<a", "c"]).as_deref(), Some("a"));
        assert_eq!(target(&["a", "b", "<a", "c", "<a"]), None);
        // One of two changes of a patch was undone: the other one is left.
        assert_eq!(target(&["f0 g0", "f1 g1", "<f0 g1"]).as_deref(), Some("f0 g0"));
    }

    #[test]
    fn a_definition_has_a_history_of_its_own() {
        let text = "def f():\n    return 1\n\n@decorated\ndef g():\n    return 2\n";
        assert_eq!(definitions(text, "g"), ["@decorated\ndef g():\n    return 2"]);
        assert!(definitions(text, "h").is_empty());
    }
}
