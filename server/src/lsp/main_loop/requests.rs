//! What the editor asks for: answered on threads of their own, with what it and the sessions show now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotsplice_channel::codes;
use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeActionResponse, CodeLens, Hover, Position, TextDocumentSaveReason, Uri,
};

use super::{Event, State};
use crate::failure::Failure;
use crate::lsp::commands::{self, Command, Part};
use crate::lsp::comparison::Snapshot;
use crate::lsp::documents::{Document, Documents, file_path};
use crate::lsp::{code_actions, code_lenses, hover, status};
use crate::patching::FileResult;
use crate::session::Session;

impl State {
    pub(super) fn file_changed(&mut self, uri: &Uri) {
        // What the editor shows and has not saved is the user's newer word.
        let is_edited = self.documents.get(uri).is_some_and(|document| document.dirty);
        let wanted = self.settings.patch_on_external_change && !is_edited;
        if let (true, Some(path)) = (wanted, file_path(uri)) {
            self.changes.add(path);
        }
    }

    pub(super) fn external_changes(&mut self, paths: Vec<PathBuf>) {
        self.look();
        let sessions = self.pool.snapshot();
        self.work(None, move || Ok(commands::patch_changed(&paths, &sessions.settle())));
    }

    pub(super) fn saved(&mut self, uri: &Uri, answer: oneshot::Sender<Value>) {
        let reason = self.last_save.take().filter(|(saving, _)| saving == uri).map(|(_, reason)| reason);
        // An editor that does not say why it saves was told to.
        let explicit = reason.is_none_or(|reason| reason == TextDocumentSaveReason::MANUAL);
        let Some(document) = self.documents.get(uri).cloned() else {
            return;
        };
        self.documents.saved(uri);
        if !self.settings.patches(explicit, document.dirty) || !document.outline().is_valid() {
            return;
        }
        self.look();
        let (sessions, shown_path) = (self.pool.snapshot(), self.shown_path(&document));
        self.work(Some(answer), move || {
            let sessions = sessions.settle();
            let loaded = |session: &Arc<Session>| session.loaded(&document.path).is_ok_and(|path| path.is_some());
            if sessions.iter().any(loaded) {
                commands::patch(&document, &sessions, Part::File { run_statements: false }, &shown_path)
            } else {
                Ok(Vec::new())
            }
        });
    }

    pub(super) fn code_actions(&mut self, params: CodeActionParams, answer: oneshot::Sender<CodeActionResponse>) {
        let uri = params.text_document.uri;
        let (only, shown_there) = (params.context.only, params.context.diagnostics);
        if !code_actions::wanted_kind(only.as_deref()) {
            let _ = answer.send(Vec::new());
            return;
        }
        let verdicts: Vec<_> =
            self.verdicts.all().filter(|(shown, _)| **shown == uri).map(|(_, verdict)| verdict.clone()).collect();
        let (position, shows_disabled) = (params.range.start, self.shows_disabled);
        self.answer(uri, answer, Vec::new(), move |snapshot| {
            let mut actions = code_actions::quick_fixes(snapshot, &verdicts, &shown_there, position);
            actions.extend(code_actions::code_actions(snapshot, position));
            actions.retain(|action| code_actions::is_wanted(action, only.as_deref()));
            if !shows_disabled {
                actions.retain(|action| match action {
                    CodeActionOrCommand::CodeAction(action) => action.disabled.is_none(),
                    CodeActionOrCommand::Command(_) => true,
                });
            }
            actions
        });
    }

