//! The one place that makes a patch: text → baseline → diff → prepare everywhere → commit everywhere.

mod changes;
mod wanted;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::message::{PrepareAnswer, RefusedNotice};
use hotsplice_channel::patch::{Options, Outcome, Patch, Verdict};

use crate::following::{self, AskedFor};
use crate::outlines;
use crate::session::{Live, Session, SessionError};
use changes::{assumed, deleted, failure, file_patch, is_empty, stale};
pub use wanted::{Deed, FileReport, FileResult, Wanted, WantedFile, went_live};
struct AttemptedFile {
    /// As the process knows it.
    path: String,
    function: Option<String>,
    /// Those that need no process.
    verdicts: Vec<Verdict>,
}

/// A patch of one process on its way.
struct Attempt<'a> {
    session: &'a Arc<Session>,
    files: Vec<AttemptedFile>,
    patch: Patch,
    /// What was live in the patch's files, and what their new texts parse to.
    outlines: HashMap<String, (Arc<Live>, Arc<Outline>)>,
    timings: BTreeMap<String, u64>,
    answer: Option<PrepareAnswer>,
    committed: bool,
}

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
    let results = patch_once(sessions, wanted);
    let outdated = |verdict: &Verdict| verdict.code.as_deref() == Some(codes::PATCHED_MEANWHILE);
    let again = results.iter().all(|result| !result.committed)
        && results.iter().any(|result| result.verdicts.iter().any(outdated));
    if !again {
        return results;
    }
    // Somebody else patched, and the news had not arrived: nothing was changed, so it is worked out anew, once.
    for session in sessions {
        session.forget();
    }
    patch_once(sessions, wanted)
}

