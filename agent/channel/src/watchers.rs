//! Who watches the registry announces it there: a program that has come knows that it will be looked at, and by whom it may be
//! answered, before anybody has connected.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::registry;

const EXTENSION: &str = "watcher";

/// Someone who watches, for as long as this lives: a file that stays locked, which the kernel sees to if the process dies.
#[derive(Debug)]
pub struct Announced {
    _file: fs::File,
    path: PathBuf,
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Says that this process watches the folder, which is made if need be.
pub fn announce(directory: &Path) -> io::Result<Announced> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    registry::ensure(directory).map_err(io::Error::other)?;
    let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let (unlocked, path) = (directory.join(&name), directory.join(format!("{name}.{EXTENSION}")));
    let file = fs::File::create(&unlocked)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    // It is locked before anybody can take it for one that was left behind.
    fs::rename(&unlocked, &path)?;
    Ok(Announced { _file: file, path })
}

/// Whether anybody watches the folder. What was left behind by who does no more is removed.
pub fn are_announced(directory: &Path) -> bool {
    let files = fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION)).any(|path| {
        let Ok(file) = fs::File::open(&path) else { return false };
        let is_left_behind = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_left_behind {
            let _ = fs::remove_file(&path);
        }
        !is_left_behind
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_who_watches_is_announced_for_as_long_as_it_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("registry");
        assert!(!are_announced(&directory));
        let (first, second) = (announce(&directory).expect("announced"), announce(&directory).expect("announced"));
        drop(first);
        assert!(are_announced(&directory));
        drop(second);
        fs::write(directory.join("1-0.watcher"), "").expect("left behind");
        assert!(!are_announced(&directory) && fs::read_dir(&directory).expect("there").next().is_none());
    }
}