    /// Answers on a thread of its own, with what the editor and the sessions show now.
    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        uri: Uri,
        answer: oneshot::Sender<T>,
        nothing: T,
        work: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) {
        // The editor may have stopped waiting.
        let Some(document) = self.documents.get(&uri).cloned() else {
            let _ = answer.send(nothing);
            return;
        };
        self.look();
        let (sessions, shown_path) = (self.pool.snapshot(), self.shown_path(&document));
        std::thread::spawn(move || {
            let snapshot = Snapshot { shown_path, uri, document, sessions: sessions.settle() };
            let _ = answer.send(work(&snapshot));
        });
    }

    pub(super) fn code_lenses(&mut self, uri: Uri, answer: oneshot::Sender<Vec<CodeLens>>) {
        if !self.settings.code_lens {
            let _ = answer.send(Vec::new());
            return;
        }
        let verdicts: Vec<_> =
            self.verdicts.all().filter(|(shown, _)| **shown == uri).map(|(_, verdict)| verdict.clone()).collect();
        self.answer(uri, answer, Vec::new(), move |snapshot| code_lenses::code_lenses(snapshot, &verdicts));
    }

    pub(super) fn hover(&mut self, uri: Uri, position: Position, answer: oneshot::Sender<Option<Hover>>) {
        let encoding = self.encoding;
        self.answer(uri, answer, None, move |snapshot| hover::hover(snapshot, position, encoding));
    }

    pub(super) fn command(&mut self, command: Command, answer: oneshot::Sender<Value>) {
        self.look();
        let sessions = self.pool.snapshot();
        match command {
            Command::Sessions => {
                std::thread::spawn(move || answer.send(status::listed(&sessions.settle())));
            }
            Command::PatchFile { uri, run_statements } => match self.document(&uri) {
                Ok(document) => {
                    let shown = self.shown_path(&document);
                    self.work(Some(answer), move || {
                        commands::patch(&document, &sessions.settle(), Part::File { run_statements }, &shown)
                    });
                }
                Err(failure) => self.patched(Err(failure), Duration::ZERO, Some(answer)),
            },
            Command::RunAgain { uri, position } => match self.document(&uri) {
                Ok(document) => {
                    let shown = self.shown_path(&document);
                    self.work(Some(answer), move || {
                        commands::patch(&document, &sessions.settle(), Part::Again(position.line + 1), &shown)
                    });
                }
                Err(failure) => self.patched(Err(failure), Duration::ZERO, Some(answer)),
            },
            Command::PatchFunction { uri, name, position } => match self.document(&uri) {
                Ok(document) => {
                    let shown = self.shown_path(&document);
                    self.work(Some(answer), move || {
                        let sessions = sessions.settle();
                        let name = match (name, position) {
                            (Some(name), _) => name,
                            (None, position) => commands::name_at(&document, &sessions, position.unwrap_or_default())?,
                        };
                        commands::patch(&document, &sessions, Part::Function(name), &shown)
                    });
                }
                Err(failure) => self.patched(Err(failure), Duration::ZERO, Some(answer)),
            },
            Command::Undo { uri, name } => {
                let file = uri.as_ref().and_then(file_path);
                self.work(Some(answer), move || commands::undo(&sessions.settle(), file, name.as_deref()));
            }
        }
    }

    /// An open file, else the file as it is on disk.
    pub(super) fn document(&self, uri: &Uri) -> Result<Document, Failure> {
        if let Some(document) = self.documents.get(uri) {
            return Ok(document.clone());
        }
        let unreadable = |message: String| Failure { code: codes::UNREADABLE.to_owned(), message };
        let no_file = || {
            unreadable(match uri.as_str().strip_prefix("untitled:") {
                Some(name) => format!("{name} was never saved: no process can have loaded it"),
                None => format!("{} is no file", uri.as_str()),
            })
        };
        let path = file_path(uri).ok_or_else(no_file)?;
        let text = crate::source_file::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let mut documents = Documents::default();
        documents.open(uri.clone(), text);
        documents.get(uri).cloned().ok_or_else(no_file)
    }

    /// Patches on a thread of its own; the result comes back as an event.
    pub(super) fn work(
        &self,
        answer: Option<oneshot::Sender<Value>>,
        work: impl FnOnce() -> Result<Vec<FileResult>, Failure> + Send + 'static,
    ) {
        let events = self.events.clone();
        let started = Instant::now();
        std::thread::spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                let message = "hotsplice failed while it made the patch; nothing was changed".to_owned();
                Err(Failure { code: codes::INTERNAL.to_owned(), message })
            });
            let _ = events.send(Event::Patched(outcome, started.elapsed(), answer));
        });
    }
}
