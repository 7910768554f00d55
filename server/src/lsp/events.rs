//! What happens to the server: all that the main loop is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::ls_types::{
    CodeActionParams, CodeActionResponse, CodeLens, Hover, InitializeParams, Position, TextDocumentContentChangeEvent,
    TextDocumentSaveReason, Uri,
};

use super::commands::Command;
use super::positions::Encoding;
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
    FileChanged(Uri),
    ExternalChanges(Vec<PathBuf>),
    Connected(String, Result<Arc<Session>, SessionError>),
    SessionChanged(String),
    /// A patch by whomever: what is live in some files is of another version.
    PatchApplied(String, Value),
    SessionEnded(String),
    /// What a process would tell of its state is different now.
    StatusChanged(String),
    /// It was looked at.
    Observed(String),
    Patched(Done),
}

/// A patch that came back.
pub struct Done {
    pub outcome: Result<Vec<FileResult>, Failure>,
    pub took: Duration,
    pub cause: Cause,
    pub answer: Option<oneshot::Sender<Value>>,
}

/// Why there was a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The user asked for it, and wants to know also that there was nothing to do.
    Command,
    Save,
    OtherProgram,
}
