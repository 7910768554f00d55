//! Sessions that come and go: connected to as soon as they are registered, dropped as soon as they end.
//!
//! Connecting is done on a thread of its own: a process that hangs (stopped with Ctrl-Z, say) holds nobody up.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotsplice_channel::message::event;
use hotsplice_channel::registry::{self, Entry, Stamp};

use super::events::Event;
use crate::session::{self, Session, SessionError};
use crate::workspace::Workspace;

/// After how long a process that did not answer is asked again.
pub const RETRY: Duration = Duration::from_secs(5);

/// A folder in which something has happened since then may have changed once more in the same step of its file system's clock.
const STEP: Duration = Duration::from_millis(100);

/// How long a request waits for sessions that are just being connected to.
const SETTLE: Duration = Duration::from_millis(500);

/// The sessions that are connected now, and those that will be.
#[derive(Default)]
pub struct Pool {
    pub sessions: Vec<Arc<Session>>,
    connecting: HashMap<String, Arc<Connecting>>,
    /// Sessions that said no; they are not asked again.
    refused: HashSet<String>,
    /// When to ask those again that did not answer.
    retries: HashMap<String, Instant>,
    /// Sessions of the window that are over, of which it is not known yet what became of their processes.
    lost: HashSet<String>,
    /// Why no process can be found.
    trouble: Option<String>,
    /// What the registry was like when it was last read.
    seen: Option<Stamp>,
}

/// A connection that is being made.
#[derive(Default)]
struct Connecting {
    /// The session, or nothing if it came to nothing.
    outcome: Mutex<Option<Option<Arc<Session>>>>,
    done: Condvar,
}

/// What a request works on: the sessions as they are when it comes.
pub struct Sessions {
    connected: Vec<Arc<Session>>,
    connecting: Vec<Arc<Connecting>>,
}

impl Sessions {
    /// Those of the window. Waits, not long, for connections that are being made. Not to be called in the loop.
    pub fn settle(self) -> Vec<Arc<Session>> {
        self.settle_all().0
    }

    /// Those of the window, and the others.
    pub fn settle_all(self) -> (Vec<Arc<Session>>, Vec<Arc<Session>>) {
        let end = Instant::now() + SETTLE;
        let mut sessions = self.connected;
        for connecting in self.connecting {
            let outcome = connecting.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            let patience = end.saturating_duration_since(Instant::now());
            let (outcome, _) = connecting
                .done
                .wait_timeout_while(outcome, patience, |outcome| outcome.is_none())
                .unwrap_or_else(PoisonError::into_inner);
            sessions.extend(outcome.clone().flatten());
        }
        // What a process has loaded may tell that it belongs here. It is being asked; one that does not answer holds nobody up.
        sessions.into_iter().partition(|session| {
            session.belongs() || {
                session.wait_known(end.saturating_duration_since(Instant::now()));
                session.belongs()
            }
        })
    }
}

