//! What the editor asks for: answered on threads of their own, with what it and the sessions show now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use hotsplice_channel::codes;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeActionResponse, CodeLens, Hover, MessageType, Position,
    TextDocumentSaveReason, Uri,
};

use super::State;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::fitting;
use crate::lsp::commands::{Command, File, How};
use crate::lsp::comparison::Snapshot;
use crate::lsp::documents::{Document, Documents, file_path};
use crate::lsp::events::{Asked, Cause, Done, Event};
use crate::lsp::external_changes::Checked;
use crate::lsp::patches::{self, Part};
use crate::lsp::settings::Lens;
use crate::lsp::{code_actions, code_lenses, holds, hover, old_frames, quick_fixes, status, unloaded};
use crate::patching::{FileResult, WantedFile};
use crate::renaming;
use crate::restarting;
use crate::session::Session;
use crate::working::Working;

impl State {
    pub(super) fn file_changed(&mut self, uri: &Uri) {
        if let (true, Some(path)) = (self.settings.patch_on_external_change, file_path(uri)) {
            self.changes.add(path);
        }
    }

    pub(super) fn external_changes(&mut self, paths: Vec<PathBuf>) {
        let Some(paths) = self.waiting.add(paths) else { return };
        self.look();
        let (sessions, events) = (self.pool.snapshot(), self.events.clone());
        std::thread::spawn(move || {
            let check = || fitting::misfit(&paths, &sessions.settle());
            let misfit = catch_unwind(AssertUnwindSafe(check)).unwrap_or_default();
            // The loop is gone when the server ends.
            let _ = events.send(Event::Fitted(paths, misfit));
        });
    }

    /// Files that fit go live together. Others wait for more, not for ever.
    pub(super) fn fitted(&mut self, paths: &[PathBuf], misfit: Option<String>) {
        match self.waiting.checked(paths, misfit.is_some()) {
            Checked::Again => self.external_changes(Vec::new()),
            Checked::Waits { first_time, left } => {
                if first_time {
                    let why = misfit.unwrap_or_default();
                    self.log(MessageType::INFO, format!("What was changed on disk waits for more: {why}"));
                }
                let events = self.events.clone();
                self.runtime.spawn(async move {
                    tokio::time::sleep(left).await;
                    // The loop is gone when the server ends.
                    let _ = events.send(Event::ExternalChanges(Vec::new()));
                });
            }
            Checked::Ready(mut paths) => {
                paths.retain(|path| !self.is_being_edited(path));
                let sessions = self.pool.snapshot();
                self.work(Cause::OtherProgram, None, move || Ok(patches::patch_changed(&paths, &sessions.settle())));
            }
        }
    }

    /// What the editor shows and has not saved is the user's newer word. An editor that took the change from the disk has
    /// edited the file too, but shows what is there.
    fn is_being_edited(&mut self, path: &Path) -> bool {
        let Some(uri) = self.documents.uri_of(path) else { return false };
        let Some(document) = self.documents.get(&uri).filter(|document| document.dirty) else { return false };
        let is_as_on_disk = crate::source_file::read(path).is_ok_and(|text| text == *document.text);
        if is_as_on_disk {
            self.documents.saved(&uri);
        }
        !is_as_on_disk
    }

