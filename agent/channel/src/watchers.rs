//! Who watches the registry announces it there: a program that has come knows that it will be looked at, and by whom it may be
//! answered, before anybody has connected.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
    registry::ensure(directory).map_err(io::Error::other)?;
    let path = directory.join(format!("{}.{EXTENSION}", std::process::id()));
    let file = fs::File::create(&path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
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
