//! `hotsplice`: the language server and the command line. Never imports or runs Python code itself.
//!
//! | module | what it does |
//! |---|---|
//! | [`cancel`] | whether what is being done is still wanted |
//! | [`cli`] | the commands, one file each |
//! | [`failure`] | what could not be done, with its code |
//! | [`fitting`] | whether files that are written one after the other fit together by now |
//! | [`following`] | values in other files that follow from what a patch changes |
//! | [`lsp`] | the language server: editors |
//! | [`mcp`] | the MCP server: coding agents |
//! | [`patching`] | text → baseline → diff → prepare everywhere → commit everywhere |
//! | [`requests`] | what can be asked for without an editor |
//! | [`session`] | connections to processes |
//! | [`source_file`] | reading Python source from disk |
//! | [`undoing`] | a patch to a former text |
//! | [`watch`] | what is saved goes live |
//! | [`working`] | patches that are being made |
//! | [`workspace`] | what an editor's window is about, and which processes belong to it |

mod cancel;
mod cells;
mod cli;
mod explanations;
mod failure;
mod fitting;
mod following;
mod launching;
mod lsp;
mod mcp;
mod outlines;
mod patching;
mod renaming;
mod requests;
mod rest;
mod restarting;
mod session;
mod source_file;
mod undoing;
mod watch;
mod working;
mod workspace;

use std::process::ExitCode;

/// What the program `hotsplice` does.
pub fn main() -> ExitCode {
    cli::main()
}
