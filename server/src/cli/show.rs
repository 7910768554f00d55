//! `hotsplice show`: the text of a file that is live.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;

use super::{Failure, Selection, output, select};
use crate::requests;

#[derive(Args)]
pub struct Arguments {
    /// A Python file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    selection: Selection,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let path = std::path::absolute(&arguments.file)
        .map_err(|error| Failure::new(codes::UNREADABLE, format!("{}: {error}", arguments.file.display())))?;
    for session in select(&arguments.selection)? {
        if let Some(known) = session.loaded(&path)? {
            let live = session.baseline(&known)?;
            output::put(live.text());
            if let Some(doubt) = requests::doubt(&live.baseline) {
                output::problem(format!("{}: {}", doubt.code, doubt.message));
            }
            return Ok(ExitCode::SUCCESS);
        }
    }
    let message = format!("no registered process has loaded {}", path.display());
    Err(Failure::new(codes::NO_SESSION, message))
}
