//! What comes back, and what the editor is shown of it: verdicts, status, messages.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotsplice_channel::patch::{Outcome, Verdict};
use hotsplice_channel::{codes, registry};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, ShowDocumentParams, Uri};

use super::State;
use crate::explanations;
use crate::failure::Failure;
use crate::lsp::code_lenses;
use crate::lsp::documents::Document;
use crate::lsp::events::{Cause, Done, Event};
use crate::lsp::holds;
use crate::lsp::status::{self, NoProcess, Patched, Status, StatusParams};
use crate::patching::FileResult;
use crate::session::{Session, SessionError};

/// How long after a patch a process is asked what it runs; asking takes it a moment.
const BEFORE_OBSERVING: Duration = Duration::from_millis(80);

impl State {
    /// Asks a process what is patched and what still runs old code; what it says is an event.
    pub(super) fn observe(&mut self, id: &str) {
        self.observe_after(id, BEFORE_OBSERVING);
    }

    fn observe_after(&mut self, id: &str, wait: Duration) {
        if let Some(again) = self.observing.get_mut(id) {
            *again = true;
            return;
        }
        let Some(session) = self.pool.find(id).cloned() else { return };
        self.observing.insert(id.to_owned(), false);
        let (events, id) = (self.events.clone(), id.to_owned());
        std::thread::spawn(move || {
            // Whoever patches again at once is not to wait for this.
            std::thread::sleep(wait);
            let asked = Instant::now();
            // One that does not answer keeps what was known of it.
            let observed = session.files().and_then(|_| session.observe());
            let _ = events.send(if observed.is_ok() { Event::Observed(id, asked) } else { Event::NotObserved(id) });
        });
    }

    /// A process was looked at, at a time if it answered.
    pub(super) fn observed(&mut self, id: &str, asked: Option<Instant>) {
        let status = self.pool.find(id).and_then(|session| session.known_status());
        if let (Some(asked), Some(status)) = (asked, status) {
            let mut changed = self.verdicts.calls_have_ended(id, &status.running, asked);
            changed.extend(self.verdicts.calls_have_stayed(id, &status.running, asked));
            for uri in changed {
                self.publish(&uri);
            }
        }
        // What it has loaded may tell that it is of the window.
        self.watch_holds(id);
        self.refresh_when_faded(id);
        if self.observing.remove(id) == Some(true) {
            self.observe(id);
        }
        // Of many processes each is looked at after a patch: what they say is told at once.
        if !std::mem::replace(&mut self.tells_soon, true) {
            // The loop is gone when the server ends.
            let _ = self.events.send(Event::Tell);
        }
    }

    pub(super) fn tell(&mut self) {
        self.tells_soon = false;
        self.tell_status();
        self.refresh_lenses();
    }

