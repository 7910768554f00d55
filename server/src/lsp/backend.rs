//! One line a request. The code before a handler's first await runs in the order of arrival: there, everything becomes
//! an event for the loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CodeActionResponse, CodeLens,
    CodeLensOptions, CodeLensParams, DidChangeConfigurationParams, DidChangeTextDocumentParams,
    DidChangeWatchedFilesParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    ExecuteCommandOptions, ExecuteCommandParams, Hover, HoverParams, HoverProviderCapability, InitializeParams,
    InitializeResult, InitializedParams, NumberOrString, ProgressToken, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions,
    WillSaveTextDocumentParams,
};
use tower_lsp::{Client, LanguageServer};

use super::commands::{self, Command};
use super::events::Event;
use super::main_loop;
use super::positions::Encoding;

pub struct Backend {
    client: Client,
    events: Sender<Event>,
    /// The editor shows progress.
    shows_progress: AtomicBool,
}

impl Backend {
    pub fn new(client: Client) -> Self {
        let events = main_loop::start(client.clone());
        Self { client, events, shows_progress: AtomicBool::new(false) }
    }

    pub async fn ignore(&self, _params: Value) {}

    fn send(&self, event: Event) {
        // The loop only ends with the server.
        let _ = self.events.send(event);
    }

    async fn ask<T>(&self, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        self.send(event(sender));
        answer.await.map_err(|_| Error::internal_error())
    }

    /// Shows progress for what takes longer than half a second.
    async fn with_progress<T>(&self, title: String, work: impl Future<Output = T>) -> T {
        if !self.shows_progress.load(Ordering::Relaxed) {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        let delay = std::time::Duration::from_millis(500);
        if let Ok(result) = tokio::time::timeout(delay, &mut work).await {
            return result;
        }
        let token = ProgressToken::from(NumberOrString::String(format!("hotsplice/{}", self.client.next_request_id())));
        let progress = match self.client.create_work_done_progress(token.clone()).await {
            Ok(()) => Some(self.client.progress(token, title).begin().await),
            Err(_) => None,
        };
        let result = work.await;
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
        self.send(Event::Open(params.text_document.uri, params.text_document.text));
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.send(Event::Change(params.text_document.uri, params.content_changes));
    }

    async fn will_save(&self, params: WillSaveTextDocumentParams) {
        self.send(Event::WillSave(params.text_document.uri, params.reason));
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        let patched = self.ask(|answer| Event::Saved(params.text_document.uri, answer));
        // Nothing comes back when nothing is patched on save.
        let _ = self.with_progress("Hot-patching".to_owned(), patched).await;
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.send(Event::Close(params.text_document.uri));
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.send(Event::Settings(params.settings));
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
        let answer = self.ask(|answer| Event::Command(command, answer));
        let result = self.with_progress("Hot-patching".to_owned(), answer).await?;
        Ok(Some(result))
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
        ..ServerCapabilities::default()
    }
}
