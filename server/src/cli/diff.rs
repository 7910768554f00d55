//! `hotsplice diff`: what differs between the files on disk and what is live in each process.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Failure, Selection, output, select};
use crate::session::Session;
use crate::source_file;
use crate::watch::is_installed;

#[derive(Args)]
pub struct Arguments {
    /// Python files; without any, all that are loaded and are not installed packages
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let files: Vec<PathBuf> = arguments.files.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
    for session in &sessions {
        for path in loaded(session, &files) {
            let Ok(Some(known)) = session.loaded(&path) else { continue };
            let live = session.known_baseline(&known)?;
            let disk = source_file::read(&path).unwrap_or_default();
            if disk != live.baseline.text {
                let diff = similar::TextDiff::from_lines(live.baseline.text.as_str(), disk.as_str());
                let name = session.name();
                output::line(
                    diff.unified_diff()
                        .header(&format!("{known}\tlive in {name}"), &format!("{}\ton disk", path.display()))
                        .to_string()
                        .trim_end(),
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The wanted files that a process has loaded.
pub fn loaded(session: &Session, wanted: &[PathBuf]) -> Vec<PathBuf> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let files = session.files().unwrap_or_default();
    files.into_iter().map(|file| PathBuf::from(file.path)).filter(|path| !is_installed(Path::new(path))).collect()
}
