//! `hotsplice status`: what is patched, and what still runs old code.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, Selection, output, select};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let mut listed = Vec::new();
    for session in &sessions {
        match session.status() {
            Ok(status) => listed.push((session, status)),
            Err(error) => output::problem(format!("{}: {error}", error.code())),
        }
    }
    if arguments.json {
        let all: Vec<_> = listed
            .iter()
            .map(|(session, status)| {
                json!({ "session": session.entry.id, "pid": session.entry.pid, "patched": status.all_patched(), "running": status.running })
            })
            .collect();
        output::print_json(&json!(all));
        return Ok(ExitCode::SUCCESS);
    }
    for (session, status) in listed {
        output::line(&session.name());
        let all_patched = status.all_patched();
        if all_patched.is_empty() {
            output::line("  nothing patched");
        }
        for patched in all_patched {
            output::line(&format!(
                "  {}:{} {} is live in version {}",
                patched.path, patched.line, patched.definition, patched.version
            ));
        }
        for running in &status.running {
            let reason = running.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            output::line(&format!(
                "  {}:{} {} still runs version {} ({}){reason}",
                running.path, running.line, running.definition, running.version, running.place
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
