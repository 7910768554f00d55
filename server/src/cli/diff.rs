//! `hotsplice diff`: what differs between the files on disk and what is live in each process.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;

use super::{Failure, Selection, output, select};
use crate::requests;

#[derive(Args)]
pub struct Arguments {
    /// Python files; without any, all that are loaded and are not installed packages
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let found = requests::diff(&select(&arguments.selection)?, &arguments.files)?;
    for difference in found.differences {
        output::line(difference.unified_diff.trim_end());
    }
    // Of what nobody can read it can't be told whether it differs.
    let is_unread = found.unknown.iter().any(|failure| failure.code != codes::BASELINE_ASSUMED);
    for failure in found.unknown {
        output::problem(&failure);
    }
    Ok(if is_unread { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
