//! A patch of one process on its way: prepared, then committed or dropped.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use hotsplice_analysis::{Outline, parsing_many};
use hotsplice_channel::codes;
use hotsplice_channel::message::PrepareAnswer;
use hotsplice_channel::patch::{Outcome, Patch, Verdict};

use super::changes::{failure, refusal};
use super::wanted::FileResult;
use crate::following::{self, Limit, Project};
use crate::session::{Live, Session, SessionError};

/// One of its files.
pub(super) struct AttemptedFile {
    /// As the process knows it.
    pub(super) path: String,
    pub(super) function: Option<String>,
    /// Those that need no process.
    pub(super) verdicts: Vec<Verdict>,
}

/// A patch of one process on its way.
pub(super) struct Attempt<'a> {
    pub(super) session: &'a Arc<Session>,
    pub(super) files: Vec<AttemptedFile>,
    pub(super) patch: Patch,
    /// What was live in the patch's files, and what their new texts parse to.
    pub(super) outlines: HashMap<String, (Arc<Live>, Arc<Outline>)>,
    /// What was learnt of other files.
    pub(super) project: Option<Project<'a>>,
    pub(super) limit: Limit,
    pub(super) timings: BTreeMap<String, u64>,
    pub(super) answer: Option<PrepareAnswer>,
    pub(super) committed: bool,
    /// The process had ended before it could be asked for the patch.
    pub(super) has_ended: bool,
    /// It is known to have loaded one of the files.
    pub(super) had_it: bool,
    /// False of one that is stopped: nothing of the patch is for it.
    pub(super) was_asked: bool,
    /// Not all that may follow was looked at.
    pub(super) was_cut_short: bool,
}

impl Attempt<'_> {
    pub(super) fn is_refused(&self) -> bool {
        let mut own = self.files.iter().flat_map(|file| &file.verdicts);
        own.any(|verdict| verdict.verdict == Outcome::Refused)
            || self.answer.as_ref().is_some_and(|answer| !answer.ready)
    }

    /// Nothing is evaluated: it is live before anybody could want it no more. What takes long is asked about once more.
    pub(super) fn is_quick(&self) -> bool {
        self.patch.files.iter().flat_map(|file| &file.edits).all(|edit| edit.run.is_none())
    }

    pub(super) fn abort(&mut self) {
        if let Some(answer) = self.answer.take_if(|answer| !answer.committed) {
            // If it can't be told, the process is gone and the transaction with it.
            let _ = self.session.abort(answer.transaction);
        }
    }

    /// Every edit that was to be made gets a refusal.
    pub(super) fn drop_edits(&mut self, code: &str, message: &str) {
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

    pub(super) fn prepare(&mut self, at_once: bool) {
        if self.is_refused() {
            return self.drop_edits(codes::HELD_BACK, "held back because another file of the same patch was refused");
        }
        if self.patch.files.is_empty() || !self.was_asked {
            return;
        }
        let mut stop = Stopwatch::start();
        match self.session.prepare(&self.patch, at_once) {
            Ok(answer) => {
                stop.lap(&mut self.timings, "prepare");
                self.timings.extend(answer.timings.clone());
                self.committed = answer.committed;
                self.answer = Some(answer);
            }
            Err(error) => self.fail(&error),
        }
    }

    pub(super) fn finish(&mut self, dry_run: bool) {
        if self.is_refused() || !self.was_asked {
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

    pub(super) fn fail(&mut self, error: &SessionError) {
        self.answer = None;
        for file in &mut self.files {
            let mut verdict = failure(&file.path, error);
            if let (SessionError::TimedOut { .. }, Some(message)) = (error, &mut verdict.message) {
                // It is too late for it to go live now; that it did just before can't be ruled out.
                message.push_str("; the patch is dropped, it does not go live later (`hotsplice status` tells)");
            }
            file.verdicts.push(verdict);
        }
        self.drop_edits(codes::HELD_BACK, "held back: the process has ended or did not answer, as is said of the file");
    }

    /// Values of files that are no part of the patch.
    pub(super) fn tell_computed(&mut self) {
        let Some(answer) = &self.answer else { return };
        let (users, running) = (answer.users.clone(), answer.running.clone());
        let mut pending: Vec<String> = users;
        pending.retain(|path| !self.patch.files.iter().any(|change| change.path == *path));
        if pending.is_empty() {
            return;
        }
        self.session.know_baselines(pending.iter().map(String::as_str));
        let project = self.project.take().unwrap_or_else(|| Project::new(self.session, self.limit.clone()));
        let patched = &self.patch.files;
        let (found, was_cut_short) = parsing_many(move || {
            let found = following::computed(&project, &pending, &running, patched);
            (found, project.limit.was_reached())
        });
        self.was_cut_short |= was_cut_short;
        for (path, verdicts) in found {
            match self.files.iter_mut().find(|file| file.path == path) {
                Some(file) => file.verdicts.extend(verdicts),
                None if verdicts.is_empty() => {}
                None => self.files.push(AttemptedFile { path, function: None, verdicts }),
            }
        }
    }

    pub(super) fn results(mut self) -> Vec<FileResult> {
        let mut answered: HashMap<String, Vec<Verdict>> = HashMap::new();
        for verdict in self.answer.iter_mut().flat_map(|answer| std::mem::take(&mut answer.verdicts)) {
            answered.entry(verdict.path.clone()).or_default().push(verdict);
        }
        if self.committed {
            for change in &self.patch.files {
                if let Some(was) = &change.was {
                    self.session.renamed(was);
                    continue;
                }
                // What only follows keeps its text; it is asked for again when it is needed.
                if let Some((former, outline)) = self.outlines.get(&change.path) {
                    self.session.now_live(former, outline.clone());
                }
                // Some of it is to be tried again: the process says what.
                let is_unreached = |it: &Verdict| it.code.as_deref() == Some(codes::NOT_REACHED);
                if answered.get(&change.path).into_iter().flatten().any(is_unreached) {
                    self.session.forget_unless(&change.path, u64::MAX);
                }
            }
        }
        self.was_cut_short = self.project.as_ref().is_some_and(|project| project.limit.was_reached());
        if self.committed {
            self.tell_computed();
        }
        if let Some(file) = self.files.first_mut().filter(|_| self.was_cut_short) {
            let message =
                "what follows from it in other files was not looked for to the end: that takes too long".to_owned();
            let caveat = refusal(&file.path, 1, codes::NOT_FOLLOWED, message);
            file.verdicts.push(Verdict { verdict: Outcome::Caveat, ..caveat });
        }
        let session: Arc<str> = self.session.entry.id.as_str().into();
        self.files
            .into_iter()
            .map(|AttemptedFile { path, function, mut verdicts }| {
                verdicts.extend(answered.remove(&path).unwrap_or_default());
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
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn lap(&mut self, timings: &mut BTreeMap<String, u64>, stage: &str) {
        let now = Instant::now();
        *timings.entry(stage.to_owned()).or_insert(0) += (now - self.0).as_micros() as u64;
        self.0 = now;
    }
}
