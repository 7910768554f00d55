//! Where sessions are found: one folder that only its user can open, with a socket and a small JSON file for each.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a session says of itself, in `<id>.json` beside `<id>.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub protocol: u32,
    /// See [`session_id`]: unique on a machine even when process ids come round again.
    pub id: String,
    pub pid: u32,
    /// The parent process's id.
    pub parent: u32,
    /// Kernel's start time of the process, in its own ticks: tells a process from a later one of the same id.
    pub started: u64,
    /// The inode of the pid namespace in which `pid` is counted. Nothing where an older agent did not say.
    #[serde(default)]
    pub namespace: Option<u64>,
    /// Milliseconds since the epoch.
    pub registered: u64,
    pub command: Vec<String>,
    pub cwd: String,
    pub executable: String,
    /// `3.12.1`
    pub python: String,
    pub socket: String,
    /// The agent's own version.
    pub version: String,
    /// Who passes on what is said, where the process itself is on another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
}

/// A `hotsplice connect` of this machine, which holds a connection to a process elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// Where the process listens: `build.example:5005`.
    pub address: String,
    pub pid: u32,
    pub started: u64,
    /// As [`Entry::namespace`], of the one that passes on.
    pub namespace: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} belongs to another user (uid {owner}): sessions are not looked for there")]
    NotOurs { path: PathBuf, owner: u32 },
    #[error(
        "{path} can be opened by other users (mode {mode:o}), so that no program registers there: `chmod 700 {path}`, then start \
         the program again"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("{path} is {what}: sessions are not looked for there; HOTSPLICE_RUNTIME_DIR may name the folder itself")]
    NoFolder { path: PathBuf, what: &'static str },
}

/// The folder: `$HOTSPLICE_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/hotsplice`, else `/tmp/hotsplice-<uid>`. Services, debuggers and
/// coding agents start programs without the variable: the user's own folder in `/run/user`, which it names, is found without it.
pub fn directory() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = rustix::process::getuid().as_raw();
    let is_own = |folder: &PathBuf| fs::metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == user);
    named("HOTSPLICE_RUNTIME_DIR")
        .or_else(|| {
            let runtime = named("XDG_RUNTIME_DIR").filter(|folder| folder.is_dir());
            let runtime = runtime.or_else(|| Some(PathBuf::from(format!("/run/user/{user}"))).filter(is_own));
            runtime.map(|folder| folder.join("hotsplice"))
        })
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/hotsplice-{user}")))
}

/// Makes the folder if need be, and checks that it is ours alone.
pub fn ensure(directory: &Path) -> Result<(), RegistryError> {
    let failed = |source| RegistryError::Io { path: directory.to_owned(), source };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    // What stands in its place says more than that there is something.
    if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
        check(directory)?;
    }
    made.map_err(failed)?;
    check(directory)
}

/// Checks that a folder that exists is ours alone.
pub fn check(directory: &Path) -> Result<(), RegistryError> {
    let metadata =
        fs::symlink_metadata(directory).map_err(|source| RegistryError::Io { path: directory.to_owned(), source })?;
    if metadata.uid() != rustix::process::getuid().as_raw() {
        return Err(RegistryError::NotOurs { path: directory.to_owned(), owner: metadata.uid() });
    }
    if !metadata.is_dir() {
        let what = if metadata.is_symlink() { "a symbolic link" } else { "no folder" };
        return Err(RegistryError::NoFolder { path: directory.to_owned(), what });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RegistryError::Open { path: directory.to_owned(), mode });
    }
    Ok(())
}

/// Every entry whose process is alive, oldest first; files of processes that are gone are removed on the way. Those of
/// other pid namespaces (containers that share the folder) can't be seen from here: they are never removed, and are
/// listed while somebody listens at their socket. A folder that does not exist holds no sessions. Entries that can't be read are skipped.
pub fn sessions(directory: &Path) -> Result<Vec<Entry>, RegistryError> {
    match check(directory) {
        Err(RegistryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        checked => checked?,
    }
    let listing = fs::read_dir(directory).map_err(|source| RegistryError::Io { path: directory.to_owned(), source })?;
    let mut found = Vec::new();
    for file in listing.flatten() {
        let path = file.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let Some(entry) = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok()) else {
            continue;
        };
        let owner = owner(&entry);
        if !is_counted_here(owner.namespace) {
            found.extend(reachable(entry, directory));
        } else if process_started(owner.pid) == Some(owner.started) {
            found.push(entry);
        } else {
            // Gone already is as good as removed.
            let _ = fs::remove_file(&path);
            let _ = fs::remove_file(&entry.socket);
        }
    }
    found.sort_by(|a, b| (a.registered, &a.id).cmp(&(b.registered, &b.id)));
    // A process of this machine that was connected to as well is one session.
    let direct: Vec<String> = found.iter().filter(|entry| entry.via.is_none()).map(|entry| entry.id.clone()).collect();
    found.retain(|entry| entry.via.is_none() || !direct.contains(&entry.id));
    Ok(found)
}

