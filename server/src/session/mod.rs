//! Processes that registered: finding them, and talking to one.

mod client;
mod error;
mod naming;
mod places;
mod ports;
pub mod registry_watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hotsplice_analysis::Outline;

use hotsplice_channel::message::{
    BaselineAnswer, BaselineRequest, Cell, CommitAnswer, DebugAnswer, DebugRequest, FilesAnswer, GuardAnswer,
    GuardRequest, HistoryAnswer, HoldAnswer, HoldsAnswer, LoadedFile, OutputAnswer, OutputRequest, PrepareAnswer,
    PrepareRequest, RefusedNotice, RestartAnswer, RestartRequest, StatusAnswer, TransactionRequest, Trust, method,
};
use hotsplice_channel::patch::Patch;
use hotsplice_channel::registry::{self, Entry};

use crate::workspace::Workspace;
use naming::short_command;
use places::Places;
use ports::Ports;

pub use client::{Client, Event};
pub use error::SessionError;

/// How long a process may take to answer what needs no evaluation. It may be busy in C, holding the GIL.
const PATIENCE: Duration = Duration::from_secs(5);
/// debugpy starts a process of its own before it listens.
const DEBUGGER_PATIENCE: Duration = Duration::from_secs(15);

/// For tests: the number of an operation that is to fail in each commit.
const FAIL_AT: &str = "HOTSPLICE_FAIL_COMMIT_AT";

/// One registered process.
pub struct Session {
    pub entry: Entry,
    client: Client,
    files: Mutex<Files>,
    /// Told when there is an answer to what is loaded.
    answered: Condvar,
    /// Live texts that were asked for, with what they parse to. What arrives by event takes them out.
    baselines: Mutex<HashMap<String, Arc<Live>>>,
    observed: Mutex<Observed>,
    ports: Mutex<Ports>,
    /// Whether it may call files otherwise than we do, and what was found out about that.
    is_elsewhere: bool,
    places: Mutex<Places>,
    window: Mutex<Window>,
    watches_holds: AtomicBool,
}

/// The editor's window that asks.
#[derive(Default)]
struct Window {
    workspace: Arc<Workspace>,
    /// Once the process is found to be of it, it stays so.
    belongs: bool,
}

/// What a process has loaded, as far as is known.
#[derive(Default)]
struct Files {
    known: Option<Vec<LoadedFile>>,
    /// As of when: what the process loads later is not among them.
    as_of: Option<AsOf>,
    /// How often somebody wanted to know anew.
    changes: u64,
}

/// How many modules the process had said that it loads, and how often somebody wanted to know anew.
#[derive(Clone, Copy, PartialEq, Eq)]
struct AsOf {
    loads: u64,
    changes: u64,
}

/// What was seen of a process when it was looked at last.
#[derive(Default)]
struct Observed {
    status: Option<Arc<StatusAnswer>>,
    ports: Vec<u16>,
}

/// The text that is live in a process.
pub struct Live {
    pub baseline: BaselineAnswer,
    pub outline: Arc<Outline>,
    /// Whether there is a patch to undo, once somebody wanted to know.
    pub undoable: OnceLock<bool>,
}

