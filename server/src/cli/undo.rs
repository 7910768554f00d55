//! `hotsplice undo`: bring back what was live before a patch.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failure, REFUSED, Selection, output, select};
use crate::patching::Deed;
use crate::requests;

#[derive(Args)]
pub struct Arguments {
    /// Python files; without any, the latest patch of each process is taken back
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only this function or class, by its qualified name (View.get)
    #[arg(long, value_name = "NAME", requires = "files")]
    function: Option<String>,
    #[command(flatten)]
    selection: Selection,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let undone = requests::undo(&sessions, &arguments.files, arguments.function.as_deref())?;
    for error in &undone.failures {
        output::problem(format!("{}: {error}", error.code()));
    }
    let code = output::results(&undone.results, arguments.json, Deed::Undone);
    Ok(if undone.failures.is_empty() { code } else { ExitCode::from(REFUSED) })
}
