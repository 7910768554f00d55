//! `hotsplice restart-frame`: a frame that a debugger has stopped begins again.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::message::RestartRequest;
use serde_json::json;

use super::{Failure, Selection, output, select};
use crate::restarting;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice restart-frame              the frame that the debugger stands in\n  hotsplice restart-frame --frame 1    its caller, when it comes to its next line"
)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The thread, by its name or identifier; may be left out if the debugger has stopped only one
    #[arg(long)]
    thread: Option<String>,
    /// Which frame of it: 0 is the innermost
    #[arg(long, value_name = "N")]
    frame: Option<u32>,
    /// Or the function that it runs, as a debugger shows it
    #[arg(long, value_name = "NAME", conflicts_with = "frame")]
    function: Option<String>,
    /// The file of that function
    #[arg(long, value_name = "FILE", requires = "function")]
    file: Option<PathBuf>,
    /// The line that it stands in, where several calls of it do
    #[arg(long, value_name = "N", requires = "function")]
    line: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let wanted = RestartRequest {
        thread: arguments.thread.clone(),
        frame: arguments.frame,
        function: arguments.function.clone(),
        path: arguments.file.as_ref().map(|file| file.display().to_string()),
        line: arguments.line,
    };
    let answer = restarting::restart(&sessions, &wanted)?;
    if arguments.json {
        output::print_json(&json!(answer));
    } else {
        output::line(&restarting::describe(&answer));
    }
    Ok(ExitCode::SUCCESS)
}
