//! The MCP server: what coding agents can ask for. MCP's types stay in this folder.
//!
//! Each call finds the processes anew, does what the command of the same name does ([`crate::requests`]) and forgets them: an
//! agent calls seldom, and processes come and go between two calls.
//!
//! | module | what it does |
//! |---|---|
//! | [`tools`] | the tools, one function each |
//! | [`questions`] | what they are asked |
//! | [`answers`] | what they answer: structured, with reasons and what to do |

mod answers;
mod questions;
mod tools;

use std::process::ExitCode;

use hotsplice_channel::codes;
use rmcp::ServiceExt;

use crate::failure::Failure;
use crate::working::Working;

/// Serves one client over standard input and output until it goes away.
pub fn serve() -> Result<ExitCode, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(codes::INTERNAL, error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let end = runtime.block_on(async {
        let Ok(service) = tools::Tools::new().serve(rmcp::transport::stdio()).await else {
            // It went away before it had said what it wants.
            return Ok(ExitCode::FAILURE);
        };
        service.waiting().await.map(|_| ExitCode::SUCCESS).map_err(|error| failed(&error))
    });
    Working::wait();
    // A thread may still wait for a process, or for input that never comes: that is no reason to stay.
    runtime.shutdown_background();
    end
}