/// What a folder was like: two that are equal had the same entries, if the older one had been so for a while (file systems
/// count time in steps).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    owner: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// How long ago something last happened in the folder.
    pub fn age(&self) -> Option<Duration> {
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        let then = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
        SystemTime::now().duration_since(UNIX_EPOCH + then).ok()
    }
}

/// What the folder is like now; nothing where there is none.
pub fn stamp(directory: &Path) -> Option<Stamp> {
    let found = fs::symlink_metadata(directory).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        mode: found.mode(),
        owner: found.uid(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

/// The process with which an entry ends.
struct Owner {
    pid: u32,
    started: u64,
    namespace: Option<u64>,
}

fn owner(entry: &Entry) -> Owner {
    match &entry.via {
        Some(via) => Owner { pid: via.pid, started: via.started, namespace: via.namespace },
        None => Owner { pid: entry.pid, started: entry.started, namespace: entry.namespace },
    }
}

/// Whether the process of an entry would be seen here if it ran: its id is counted as ours are.
pub fn is_visible(entry: &Entry) -> bool {
    entry.via.is_none() && is_counted_here(entry.namespace)
}

fn is_counted_here(namespace: Option<u64>) -> bool {
    /// Whether processes can be seen, and as of which namespace.
    static HERE: OnceLock<(bool, Option<u64>)> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no Python is needed for it")]
    let (sees_itself, own) = *HERE.get_or_init(|| {
        // `/proc` may not be mounted, or be that of another namespace.
        let own = fs::read_link("/proc/self").ok();
        (own.and_then(|own| own.to_str()?.parse().ok()) == Some(std::process::id()), pid_namespace())
    });
    sees_itself && (namespace.is_none() || namespace == own)
}

/// A session's id. Process ids of containers are small and their start times near each other: they are told apart by the
/// namespace in which they are counted, but for that of the machine.
pub fn session_id(pid: u32, started: u64, namespace: Option<u64>) -> String {
    /// `PROC_PID_INIT_INO` of `include/uapi/linux/nsfs.h` and `proc_ns.h`: the same on every Linux.
    const INITIAL: u64 = 0xEFFF_FFFC;
    match namespace {
        Some(namespace) if namespace != INITIAL => format!("{pid}-{started}-{namespace}"),
        _ => format!("{pid}-{started}"),
    }
}

/// The inode of this process's pid namespace.
pub fn pid_namespace() -> Option<u64> {
    Some(fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

/// A session of a process that can't be seen, if somebody listens at its socket, which may have another path here.
fn reachable(entry: Entry, directory: &Path) -> Option<Entry> {
    let here = directory.join(format!("{}.sock", entry.id));
    let candidates = [entry.socket.clone(), here.to_string_lossy().into_owned()];
    let socket = candidates.into_iter().find(|socket| UnixStream::connect(socket).is_ok())?;
    Some(Entry { socket, ..entry })
}

/// Whether the process is stopped (Ctrl-Z, a debugger): it answers nobody until it goes on.
pub fn is_stopped(entry: &Entry) -> bool {
    is_visible(entry)
        && matches!(stat(entry.pid), Some((state, started)) if started == entry.started && "Tt".contains(state))
}

/// Whether the process of an entry still runs (a later process of the same id does not count).
pub fn is_alive(entry: &Entry) -> bool {
    process_started(entry.pid) == Some(entry.started)
}

/// What a process runs that has become another program (`exec`) since it registered, as a person would type it.
pub fn replaced_by(entry: &Entry) -> Option<String> {
    if !is_visible(entry) || !is_alive(entry) {
        return None;
    }
    let words = command_of(entry.pid)?;
    (words != entry.command).then(|| words.join(" "))
}

/// The command line of a process.
pub fn command_of(pid: u32) -> Option<Vec<String>> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = words.strip_suffix(b"\0").unwrap_or(&words);
    Some(words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect())
}

/// When a process was started, in seconds since the epoch, rounded down. Linux: `btime` of `/proc/stat`.
pub fn started_at(entry: &Entry) -> Option<u64> {
    if entry.via.is_some() {
        // Another machine was started at another time.
        return None;
    }
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + entry.started / rustix::param::clock_ticks_per_second())
}

/// The process that started one, as the kernel knows it now. Linux: field 4 of `/proc/<pid>/stat`.
pub fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The kernel's start time of a process that runs and is no zombie. Linux: field 22 of `/proc/<pid>/stat`.
pub fn process_started(pid: u32) -> Option<u64> {
    let (state, started) = stat(pid)?;
    (!matches!(state, 'Z' | 'X')).then_some(started)
}

/// Its state and its start time.
fn stat(pid: u32) -> Option<(char, u64)> {
    // `/proc` may count otherwise than we do.
    let own = pid == std::process::id();
    let path = if own { "/proc/self/stat".to_owned() } else { format!("/proc/{pid}/stat") };
    // In one call: its 52 numbers and a name of at most 64 bytes are never longer.
    let mut bytes = [0; 2048];
    let count = fs::File::open(path).ok()?.read(&mut bytes).ok()?;
    let stat = String::from_utf8_lossy(&bytes[..count]);
    // The command's name stands in parentheses and may hold anything.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}
