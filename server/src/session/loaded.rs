//! What a process has loaded, and what each side calls it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hotsplice_channel::installed::is_installed;
use hotsplice_channel::message::{Cell, FilesAnswer, LoadedFile, method};

use super::{PATIENCE, Session, SessionError, places};

/// What a process has loaded, as far as is known.
#[derive(Default)]
pub(super) struct Files {
    known: Option<Arc<Vec<LoadedFile>>>,
    /// As of when: what the process loads later is not among them.
    as_of: Option<AsOf>,
    /// How often somebody wanted to know anew.
    changes: u64,
}

/// How many modules the process had said that it loads, and how often somebody wanted to know anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct AsOf {
    loads: u64,
    changes: u64,
}

impl Session {
    /// The editor's name of one of the process's files.
    pub fn editor_path(&self, path: &str) -> PathBuf {
        let workspace = self.workspace();
        let cell = self.known_cell(path).and_then(|cell| workspace.cells.shown(&cell));
        cell.or_else(|| self.own_name(path)).unwrap_or_else(|| workspace.to_editor(Path::new(path)))
    }

    /// What is known of an input that is no file.
    pub fn known_cell(&self, path: &str) -> Option<Cell> {
        self.known_files()?.iter().find(|file| file.path == path)?.cell.clone()
    }