    /// What is no news any more fades.
    fn refresh_when_faded(&self, id: &str) {
        let status = self.pool.find(id).and_then(|session| session.known_status());
        let patched = status.iter().flat_map(|status| &status.patched);
        let Some(left) = patched.filter_map(code_lenses::news_left).filter(|left| !left.is_zero()).max() else {
            return;
        };
        let events = self.events.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(left + BEFORE_OBSERVING).await;
            // The loop is gone when the server ends.
            let _ = events.send(Event::LensesFaded);
        });
    }

    pub(super) fn refresh_lenses(&self) {
        if self.refreshes_lenses {
            let client = self.client.clone();
            self.runtime.spawn(async move { client.code_lens_refresh().await });
        }
    }

    pub(super) fn patched(&mut self, Done { outcome, took, cause, answer }: Done) {
        match outcome {
            Err(failure) => {
                self.log(MessageType::ERROR, failure.to_string());
                self.speaker().show(MessageType::ERROR, &failure, failure.to_string());
                if let Some(answer) = answer {
                    let _ = answer.send(Err(failure));
                }
            }
            Ok(results) => {
                self.take(&results, cause);
                let milliseconds = took.as_secs_f64() * 1000.0;
                let told = status::patched(&results, cause, |file| self.uri_of(file), milliseconds);
                let is_asked = matches!(cause, Cause::Command | Cause::Undo);
                let changed = |file: &Value| file["ranges"].as_array().is_some_and(|ranges| !ranges.is_empty());
                let is_news = |told: &Value| told["files"].as_array().is_some_and(|files| files.iter().any(changed));
                if let Some(told) = told.filter(|told| is_asked || is_news(told)) {
                    self.tell_patched(told);
                }
                self.refresh_lenses();
            }
        }
        self.tell_status();
    }

    fn tell_patched(&self, params: Value) {
        self.log(MessageType::INFO, params["message"].as_str().unwrap_or_default().to_owned());
        if !self.takes_notifications {
            return self.say(MessageType::INFO, params["message"].as_str().unwrap_or_default().to_owned());
        }
        let client = self.client.clone();
        self.runtime.block_on(async move { client.send_notification::<Patched>(params).await });
    }

    pub(super) fn take(&mut self, results: &[FileResult], cause: Cause) {
        let mut files: Vec<&str> = results.iter().map(|result| result.file.as_str()).collect();
        // Those of each process follow each other.
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(*file));
        for file in files {
            self.log_verdicts(file, results);
            let Some(uri) = self.uri_of(file) else {
                continue;
            };
            let Some(document) = self.documents.get(&uri) else {
                continue;
            };
            let of_file: Vec<FileResult> = results.iter().filter(|result| result.file == file).cloned().collect();
            self.verdicts.take(&uri, &of_file, &document.outline());
            self.publish(&uri);
        }
        if results.iter().any(|result| result.committed) {
            return;
        }
        let refused = || results.iter().flat_map(|result| &result.verdicts).filter(|it| it.verdict == Outcome::Refused);
        // What only waits for it is not the reason.
        let is_cause = |verdict: &&Verdict| !verdict.code.as_deref().is_some_and(codes::is_held_back);
        if let Some(verdict) = refused().find(is_cause).or_else(|| refused().next()) {
            let (code, message) =
                (verdict.code.clone().unwrap_or_default(), verdict.message.clone().unwrap_or_default());
            let what = if cause == Cause::Undo { "undone" } else { "patched" };
            let named = status::named(verdict, results);
            self.show(format!("Nothing was {what}: {named}: {code}: {message}"));
        }
    }

    /// The user wants a value that the program gave: the verdict has done its work.
    pub(super) fn keep_value(&mut self, uri: &Uri, line: u32) {
        if self.verdicts.dismiss(uri, line, codes::VALUE_KEPT) {
            self.publish(uri);
            self.tell_status();
        }
    }

    /// Has the editor show what a code means.
    pub(super) fn explain(&self, code: &str) -> Result<(), Failure> {
        let text = explanations::of(code)
            .ok_or_else(|| Failure::new(codes::BAD_MESSAGE, format!("there is no code {code}")))?;
        let (client, shown) = (self.client.clone(), self.shows_documents.then(|| explanation_file(code, &text)));
        self.runtime.spawn(async move {
            if let Some(Some(uri)) = shown {
                let params = ShowDocumentParams { uri, external: Some(false), take_focus: Some(true), selection: None };
                if matches!(client.show_document(params).await, Ok(true)) {
                    return;
                }
            }
            client.show_message(MessageType::INFO, text).await;
        });
        Ok(())
    }

    /// What is to be said of a patch, for later reading, and for files that are not open and have no place for a squiggle.
    fn log_verdicts(&self, file: &str, results: &[FileResult]) {
        for result in results.iter().filter(|result| result.file == file) {
            for verdict in &result.verdicts {
                if let (Some(code), Some(message)) = (&verdict.code, &verdict.message) {
                    let said =
                        format!("{file}:{} {}: {code}: {message} ({})", verdict.line, verdict.definition, result.name);
                    self.log(MessageType::INFO, said);
                }
            }
        }
    }

    /// The editor's name of a process's file.
    pub(super) fn uri_of(&self, file: &str) -> Option<Uri> {
        let cell = self.pool.sessions.iter().find_map(|session| session.known_cell(file));
        if let Some(shown) = cell.and_then(|cell| self.workspace.cells.shown(&cell)) {
            return self.documents.uri_of(&shown);
        }
        let found = self.pool.sessions.iter().find_map(|session| session.own_name(file));
        let path = found.unwrap_or_else(|| self.workspace.to_editor(Path::new(file)));
        self.documents.uri_of(&path).or_else(|| Uri::from_file_path(path))
    }

    pub(super) fn connected(&mut self, id: &str, outcome: Result<Arc<Session>, SessionError>) {
        if let Ok(session) = &outcome {
            // The folders may have changed while it was connected to.
            session.set_workspace(self.workspace.clone());
        }
        match self.pool.connected(id, outcome) {
            Ok(true) => {
                self.tell_status();
                self.watch_holds(id);
                self.observe_after(id, Duration::ZERO);
                self.refresh_lenses();
            }
            Ok(false) => self.look_later(),
            Err(error) => {
                self.show(format!("{}: {error}", error.code()));
                self.look_later();
            }
        }
    }

    pub(super) fn session_ended(&mut self, id: &str) {
        self.pool.forget(id);
        for uri in self.verdicts.forget_session(id) {
            self.publish(&uri);
        }
        self.observing.remove(id);
        self.forget_holds(id);
        self.refresh_lenses();
        self.look_later();
    }

    pub(super) fn shown_path(&self, document: &Document) -> String {
        let relative = self.folders.iter().find_map(|folder| document.path.strip_prefix(folder).ok());
        relative.unwrap_or(&document.path).display().to_string()
    }

    pub(super) fn publish(&self, uri: &Uri) {
        let version = self.documents.get(uri).map(|document| document.version);
        let held = self.holds.of_file(uri);
        // What is held is shown also where the file is not open.
        let text = if version.is_some() || !held.is_empty() { self.text_of(uri) } else { None }.unwrap_or_default();
        let mut diagnostics = self.verdicts.diagnostics(uri, &text, self.encoding);
        diagnostics.extend(holds::diagnostics(&held, &text, self.encoding));
        let (client, uri) = (self.client.clone(), uri.clone());
        self.runtime.block_on(async move { client.publish_diagnostics(uri, diagnostics, version).await });
    }

    pub(super) fn tell_status(&mut self) {
        self.log_sessions();
        if !self.takes_notifications {
            return;
        }
        let holds = self.holds_to_json();
        let status = StatusParams::new(&self.pool.shown(), self.pool.trouble(), &self.verdicts, holds, &self.settings);
        if self.last_status.as_ref() != Some(&status) {
            self.last_status = Some(status.clone());
            let client = self.client.clone();
            self.runtime.block_on(async move { client.send_notification::<Status>(status).await });
        }
    }

    /// Logs the sessions that came and went since it was last called.
    fn log_sessions(&mut self) {
        let shown: HashMap<_, _> =
            self.pool.shown().iter().map(|session| (session.entry.id.clone(), session.name())).collect();
        let before = std::mem::replace(&mut self.logged_sessions, shown);
        for (_, name) in self.logged_sessions.iter().filter(|(id, _)| !before.contains_key(*id)) {
            self.log(MessageType::INFO, format!("{name}: can be patched"));
        }
        for (_, name) in before.iter().filter(|(id, _)| !self.logged_sessions.contains_key(*id)) {
            self.log(MessageType::INFO, format!("{name}: is gone"));
        }
    }

    pub(super) fn show(&self, message: String) {
        self.log(MessageType::ERROR, message.clone());
        self.say(MessageType::ERROR, message);
    }

    /// For threads that have something to show.
    pub(super) fn speaker(&self) -> Speaker {
        Speaker { client: self.client.clone(), runtime: self.runtime.clone(), shows_ways_in: self.shows_ways_in }
    }

    pub(super) fn say(&self, kind: MessageType, message: String) {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.show_message(kind, message).await });
    }

    /// In the order in which things happen.
    pub(super) fn log(&self, kind: MessageType, message: String) {
        let client = self.client.clone();
        self.runtime.block_on(async move { client.log_message(kind, message).await });
    }
}

/// Shows what can't be done.
pub(super) struct Speaker {
    client: Client,
    runtime: Handle,
    shows_ways_in: bool,
}

impl Speaker {
    /// Where a process is missing, the client shows it with ways to one, if it can.
    pub(super) fn show(self, kind: MessageType, failure: &Failure, message: String) {
        let Self { client, runtime, shows_ways_in } = self;
        let with_ways = failure.needs_process && shows_ways_in;
        runtime.spawn(async move {
            if with_ways {
                client.send_notification::<NoProcess>(json!({ "message": message })).await;
            } else {
                client.show_message(kind, message).await;
            }
        });
    }
}

/// A file that the editor can open, in the folder that only the user can. Nothing if it can't be written.
fn explanation_file(code: &str, text: &str) -> Option<Uri> {
    let folder = registry::directory();
    registry::ensure(&folder).ok()?;
    let path = folder.join(format!("{}.md", code.to_uppercase()));
    std::fs::write(&path, text).ok()?;
    Uri::from_file_path(path)
}
