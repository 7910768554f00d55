//! The one place that makes a patch: text → baseline → diff → prepare everywhere → commit everywhere.

mod attempt;
mod changes;
mod ended;
mod newcomers;
mod reloading;
mod wanted;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::message::RefusedNotice;
use hotsplice_channel::patch::{Options, Outcome, Patch, Verdict};

use crate::following::{self, AskedFor, Limit};
use crate::outlines;
use crate::renaming::{self, Successors};
use crate::session::{Session, SessionError};
use attempt::{Attempt, AttemptedFile, Stopwatch};
use changes::{Compared, assumed, deleted, failure, is_empty, refusal, stale};
pub use wanted::{Deed, FileReport, FileResult, Wanted, WantedFile, went_live};

/// For tests: the number of an operation that is to fail in each commit.
const FAIL_AT: &str = "HOTSPLICE_FAIL_COMMIT_AT";

/// How much longer a patch may take for each file more than one: many processes with many files share the processors.
const MILLISECONDS_PER_FILE: u64 = 100;

/// Makes the texts live in the sessions that have loaded them. Sessions that have none of the files are left out.
pub fn patch(sessions: &[Arc<Session>], wanted: &Wanted) -> Vec<FileResult> {
    let results = patch_in_silence(sessions, wanted);
    log_refused(sessions, wanted, &results);
    results
}

/// Has programs log what was refused and why. What goes live they log themselves.
pub fn log_refused(sessions: &[Arc<Session>], wanted: &Wanted, results: &[FileResult]) {
    if wanted.dry_run {
        return;
    }
    for session in sessions {
        let own = results.iter().filter(|result| *result.session == *session.entry.id);
        let refused = own.flat_map(|result| &result.verdicts).filter(|verdict| verdict.verdict == Outcome::Refused);
        let verdicts: Vec<Verdict> = refused.cloned().collect();
        if !verdicts.is_empty() {
            session.note_refused(&RefusedNotice { label: wanted.label.clone(), verdicts });
        }
    }
}

/// The same, with nothing for the programs' `logging` where it is refused: it has been tried before, or is tried again otherwise.
pub fn patch_in_silence(sessions: &[Arc<Session>], wanted: &Wanted) -> Vec<FileResult> {
    let mut results = patch_once(sessions, wanted);
    let outdated = |verdict: &Verdict| verdict.code.as_deref() == Some(codes::PATCHED_MEANWHILE);
    let again = results.iter().all(|result| !result.committed)
        && results.iter().any(|result| result.verdicts.iter().any(outdated));
    if again {
        // Somebody else patched, and the news had not arrived: nothing was changed, so it is worked out anew, once.
        for session in sessions {
            session.forget();
        }
        results = patch_once(sessions, wanted);
    }
    newcomers::follow(sessions, wanted, &mut results);
    results
}

fn patch_once(sessions: &[Arc<Session>], wanted: &Wanted) -> Vec<FileResult> {
    let outline =
        |file: &WantedFile| file.outline.clone().unwrap_or_else(|| outlines::parse(sessions, &file.path, &file.text));
    let outlines: Vec<Arc<Outline>> = wanted.files.iter().map(outline).collect();
    let mut compared = Compared::default();
    let mut attempts: Vec<Attempt<'_>> = sessions
        .iter()
        .filter_map(|session| attempt(session, wanted, &outlines, sessions.len() == 1, &mut compared))
        .collect();
    let ended = ended::leave_out(&mut attempts);
    let mut results = carry_out(attempts, wanted);
    results.extend(ended);
    ended::name_successors(sessions, wanted, &mut results);
    reloading::tell(sessions, wanted, &mut results);
    results
}

