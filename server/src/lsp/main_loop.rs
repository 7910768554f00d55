//! The one place that owns the server's state. Events come in the order in which the editor sent them; what may take
//! time runs on a thread of its own, on a snapshot, and comes back as an event.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use hotsplice_channel::patch::Outcome;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeActionResponse, CodeLens, Hover, InitializeParams, MessageType,
    Position, TextDocumentContentChangeEvent, TextDocumentSaveReason, Uri,
};

use super::commands::{self, Command};
use super::comparison::Snapshot;
use super::documents::{Document, Documents, file_path};
use super::pool::{self, Pool};
use super::positions::Encoding;
use super::settings::Settings;
use super::status::{self, Patched, Status, StatusParams};
use super::verdicts::Verdicts;
use super::watch;
use super::{code_actions, code_lenses, hover};
use crate::failure::Failure;
use crate::patching::FileResult;
use crate::session::{Session, SessionError};

pub enum Event {
    Initialize(Box<InitializeParams>, Encoding),
    Initialized,
    Open(Uri, String),
    Change(Uri, Vec<TextDocumentContentChangeEvent>),
    WillSave(Uri, TextDocumentSaveReason),
    Saved(Uri, oneshot::Sender<Value>),
    Close(Uri),
    Settings(Value),
    CodeActions(Box<CodeActionParams>, oneshot::Sender<CodeActionResponse>),
    CodeLenses(Uri, oneshot::Sender<Vec<CodeLens>>),
    Hover(Uri, Position, oneshot::Sender<Option<Hover>>),
    Command(Command, oneshot::Sender<Value>),
    /// Look into the registry.
    Look,
    Connected(String, Result<Arc<Session>, SessionError>),
    SessionChanged(String),
    /// A patch by whomever: what is live in some files is of another version.
    PatchApplied(String, Value),
    SessionEnded(String),
    /// What a process would tell of its state is different now.
    StatusChanged(String),
    /// It was looked at.
    Observed(String),
    /// A patch came back, after so long.
    Patched(Result<Vec<FileResult>, Failure>, Duration, Option<oneshot::Sender<Value>>),
}

struct State {
    client: Client,
    runtime: Handle,
    events: Sender<Event>,
    encoding: Encoding,
    shows_disabled: bool,
    refreshes_lenses: bool,
    /// Sessions that are being looked at, and whether they are to be looked at once more after that.
    observing: HashMap<String, bool>,
    folders: Vec<PathBuf>,
    documents: Documents,
    settings: Settings,
    pool: Pool,
    verdicts: Verdicts,
    last_save: Option<(Uri, TextDocumentSaveReason)>,
    last_status: Option<StatusParams>,
}

/// Starts the loop on a thread of its own; it ends with the last sender.
pub fn start(client: Client) -> Sender<Event> {
    let (events, inbox) = channel();
    let state = State {
        client,
        runtime: Handle::current(),
        events: events.clone(),
        encoding: Encoding::default(),
        shows_disabled: false,
        refreshes_lenses: false,
        observing: HashMap::new(),
        folders: Vec::new(),
        documents: Documents::default(),
        settings: Settings::default(),
        pool: Pool::default(),
        verdicts: Verdicts::default(),
        last_save: None,
        last_status: None,
    };
    std::thread::Builder::new().name("main-loop".to_owned()).spawn(move || run(state, inbox)).ok();
    events
}

fn run(mut state: State, inbox: Receiver<Event>) {
    for event in inbox {
        // A mistake in one feature must not take the editor's server away.
        let outcome = catch_unwind(AssertUnwindSafe(|| state.handle(event)));
        if outcome.is_err() {
            state.log(MessageType::ERROR, "hotsplice failed on a request; the session goes on".to_owned());
        }
    }
}