    pub(super) fn saved(&mut self, uri: &Uri, Asked { answer, cancel }: Asked) {
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
        let snapshot = self.snapshot(uri.clone(), document);
        self.work(Cause::Save, Some(answer), move || {
            let snapshot = snapshot();
            let document = &snapshot.document;
            let file = WantedFile::new(document.path.clone(), document.text.to_string());
            let is_successor =
                |session: &Session| !renaming::find(session, std::slice::from_ref(&file)).files.is_empty();
            let loaded =
                |session: &Arc<Session>| session.known_loaded(&document.path).is_some() || is_successor(session);
            if snapshot.sessions.iter().any(loaded) {
                patches::patch(&snapshot, Part::File(How::default()), &cancel)
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
        let (held, asks) = (self.holds.of_file(&uri), self.takes_notifications);
        self.answer(uri, answer, Vec::new(), move |snapshot| {
            let mut actions = holds::code_actions(snapshot, &held, &shown_there, position, asks);
            let undoable = !verdicts.is_empty() && code_actions::is_undoable(snapshot);
            actions.extend(quick_fixes::quick_fixes(snapshot, &verdicts, &shown_there, position, undoable));
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
        let snapshot = self.snapshot(uri, document);
        std::thread::spawn(move || {
            // Whoever asked may have typed on in the meantime.
            if !answer.is_closed() {
                let _ = answer.send(work(&snapshot()));
            }
        });
    }

    /// What a document and the sessions show now. Not to be called in the loop, but given to a thread.
    pub(super) fn snapshot(&mut self, uri: Uri, document: Document) -> impl FnOnce() -> Snapshot + Send + 'static {
        self.look();
        let (sessions, shown_path) = (self.pool.snapshot(), self.shown_path(&document));
        let documents = self.documents.all();
        let trouble = self.pool.trouble().map(str::to_owned);
        move || {
            let (sessions, strangers) = sessions.settle_all();
            Snapshot { uri, document, documents, sessions, strangers, shown_path, trouble }
        }
    }

    pub(super) fn code_lenses(&mut self, uri: Uri, answer: oneshot::Sender<Vec<CodeLens>>) {
        let wanted = self.settings.lens();
        if wanted == Lens::Never {
            let _ = answer.send(Vec::new());
            return;
        }
        let verdicts: Vec<_> =
            self.verdicts.all().filter(|(shown, _)| **shown == uri).map(|(_, verdict)| verdict.clone()).collect();
        let (held, asks) = (self.holds.of_file(&uri), self.takes_notifications);
        self.answer(uri, answer, Vec::new(), move |snapshot| {
            let mut lenses = holds::code_lenses(&held, &snapshot.document.text, asks);
            lenses.extend(code_lenses::code_lenses(snapshot, &verdicts, wanted));
            lenses
        });
    }

    pub(super) fn hover(&mut self, uri: Uri, position: Position, answer: oneshot::Sender<Option<Hover>>) {
        let encoding = self.encoding;
        let held = self.holds.of_file(&uri);
        self.answer(uri, answer, None, move |snapshot| hover::hover(snapshot, &held, position, encoding));
    }

    pub(super) fn command(&mut self, command: Command, asked: Asked) {
        self.look();
        let sessions = self.pool.snapshot();
        let file = match &command {
            // All that was patched last, whichever files it is.
            Command::Undo { file: File::Unnamed, .. } => None,
            command => match command.file().map(|file| self.file(file)).transpose() {
                Ok(file) => file,
                Err(failure) => return self.work(Cause::Command, Some(asked.answer), move || Err(failure)),
            },
        };
        match (command, file) {
            (Command::PatchFile { how, .. }, Some(uri)) => {
                self.patch(uri, asked, move |snapshot, cancel| patches::patch(snapshot, Part::File(how), cancel));
            }
            (Command::WhyNot { .. }, Some(uri)) => match self.document(&uri) {
                Ok(document) => {
                    let (snapshot, speaker) = (self.snapshot(uri, document), self.speaker());
                    std::thread::spawn(move || {
                        let why = unloaded::why_not(&snapshot());
                        speaker.show(MessageType::INFO, &why, why.message.clone());
                        asked.answer.send(Ok(Value::String(why.message)))
                    });
                }
                Err(failure) => drop(asked.answer.send(Err(failure))),
            },
            (Command::RunAgain { position, .. }, Some(uri)) => {
                let part = Part::Again(position.line + 1);
                self.patch(uri, asked, move |snapshot, cancel| patches::patch(snapshot, part, cancel));
            }
            (Command::PatchFunction { name, position, how, .. }, Some(uri)) => {
                self.patch(uri, asked, move |snapshot, cancel| {
                    let at_place = || patches::name_at(snapshot, position.unwrap_or_default());
                    let (name, how) = name.map_or_else(at_place, |name| Ok((name, how)))?;
                    patches::patch(snapshot, Part::Function(name, how), cancel)
                });
            }
            (Command::KeepValue { position, .. }, Some(uri)) => {
                self.keep_value(&uri, position.line + 1);
                let _ = asked.answer.send(Ok(Value::Null));
            }
            (Command::Undo { name, .. }, uri) => {
                let file = uri.as_ref().and_then(file_path);
                self.work(Cause::Undo, Some(asked.answer), move || {
                    patches::undo(&sessions.settle(), file, name.as_deref())
                });
            }
            (Command::Explain { code }, _) => {
                let _ = asked.answer.send(self.explain(&code).map(|()| Value::Null));
            }
            (Command::Sessions, _) => {
                std::thread::spawn(move || asked.answer.send(Ok(status::listed(&sessions.settle()))));
            }
            (Command::PatchEdited { paths }, _) => {
                let documents = self.documents.all();
                let Asked { answer, cancel } = asked;
                self.work(Cause::Command, Some(answer), move || {
                    patches::patch_edited(&documents, &paths, &sessions.settle(), &cancel)
                });
            }
            (Command::Guard { name, position, remove, .. }, Some(uri)) => {
                self.guard(uri, name, position.unwrap_or_default(), remove, asked);
            }
            (Command::Holds, _) => drop(asked.answer.send(Ok(self.holds_to_json()))),
            (Command::RestartFrame(wanted), _) => {
                let (client, runtime) = (self.client.clone(), self.runtime.clone());
                std::thread::spawn(move || {
                    let answer = restarting::restart(&sessions.settle(), &wanted);
                    let (kind, text) = match &answer {
                        Ok(answer) => (MessageType::INFO, restarting::describe(answer)),
                        Err(failure) => (MessageType::ERROR, failure.to_string()),
                    };
                    runtime.block_on(client.show_message(kind, text.clone()));
                    asked.answer.send(answer.map(|_| Value::String(text)))
                });
            }
            (Command::OldFrames { frames, thread }, _) => {
                std::thread::spawn(move || {
                    let told = old_frames::told(&sessions.settle(), &frames, thread.as_deref());
                    asked.answer.send(Ok(json!(told)))
                });
            }
            (Command::Answer { hold, place, answer }, uri) => {
                self.answer_hold(hold, uri.zip(place.map(|(_, position)| position)), answer, asked);
            }
            // Those that are about a file have one by now.
            (_, None) => drop(asked.answer.send(Ok(Value::Null))),
        }
    }

    /// The file that a command is about.
    fn file(&self, file: &File) -> Result<Uri, Failure> {
        let open = self.documents.all();
        let (candidates, called) = match file {
            File::Named(uri) => return Ok(uri.clone()),
            File::Path(path) => {
                let folders = self.folders.iter().map(|folder| folder.join(path)).filter(|path| path.is_file());
                let on_disk = folders.chain(Some(path.clone()).filter(|path| path.is_absolute())).next();
                let ending: Vec<&Document> = open.iter().filter(|document| document.path.ends_with(path)).collect();
                if let (false, Some(path)) = (ending.len() == 1, on_disk) {
                    let uri = self.documents.uri_of(&path).or_else(|| Uri::from_file_path(&path));
                    return uri
                        .ok_or_else(|| Failure::new(codes::UNREADABLE, format!("{} is no file", path.display())));
                }
                (ending, format!("is called {}", path.display()))
            }
            File::Unnamed => {
                let edited: Vec<&Document> = open.iter().filter(|document| document.dirty).collect();
                (if edited.len() == 1 { edited } else { open.iter().collect() }, "is open".to_owned())
            }
        };
        match candidates.as_slice() {
            [only] => self.documents.uri_of(&only.path),
            _ => None,
        }
        .ok_or_else(|| {
            let mut names: Vec<String> = candidates.iter().map(|document| self.shown_path(document)).collect();
            names.sort();
            let message = match names.is_empty() {
                true => format!("no file {called}: give the file's uri or path"),
                false => format!("more than one file {called} ({}): give the file's uri or path", names.join(", ")),
            };
            Failure::new(codes::BAD_MESSAGE, message)
        })
    }

    /// Patches what is wanted of a document.
    fn patch(
        &mut self,
        uri: Uri,
        Asked { answer, cancel }: Asked,
        work: impl FnOnce(&Snapshot, &Cancel) -> Result<Vec<FileResult>, Failure> + Send + 'static,
    ) {
        match self.document(&uri) {
            Ok(document) => {
                let snapshot = self.snapshot(uri, document);
                self.work(Cause::Command, Some(answer), move || work(&snapshot(), &cancel));
            }
            Err(failure) => self.work(Cause::Command, Some(answer), move || Err(failure)),
        }
    }

    /// An open file, else the file as it is on disk.
    pub(super) fn document(&self, uri: &Uri) -> Result<Document, Failure> {
        if let Some(document) = self.documents.get(uri) {
            return Ok(document.clone());
        }
        let unreadable = |message: String| Failure::new(codes::UNREADABLE, message);
        let no_file = || {
            unreadable(match uri.as_str().strip_prefix("untitled:") {
                Some(name) => format!("{name} was never saved: no process can have loaded it"),
                None => format!("{} is no file", uri.as_str()),
            })
        };
        let path = file_path(uri).ok_or_else(no_file)?;
        let text = crate::source_file::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let mut documents = Documents::default();
        documents.open(uri.clone(), 0, text);
        documents.get(uri).cloned().ok_or_else(no_file)
    }

    /// Patches on a thread of its own; the result comes back as an event.
    pub(super) fn work(
        &self,
        cause: Cause,
        answer: Option<oneshot::Sender<Result<Value, Failure>>>,
        work: impl FnOnce() -> Result<Vec<FileResult>, Failure> + Send + 'static,
    ) {
        let (events, done) = (self.events.clone(), self.done.clone());
        let started = Instant::now();
        let working = Working::begin();
        std::thread::spawn(move || {
            let _working = working;
            let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                let message = "hotsplice failed while it made the patch; nothing was changed".to_owned();
                Err(Failure::new(codes::INTERNAL, message))
            });
            let took = started.elapsed();
            let report =
                outcome.as_ref().ok().map(|results| json!(results.iter().map(FileResult::report).collect::<Vec<_>>()));
            let (now, later) = if report.is_some() { (answer, None) } else { (None, answer) };
            // What the editor asks next is answered by who knows of it.
            done.put(Done { outcome, took, cause, answer: later });
            if let (Some(answer), Some(report)) = (now, report) {
                let _ = answer.send(Ok(report));
            }
            let _ = events.send(Event::Patched);
        });
    }
}
