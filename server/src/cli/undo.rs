//! `hotsplice undo`: bring back what was live before a patch.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;

use super::{Failure, REFUSED, Selection, output, select};
use crate::undoing;

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
    let mut files = Vec::new();
    for path in &arguments.files {
        let path = std::path::absolute(path)
            .map_err(|error| Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display())))?;
        files.push(path);
    }
    let sessions = select(&arguments.selection)?;
    let undone = undoing::undo(&sessions, &files, arguments.function.as_deref());
    if undone.results.is_empty() {
        if let Some(error) = undone.failures.first() {
            return Err(error.into());
        }
        let what = match (&arguments.function, files.as_slice()) {
            (Some(function), _) => format!("{function} was not patched"),
            (None, []) => "nothing was patched".to_owned(),
            (None, _) => "the file was not patched in any process".to_owned(),
        };
        return Err(Failure::new(codes::NOTHING_TO_UNDO, what));
    }
    for error in &undone.failures {
        eprintln!("hotsplice: {}: {error}", error.code());
    }
    let code = output::results(&undone.results, arguments.json, false);
    Ok(if undone.failures.is_empty() { code } else { ExitCode::from(REFUSED) })
}