impl Session {
    /// Connects and says hello. `on_event` is called from the connection's own thread.
    pub fn connect(entry: &Entry, role: &str, on_event: impl Fn(Event) + Send + 'static) -> Result<Self, SessionError> {
        let client = Client::connect(entry, role, on_event)?;
        Ok(Self {
            entry: entry.clone(),
            client,
            files: Mutex::default(),
            answered: Condvar::new(),
            baselines: Mutex::default(),
            observed: Mutex::default(),
            ports: Mutex::default(),
            is_elsewhere: places::is_elsewhere(entry),
            places: Mutex::default(),
            window: Mutex::default(),
            watches_holds: AtomicBool::new(false),
        })
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// How a person would call the process: `flask run · pid 4711 · :5000`.
    pub fn name(&self) -> String {
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let ports: String = observed.ports.iter().take(2).map(|port| format!(" · :{port}")).collect();
        let place = match &self.entry.via {
            Some(via) => format!(" · at {}", via.address),
            None if registry::is_visible(&self.entry) => String::new(),
            None => " · in a container".to_owned(),
        };
        format!("{} · pid {}{ports}{place}", short_command(&self.entry.command), self.entry.pid)
    }

    /// Looks at the process: what is patched, what still runs old code, where it listens.
    pub fn observe(&self) -> Result<(), SessionError> {
        let status = Arc::new(self.status()?);
        if registry::is_visible(&self.entry) {
            let found = self.ports.lock().unwrap_or_else(PoisonError::into_inner).listening(self.entry.pid);
            self.observed.lock().unwrap_or_else(PoisonError::into_inner).ports = found;
        }
        self.observed.lock().unwrap_or_else(PoisonError::into_inner).status = Some(status);
        Ok(())
    }

    /// What was patched and still ran old code when the process was looked at last.
    pub fn known_status(&self) -> Option<Arc<StatusAnswer>> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner).status.clone()
    }

    /// The editor's window that asks.
    pub fn set_workspace(&self, workspace: Arc<Workspace>) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Window { workspace, belongs: false };
    }

    fn workspace(&self) -> Arc<Workspace> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).workspace.clone()
    }

    /// The editor's name of one of the process's files.
    pub fn editor_path(&self, path: &str) -> PathBuf {
        let workspace = self.workspace();
        let cell = self.known_cell(path).and_then(|cell| workspace.cells.shown(&cell));
        cell.or_else(|| self.own_name(path)).unwrap_or_else(|| workspace.to_editor(Path::new(path)))
    }

    /// What is known of an input that is no file.
    pub fn known_cell(&self, path: &str) -> Option<Cell> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.known.iter().flatten().find(|file| file.path == path)?.cell.clone()
    }

    /// Our name of a file that the process calls otherwise, if that was found out and not set.
    pub fn own_name(&self, path: &str) -> Option<PathBuf> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).to_editor(Path::new(path))
    }

    /// Every name that the process may have for a file, the editor's own first.
    fn process_names(&self, path: &Path) -> Vec<PathBuf> {
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
        let live = |path: &str| Some(self.known_baseline(path).ok()?.baseline.text.clone());
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

    /// Whether the process belongs to the workspace: it runs there, or has loaded files of it. Does not ask the process.
    pub fn belongs(&self) -> bool {
        let (workspace, known) = {
            let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            (window.workspace.clone(), window.belongs)
        };
        if known || workspace.takes_all || workspace.folders.is_empty() {
            return true;
        }
        let files = self.known_files();
        let holds = |file: &LoadedFile| workspace.holds(&self.editor_path(&file.path));
        let belongs =
            workspace.holds(Path::new(&self.entry.cwd)) || files.as_ref().is_some_and(|files| files.iter().any(holds));
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be about other folders by now.
        window.belongs |= belongs && Arc::ptr_eq(&window.workspace, &workspace);
        belongs
    }

    /// Every source file that the process has loaded.
    pub fn files(&self) -> Result<Vec<LoadedFile>, SessionError> {
        let as_of = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let now = AsOf { loads: self.client.loads(), changes: files.changes };
            if let (Some(known), true) = (&files.known, files.as_of == Some(now)) {
                return Ok(known.clone());
            }
            now
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
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        (files.known, files.as_of) = (Some(answer.files.clone()), Some(as_of));
        self.answered.notify_all();
        Ok(answer.files)
    }

    /// As [`Self::files`], and what the process has just told is known.
    pub fn files_by_now(&self) -> Result<Vec<LoadedFile>, SessionError> {
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
    fn known_files(&self) -> Option<Vec<LoadedFile>> {
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
        files.into_iter().find(|file| file.path == path).map(|file| file.modules).unwrap_or_default()
    }

    /// Whether functions of the process can be guarded from outside: with CPython 3.12 and later.
    pub fn can_guard(&self) -> bool {
        let mut numbers = self.entry.python.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
        (numbers.next(), numbers.next()) >= (Some(3), Some(12))
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

    fn find(path: &Path, files: &[LoadedFile]) -> Option<String> {
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

    /// The text that is live, as the process tells it now.
    pub fn baseline(&self, path: &str) -> Result<Arc<Live>, SessionError> {
        let baseline: BaselineAnswer =
            self.client.request(method::BASELINE, &BaselineRequest { path: path.to_owned() }, PATIENCE)?;
        let outline = Arc::new(Outline::parse(&baseline.text));
        let live = Arc::new(Live { baseline, outline, undoable: OnceLock::new() });
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), live.clone());
        Ok(live)
    }

    /// The text that is live, as far as is known without asking again.
    pub fn known_baseline(&self, path: &str) -> Result<Arc<Live>, SessionError> {
        let known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        known.map_or_else(|| self.baseline(path), Ok)
    }

    /// What is live in a file, if that is known.
    pub fn live_outline(&self, path: &Path) -> Option<Arc<Outline>> {
        let files = self.known_files()?;
        let path = self.process_names(path).iter().find_map(|name| Self::find(name, &files))?;
        let baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&baselines.get(&path)?.outline))
    }

    /// A patch of ours was committed: what is live now is known.
    pub fn now_live(&self, former: &Live, outline: Arc<Outline>) {
        let mut baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        let baseline = BaselineAnswer {
            version: former.baseline.version + 1,
            text: outline.text().to_owned(),
            trust: Trust::Exact,
            differs: Vec::new(),
            undoable: former.baseline.undoable + 1,
            ..former.baseline.clone()
        };
        baselines.insert(baseline.path.clone(), Arc::new(Live { baseline, outline, undoable: OnceLock::new() }));
    }

    /// What is live in a file is of this version: what is known of another one is of no use.
    pub fn forget_unless(&self, path: &str, version: u64) {
        let mut baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        if baselines.get(path).is_some_and(|live| live.baseline.version != version) {
            baselines.remove(path);
        }
    }

    /// The process loads a module anew: what is live in its file is to be asked for.
    pub fn forget_baseline(&self, path: &str) {
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Something changed: what is loaded, or what is live.
    pub fn forget(&self) {
        self.forget_files();
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub fn history(&self, path: &str) -> Result<HistoryAnswer, SessionError> {
        self.client.request(method::HISTORY, &BaselineRequest { path: path.to_owned() }, PATIENCE)
    }

    pub fn prepare(&self, mut patch: Patch, commit: bool) -> Result<PrepareAnswer, SessionError> {
        // A process that has just been stopped does not look it yet: it does not answer.
        if !self.client.was_just_heard() {
            self.client.catch_up()?;
        }
        patch.options.fail_at = std::env::var(FAIL_AT).ok().and_then(|number| number.parse().ok());
        let patience = PATIENCE + Duration::from_millis(patch.options.time_limit_ms);
        self.client.request(method::PREPARE, &PrepareRequest { patch, commit }, patience)
    }

    /// What is deferred until the commit may take so long as what is evaluated before it.
    pub fn commit(&self, transaction: u64, time_limit_ms: u64) -> Result<CommitAnswer, SessionError> {
        let patience = PATIENCE + Duration::from_millis(time_limit_ms);
        self.client.request(method::COMMIT, &TransactionRequest { transaction }, patience)
    }

    pub fn abort(&self, transaction: u64) -> Result<(), SessionError> {
        self.client.request::<serde_json::Value>(method::ABORT, &TransactionRequest { transaction }, PATIENCE).map(drop)
    }

    /// For the program's `logging`. A process that is busy goes without.
    pub fn note_refused(&self, notice: &RefusedNotice) {
        let _ = self.client.request::<serde_json::Value>(method::REFUSED, notice, Duration::from_secs(1));
    }

    pub fn guard(&self, wanted: &GuardRequest) -> Result<GuardAnswer, SessionError> {
        self.client.request(method::GUARD, wanted, PATIENCE)
    }

    pub fn holds(&self) -> Result<HoldsAnswer, SessionError> {
        self.client.request(method::HOLDS, &serde_json::json!({}), PATIENCE)
    }

    /// Calls that fail are held from now on, for as long as this connection lasts; or no more for its sake.
    pub fn watch_holds(&self, watch: bool) -> Result<(), SessionError> {
        let wanted = serde_json::json!({ "watch": watch });
        self.client.request::<serde_json::Value>(method::WATCH_HOLDS, &wanted, PATIENCE)?;
        self.watches_holds.store(watch, Ordering::Release);
        Ok(())
    }

    /// Whether calls that fail are held for our sake.
    pub fn watches_holds(&self) -> bool {
        self.watches_holds.load(Ordering::Acquire)
    }

    pub fn answer_hold(&self, answer: &HoldAnswer) -> Result<(), SessionError> {
        self.client.request::<serde_json::Value>(method::ANSWER_HOLD, answer, PATIENCE).map(drop)
    }

    pub fn debug_hold(&self, wanted: &DebugRequest) -> Result<DebugAnswer, SessionError> {
        self.client.request(method::DEBUG_HOLD, wanted, DEBUGGER_PATIENCE)
    }

    pub fn restart_frame(&self, wanted: &RestartRequest) -> Result<RestartAnswer, SessionError> {
        self.client.request(method::RESTART_FRAME, wanted, PATIENCE)
    }

    /// What the program has printed and raised; it is recorded from now on.
    pub fn output(&self, wanted: OutputRequest) -> Result<OutputAnswer, SessionError> {
        self.client.request(method::OUTPUT, &wanted, PATIENCE)
    }

    pub fn status(&self) -> Result<StatusAnswer, SessionError> {
        self.client.request(method::STATUS, &serde_json::json!({}), PATIENCE)
    }
}

/// Installed packages and the standard library do not import a project's modules, and are loaded without a word.
pub fn is_project(path: &Path) -> bool {
    let path = path.to_string_lossy();
    !["/site-packages/", "/dist-packages/", "/lib/python3"].iter().any(|part| path.contains(part))
}

/// Connects to the registered processes that are wanted, all at once: one that hangs doesn't hold the others up. One
/// that is gone in the meantime is left out in silence.
pub fn connect_all(
    role: &str,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<(Vec<Arc<Session>>, Vec<SessionError>), registry::RegistryError> {
    let mut entries = registry::sessions(&registry::directory())?;
    entries.retain(|entry| wanted(entry));
    let attempts: Vec<_> = std::thread::scope(|scope| {
        let connecting: Vec<_> =
            entries.iter().map(|entry| scope.spawn(|| Session::connect(entry, role, |_| {}))).collect();
        connecting.into_iter().filter_map(|attempt| attempt.join().ok()).collect()
    });
    let mut sessions = Vec::new();
    let mut unreachable = Vec::new();
    for attempt in attempts {
        match attempt {
            Ok(session) => sessions.push(Arc::new(session)),
            Err(SessionError::Gone { .. }) => {}
            Err(error) => unreachable.push(error),
        }
    }
    Ok((sessions, unreachable))
}
