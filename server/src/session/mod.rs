//! Processes that registered: finding them, and talking to one.

mod client;
mod error;
mod live_texts;
mod loaded;
mod naming;
mod places;
mod ports;
pub mod registry_watch;
mod reloaders;
mod sources;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use hotsplice_channel::message::{
    BaselineRequest, CommitAnswer, DebugAnswer, DebugRequest, GuardAnswer, GuardRequest, HistoryAnswer, HoldAnswer,
    HoldChoice, HoldsAnswer, LoadedFile, OutputAnswer, OutputRequest, PrepareAnswer, PrepareRequest, RefusedNotice,
    RestartAnswer, RestartRequest, StatusAnswer, TransactionRequest, method,
};
use hotsplice_channel::patch::Patch;
use hotsplice_channel::registry::{self, Entry};

use crate::workspace::Workspace;
use loaded::Files;
use places::Places;
use ports::Ports;

pub use client::{Client, Event};
pub use error::SessionError;
pub use live_texts::Live;
pub use naming::shorten;
pub use reloaders::Reloader;

/// How long a process may take to answer what needs no evaluation. It may be busy in C, holding the GIL.
const PATIENCE: Duration = Duration::from_secs(5);
/// debugpy starts a process of its own before it listens.
const DEBUGGER_PATIENCE: Duration = Duration::from_secs(15);

/// One registered process.
pub struct Session {
    pub entry: Entry,
    /// What a person would call it.
    title: String,
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

/// What was seen of a process when it was looked at last.
#[derive(Default)]
struct Observed {
    status: Option<Arc<StatusAnswer>>,
    ports: Vec<u16>,
}

impl Session {
    /// Connects and says hello. `on_event` is called from the connection's own thread.
    pub fn connect(entry: &Entry, role: &str, on_event: impl Fn(Event) + Send + 'static) -> Result<Self, SessionError> {
        let client = Client::connect(entry, role, on_event)?;
        let named_by =
            if naming::is_named_by_others(entry) { registry::sessions(&registry::directory()) } else { Ok(Vec::new()) };
        Ok(Self {
            entry: entry.clone(),
            title: naming::title(entry, &named_by.unwrap_or_default()),
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
        format!("{} · pid {}{ports}{place}", self.title, self.entry.pid)
    }

    /// What has started it and is known to start it again.
    pub fn reloader(&self) -> Option<Reloader> {
        reloaders::parent_of(&self.entry).filter(|parent| parent.is_known)
    }

    /// The process itself where it is known to start others again, and is not one of those.
    pub fn as_reloader(&self) -> Option<Reloader> {
        let itself = reloaders::itself(&self.entry)?;
        self.reloader().is_none().then_some(itself)
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

    /// Whether functions of the process can be guarded from outside: with CPython 3.12 and later.
    pub fn can_guard(&self) -> bool {
        let mut numbers = self.entry.python.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
        (numbers.next(), numbers.next()) >= (Some(3), Some(12))
    }

    pub fn history(&self, path: &str) -> Result<HistoryAnswer, SessionError> {
        self.client.request(method::HISTORY, &BaselineRequest { path: path.to_owned() }, PATIENCE)
    }

    pub fn prepare(&self, patch: &Patch, commit: bool) -> Result<PrepareAnswer, SessionError> {
        // A process that has just been stopped does not look it yet: it does not answer.
        if !self.client.was_just_heard() {
            self.client.catch_up()?;
        }
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

    pub fn choose_hold(&self, choice: &HoldChoice) -> Result<(), SessionError> {
        self.client.request::<serde_json::Value>(method::CHOOSE_HOLD, choice, PATIENCE).map(drop)
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