fn patch_once(sessions: &[Arc<Session>], wanted: &Wanted) -> Vec<FileResult> {
    let outline =
        |file: &WantedFile| file.outline.clone().unwrap_or_else(|| outlines::parse(sessions, &file.path, &file.text));
    let outlines: Vec<Arc<Outline>> = wanted.files.iter().map(outline).collect();
    let mut attempts: Vec<Attempt<'_>> =
        sessions.iter().filter_map(|session| attempt(session, wanted, &outlines, sessions.len() == 1)).collect();
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
) -> Option<Attempt<'a>> {
    let options = Options { dry_run: wanted.dry_run, ..wanted.options.clone() };
    let mut attempt = Attempt {
        session,
        files: Vec::new(),
        patch: Patch { label: wanted.label.clone(), files: Vec::new(), options },
        outlines: HashMap::new(),
        timings: BTreeMap::new(),
        answer: None,
        committed: false,
    };
    let mut asked_for = Vec::new();
    for (file, outline) in wanted.files.iter().zip(outlines) {
        let path = match session.loaded(&file.path) {
            Ok(Some(path)) => path,
            Ok(None) => continue,
            // Ended while there are others: a process that isn't there holds nobody back.
            Err(SessionError::Gone { .. }) if !alone => return None,
            // Nor does one that stands still, of which nobody knows whether it has the file. That is reported.
            Err(error @ SessionError::Stopped { .. }) if !alone => {
                let path = file.path.display().to_string();
                let verdict = Verdict { verdict: Outcome::Caveat, ..failure(&path, &error) };
                attempt.files.push(AttemptedFile { path, function: file.function.clone(), verdicts: vec![verdict] });
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
        let mut stop = Stopwatch::start();
        let verdicts = match session.known_baseline(&path) {
            Err(error) => vec![failure(&path, &error)],
            Ok(live) => {
                stop.lap(&mut attempt.timings, "baseline");
                let verdicts = match file_patch(&path, &live, file, outline) {
                    Ok((change, outline)) => {
                        let caveat = assumed(&path, &live.baseline, &change);
                        if !is_empty(&change) {
                            attempt.patch.files.push(change);
                        }
                        attempt.outlines.insert(path.clone(), (live.clone(), outline.clone()));
                        let stale = stale(&live, file, &outline);
                        if !file.anew {
                            asked_for.push(AskedFor { path: path.clone(), live: live.clone(), outline, stale });
                        }
                        caveat
                    }
                    Err(verdict) => vec![*verdict],
                };
                stop.lap(&mut attempt.timings, "analyse");
                verdicts
            }
        };
        // What runs again says nothing of the rest of the file.
        let function = file.again.map_or_else(|| file.function.clone(), |_| Some(String::new()));
        attempt.files.push(AttemptedFile { path, function, verdicts });
    }
    following::add(session, &asked_for, &mut attempt.patch);
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

impl Attempt<'_> {
    fn is_refused(&self) -> bool {
        let mut own = self.files.iter().flat_map(|file| &file.verdicts);
        own.any(|verdict| verdict.verdict == Outcome::Refused)
            || self.answer.as_ref().is_some_and(|answer| !answer.ready)
    }

    /// Nothing is evaluated: it is live before anybody could want it no more. What takes long is asked about once more.
    fn is_quick(&self) -> bool {
        self.patch.files.iter().flat_map(|file| &file.edits).all(|edit| edit.run.is_none())
    }

    fn abort(&mut self) {
        if let Some(answer) = self.answer.take_if(|answer| !answer.committed) {
            // If it can't be told, the process is gone and the transaction with it.
            let _ = self.session.abort(answer.transaction);
        }
    }

    /// Every edit that was to be made gets a refusal.
    fn drop_edits(&mut self, code: &str, message: &str) {
        for change in std::mem::take(&mut self.patch.files) {
            let Some(file) = self.files.iter_mut().find(|file| file.path == change.path) else {
                continue;
            };
            file.verdicts.extend(change.edits.iter().map(|edit| Verdict {
                path: change.path.clone(),
                definition: edit.definition.clone(),
                kind: edit.kind,
                line: edit.line,
                end_line: edit.end_line,
                verdict: Outcome::Refused,
                code: Some(code.to_owned()),
                message: Some(message.to_owned()),
            }));
        }
    }

    fn prepare(&mut self, at_once: bool) {
        if self.is_refused() {
            return self.drop_edits(codes::HELD_BACK, "held back because another file of the same patch was refused");
        }
        if self.patch.files.is_empty() {
            return;
        }
        let mut stop = Stopwatch::start();
        match self.session.prepare(self.patch.clone(), at_once) {
            Ok(answer) => {
                stop.lap(&mut self.timings, "prepare");
                self.timings.extend(answer.timings.clone());
                self.committed = answer.committed;
                self.answer = Some(answer);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn finish(&mut self, dry_run: bool) {
        if self.is_refused() {
            return;
        }
        let Some(answer) = &mut self.answer else {
            // Nothing had to be changed.
            self.committed = !dry_run;
            return;
        };
        if answer.committed {
            return;
        }
        let transaction = answer.transaction;
        let mut stop = Stopwatch::start();
        if dry_run {
            if let Err(error) = self.session.abort(transaction) {
                self.fail(&error);
            }
            return;
        }
        match self.session.commit(transaction, self.patch.options.time_limit_ms) {
            Ok(committed) => {
                answer.verdicts = committed.verdicts;
                answer.users = committed.users;
                answer.running = committed.running;
                self.committed = committed.committed;
                self.timings.extend(committed.timings);
                stop.lap(&mut self.timings, "commit-round-trip");
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &SessionError) {
        self.answer = None;
        for file in &mut self.files {
            let mut verdict = failure(&file.path, error);
            if let (SessionError::TimedOut { .. }, Some(message)) = (error, &mut verdict.message) {
                // It is too late for it to go live now; that it did just before can't be ruled out.
                message.push_str("; the patch is dropped, it does not go live later (`hotsplice status` tells)");
            }
            file.verdicts.push(verdict);
        }
    }

    /// Values of files that are no part of the patch.
    fn tell_computed(&mut self) {
        let Some(answer) = &self.answer else { return };
        let (users, running) = (answer.users.clone(), answer.running.clone());
        let mut known = self.patch.files.clone();
        let mut pending: Vec<String> = users;
        pending.retain(|path| !known.iter().any(|change| change.path == *path));
        let mut found: Vec<(String, Vec<Verdict>)> = Vec::new();
        // A file may use another one that comes later.
        for _ in 0..pending.len() {
            let before = known.iter().map(|change| change.running.len()).sum::<usize>();
            found.clear();
            for path in &pending {
                let running = running.get(path).copied();
                let (verdicts, change) = following::computed(self.session, path, running, &known);
                known.retain(|other| other.path != *path);
                known.extend(change);
                found.push((path.clone(), verdicts));
            }
            if known.iter().map(|change| change.running.len()).sum::<usize>() == before {
                break;
            }
        }
        for (path, verdicts) in found {
            match self.files.iter_mut().find(|file| file.path == path) {
                Some(file) => file.verdicts.extend(verdicts),
                None if verdicts.is_empty() => {}
                None => self.files.push(AttemptedFile { path, function: None, verdicts }),
            }
        }
    }

    fn results(mut self) -> Vec<FileResult> {
        if self.committed {
            for change in &self.patch.files {
                // What only follows keeps its text; it is asked for again when it is needed.
                if let Some((former, outline)) = self.outlines.get(&change.path) {
                    self.session.now_live(former, outline.clone());
                }
                // Some of it is to be tried again: the process says what.
                let answered = self.answer.iter().flat_map(|answer| &answer.verdicts);
                let is_unreached = |it: &Verdict| it.code.as_deref() == Some(codes::NOT_REACHED);
                if answered.filter(|verdict| verdict.path == change.path).any(is_unreached) {
                    self.session.forget_unless(&change.path, u64::MAX);
                }
            }
        }
        if self.committed {
            self.tell_computed();
        }
        let session: Arc<str> = self.session.entry.id.as_str().into();
        let answered = self.answer.map(|answer| answer.verdicts).unwrap_or_default();
        self.files
            .into_iter()
            .map(|AttemptedFile { path, function, mut verdicts }| {
                verdicts.extend(answered.iter().filter(|verdict| verdict.path == path).cloned());
                FileResult {
                    session: session.clone(),
                    pid: self.session.entry.pid,
                    name: self.session.name(),
                    function,
                    committed: self.committed,
                    verdicts,
                    timings: self.timings.clone(),
                    file: path,
                }
            })
            .collect()
    }
}

/// Measures stages of a patch.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self, timings: &mut BTreeMap<String, u64>, stage: &str) {
        let now = Instant::now();
        *timings.entry(stage.to_owned()).or_insert(0) += (now - self.0).as_micros() as u64;
        self.0 = now;
    }
}