/// All of them or, unless each is for itself, none.
fn carry_out(mut attempts: Vec<Attempt<'_>>, wanted: &Wanted) -> Vec<FileResult> {
    if attempts.iter().any(Attempt::is_refused) && !wanted.each {
        hold_back(&mut attempts);
        return attempts.into_iter().flat_map(Attempt::results).collect();
    }
    if wanted.cancel.is_cancelled() {
        cancel(&mut attempts);
        return attempts.into_iter().flat_map(Attempt::results).collect();
    }
    let at_once = !wanted.dry_run && (attempts.len() == 1 || wanted.each);
    at_the_same_time(&mut attempts, |attempt| attempt.prepare(at_once && attempt.is_quick()));
    if attempts.iter().any(Attempt::is_refused) && !wanted.each {
        hold_back(&mut attempts);
    }
    if wanted.cancel.is_cancelled() {
        cancel(&mut attempts);
    }
    at_the_same_time(&mut attempts, |attempt| attempt.finish(wanted.dry_run));
    attempts.into_iter().flat_map(Attempt::results).collect()
}

/// No process waits for another one.
fn at_the_same_time<'a>(attempts: &mut [Attempt<'a>], work: impl Fn(&mut Attempt<'a>) + Sync) {
    let Some((first, others)) = attempts.split_first_mut() else { return };
    std::thread::scope(|scope| {
        for attempt in others {
            scope.spawn(|| work(attempt));
        }
        work(first);
    });
}