impl Pool {
    /// Begins to connect to what is new in the registry; what comes of it is an event.
    pub fn refresh(&mut self, workspace: &Arc<Workspace>, events: &Sender<Event>) {
        let directory = registry::directory();
        let stamp = registry::stamp(&directory);
        // Who did not answer is in the folder still.
        if self.seen.is_some() && self.seen == stamp && self.retries.is_empty() {
            return;
        }
        self.seen = stamp.filter(|stamp| stamp.age().is_some_and(|age| age > STEP));
        let entries = match registry::sessions(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.seen = None;
                return self.trouble = Some(error.to_string());
            }
        };
        self.trouble = None;
        let now = Instant::now();
        self.retries.retain(|id, _| entries.iter().any(|entry| entry.id == *id));
        self.lost.retain(|id| entries.iter().any(|entry| entry.id == *id));
        for entry in entries {
            let known = self.sessions.iter().any(|session| session.entry.id == entry.id)
                || self.connecting.contains_key(&entry.id)
                || self.refused.contains(&entry.id)
                || self.retries.get(&entry.id).is_some_and(|retry| *retry > now);
            if known {
                continue;
            }
            let connecting = Arc::new(Connecting::default());
            self.connecting.insert(entry.id.clone(), connecting.clone());
            let (events, workspace) = (events.clone(), workspace.clone());
            std::thread::spawn(move || connect(&entry, &connecting, workspace, &events));
        }
    }

    /// Why no process can be found: the registry's folder is not as it must be.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What came of a connection. True if there is a session more.
    pub fn connected(&mut self, id: &str, outcome: Result<Arc<Session>, SessionError>) -> Result<bool, SessionError> {
        self.connecting.remove(id);
        match outcome {
            // The news of its end came before it.
            Ok(session) if session.is_closed() => {
                self.forget(id);
                Ok(false)
            }
            Ok(session) => {
                self.retries.remove(id);
                self.lost.remove(id);
                self.sessions.push(session);
                Ok(true)
            }
            Err(error @ SessionError::Refused { .. }) => {
                self.refused.insert(id.to_owned());
                Err(error)
            }
            Err(error) => {
                self.retries.insert(id.to_owned(), Instant::now() + RETRY);
                // It may register yet, as the other program.
                let is_news = matches!(error, SessionError::Replaced { .. }) && self.lost.remove(id);
                if is_news { Err(error) } else { Ok(false) }
            }
        }
    }

    pub fn snapshot(&self) -> Sessions {
        // Who did not answer once is not waited for again.
        let first_time = self.connecting.iter().filter(|(id, _)| !self.retries.contains_key(*id));
        Sessions {
            connected: self.sessions.clone(),
            connecting: first_time.map(|(_, connecting)| connecting.clone()).collect(),
        }
    }

    /// The connection is over. The process may live on; it is not asked again at once.
    pub fn forget(&mut self, id: &str) {
        self.retries.insert(id.to_owned(), Instant::now() + RETRY);
        if self.find(id).is_some_and(|session| session.belongs()) {
            self.lost.insert(id.to_owned());
        }
        self.sessions.retain(|session| session.entry.id != id);
    }

    /// Those of the workspace.
    pub fn shown(&self) -> Vec<Arc<Session>> {
        self.sessions.iter().filter(|session| session.belongs()).cloned().collect()
    }

    pub fn set_workspace(&self, workspace: &Arc<Workspace>) {
        for session in &self.sessions {
            session.set_workspace(workspace.clone());
        }
    }

    pub fn find(&self, id: &str) -> Option<&Arc<Session>> {
        self.sessions.iter().find(|session| session.entry.id == id)
    }
}

fn connect(entry: &Entry, connecting: &Connecting, workspace: Arc<Workspace>, events: &Sender<Event>) {
    let (sender, id) = (events.clone(), entry.id.clone());
    let outcome = Session::connect(entry, "lsp", move |event| tell(&sender, &id, event)).map(Arc::new);
    if let Ok(session) = &outcome {
        session.set_workspace(workspace);
    }
    *connecting.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome.as_ref().ok().cloned());
    connecting.done.notify_all();
    // The loop is gone when the server ends.
    let _ = events.send(Event::Connected(entry.id.clone(), outcome));
}

fn tell(events: &Sender<Event>, id: &str, event: session::Event) {
    let event = match event {
        session::Event::Closed => Event::SessionEnded(id.to_owned()),
        session::Event::Notification { method, params } if method == event::MODULE_LOADED => {
            Event::ModuleLoaded(id.to_owned(), params["path"].as_str().unwrap_or_default().to_owned())
        }
        session::Event::Notification { method, params } if method == event::PATCH_APPLIED => {
            Event::PatchApplied(id.to_owned(), params)
        }
        session::Event::Notification { method, .. }
            if [event::FIRST_RUN, event::MOVE_REFUSED, event::GUARDS_CHANGED].contains(&&*method) =>
        {
            Event::StatusChanged(id.to_owned())
        }
        session::Event::Notification { method, params } if method == event::OLD_CODE_LEFT => {
            let of_it = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
            Event::OldCodeLeft(id.to_owned(), of_it("path"), of_it("definition"))
        }
        session::Event::Notification { method, params } if method == event::HOLD_BEGAN => {
            let Ok(hold) = serde_json::from_value(params) else { return };
            Event::HoldBegan(id.to_owned(), hold)
        }
        session::Event::Notification { method, params } if method == event::HOLD_ENDED => {
            Event::HoldEnded(id.to_owned(), params["hold"].as_u64().unwrap_or_default())
        }
        session::Event::Notification { .. } => return,
    };
    // The loop is gone when the server ends.
    let _ = events.send(event);
}
