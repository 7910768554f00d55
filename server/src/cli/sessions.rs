//! `hotsplice sessions`: the processes that can be patched.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, output};
use crate::session;

#[derive(Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (sessions, unreachable) = session::connect_all("cli", |_| true)
        .map_err(|error| Failure::new(hotsplice_channel::codes::NO_SESSION, error.to_string()))?;
    if arguments.json {
        let listed: Vec<_> = sessions
            .iter()
            .map(|session| {
                let entry = &session.entry;
                json!({
                    "id": entry.id,
                    "pid": entry.pid,
                    "name": session.name(),
                    "command": entry.command,
                    "cwd": entry.cwd,
                    "executable": entry.executable,
                    "python": entry.python,
                    "parent": entry.parent,
                })
            })
            .collect();
        output::print_json(&json!(listed));
    } else if sessions.is_empty() {
        output::line("no process is registered; start one with `hotsplice run`, or call hotsplice.listen() in it");
    } else {
        let mut rows = vec![["SESSION", "PYTHON", "COMMAND", "FOLDER"].map(str::to_owned)];
        rows.extend(sessions.iter().map(|session| {
            let entry = &session.entry;
            [entry.id.clone(), entry.python.clone(), session.name(), entry.cwd.clone()]
        }));
        output::line(&output::table(&rows));
    }
    for error in unreachable {
        eprintln!("hotsplice: {}: {error}", error.code());
    }
    Ok(ExitCode::SUCCESS)
}
