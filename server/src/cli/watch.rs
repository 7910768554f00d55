//! `hotsplice watch`: what is saved goes live in processes that run already.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::registry;

use super::Failure;
use crate::watch::{self, Report, Scope};

#[derive(Args)]
#[command(after_help = "Examples:\n  hotsplice watch\n  hotsplice watch src/shop --pid 4711 -v")]
pub struct Arguments {
    /// Only files in these folders, or these files; otherwise all that are not installed packages
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only the process with this id; otherwise every process that can be patched, also those that come later
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    /// Run new and changed module statements too, which are only offered otherwise
    #[arg(long)]
    run_statements: bool,
    /// Say what went live, in how long; what did not go live is always said
    #[arg(short, long)]
    verbose: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let unreadable = |path: &PathBuf, error| Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display()));
    let mut paths = Vec::new();
    for path in &arguments.paths {
        // As given, and where links lead.
        let real = path.canonicalize().map_err(|error| unreadable(path, error))?;
        paths.push(std::path::absolute(path).map_err(|error| unreadable(path, error))?);
        paths.push(real);
    }
    let is_registered = |pid| {
        let entries = registry::sessions(&registry::directory()).unwrap_or_default();
        entries.iter().any(|entry| entry.pid == pid)
    };
    if let Some(pid) = arguments.pid
        && registry::process_started(pid).is_none()
        && !is_registered(pid)
    {
        return Err(Failure::new(codes::NO_SESSION, format!("there is no process {pid}")));
    }
    let scope = Scope { paths, pid: arguments.pid, tree: None };
    let mut report = Report::new(arguments.verbose);
    let (events, inbox) = watch::events();
    watch::run(&scope, arguments.run_statements, &mut report, &events, &inbox);
    Ok(ExitCode::SUCCESS)
}
