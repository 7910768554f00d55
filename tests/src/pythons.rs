//! The interpreters of this machine: every supported version that is found, once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Supported minor versions of Python 3.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 10..=15;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Python {
    /// 12 for 3.12.
    pub minor: u32,
    pub path: PathBuf,
}

impl Python {
    pub fn name(&self) -> String {
        format!("3.{}", self.minor)
    }
}

/// All of them, oldest first. `HOTSPLICE_TEST_PYTHONS` (paths joined by colons) replaces the search.
pub fn all() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found: BTreeMap<u32, Python> = BTreeMap::new();
        for path in candidates() {
            if let Some(minor) = minor_version(&path).filter(|minor| SUPPORTED.contains(minor)) {
                found.entry(minor).or_insert(Python { minor, path });
            }
        }
        assert!(!found.is_empty(), "no CPython 3.10 to 3.15 was found on this machine");
        found.into_values().collect()
    })
}

/// The newest version that is found: for tests that need only one.
pub fn newest() -> &'static Python {
    all().last().expect("at least one")
}

/// One that is too old, if there is any.
pub fn too_old() -> Option<PathBuf> {
    candidates().into_iter().find(|path| minor_version(path).is_some_and(|minor| minor < *SUPPORTED.start()))
}

/// Supported versions that this machine lacks.
pub fn missing() -> Vec<String> {
    SUPPORTED
        .filter(|minor| !all().iter().any(|python| python.minor == *minor))
        .map(|minor| format!("3.{minor}"))
        .collect()
}

fn candidates() -> Vec<PathBuf> {
    if let Some(given) = std::env::var_os("HOTSPLICE_TEST_PYTHONS") {
        return std::env::split_paths(&given).collect();
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten() {
        found.push(entry.path().join("bin/python3"));
    }
    for minor in SUPPORTED {
        found.push(home.join(format!(".cache/extra-pythons/tree/usr/bin/python3.{minor}")));
        for folder in std::env::var_os("PATH").iter().flat_map(std::env::split_paths) {
            found.push(folder.join(format!("python3.{minor}")));
        }
    }
    found.push("/usr/bin/python3".into());
    found.retain(|path| path.exists());
    found
}

fn minor_version(path: &Path) -> Option<u32> {
    let script = "import sys; print(sys.version_info[0], sys.version_info[1], getattr(sys, '_is_gil_enabled', bool)() or sys.version_info < (3, 13))";
    let output = Command::new(path).args(["-c", script]).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["3", minor, "True"] => minor.parse().ok(),
        _ => None,
    }
}

/// Does the work on each of these Pythons, on two at a time: a process and the server that patches it keep one core busy, by
/// turns.
pub fn two_at_a_time(these: impl Iterator<Item = &'static Python> + Send, work: impl Fn(&'static Python) + Sync) {
    let waiting = Mutex::new(these);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(python) = next() {
                    work(python);
                }
            });
        }
    });
}
