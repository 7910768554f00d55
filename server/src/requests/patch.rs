//! Making what is live equal to texts: those of files as they are on disk, or another one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hotsplice_channel::codes;
use hotsplice_channel::patch::Options;

use super::diff::loaded;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::renaming;
use crate::rest;
use crate::session::{Session, SessionError};
use crate::source_file;

/// What is said where no file differs.
pub const NOTHING: &str = "nothing to change: every loaded file is live as it is on disk";

/// What `hotsplice patch` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// As they were named; without any, every loaded file whose text on disk is another one.
    pub files: Vec<PathBuf>,
    pub function: Option<String>,
    pub again: Option<u32>,
    /// In place of the file's text on disk.
    pub text: Option<String>,
    pub dry_run: bool,
    pub each: bool,
    pub rest: bool,
    pub run_statements: bool,
    pub anew: bool,
}

impl Asked {
    /// Reads what is to be live, as it is now. What does not go together is a failure.
    pub fn read(mut self) -> Result<Ready, Failure> {
        let asked_at = SystemTime::now();
        let single = self.text.is_some() || self.function.is_some() || self.again.is_some() || self.rest;
        if single && self.files.len() != 1 {
            let message = "another text, one function, running a line again and leaving out what is refused go with a single \
                           file: `--from`, `--function`, `--again`, `--rest` with one FILE";
            return Err(Failure::new(codes::BAD_MESSAGE, message));
        }
        let files = self.read_each(single)?;
        Ok(Ready { asked: self, asked_at, files })
    }

    /// The files as they were named, one that has several names by the first of them.
    fn read_each(&mut self, single: bool) -> Result<Vec<WantedFile>, Failure> {
        let mut files: Vec<WantedFile> = Vec::new();
        let mut known: Vec<PathBuf> = Vec::new();
        let mut named = Vec::new();
        for name in std::mem::take(&mut self.files) {
            let path = std::path::absolute(&name)
                .map_err(|error| Failure::new(codes::UNREADABLE, format!("{}: {error}", name.display())))?;
            let itself = path.canonicalize().unwrap_or_else(|_| path.clone());
            if known.contains(&itself) {
                continue;
            }
            known.push(itself);
            named.push(name);
            if !single && matches!(path.try_exists(), Ok(false)) {
                files.push(WantedFile::deleted(path));
                continue;
            }
            let text = match &self.text {
                Some(text) => text.clone(),
                None => source_file::read(&path).map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()))?,
            };
            files.push(WantedFile {
                function: self.function.clone(),
                again: self.again,
                anew: self.anew,
                ..WantedFile::new(path, text)
            });
        }
        self.files = named;
        Ok(files)
    }
}

/// Texts that are to be live.
pub struct Ready {
    asked: Asked,
    asked_at: SystemTime,
    files: Vec<WantedFile>,
}

impl Ready {
    /// Makes them live in the processes that have loaded the files. No results: nothing differs from the disk.
    pub fn patch(mut self, sessions: &[Arc<Session>], cancel: Cancel) -> Result<Vec<FileResult>, Failure> {
        if self.asked.files.is_empty() {
            self.files = all_that_differ(sessions)?;
            if self.files.is_empty() {
                return Ok(Vec::new());
            }
        } else {
            let renamed = sessions.iter().flat_map(|session| renaming::find(session, &self.files).files);
            let renamed: Vec<PathBuf> = renamed.map(|one| one.file.path).collect();
            self.leave_out_what_comes_with_others(sessions, &renamed);
            self.check_loaded(sessions, &renamed)?;
        }
        let asked = self.asked;
        let wanted = Wanted {
            label: match asked.again {
                Some(line) => format!("Run line {line} again"),
                None => label(&self.files, asked.function.as_deref()),
            },
            files: self.files,
            options: Options { run_statements: asked.run_statements, ..Options::default() },
            dry_run: asked.dry_run,
            each: asked.each,
            asked: self.asked_at,
            cancel,
        };
        let results = match wanted.files.as_slice() {
            [file] if asked.rest => rest::patch(sessions, &wanted, file),
            _ => patching::patch(sessions, &wanted),
        };
        if results.is_empty() {
            return Err(Failure::new(codes::SESSION_GONE, "every process that had loaded it has ended meanwhile"));
        }
        Ok(results)
    }

