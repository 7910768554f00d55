//! The language server. LSP types stay in this folder.
//!
//! | module | what it does |
//! |---|---|
//! | [`transport`] | the conversation itself: messages in and out, whatever comes
//! | [`backend`] | one line a request: turns what the editor sends into events |
//! | [`events`] | what it and others tell the loop |
//! | [`main_loop`] | the one place that owns the state; takes events in the order of their arrival |
//! | [`documents`] | open files, edited incrementally |
//! | [`positions`] | the editor's positions and ours |
//! | [`settings`] | what the user has set |
//! | [`pool`] | sessions that come and go |
//! | [`parent`] | the editor's end |
//! | [`external_changes`] | files that other programs change |
//! | [`comparison`], [`moved`] | what the editor shows against what is live, and where lines are now |
//! | [`guards`], [`holds`] | calls that have failed and wait: at their lines, and what can be done with them |
//! | [`code_actions`], [`quick_fixes`], [`code_lenses`], [`hover`], [`commands`], [`verdicts`], [`unloaded`] | features: from a snapshot to plain answers |
//! | [`old_frames`] | which frames of a stopped thread run old code |
//! | [`patches`] | what commands about open files do |
//! | [`status`] | what clients are told without asking |

mod backend;
mod code_actions;
mod code_lenses;
mod commands;
mod comparison;
mod documents;
mod events;
mod external_changes;
mod guards;
mod holds;
mod hover;
mod main_loop;
mod moved;
mod notebooks;
mod old_frames;
mod parent;
mod patches;
mod pool;
mod positions;
mod quick_fixes;
mod settings;
mod status;
mod transport;
mod unloaded;
mod verdicts;

use std::process::ExitCode;
use std::sync::Arc;

use hotsplice_channel::codes;
use tokio::sync::Notify;
use tower_lsp::LspService;

use crate::failure::Failure;
use crate::working::Working;

/// Serves one editor over standard input and output until it says goodbye.
pub fn serve() -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::new(codes::INTERNAL, error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let end = runtime.block_on(async {
        let gone = Arc::new(Notify::new());
        let (service, socket) = LspService::build(|client| backend::Backend::new(client, gone.clone()))
            // Editors send it whatever the server says it can do.
            .custom_method("$/setTrace", backend::Backend::ignore)
            .custom_method("window/workDoneProgress/cancel", backend::Backend::cancel_progress)
            .finish();
        transport::serve(service, socket, &gone).await
    });
    Working::wait();
    // A thread may still wait for a process: that is no reason to stay.
    runtime.shutdown_background();
    Ok(match end {
        transport::End::Orderly => ExitCode::SUCCESS,
        transport::End::Unannounced => ExitCode::FAILURE,
    })
}
