//! `hotsplice guard`: functions of a running process whose calls are held when they fail.

use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::message::GuardRequest;
use serde_json::json;

use super::{Failure, Selection, output, select};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice guard app.views.index --pid 4711   one function\n  hotsplice guard 'app.*' --hold-for 600        all of a package; a call that fails waits ten minutes at most\n  hotsplice guard 'app.*' --remove"
)]
pub struct Arguments {
    /// A module (app.views), a function (app.views.index), or a pattern of them ('app.*'); a script goes by its file's name
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// Hold a call for at most so many seconds, also while nobody watches; 0: only while somebody does
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = false)]
    hold_for: Option<u32>,
    /// Hold what the program itself would handle, too
    #[arg(long, conflicts_with = "remove")]
    even_handled: bool,
    /// Guard them no more
    #[arg(long)]
    remove: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let wanted = GuardRequest {
        patterns: arguments.names.clone(),
        remove: arguments.remove,
        hold_for: arguments.hold_for.map(f64::from),
        even_handled: arguments.even_handled.then_some(true),
        only_uncaught: false,
    };
    let mut answers = Vec::new();
    let mut last = None;
    for session in select(&arguments.selection)? {
        match session.guard(&wanted) {
            Ok(answer) => answers.push((session, answer)),
            Err(error) => {
                output::problem(format!("{}: {}: {error}", error.code(), session.name()));
                last = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (answers.is_empty(), last) {
        return Err(Failure::new(error.code(), "nothing is guarded"));
    }
    if arguments.json {
        let all: Vec<_> = answers
            .iter()
            .map(|(session, answer)| {
                json!({
                    "session": session.entry.id,
                    "pid": session.entry.pid,
                    "functions": answer.functions,
                    "running": answer.running,
                    "patterns": answer.patterns,
                })
            })
            .collect();
        output::print_json(&json!(all));
        return Ok(ExitCode::SUCCESS);
    }
    for (session, answer) in &answers {
        output::line(&session.name());
        let what = if arguments.remove { "not guarded any more" } else { "guarded" };
        for function in &answer.functions {
            output::line(&format!("  {function} is {what}"));
        }
        if answer.functions.is_empty() {
            output::line(if arguments.remove {
                "  nothing was guarded by that name"
            } else {
                "  nothing else fits yet; what fits is guarded as soon as it is defined"
            });
        }
        for running in &answer.running {
            output::line(&format!("  {running} is running: this call of it is not guarded"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How a program is started with guards: what `_attach.py` reads.
pub fn environment(patterns: &[String], hold_for: Option<u32>) -> Result<Vec<(&'static str, String)>, Failure> {
    if patterns.iter().any(|pattern| pattern.contains(',') || pattern.is_empty()) {
        return Err(Failure::new(
            codes::BAD_MESSAGE,
            "--guard takes a name or a pattern; give it several times for several",
        ));
    }
    let mut variables = vec![("HOTSPLICE_GUARD", patterns.join(",")), ("HOTSPLICE_GUARD_FIRST", "1".to_owned())];
    if let Some(seconds) = hold_for {
        variables.push(("HOTSPLICE_HOLD_FOR", seconds.to_string()));
    }
    Ok(variables)
}