    /// A new file that one of the others imports is loaded when that is patched.
    fn leave_out_what_comes_with_others(&mut self, sessions: &[Arc<Session>], renamed: &[PathBuf]) {
        let is_known = |path: &PathBuf| renamed.contains(path) || is_loaded(sessions, path);
        let (known, new): (Vec<_>, Vec<_>) = self.files.iter().partition(|file| file.deleted || is_known(&file.path));
        let mut texts: Vec<&str> = known.iter().map(|file| file.text.as_str()).collect();
        let mut coming: Vec<PathBuf> = Vec::new();
        // One may come with another new one.
        for _ in 0..new.len() {
            let named = new.iter().filter(|file| !coming.contains(&file.path));
            let found = named.filter(|file| texts.iter().any(|text| imports(text, &file.path))).collect::<Vec<_>>();
            texts.extend(found.iter().map(|file| file.text.as_str()));
            coming.extend(found.iter().map(|file| file.path.clone()));
        }
        let is_wanted: Vec<bool> = self.files.iter().map(|file| !coming.contains(&file.path)).collect();
        let mut wanted = is_wanted.iter();
        self.asked.files.retain(|_| wanted.next().copied().unwrap_or(true));
        self.files.retain(|file| !coming.contains(&file.path));
    }

    /// What is asked for together goes live together: a file that no process has loaded is misuse.
    fn check_loaded(&self, sessions: &[Arc<Session>], renamed: &[PathBuf]) -> Result<(), Failure> {
        let is_loaded = |file: &WantedFile| renamed.contains(&file.path) || is_loaded(sessions, &file.path);
        let named = self.files.iter().zip(&self.asked.files);
        let unloaded: Vec<String> =
            named.filter(|(file, _)| !is_loaded(file)).map(|(_, named)| named.display().to_string()).collect();
        if let Some(missing) = self.files.iter().find(|file| file.deleted && !is_loaded(file)) {
            let message = format!("{}: there is no such file, and no process has loaded one", missing.path.display());
            return Err(Failure::new(codes::UNREADABLE, message));
        }
        if unloaded.is_empty() {
            return Ok(());
        }
        let nothing = if unloaded.len() < self.files.len() { "; nothing was patched" } else { "" };
        let named = unloaded.join(", ");
        let message = format!("no registered process has loaded {named}{nothing}; `hotsplice sessions` lists them");
        Err(Failure::new(codes::NO_SESSION, message))
    }
}

/// Whether a text imports a file's module, or from it, as far as its lines tell.
fn imports(text: &str, path: &Path) -> bool {
    let stem = path.file_stem().filter(|stem| *stem != "__init__");
    let name = stem.or_else(|| path.parent().and_then(Path::file_name)).and_then(|name| name.to_str());
    let Some(name) = name else { return false };
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
    let words = |line: &str| line.split(|one: char| one != '_' && !one.is_alphanumeric()).any(|word| word == name);
    text.lines().map(str::trim_start).filter(is_import).any(words)
}

/// A process that does not answer may have it; what is asked of it then says so.
pub fn is_loaded(sessions: &[Arc<Session>], path: &Path) -> bool {
    !sessions.iter().all(|session| matches!(session.loaded(path), Ok(None)))
}

/// Every loaded file of the project whose text on disk is another one than the live text.
fn all_that_differ(sessions: &[Arc<Session>]) -> Result<Vec<WantedFile>, Failure> {
    let mut files: Vec<WantedFile> = Vec::new();
    let mut ended = None;
    for session in sessions {
        if let Err(error @ SessionError::Gone { .. }) = session.files() {
            ended = Some(error);
            continue;
        }
        for path in loaded(session, &[]) {
            let Ok(Some(known)) = session.loaded(&path) else { continue };
            if files.iter().any(|file| file.path == path) {
                continue;
            }
            let text = source_file::read_if_there(&path)
                .map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()))?;
            match text {
                Some(text) => match session.known_baseline(&known) {
                    Ok(live) if live.text() == text => {}
                    Ok(_) => files.push(WantedFile::new(path, text)),
                    Err(error @ SessionError::Gone { .. }) => {
                        ended = Some(error);
                        break;
                    }
                    Err(error) => return Err(error.into()),
                },
                // What is gone has nothing that could go live, which is said. What never was a file of its own, as a member
                // of an archive, is not gone.
                None if path.parent().is_some_and(Path::is_dir) => files.push(WantedFile::deleted(path)),
                None => {}
            }
        }
    }
    match ended {
        // It may be the one that was meant, and be started again at this moment.
        Some(error @ SessionError::Gone { parent: Some(_), .. }) if files.is_empty() => Err(error.into()),
        _ => Ok(files),
    }
}

/// What a person would call the patch.
fn label(files: &[WantedFile], function: Option<&str>) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (function, files) {
        (Some(function), _) => format!("Hot-patch function {function}"),
        (None, [file]) => format!("Hot-patch file {}", name(&file.path)),
        (None, files) => format!("Hot-patch {} files", files.len()),
    }
}
