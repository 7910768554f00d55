//! Sessions that come and go: connected to as soon as they are registered, dropped as soon as they end.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use hotsplice_channel::message::event;
use hotsplice_channel::registry;

use super::main_loop::Event;
use crate::session::{self, Session};

/// How often the registry's folder is looked into. An end of a session is noticed at once, by its connection.
const LOOK: Duration = Duration::from_millis(250);

/// The sessions that are connected now.
#[derive(Default)]
pub struct Pool {
    pub sessions: Vec<Arc<Session>>,
    /// Sessions that said no; they are not asked again.
    refused: HashSet<String>,
}

impl Pool {
    /// Connects to what is new in the registry. True if there was something.
    pub fn refresh(&mut self, events: &Sender<Event>) -> bool {
        let Ok(entries) = registry::sessions(&registry::directory()) else {
            return false;
        };
        let mut changed = false;
        for entry in entries {
            let known = self.sessions.iter().any(|session| session.entry.id == entry.id);
            if known || self.refused.contains(&entry.id) {
                continue;
            }
            let (sender, id) = (events.clone(), entry.id.clone());
            match Session::connect(&entry, "lsp", move |event| tell(&sender, &id, event)) {
                Ok(session) => {
                    self.sessions.push(Arc::new(session));
                    changed = true;
                }
                Err(session::SessionError::Refused { code, message }) => {
                    self.refused.insert(entry.id);
                    let _ = events.send(Event::Trouble(format!("{code}: {message}")));
                }
                // Gone already, or not ready yet: the next look tells.
                Err(_) => {}
            }
        }
        changed
    }

    pub fn forget(&mut self, id: &str) {
        self.sessions.retain(|session| session.entry.id != id);
    }

    pub fn find(&self, id: &str) -> Option<&Arc<Session>> {
        self.sessions.iter().find(|session| session.entry.id == id)
    }
}

fn tell(events: &Sender<Event>, id: &str, event: session::Event) {
    let event = match event {
        session::Event::Closed => Event::SessionEnded(id.to_owned()),
        session::Event::Notification { method } if method == event::MODULE_LOADED || method == event::PATCH_APPLIED => {
            Event::SessionChanged(id.to_owned())
        }
        session::Event::Notification { .. } => return,
    };
    // The loop is gone when the server ends.
    let _ = events.send(event);
}

/// Has the loop look into the registry from time to time, for as long as there is a loop.
pub fn watch(events: Sender<Event>) {
    std::thread::spawn(move || {
        while events.send(Event::Look).is_ok() {
            std::thread::sleep(LOOK);
        }
    });
}
