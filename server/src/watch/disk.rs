//! Which of the watched files were saved.
//!
//! The system's notifications say where to look at once; what they miss (file systems without any, a limit that is reached,
//! a folder that was removed and made again) is found by looking at every file once a second. A file is what its
//! modification, its change of status, its size and its inode say: a save by rename, with an older time or of the same
//! length is seen all the same.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Event;

/// How often every file is looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// What tells a saved file from the former one.
type Stamp = Option<(i64, i64, i64, i64, u64, u64)>;

/// Something happened to an entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Nothing where notifications were lost: any file may be meant.
    pub folder: Option<PathBuf>,
    /// Whoever wrote has finished: the file was closed, or put in place of another.
    pub complete: bool,
}

struct WatchedFile {
    stamp: Stamp,
    folders: Vec<PathBuf>,
}

/// The files that processes have loaded, and the folders in which saves of them show.
pub struct Disk {
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
    /// Why the system gives no notifications, of some folder or of any; files in there are seen a little later. Each reason once.
    pub without_notification: Vec<String>,
    /// Those that were given once.
    known_reasons: HashSet<String>,
    files: HashMap<PathBuf, WatchedFile>,
    next_sweep: Instant,
}

impl Disk {
    pub fn new(events: Sender<Event>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            for touched in touched(event) {
                // The loop is gone when watching ends.
                let _ = events.send(Event::Touched(touched));
            }
        });
        let mut disk = Self {
            watcher: None,
            folders: HashSet::new(),
            without_notification: Vec::new(),
            known_reasons: HashSet::new(),
            files: HashMap::new(),
            next_sweep: Instant::now(),
        };
        match watcher {
            Ok(watcher) => disk.watcher = Some(watcher),
            Err(error) => disk.lacks(reason(&error, None)),
        }
        disk
    }

    fn lacks(&mut self, reason: Option<String>) {
        let new = reason.filter(|reason| self.known_reasons.insert(reason.clone()));
        self.without_notification.extend(new);
    }

    /// From now on these files are watched, and no others; gives those that were not before.
    pub fn watch(&mut self, files: &HashSet<PathBuf>) -> Vec<PathBuf> {
        self.files.retain(|path, _| files.contains(path));
        let added: Vec<PathBuf> = files.iter().filter(|path| !self.files.contains_key(*path)).cloned().collect();
        for path in &added {
            self.files.insert(path.clone(), WatchedFile { stamp: stamp(path), folders: folders_of(path) });
        }
        let wanted: HashSet<PathBuf> = self.files.values().flat_map(|file| file.folders.iter().cloned()).collect();
        let Some(watcher) = &mut self.watcher else { return added };
        for folder in self.folders.difference(&wanted) {
            // It may be gone.
            let _ = watcher.unwatch(folder);
        }
        let mut watched: HashSet<PathBuf> = self.folders.intersection(&wanted).cloned().collect();
        let mut reasons = Vec::new();
        for folder in wanted {
            if !watched.contains(&folder) {
                match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                    Ok(()) => drop(watched.insert(folder)),
                    Err(error) => reasons.push(reason(&error, Some(&folder))),
                }
            }
        }
        self.folders = watched;
        reasons.into_iter().for_each(|reason| self.lacks(reason));
        added
    }

    /// Those that were saved in a folder, or anywhere.
    pub fn saved_in(&mut self, folder: Option<&Path>) -> Vec<PathBuf> {
        let mut saved = Vec::new();
        for (path, file) in &mut self.files {
            if folder.is_none_or(|folder| file.folders.iter().any(|own| own == folder)) {
                let now = stamp(path);
                if now != file.stamp {
                    file.stamp = now;
                    saved.push(path.clone());
                }
            }
        }
        saved
    }

    /// Looks at every file where it is time to; gives those that no notification told of.
    pub fn sweep(&mut self) -> Vec<PathBuf> {
        if Instant::now() < self.next_sweep {
            return Vec::new();
        }
        self.next_sweep = Instant::now() + SWEEP;
        let saved = self.saved_in(None);
        // A folder that was made again is another one: the system forgot the former.
        for path in &saved {
            for folder in folders_of(path) {
                if let Some(watcher) = &mut self.watcher {
                    let _ = watcher.unwatch(&folder);
                    if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                        self.folders.insert(folder);
                    }
                }
            }
        }
        saved
    }

    /// When the next look is due.
    pub fn next_sweep(&self) -> Instant {
        self.next_sweep
    }
}

