//! The Python processes of this machine that run already and can't be patched yet, for `hotsplice attach --list`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hotsplice_attach::AttachError;
use hotsplice_channel::registry;
use serde::Serialize;

use super::run;

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
    let (agent, folder) = (run::agent_folder(None).ok(), registry::directory());
    // A folder of sessions that is not there yet is made by who attaches.
    let needed: Vec<&Path> = agent.as_deref().into_iter().chain(folder.exists().then_some(&*folder)).collect();
    let others = pids.filter(|pid| !known.contains(pid));
    let mut found: Vec<Process> = others.filter_map(|pid| process(pid, &needed)).collect();
    found.sort_by_key(|process| std::cmp::Reverse((process.started, process.pid)));
    found
}

/// Nothing where it runs no Python, or is none of ours to look into.
fn process(pid: u32, needed: &[&Path]) -> Option<Process> {
    let started = registry::process_started(pid)?;
    let proc = Path::new("/proc").join(pid.to_string());
    let program = fs::read_link(proc.join("exe")).ok()?;
    let is_python = program.file_name()?.to_string_lossy().contains("python")
        || fs::read_to_string(proc.join("maps")).ok()?.contains("/libpython");
    if !is_python {
        return None;
    }
    let obstacle = match hotsplice_attach::check(pid) {
        Ok(()) => is_elsewhere(pid, needed),
        Err(AttachError::NotPython { .. } | AttachError::NoProcess | AttachError::Ended) => return None,
        Err(error) => Some(error.to_string()),
    };
    let command = registry::command_of(pid)?;
    let cwd = fs::read_link(proc.join("cwd")).ok()?.to_string_lossy().into_owned();
    Some(Process { pid, command, cwd, obstacle, started })
}

/// Why a process can't become a session from here, though the system would let us in: it runs in a container, or what it would
/// need is not to be found below its root folder. What can't be seen is no reason.
pub fn is_elsewhere(pid: u32, needed: &[&Path]) -> Option<String> {
    let proc = Path::new("/proc").join(pid.to_string());
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let namespace = |proc: &Path| identity(&proc.join("ns/pid"));
    if namespace(&proc).is_some_and(|its| namespace(Path::new("/proc/self")).is_some_and(|own| own != its)) {
        let reason =
            "it runs in a container (another pid namespace): have `hotsplice attach` run in there (`docker exec`)";
        return Some(reason.to_owned());
    }
    let root = proc.join("root");
    identity(&root)?;
    let is_missing = |path: &&&Path| {
        let its = root.join(path.strip_prefix("/").unwrap_or(path));
        identity(path).is_some_and(|ours| identity(&its) != Some(ours))
    };
    needed.iter().find(is_missing).map(|path| {
        format!(
            "it has another root folder or other mounts, in which {} is not what it is here: have `hotsplice attach` run in there",
            path.display()
        )
    })
}
