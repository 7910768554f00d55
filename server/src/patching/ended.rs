//! Processes that end while they are patched, and those that are started in their place: what is said of them.

use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Outcome, Verdict};
use hotsplice_channel::registry::{self, Entry};

use super::attempt::{Attempt, AttemptedFile};
use super::changes::failure;
use super::{FileResult, Wanted};
use crate::session::{Session, SessionError};

/// An attempt that came too late.
pub(super) fn attempt<'a>(mut attempt: Attempt<'a>, wanted: &Wanted, error: &SessionError) -> Attempt<'a> {
    let of_file = |path: String, function| {
        let verdict = Verdict { verdict: Outcome::Caveat, ..failure(&path, error) };
        AttemptedFile { path, function, verdicts: vec![verdict] }
    };
    let session = attempt.session;
    attempt.files.clear();
    for file in &wanted.files {
        if let Some(path) = session.known_loaded(&file.path) {
            attempt.files.push(of_file(path, file.function.clone()));
        }
    }
    attempt.had_it = !attempt.files.is_empty();
    if !attempt.had_it
        && let Some(file) = wanted.files.first()
    {
        // Nobody knows what it had loaded.
        attempt.files.push(of_file(file.path.display().to_string(), file.function.clone()));
    }
    attempt.has_ended = true;
    attempt
}

/// A process that isn't there any more holds nobody back. It is reported where it is known to have had one of the files, and where
/// no other has one: then nothing was patched.
pub(super) fn leave_out(attempts: &mut Vec<Attempt<'_>>) -> Vec<FileResult> {
    let (mut ended, others): (Vec<_>, Vec<_>) = std::mem::take(attempts).into_iter().partition(|it| it.has_ended);
    *attempts = others;
    if ended.iter().any(|it| it.had_it) || !attempts.is_empty() {
        ended.retain(|it| it.had_it);
    }
    if attempts.is_empty() {
        for verdict in ended.iter_mut().flat_map(|it| &mut it.files).flat_map(|file| &mut file.verdicts) {
            verdict.verdict = Outcome::Refused;
        }
    }
    ended.into_iter().flat_map(Attempt::results).collect()
}

/// Says of each process that has ended which one was started in its place, and what of the files that one runs.
pub(super) fn name_successors(sessions: &[Arc<Session>], wanted: &Wanted, results: &mut [FileResult]) {
    let is_gone = |verdict: &Verdict| verdict.code.as_deref() == Some(codes::SESSION_GONE);
    for result in results.iter_mut().filter(|result| result.verdicts.iter().any(is_gone)) {
        let Some(session) = sessions.iter().find(|session| *session.entry.id == *result.session) else { continue };
        let Some(said) = successor(&session.entry, sessions).map(|next| what_it_runs(&next, wanted, &result.file))
        else {
            continue;
        };
        for verdict in result.verdicts.iter_mut().filter(|verdict| is_gone(verdict)) {
            verdict.message.get_or_insert_default().push_str(&said);
        }
    }
}

/// The last one that the same parent has started since; those that were there are not in its place.
fn successor(ended: &Entry, known: &[Arc<Session>]) -> Option<Entry> {
    let is_next = |entry: &Entry| {
        known.iter().all(|other| other.entry.id != entry.id)
            && (entry.parent, entry.namespace) == (ended.parent, ended.namespace)
            && (entry.started, entry.registered) > (ended.started, ended.registered)
            && entry.via.is_none()
            && ended.via.is_none()
    };
    registry::sessions(&registry::directory()).ok()?.into_iter().rfind(is_next)
}

fn what_it_runs(next: &Entry, wanted: &Wanted, file: &str) -> String {
    let started = format!(". Process {} was started in its place", next.pid);
    let Ok(session) = Session::connect(next, "successor", |_| {}) else { return started };
    let is_meant = |path: &std::path::Path| path.display().to_string() == file || wanted.files.len() == 1;
    let Some(wanted) = wanted.files.iter().find(|file| is_meant(&file.path)) else { return started };
    let live = session.loaded(&wanted.path).ok().flatten().and_then(|path| session.known_baseline(&path).ok());
    match live {
        Some(live) if live.text() == wanted.text => format!("{started} and runs this text of the file already"),
        Some(_) => format!("{started} and runs another text of the file: patch again"),
        None => started,
    }
}