/// Why there are no notifications, in words, and what to do. Nothing for a folder that is gone: its files are, too.
fn reason(error: &notify::Error, folder: Option<&Path>) -> Option<String> {
    let limit = |name: &str, what: &str| {
        let value = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
        let raise = format!("`sysctl fs.inotify.{name}=N` raises it");
        Some(format!("the system's limit of {what} is reached, fs.inotify.{name} = {}; {raise}", value.trim()))
    };
    match (&error.kind, folder) {
        (ErrorKind::MaxFilesWatch, _) => limit("max_user_watches", "watched folders"),
        (ErrorKind::Io(error), None) if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            limit("max_user_instances", "watching programs")
        }
        (ErrorKind::PathNotFound, _) => None,
        (_, Some(folder)) if !folder.is_dir() => None,
        (ErrorKind::Io(error), folder) => Some(in_folder(&error.to_string(), folder)),
        (_, folder) => Some(in_folder(&error.to_string(), folder)),
    }
}

fn in_folder(what: &str, folder: Option<&Path>) -> String {
    folder.map_or_else(|| what.to_owned(), |folder| format!("{}: {what}", folder.display()))
}

fn touched(event: notify::Result<notify::Event>) -> Vec<Touched> {
    let Ok(event) = event else { return vec![Touched { folder: None, complete: false }] };
    if event.need_rescan() {
        return vec![Touched { folder: None, complete: false }];
    }
    let complete = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => true,
        EventKind::Access(_) => return Vec::new(),
        _ => false,
    };
    let folders: HashSet<PathBuf> = event.paths.iter().filter_map(|path| Some(path.parent()?.to_owned())).collect();
    folders.into_iter().map(|folder| Touched { folder: Some(folder), complete }).collect()
}

/// The folder that the file stands in, and the one that a link leads to.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = path.parent().map(Path::to_owned).into_iter().collect();
    if let Some(real) = path.canonicalize().ok().as_deref().and_then(Path::parent)
        && found.first().is_none_or(|own| own != real)
    {
        found.push(real.to_owned());
    }
    found
}

/// Whether a file's content or name may have changed at or after a time, in seconds since the epoch.
pub fn changed_since(path: &Path, seconds: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.ctime().max(metadata.mtime()) >= seconds as i64)
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.size(),
        metadata.ino(),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn every_way_to_save_is_seen() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("a.py");
        let other = temporary.path().join("b.tmp");
        fs::write(&path, "x = 1\n").expect("written");
        let (events, _inbox) = channel();
        let mut disk = Disk::new(events);
        disk.watch(&HashSet::from([path.clone()]));
        assert!(disk.saved_in(None).is_empty());
        let mut seen =
            |what: &str| assert_eq!(disk.saved_in(Some(temporary.path())), std::slice::from_ref(&path), "{what}");
        fs::write(&path, "x = 2\n").expect("written");
        seen("in place");
        fs::write(&other, "x = 3\n").expect("written");
        fs::rename(&other, &path).expect("renamed");
        seen("by rename");
        fs::remove_file(&path).expect("removed");
        seen("removed");
        fs::write(&path, "x = 4\n").expect("written");
        seen("and made again");
        let time = fs::metadata(&path).expect("there").modified().expect("a time");
        fs::write(&path, "x = 5\n").expect("written");
        fs::File::options().write(true).open(&path).expect("open").set_modified(time).expect("set");
        seen("with the time kept");
    }
}