impl State {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Initialize(params, encoding) => self.initialize(&params, encoding),
            Event::Initialized => {
                self.look();
                self.tell_status();
                watch::start(self.events.clone());
            }
            Event::Open(uri, text) => self.documents.open(uri, text),
            Event::Change(uri, changes) => self.change(&uri, changes),
            Event::WillSave(uri, reason) => self.last_save = Some((uri, reason)),
            Event::Saved(uri, answer) => self.saved(&uri, answer),
            Event::Close(uri) => self.close(&uri),
            Event::Settings(value) => {
                if let Err(message) = self.settings.update(&value) {
                    self.show(message);
                }
                self.tell_status();
                self.refresh_lenses();
            }
            Event::CodeActions(params, answer) => self.code_actions(*params, answer),
            Event::Command(command, answer) => self.command(command, answer),
            Event::Look => self.look(),
            Event::Connected(id, outcome) => self.connected(&id, outcome),
            Event::CodeLenses(uri, answer) => self.code_lenses(uri, answer),
            Event::Hover(uri, position, answer) => self.hover(uri, position, answer),
            Event::SessionChanged(id) => {
                if let Some(session) = self.pool.find(&id) {
                    session.forget();
                }
                self.observe(&id);
            }
            Event::PatchApplied(id, params) => {
                let files = params["files"].as_array().into_iter().flatten();
                let versions = files.filter_map(|file| Some((file["path"].as_str()?, file["version"].as_u64()?)));
                if let Some(session) = self.pool.find(&id) {
                    versions.for_each(|(path, version)| session.forget_unless(path, version));
                }
                self.observe(&id);
            }
            Event::StatusChanged(id) => self.observe(&id),
            Event::Observed(id) => {
                if self.observing.remove(&id) == Some(true) {
                    self.observe(&id);
                }
                self.tell_status();
                self.refresh_lenses();
            }
            Event::SessionEnded(id) => self.session_ended(&id),
            Event::Patched(outcome, took, answer) => self.patched(outcome, took, answer),
        }
    }

    fn initialize(&mut self, params: &InitializeParams, encoding: Encoding) {
        self.encoding = encoding;
        let actions = params.capabilities.text_document.as_ref().and_then(|document| document.code_action.as_ref());
        self.shows_disabled = actions.is_some_and(|actions| actions.disabled_support.unwrap_or(false));
        let workspace = params.capabilities.workspace.as_ref();
        let lenses = workspace.and_then(|workspace| workspace.code_lens.as_ref());
        self.refreshes_lenses = lenses.is_some_and(|lenses| lenses.refresh_support.unwrap_or(false));
        let folders = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
        self.folders = folders.filter_map(file_path).collect();
        if let Some(Err(message)) = params.initialization_options.as_ref().map(|options| self.settings.update(options))
        {
            self.show(message);
        }
    }

    fn change(&mut self, uri: &Uri, changes: Vec<TextDocumentContentChangeEvent>) {
        self.documents.edit(uri, changes, self.encoding);
        if self.verdicts.all().any(|(shown, _)| shown == uri)
            && let Some(document) = self.documents.get(uri)
            && self.verdicts.follow(uri, &document.outline())
        {
            self.publish(uri);
            self.tell_status();
        }
    }

    fn close(&mut self, uri: &Uri) {
        self.documents.close(uri);
        if self.verdicts.forget_file(uri) {
            self.publish(uri);
            self.tell_status();
        }
    }

    fn saved(&mut self, uri: &Uri, answer: oneshot::Sender<Value>) {
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
                commands::patch(&document, &sessions, None, false, &shown_path)
            } else {
                Ok(Vec::new())
            }
        });
    }

    fn code_actions(&mut self, params: CodeActionParams, answer: oneshot::Sender<CodeActionResponse>) {
        let uri = params.text_document.uri;
        if !code_actions::wanted_kind(params.context.only.as_deref()) {
            let _ = answer.send(Vec::new());
            return;
        }
        let (position, shows_disabled) = (params.range.start, self.shows_disabled);
        self.answer(uri, answer, Vec::new(), move |snapshot| {
            let mut actions = code_actions::code_actions(snapshot, position);
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
    fn answer<T: Send + 'static>(
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

    fn code_lenses(&mut self, uri: Uri, answer: oneshot::Sender<Vec<CodeLens>>) {
        if !self.settings.code_lens {
            let _ = answer.send(Vec::new());
            return;
        }
        let verdicts: Vec<_> =
            self.verdicts.all().filter(|(shown, _)| **shown == uri).map(|(_, verdict)| verdict.clone()).collect();
        self.answer(uri, answer, Vec::new(), move |snapshot| code_lenses::code_lenses(snapshot, &verdicts));
    }

    fn hover(&mut self, uri: Uri, position: Position, answer: oneshot::Sender<Option<Hover>>) {
        let encoding = self.encoding;
        self.answer(uri, answer, None, move |snapshot| hover::hover(snapshot, position, encoding));
    }

    /// Asks a process what is patched and what still runs old code; what it says is an event.
    fn observe(&mut self, id: &str) {
        if let Some(again) = self.observing.get_mut(id) {
            *again = true;
            return;
        }
        let Some(session) = self.pool.find(id).cloned() else { return };
        self.observing.insert(id.to_owned(), false);
        let (events, id) = (self.events.clone(), id.to_owned());
        std::thread::spawn(move || {
            // One that does not answer keeps what was known of it.
            let _ = session.observe();
            let _ = events.send(Event::Observed(id));
        });
    }

    fn refresh_lenses(&self) {
        if self.refreshes_lenses {
            let client = self.client.clone();
            self.runtime.spawn(async move { client.code_lens_refresh().await });
        }
    }

    fn command(&mut self, command: Command, answer: oneshot::Sender<Value>) {
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
                        commands::patch(&document, &sessions.settle(), None, run_statements, &shown)
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
                        commands::patch(&document, &sessions, Some(name), false, &shown)
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
    fn document(&self, uri: &Uri) -> Result<Document, Failure> {
        if let Some(document) = self.documents.get(uri) {
            return Ok(document.clone());
        }
        let unreadable = |message: String| Failure { code: hotsplice_channel::codes::UNREADABLE.to_owned(), message };
        let path = file_path(uri).ok_or_else(|| unreadable(format!("{} is no file", uri.as_str())))?;
        let text = crate::source_file::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let mut documents = Documents::default();
        documents.open(uri.clone(), text);
        documents.get(uri).cloned().ok_or_else(|| unreadable(format!("{} is no file", uri.as_str())))
    }

    /// Patches on a thread of its own; the result comes back as an event.
    fn work(
        &self,
        answer: Option<oneshot::Sender<Value>>,
        work: impl FnOnce() -> Result<Vec<FileResult>, Failure> + Send + 'static,
    ) {
        let events = self.events.clone();
        let started = Instant::now();
        std::thread::spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                let message = "hotsplice failed while it made the patch; nothing was changed".to_owned();
                Err(Failure { code: hotsplice_channel::codes::INTERNAL.to_owned(), message })
            });
            let _ = events.send(Event::Patched(outcome, started.elapsed(), answer));
        });
    }

    fn patched(
        &mut self,
        outcome: Result<Vec<FileResult>, Failure>,
        took: Duration,
        answer: Option<oneshot::Sender<Value>>,
    ) {
        let value = match outcome {
            Err(failure) => {
                self.show(format!("{}: {}", failure.code, failure.message));
                json!({ "error": { "code": failure.code, "message": failure.message } })
            }
            Ok(results) => {
                // Whoever asked is answered first: the new code is live.
                if let Some(answer) = answer {
                    let _ = answer.send(json!(results.iter().map(FileResult::to_json).collect::<Vec<_>>()));
                }
                self.take(&results);
                let milliseconds = took.as_secs_f64() * 1000.0;
                for params in status::patched(&results, |file| self.documents.uri_of(file), milliseconds) {
                    let client = self.client.clone();
                    self.runtime.block_on(async move { client.send_notification::<Patched>(params).await });
                }
                self.refresh_lenses();
                return self.tell_status();
            }
        };
        if let Some(answer) = answer {
            let _ = answer.send(value);
        }
        self.tell_status();
    }

    fn take(&mut self, results: &[FileResult]) {
        let mut files: Vec<&str> = results.iter().map(|result| result.file.as_str()).collect();
        files.dedup();
        for file in files {
            let Some(uri) = self.documents.uri_of(file) else {
                continue;
            };
            let Some(document) = self.documents.get(&uri) else {
                continue;
            };
            let of_file: Vec<FileResult> = results.iter().filter(|result| result.file == file).cloned().collect();
            self.verdicts.take(&uri, &of_file, &document.outline());
            self.publish(&uri);
        }
        let refused = |result: &&FileResult| result.verdicts.iter().any(|verdict| verdict.verdict == Outcome::Refused);
        if let Some(result) = results.iter().find(refused) {
            let first = result.verdicts.iter().find(|verdict| verdict.verdict == Outcome::Refused);
            let reason = first.map(|verdict| {
                let (code, message) =
                    (verdict.code.clone().unwrap_or_default(), verdict.message.clone().unwrap_or_default());
                format!("{} (line {}): {code}: {message}", verdict.definition, verdict.line)
            });
            self.show(format!("Nothing was patched: {}", reason.unwrap_or_default()));
        }
    }

    fn look(&mut self) {
        self.pool.refresh(&self.events);
    }

    fn look_later(&self) {
        let events = self.events.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(pool::RETRY).await;
            // The loop is gone when the server ends.
            let _ = events.send(Event::Look);
        });
    }

    fn connected(&mut self, id: &str, outcome: Result<Arc<Session>, SessionError>) {
        match self.pool.connected(id, outcome) {
            Ok(true) => {
                self.tell_status();
                self.observe(id);
                self.refresh_lenses();
            }
            Ok(false) => self.look_later(),
            Err(error) => self.show(format!("{}: {error}", error.code())),
        }
    }

    fn session_ended(&mut self, id: &str) {
        self.pool.forget(id);
        for uri in self.verdicts.forget_session(id) {
            self.publish(&uri);
        }
        self.observing.remove(id);
        self.tell_status();
        self.refresh_lenses();
        self.look_later();
    }

    fn shown_path(&self, document: &Document) -> String {
        let relative = self.folders.iter().find_map(|folder| document.path.strip_prefix(folder).ok());
        relative.unwrap_or(&document.path).display().to_string()
    }

    fn publish(&self, uri: &Uri) {
        let text = self.documents.get(uri).map(|document| document.text.clone()).unwrap_or_default();
        let diagnostics = self.verdicts.diagnostics(uri, &text, self.encoding);
        let (client, uri) = (self.client.clone(), uri.clone());
        self.runtime.block_on(async move { client.publish_diagnostics(uri, diagnostics, None).await });
    }

    fn tell_status(&mut self) {
        let status = StatusParams::new(&self.pool.sessions, &self.verdicts, &self.settings);
        if self.last_status.as_ref() != Some(&status) {
            self.last_status = Some(status.clone());
            let client = self.client.clone();
            self.runtime.block_on(async move { client.send_notification::<Status>(status).await });
        }
    }

    fn show(&self, message: String) {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.show_message(MessageType::ERROR, message).await });
    }

    fn log(&self, kind: MessageType, message: String) {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.log_message(kind, message).await });
    }
}
