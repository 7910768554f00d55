//! Which files pip has installed wherever it was told to (`pip install --target`): beside a package lies the list of its files.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

/// What was installed into a folder, as paths from there; nothing for most folders.
type Listed = Option<Arc<HashSet<PathBuf>>>;

/// What is known of folders: each is looked into once.
static FOLDERS: Mutex<Option<HashMap<PathBuf, Listed>>> = Mutex::new(None);

/// Whether a file was installed into one of the folders that it lies in.
#[pyfunction]
pub fn is_listed(file: PathBuf) -> bool {
    is_installed(&file, Path::new("/"))
}

/// The same of folders that lie in another one, or are it.
pub fn is_installed(file: &Path, within: &Path) -> bool {
    let folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(within));
    folders.into_iter().any(|folder| {
        let listed = listed(folder);
        listed.is_some_and(|listed| file.strip_prefix(folder).is_ok_and(|rest| listed.contains(rest)))
    })
}

fn listed(folder: &Path) -> Listed {
    let mut known = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(listed) = known.get(folder) {
        return listed.clone();
    }
    let listed = read(folder);
    known.insert(folder.to_owned(), listed.clone());
    listed
}

/// The `RECORD` of each distribution (PEP 376): a table, the first column of which has the paths.
fn read(folder: &Path) -> Listed {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let records = entries.filter(|path| path.extension().is_some_and(|extension| extension == "dist-info"));
    let mut listed = HashSet::new();
    for record in records.filter_map(|path| fs::read_to_string(path.join("RECORD")).ok()) {
        listed.extend(record.lines().filter_map(first_column));
    }
    (!listed.is_empty()).then(|| Arc::new(listed))
}

fn first_column(line: &str) -> Option<PathBuf> {
    match line.strip_prefix('"') {
        None => line.split(',').next().map(PathBuf::from),
        Some(rest) => rest.split("\",").next().map(|path| PathBuf::from(path.replace("\"\"", "\""))),
    }
}
