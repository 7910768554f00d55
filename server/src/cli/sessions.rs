//! `hotsplice sessions`: the processes that can be patched.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, output};
use crate::requests::{self, Listed, Selected};

#[derive(Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Selected { sessions, unreachable } = requests::sessions("cli")?;
    if arguments.json {
        let listed: Vec<Listed> = sessions.iter().map(|session| Listed::from(&**session)).collect();
        output::print_json(&json!(listed));
    } else if sessions.is_empty() {
        output::line(requests::NOBODY);
    } else {
        let mut rows = vec![["SESSION", "PYTHON", "COMMAND", "FOLDER"].map(str::to_owned)];
        rows.extend(sessions.iter().map(|session| {
            let entry = &session.entry;
            [entry.id.clone(), entry.python.clone(), session.name(), entry.cwd.clone()]
        }));
        output::line(&output::table(&rows));
    }
    for error in unreachable {
        output::problem(format!("{}: {error}", error.code()));
    }
    Ok(ExitCode::SUCCESS)
}
