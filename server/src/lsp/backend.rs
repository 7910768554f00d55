//! One line a request. The code before a handler's first await runs in the order of arrival: there, everything becomes
//! an event for the loop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CodeActionResponse, CodeLens,
    CodeLensOptions, CodeLensParams, DidChangeConfigurationParams, DidChangeNotebookDocumentParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseNotebookDocumentParams, DidCloseTextDocumentParams, DidOpenNotebookDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, ExecuteCommandOptions, ExecuteCommandParams, Hover,
    HoverParams, HoverProviderCapability, InitializeParams, InitializeResult, InitializedParams, NumberOrString, OneOf,
    ProgressToken, ServerCapabilities, ServerInfo, TextDocumentItem, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WillSaveTextDocumentParams,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use tower_lsp::{Client, LanguageServer};

use super::commands::{self, Command};
use super::events::{Asked, Event};
use super::positions::Encoding;
use super::{main_loop, notebooks, parent};
use crate::cancel::{Cancel, CancelOnDrop};
use crate::failure::Failure;

/// The protocol's own: what was asked for is fine, and could not be done.
const REQUEST_FAILED: i64 = -32803;

pub struct Backend {
    client: Client,
    events: Sender<Event>,
    /// The editor shows progress.
    shows_progress: AtomicBool,
    /// What the user can stop, by the progress that is shown of it.
    running: Mutex<HashMap<String, Cancel>>,
    /// Told when the editor has ended.
    gone: Arc<Notify>,
}

impl Backend {
    pub fn new(client: Client, gone: Arc<Notify>) -> Self {
        let events = main_loop::start(client.clone());
        Self { client, events, shows_progress: AtomicBool::new(false), running: Mutex::default(), gone }
    }

    pub async fn ignore(&self, _params: Value) {}

    /// The user wants what takes so long no more.
    pub async fn cancel_progress(&self, params: Value) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cancel) = params["token"].as_str().and_then(|token| running.get(token)) {
            cancel.cancel();
        }
    }

    fn send(&self, event: Event) {
        // The loop only ends with the server.
        let _ = self.events.send(event);
    }

    fn open_cells(&self, cells: Vec<TextDocumentItem>) {
        for cell in cells.into_iter().filter(notebooks::is_python) {
            self.send(Event::OpenCell(cell.uri, cell.version, cell.text));
        }
    }

    async fn ask<T>(&self, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        self.send(event(sender));
        answer.await.map_err(|_| Error::internal_error())
    }

    /// Asks for a patch, and shows progress if it takes longer than half a second. A request that is given up, or stopped
    /// there, is cancelled.
    async fn patch(&self, event: impl FnOnce(Asked) -> Event) -> Result<std::result::Result<Value, Failure>> {
        let cancel = Cancel::default();
        let _given_up = CancelOnDrop(cancel.clone());
        let asked = self.ask(|answer| event(Asked { answer, cancel: cancel.clone() }));
        if !self.shows_progress.load(Ordering::Relaxed) {
            return asked.await;
        }
        let mut asked = std::pin::pin!(asked);
        let delay = std::time::Duration::from_millis(500);
        if let Ok(result) = tokio::time::timeout(delay, &mut asked).await {
            return result;
        }
        let name = format!("hotsplice/{}", self.client.next_request_id());
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), cancel.clone());
        let token = ProgressToken::from(NumberOrString::String(name.clone()));
        let progress = match self.client.create_work_done_progress(token.clone()).await {
            Ok(()) => Some(self.client.progress(token, "Hot-patching").with_cancel_button().begin().await),
            Err(_) => None,
        };
        let result = asked.await;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if let Some(progress) = progress {
            progress.finish().await;
        }
        result
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let window = params.capabilities.window.as_ref();
        self.shows_progress
            .store(window.and_then(|window| window.work_done_progress).unwrap_or(false), Ordering::Relaxed);
        let general = params.capabilities.general.as_ref();
        let encoding = Encoding::negotiate(general.and_then(|general| general.position_encodings.as_deref()));
        if let Some(editor) = params.process_id {
            let gone = self.gone.clone();
            parent::watch(editor, move || gone.notify_one());
        }
        self.send(Event::Initialize(Box::new(params), encoding));
        Ok(InitializeResult {
            capabilities: capabilities(encoding),
            server_info: Some(ServerInfo {
                name: "hotsplice".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn initialized(&self, _params: InitializedParams) {
        self.send(Event::Initialized);
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        self.send(Event::Open(document.uri, document.version, document.text));
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.send(Event::Change(params.text_document.uri, params.text_document.version, params.content_changes));
    }

    async fn will_save(&self, params: WillSaveTextDocumentParams) {
        self.send(Event::WillSave(params.text_document.uri, params.reason));
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        // Nothing comes back when nothing is patched on save; what went wrong is shown.
        let _ = self.patch(|asked| Event::Saved(params.text_document.uri, asked)).await;
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.send(Event::Close(params.text_document.uri));
    }

    async fn notebook_did_open(&self, params: DidOpenNotebookDocumentParams) {
        self.open_cells(params.cell_text_documents);
    }

    async fn notebook_did_change(&self, params: DidChangeNotebookDocumentParams) {
        let Some(cells) = params.change.cells else { return };
        if let Some(structure) = cells.structure {
            for closed in structure.did_close.unwrap_or_default() {
                self.send(Event::Close(closed.uri));
            }
            self.open_cells(structure.did_open.unwrap_or_default());
        }
        for change in cells.text_content.unwrap_or_default() {
            self.send(Event::Change(change.document.uri, change.document.version, change.changes));
        }
    }

    async fn notebook_did_close(&self, params: DidCloseNotebookDocumentParams) {
        for cell in params.cell_text_documents {
            self.send(Event::Close(cell.uri));
        }
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.send(Event::Settings(params.settings));
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.send(Event::Folders(params.event));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        for change in params.changes {
            self.send(Event::FileChanged(change.uri));
        }
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        self.ask(|answer| Event::CodeActions(Box::new(params), answer)).await.map(Some)
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        self.ask(|answer| Event::CodeLenses(params.text_document.uri, answer)).await.map(Some)
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        self.ask(|answer| Event::Hover(place.text_document.uri, place.position, answer)).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let command = Command::parse(&params.command, params.arguments).map_err(Error::invalid_params)?;
        self.patch(|asked| Event::Command(command, asked)).await?.map(Some).map_err(|failure| Error {
            code: ErrorCode::ServerError(REQUEST_FAILED),
            message: failure.to_string().into(),
            data: Some(json!({ "code": failure.code })),
        })
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            will_save: Some(true),
            will_save_wait_until: None,
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
        })),
        notebook_document_sync: Some(OneOf::Left(notebooks::wanted())),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::REFACTOR_REWRITE, CodeActionKind::QUICKFIX]),
            ..CodeActionOptions::default()
        })),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: commands::ALL.iter().map(|name| (*name).to_owned()).collect(),
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    }
}
