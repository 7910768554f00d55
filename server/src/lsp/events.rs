//! What happens to the server: all that the main loop is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotsplice_channel::message::Hold;
use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::ls_types::{
    CodeActionParams, CodeActionResponse, CodeLens, Hover, InitializeParams, Position, TextDocumentContentChangeEvent,
    TextDocumentSaveReason, Uri, WorkspaceFoldersChangeEvent,
};

use super::commands::Command;
use super::positions::Encoding;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::patching::FileResult;
use crate::session::{Session, SessionError};

/// Somebody waits for what comes of a patch, and may stop waiting.
pub struct Asked {
    pub answer: oneshot::Sender<Result<Value, Failure>>,
    pub cancel: Cancel,
}

pub enum Event {
    Initialize(Box<InitializeParams>, Encoding),
    Initialized,
    Open(Uri, i32, String),
    /// A cell of a notebook, in Python.
    OpenCell(Uri, i32, String),
    Change(Uri, i32, Vec<TextDocumentContentChangeEvent>),
    WillSave(Uri, TextDocumentSaveReason),
    Saved(Uri, Asked),
    Close(Uri),
    Settings(Value),
    Folders(WorkspaceFoldersChangeEvent),
    CodeActions(Box<CodeActionParams>, oneshot::Sender<CodeActionResponse>),
    CodeLenses(Uri, oneshot::Sender<Vec<CodeLens>>),
    Hover(Uri, Position, oneshot::Sender<Option<Hover>>),
    Command(Command, Asked),
    /// Look into the registry.
    Look,
    FileChanged(Uri),
    /// Files that other programs have changed; none: what was held back has waited long enough.
    ExternalChanges(Vec<PathBuf>),
    /// Whether files that were changed fit together, and if not, why.
    Fitted(Vec<PathBuf>, Option<String>),
    Connected(String, Result<Arc<Session>, SessionError>),
    /// A process loads a module, from this file.
    ModuleLoaded(String, String),
    /// A patch by whomever: what is live in some files is of another version.
    PatchApplied(String, Value),
    /// A call of this process has failed and waits for an answer.
    HoldBegan(String, Hold),
    /// It waits no more, whoever answered.
    HoldEnded(String, u64),
    /// The text in whose lines a failed call was told, where it is known.
    HoldPlaced(String, u64, Option<Arc<str>>),
    /// What waited when the process was asked whether something does; nothing where it did not answer.
    Holds(String, Option<Vec<Hold>>),
    /// It was to be patched and tried again, and the patch was refused.
    StaysHeld(String, u64),
    SessionEnded(String),
    /// The editor is to be told what processes said that were looked at.
    Tell,
    /// What had just gone live is no news any more.
    LensesFaded,
    /// What a process would tell of its state is different now.
    StatusChanged(String),
    /// The last call of a definition of this file that ran old code has ended.
    OldCodeLeft(String, String, String),
    /// It was looked at, at this time.
    Observed(String, Instant),
    /// It did not answer.
    NotObserved(String),
    /// One has come back.
    Patched,
}

/// A patch that came back.
pub struct Done {
    pub outcome: Result<Vec<FileResult>, Failure>,
    pub took: Duration,
    pub cause: Cause,
    /// Who still waits: of what was patched it is told at once.
    pub answer: Option<oneshot::Sender<Result<Value, Failure>>>,
}

/// Patches that have come back. The loop takes them before each event: whoever asked is told first, and what is asked next
/// finds what came of them.
#[derive(Clone, Default)]
pub struct Finished(Arc<Mutex<Vec<Done>>>);

impl Finished {
    pub fn put(&self, done: Done) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    }

    pub fn take(&self) -> Vec<Done> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why there was a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The user asked for it, and wants to know also that there was nothing to do.
    Command,
    Undo,
    Save,
    OtherProgram,
}