/// What one process has to change; nothing if it has loaded none of the files.
fn attempt<'a>(
    session: &'a Arc<Session>,
    wanted: &Wanted,
    outlines: &[Arc<Outline>],
    alone: bool,
    compared: &mut Compared,
) -> Option<Attempt<'a>> {
    let fail_at = std::env::var(FAIL_AT).ok().and_then(|number| number.parse().ok());
    let options = Options { dry_run: wanted.dry_run, fail_at, ..wanted.options.clone() };
    let mut attempt = Attempt {
        session,
        files: Vec::new(),
        patch: Patch { label: wanted.label.clone(), files: Vec::new(), options },
        outlines: HashMap::new(),
        project: None,
        timings: BTreeMap::new(),
        answer: None,
        committed: false,
        has_ended: false,
        had_it: false,
        was_asked: true,
        limit: Limit::new(wanted.cancel.clone(), wanted.files.len()),
        was_cut_short: false,
    };
    let mut asked_for = Vec::new();
    let Successors { files: successors, in_doubt } = renaming::find(session, &wanted.files);
    let is_wanted = |path: &Path| wanted.files.iter().any(|file| file.path == path);
    let discovered = successors.iter().filter(|one| !is_wanted(&one.file.path));
    let discovered = discovered.filter_map(|one| Some((&one.file, one.file.outline.as_ref()?)));
    for (file, outline) in wanted.files.iter().zip(outlines).chain(discovered) {
        let successor = successors.iter().find(|one| one.file.path == file.path);
        let path = match successor.map_or_else(|| session.loaded(&file.path), |one| Ok(Some(one.was.clone()))) {
            // What has a successor is gone, and goes on.
            Ok(Some(path)) if file.deleted && successors.iter().any(|one| one.was == path) => continue,
            Ok(Some(path)) => path,
            Ok(None) => continue,
            Err(error @ SessionError::Gone { .. }) => return Some(ended::attempt(attempt, wanted, &error)),
            // One that stands still holds nobody back, of which nobody knows whether it has the file. That is reported.
            Err(error @ SessionError::Stopped { .. }) if !alone => {
                let path = file.path.display().to_string();
                let verdict = Verdict { verdict: Outcome::Caveat, ..failure(&path, &error) };
                attempt.files.push(AttemptedFile { path, function: file.function.clone(), verdicts: vec![verdict] });
                attempt.was_asked = false;
                continue;
            }
            Err(error) => {
                let path = file.path.display().to_string();
                let verdict = failure(&path, &error);
                attempt.files.push(AttemptedFile { path, function: file.function.clone(), verdicts: vec![verdict] });
                continue;
            }
        };
        if file.deleted {
            let verdicts = vec![deleted(&path)];
            attempt.files.push(AttemptedFile { path, function: None, verdicts });
            continue;
        }
        let name = successor.map_or(&path, |one| &one.name).clone();
        let mut stop = Stopwatch::start();
        let verdicts = match session.known_baseline(&path) {
            Err(error @ SessionError::Gone { .. }) => return Some(ended::attempt(attempt, wanted, &error)),
            Err(error) => vec![failure(&name, &error)],
            Ok(live) => {
                stop.lap(&mut attempt.timings, "baseline");
                let verdicts = match compared.file_patch(&path, &live, file, outline) {
                    Ok((change, outline)) => {
                        let caveat = assumed(&name, &live.baseline, &change);
                        if !is_empty(&change) || successor.is_some() {
                            attempt.patch.files.push(change.clone());
                        }
                        attempt.outlines.insert(name.clone(), (live.clone(), outline.clone()));
                        let stale = stale(&live, file, &outline);
                        if !file.anew {
                            let (path, live) = (path.clone(), live.clone());
                            let is_again = file.again.is_some() || file.identity;
                            asked_for.push(AskedFor { path, live, outline, change, stale, is_again });
                        }
                        caveat
                    }
                    Err(verdict) => vec![Verdict { path: name.clone(), ..*verdict }],
                };
                stop.lap(&mut attempt.timings, "analyse");
                verdicts
            }
        };
        // What runs again says nothing of the rest of the file.
        let function = file.again.map_or_else(|| file.function.clone(), |_| Some(String::new()));
        attempt.files.push(AttemptedFile { path: name, function, verdicts });
    }
    if let Some(file) = attempt.files.first_mut() {
        let caveat =
            |message| Verdict { verdict: Outcome::Caveat, ..refusal(&file.path, 1, codes::NOT_RENAMED, message) };
        let doubts: Vec<Verdict> = in_doubt.into_iter().map(caveat).collect();
        file.verdicts.extend(doubts);
    }
    attempt.project = following::add(session, &asked_for, &mut attempt.patch, &attempt.limit);
    attempt.patch.options.time_limit_ms += MILLISECONDS_PER_FILE * attempt.patch.files.len().saturating_sub(1) as u64;
    for change in &mut attempt.patch.files {
        if let Some(one) = successors.iter().find(|one| one.was == change.path) {
            let change = Arc::make_mut(change);
            change.was = Some(std::mem::replace(&mut change.path, one.name.clone()));
        }
    }
    for change in &attempt.patch.files {
        if !attempt.files.iter().any(|file| file.path == change.path) {
            attempt.files.push(AttemptedFile { path: change.path.clone(), function: None, verdicts: Vec::new() });
        }
    }
    (!attempt.files.is_empty()).then_some(attempt)
}

/// Nobody wants it any more: what is not live yet never will be.
fn cancel(attempts: &mut [Attempt<'_>]) {
    for attempt in attempts.iter_mut().filter(|attempt| !attempt.committed && !attempt.is_refused()) {
        attempt.abort();
        attempt.drop_edits(codes::CANCELLED, "the patch was cancelled; nothing was changed");
    }
}

/// One process refuses: no other is patched either.
fn hold_back(attempts: &mut [Attempt<'_>]) {
    let refusing: Vec<u32> =
        attempts.iter().filter(|attempt| attempt.is_refused()).map(|attempt| attempt.session.entry.pid).collect();
    for attempt in attempts {
        if attempt.is_refused() {
            // Nothing of a patch is applied when a part of it is refused.
            if attempt.answer.is_none() {
                attempt.drop_edits(codes::HELD_BACK, "held back because another file of the same patch was refused");
            }
            continue;
        }
        attempt.abort();
        let message = format!("held back because process {} refused the patch; --each patches the others", refusing[0]);
        attempt.drop_edits(codes::HELD_BACK_ELSEWHERE, &message);
    }
}
