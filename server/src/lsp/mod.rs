//! The language server. LSP types stay in this folder.
//!
//! | module | what it does |
//! |---|---|
//! | [`backend`] | one line a request: turns what the editor sends into events |
//! | [`events`] | what it and others tell the loop |
//! | [`main_loop`] | the one place that owns the state; takes events in the order of their arrival |
//! | [`documents`] | open files, edited incrementally |
//! | [`positions`] | the editor's positions and ours |
//! | [`settings`] | what the user has set |
//! | [`pool`] | sessions that come and go |
//! | [`external_changes`] | files that other programs change |
//! | [`comparison`] | what the editor shows against what is live |
//! | [`code_actions`], [`quick_fixes`], [`code_lenses`], [`hover`], [`commands`], [`verdicts`], [`unloaded`] | features: from a snapshot to plain answers |
//! | [`status`] | what clients are told without asking |

mod backend;
mod code_actions;
mod code_lenses;
mod commands;
mod comparison;
mod documents;
mod events;
mod external_changes;
mod hover;
mod main_loop;
mod pool;
mod positions;
mod quick_fixes;
mod settings;
mod status;
mod unloaded;
mod verdicts;

use std::process::ExitCode;

use hotsplice_channel::codes;
use tower_lsp::{LspService, Server};

use crate::failure::Failure;

/// Serves one editor over standard input and output until it says goodbye.
pub fn serve() -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::new(codes::INTERNAL, error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let (service, socket) = LspService::build(backend::Backend::new)
            // Editors send it whatever the server says it can do.
            .custom_method("$/setTrace", backend::Backend::ignore)
            .finish();
        // Handlers wait for the loop: a small number would hold back edits and cancellations behind a slow patch.
        Server::new(tokio::io::stdin(), tokio::io::stdout(), socket).concurrency_level(256).serve(service).await;
    });
    // A thread may still wait for a process: that is no reason to stay.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
