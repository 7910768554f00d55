//! Why nothing of a file is live, and what to do about it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;

use super::comparison::{Snapshot, live_texts};
use crate::failure::Failure;
use crate::session::{Live, Session};

/// Said of a file that no process of the window has loaded.
pub fn failure(snapshot: &Snapshot) -> Failure {
    let shown = &snapshot.shown_path;
    let otherwise = |message: String| Failure::new(codes::NO_SESSION, message);
    if let Some(trouble) = &snapshot.trouble {
        return otherwise(format!("no process can be found: {trouble}"));
    }
    let has_it = |session: &&Arc<Session>| session.known_loaded(&snapshot.document.path).is_some();
    if let Some(session) = snapshot.strangers.iter().find(has_it) {
        return otherwise(format!(
            "{shown} is loaded by {}, which is not of this window: it runs in {}; open that folder or the file's here too, or \
             set hotsplice.sessions.match to \"all\"",
            session.name(),
            session.entry.cwd
        ));
    }
    if let Some((session, local, remote)) = elsewhere(snapshot) {
        return otherwise(format!(
            "no registered process has loaded {shown}, but {} has loaded {}: if that is the same file, set \
             hotsplice.pathMappings to [{{\"localRoot\": \"{}\", \"remoteRoot\": \"{}\"}}]",
            session.name(),
            remote.0.display(),
            local.display(),
            remote.1.display()
        ));
    }
    Failure::no_process(match snapshot.sessions.as_slice() {
        [] => format!("no registered process has loaded {shown}: {HOW}"),
        [session] => format!("no registered process has loaded {shown}: {} has not imported it", session.name()),
        sessions => format!("no registered process has loaded {shown}: none of {} has imported it", sessions.len()),
    })
}

/// How a program becomes one that can be patched.
pub const HOW: &str =
    "start the program with `hotsplice run`, or debug it from the editor, or call hotsplice.listen() in it";

/// Why a file, or what is at a place of it, can't be patched now.
pub fn why_not(snapshot: &Snapshot) -> Failure {
    let lives = live_texts(&snapshot.document, &snapshot.sessions);
    if lives.is_empty() {
        return failure(snapshot);
    }
    let outline = snapshot.document.outline();
    let message = match outline.problems().first() {
        Some(problem) => does_not_parse(snapshot, problem.line, &problem.message),
        None if lives.iter().all(|(_, live)| is_as_live(live, &outline)) => {
            format!("{}: what is live is what the editor shows", snapshot.shown_path)
        }
        None => format!("{} can be patched: it differs from what is live", snapshot.shown_path),
    };
    Failure::new(codes::BAD_MESSAGE, message)
}

pub fn does_not_parse(snapshot: &Snapshot, line: u32, message: &str) -> String {
    format!("{} does not parse: line {line}: {message}", snapshot.shown_path)
}

/// Whether nothing is left to patch.
pub fn is_as_live(live: &Live, outline: &Outline) -> bool {
    live.outline().text() == outline.text() && live.baseline.differs.is_empty()
}

/// A process that has loaded what looks like the file, under another name; the local folder; and there the file and the folder.
fn elsewhere(snapshot: &Snapshot) -> Option<(&Arc<Session>, PathBuf, (PathBuf, PathBuf))> {
    let path = &snapshot.document.path;
    let own = std::cell::LazyCell::new(|| names(&snapshot.document.outline()));
    for session in snapshot.sessions.iter().chain(&snapshot.strangers) {
        let Ok(files) = session.files() else { continue };
        let candidates = files.iter().filter(|file| !file.installed).map(|file| Path::new(&file.path));
        let best = candidates.map(|other| (common_end(path, other), other)).max_by_key(|(common, _)| *common);
        let Some((common @ 1.., remote)) = best else { continue };
        let looks_alike = session.known_baseline(&remote.display().to_string()).is_ok_and(|live| {
            let live = names(live.outline());
            !live.is_empty() && 2 * live.intersection(&own).count() > live.len().max(own.len())
        });
        if looks_alike {
            let root = |path: &Path| path.ancestors().nth(common).map(Path::to_owned);
            return Some((session, root(path)?, (remote.to_owned(), root(remote)?)));
        }
    }
    None
}

fn names(outline: &Outline) -> HashSet<String> {
    outline.definitions().into_iter().map(|definition| definition.qualified_name).collect()
}

/// How many of the last parts of two paths are the same.
fn common_end(one: &Path, other: &Path) -> usize {
    one.components().rev().zip(other.components().rev()).take_while(|(one, other)| one == other).count()
}