    /// Our name of a file that the process calls otherwise, if that was found out and not set.
    pub fn own_name(&self, path: &str) -> Option<PathBuf> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).to_editor(Path::new(path))
    }

    /// Every name that the process may have for a file, the editor's own first.
    pub fn process_names(&self, path: &Path) -> Vec<PathBuf> {
        let mut names = self.workspace().to_process(path);
        names.extend(self.places.lock().unwrap_or_else(PoisonError::into_inner).to_process(path));
        names
    }

    /// Finds out whether one of the files that the process has loaded is this one, under another name.
    fn find_place(&self, path: &Path, files: &[LoadedFile]) -> Option<String> {
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner).is_in_vain(path);
        if !self.is_elsewhere || known {
            return None;
        }
        let live = |path: &str| Some(self.known_baseline(path).ok()?.text().to_owned());
        let found = places::find(path, &self.entry, files, live);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.found(path, found);
        let names = places.to_process(path);
        drop(places);
        names.iter().find_map(|name| Self::find(name, files))
    }

    /// Finds out how the process calls a folder of ours, if it runs elsewhere.
    fn find_folder(&self, folder: &Path, files: &[LoadedFile]) {
        let is_known = |path: &PathBuf| {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            !places.to_process(path).is_empty()
        };
        if self.is_elsewhere {
            let namesakes = places::namesakes(folder, files);
            // A file that has the same name for both needs no other.
            let by_name = |path: &&PathBuf| files.iter().any(|file| Path::new(&file.path) == path.as_path());
            for path in namesakes.iter().filter(|path| !by_name(path)) {
                if is_known(path) || self.find_place(path, files).is_some() {
                    return;
                }
            }
        }
    }

    /// Every source file that the process has loaded.
    pub fn files(&self) -> Result<Arc<Vec<LoadedFile>>, SessionError> {
        let as_of = match self.files_as_told() {
            Ok(known) => return Ok(known),
            Err(now) => now,
        };
        let answer: FilesAnswer = self.client.request(method::FILES, &serde_json::json!({}), PATIENCE)?;
        if self.is_elsewhere {
            self.places.lock().unwrap_or_else(PoisonError::into_inner).look_again();
            let mut folders = self.workspace().folders.clone();
            if folders.is_empty() {
                // Of the command line.
                folders.extend(std::env::current_dir());
            }
            for folder in &folders {
                self.find_folder(folder, &answer.files);
            }
        }
        let known = Arc::new(answer.files);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        (files.known, files.as_of) = (Some(known.clone()), Some(as_of));
        self.answered.notify_all();
        Ok(known)
    }

    /// What it has loaded, where nothing has been told since that was asked; else as of when it may be asked.
    fn files_as_told(&self) -> Result<Arc<Vec<LoadedFile>>, AsOf> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let now = AsOf { loads: self.client.loads(), changes: files.changes };
        files.known.clone().filter(|_| files.as_of == Some(now)).ok_or(now)
    }

    /// As [`Self::files`], and what the process has just told is known.
    pub fn files_by_now(&self) -> Result<Arc<Vec<LoadedFile>>, SessionError> {
        self.client.catch_up()?;
        self.files()
    }

    /// Waits, no longer than that, until it has said once what it has loaded.
    pub fn wait_known(&self, patience: Duration) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waited too long goes on without.
        let _ = self.answered.wait_timeout_while(files, patience, |files| files.known.is_none());
    }

    /// Every source file that it had loaded when it was last asked. Nothing if it never was.
    pub(super) fn known_files(&self) -> Option<Arc<Vec<LoadedFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    /// What was known of loaded files may have changed.
    pub fn forget_files(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.changes += 1;
    }

    /// The file as the process knows it, if it has loaded it; links are followed on both sides.
    pub fn loaded(&self, path: &Path) -> Result<Option<String>, SessionError> {
        let workspace = self.workspace();
        let names = self.process_names(path);
        let find = |files: &[LoadedFile]| {
            workspace.cells.loaded(path, files).or_else(|| names.iter().find_map(|name| Self::find(name, files)))
        };
        if let Some(found) = self.files_as_told().ok().and_then(|known| find(&known)) {
            return Ok(Some(found));
        }
        if let (Some(known), true) = (self.known_files(), self.client.is_stopped()) {
            // It loads nothing now.
            return Ok(find(&known));
        }
        if let Some(found) = find(&self.files()?) {
            return Ok(Some(found));
        }
        // The news of a module that was just imported may be on its way. Of installed ones there is none.
        self.client.catch_up()?;
        if names.iter().any(|name| !is_project(name)) {
            self.forget_files();
        }
        let files = self.files()?;
        Ok(find(&files).or_else(|| self.find_place(path, &files)))
    }

    /// Those of some files that it has loaded, with its names for them. It is asked once at most, and not at all where it has
    /// loaded nothing since.
    pub fn loaded_of(&self, paths: &[PathBuf]) -> Vec<(PathBuf, String)> {
        // What is loaded from installed packages is no event.
        if paths.iter().any(|path| !is_project(path) && self.known_loaded(path).is_none()) {
            self.forget_files();
        }
        let is_told = self.client.is_stopped() || self.files().is_ok();
        let known = |path: &PathBuf| Some((path.clone(), self.known_loaded(path)?));
        if is_told { paths.iter().filter_map(known).collect() } else { Vec::new() }
    }

    /// The modules that have loaded a file, as far as is known.
    pub fn known_modules(&self, path: &str) -> Vec<String> {
        let files = self.known_files().unwrap_or_default();
        files.iter().find(|file| file.path == path).map(|file| file.modules.clone()).unwrap_or_default()
    }

    /// As [`Self::loaded`], as far as is known: nothing is asked of a process that has answered once. What it loads later is
    /// an event.
    pub fn known_loaded(&self, path: &Path) -> Option<String> {
        let files = self.known_files().or_else(|| self.files().ok())?;
        let workspace = self.workspace();
        let cell = workspace.cells.loaded(path, &files);
        cell.or_else(|| self.process_names(path).iter().find_map(|name| Self::find(name, &files)))
            .or_else(|| self.find_place(path, &files))
    }

    pub(super) fn find(path: &Path, files: &[LoadedFile]) -> Option<String> {
        if let Some(found) = files.iter().find(|file| Path::new(&file.path) == path) {
            return Some(found.path.clone());
        }
        let real = path.canonicalize().ok()?;
        let same = |file: &&LoadedFile| Path::new(&file.path).canonicalize().is_ok_and(|other| other == real);
        let named = |file: &&LoadedFile| Path::new(&file.path).file_name() == real.file_name();
        let found = files.iter().filter(named).find(same).or_else(|| {
            // A link may have another name than the file.
            files.iter().filter(|file| !named(file) && Path::new(&file.path).is_symlink()).find(same)
        });
        found.map(|file| file.path.clone())
    }
}

/// What a project may be made of, as far as its name tells: of others no process says unasked that it has loaded them.
fn is_project(path: &Path) -> bool {
    !is_installed(path)
}
