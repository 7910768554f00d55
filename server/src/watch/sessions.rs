//! The processes that are watched for: connected to when they register, dropped when they end.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use hotsplice_channel::message::event;
use hotsplice_channel::registry::{self, Entry};

use super::{Event, Scope};
use crate::session::{self, Session, registry_watch};

pub struct Sessions {
    connected: Vec<Arc<Session>>,
    /// One that is wanted did not answer: it is asked again before long.
    pub is_incomplete: bool,
    events: Sender<Event>,
}

impl Sessions {
    pub fn start(events: Sender<Event>) -> Self {
        let sender = events.clone();
        registry_watch::start(move || sender.send(Event::Sessions).is_ok());
        Self { connected: Vec::new(), is_incomplete: false, events }
    }

    pub fn all(&self) -> Vec<Arc<Session>> {
        self.connected.iter().filter(|session| !session.is_closed()).cloned().collect()
    }

    /// Connects to what is new; gives that.
    pub fn refresh(&mut self, scope: &Scope) -> Vec<Arc<Session>> {
        self.connected.retain(|session| !session.is_closed());
        self.is_incomplete = false;
        let mut came = Vec::new();
        for entry in registry::sessions(&registry::directory()).unwrap_or_default() {
            let is_known = self.connected.iter().any(|session| session.entry.id == entry.id);
            if is_known || !is_wanted(scope, &entry) {
                continue;
            }
            match self.connect(&entry) {
                Ok(session) => {
                    let session = Arc::new(session);
                    self.connected.push(session.clone());
                    came.push(session);
                }
                // It said no, which it will say again.
                Err(session::SessionError::Refused { .. }) => {}
                Err(_) => self.is_incomplete = true,
            }
        }
        came
    }

    fn connect(&self, entry: &Entry) -> Result<Session, session::SessionError> {
        let (events, id) = (self.events.clone(), entry.id.clone());
        Session::connect(entry, "watch", move |event| {
            let event = match event {
                session::Event::Closed => Event::Sessions,
                session::Event::Notification { method, .. } if method == event::MODULE_LOADED => Event::Sessions,
                session::Event::Notification { method, params } if method == event::PATCH_APPLIED => {
                    Event::Patched(id.clone(), params)
                }
                session::Event::Notification { .. } => return,
            };
            // The loop is gone when watching ends.
            let _ = events.send(event);
        })
    }

    /// What is known of the live text of these files may be old.
    pub fn patched(&self, id: &str, params: &serde_json::Value) {
        let Some(session) = self.connected.iter().find(|session| session.entry.id == id) else { return };
        for file in params["files"].as_array().into_iter().flatten() {
            if let (Some(path), Some(version)) = (file["path"].as_str(), file["version"].as_u64()) {
                session.forget_unless(path, version);
            }
        }
    }

    /// Every file that is watched of those that one of them has loaded.
    pub fn files(&self, scope: &Scope) -> HashSet<PathBuf> {
        let mut found = HashSet::new();
        for session in self.all() {
            session.forget_files();
            found.extend(scope.files(&session));
        }
        found
    }
}

fn is_wanted(scope: &Scope, entry: &Entry) -> bool {
    scope.pid.is_none_or(|pid| pid == entry.pid) && scope.tree.is_none_or(|root| descends(entry.pid, root))
}

/// Whether a process is another one or was started by it.
fn descends(pid: u32, root: u32) -> bool {
    let mut current = Some(pid);
    for _ in 0..64 {
        match current {
            Some(pid) if pid == root => return true,
            Some(pid) if pid > 1 => current = registry::parent_of(pid),
            _ => return false,
        }
    }
    false
}
