//! The Python processes of this machine that run already and can't be patched yet, for `hotsplice attach --list`.

use std::fs;
use std::path::Path;

use hotsplice_attach::AttachError;
use hotsplice_channel::registry;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Process {
    pub pid: u32,
    pub command: Vec<String>,
    pub cwd: String,
    /// Why it can't be attached to, as far as can be seen without touching it.
    pub obstacle: Option<String>,
    #[serde(skip)]
    started: u64,
}

/// The youngest first: whoever looks for a process has most likely just started it.
pub fn candidates() -> Vec<Process> {
    let known: Vec<u32> = registry::sessions(&registry::directory())
        .unwrap_or_default()
        .iter()
        .filter(|entry| registry::is_visible(entry))
        .map(|entry| entry.pid)
        .collect();
    let listing = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = listing.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<Process> = pids.filter(|pid| !known.contains(pid)).filter_map(process).collect();
    found.sort_by_key(|process| std::cmp::Reverse((process.started, process.pid)));
    found
}

/// Nothing where it runs no Python, or is none of ours to look into.
fn process(pid: u32) -> Option<Process> {
    let started = registry::process_started(pid)?;
    let proc = Path::new("/proc").join(pid.to_string());
    let program = fs::read_link(proc.join("exe")).ok()?;
    let is_python = program.file_name()?.to_string_lossy().contains("python")
        || fs::read_to_string(proc.join("maps")).ok()?.contains("/libpython");
    if !is_python {
        return None;
    }
    let obstacle = match hotsplice_attach::check(pid) {
        Ok(()) => None,
        Err(AttachError::NotPython { .. } | AttachError::NoProcess | AttachError::Ended) => return None,
        Err(error) => Some(error.to_string()),
    };
    let command = registry::command_of(pid)?;
    let cwd = fs::read_link(proc.join("cwd")).ok()?.to_string_lossy().into_owned();
    Some(Process { pid, command, cwd, obstacle, started })
}
