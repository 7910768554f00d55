//! Which processes a request is for.

use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::registry::Entry;
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::session::{self, Session, SessionError};

/// What is said where no process can be patched.
pub const NOBODY: &str = "no process is registered; start one with `hotsplice run`, attach to one that runs with `hotsplice attach PID`, \
                          or call hotsplice.listen() in it";

/// One process, or every one.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub pid: Option<u32>,
    /// As it is listed.
    pub session: Option<String>,
}

/// The processes that answered, and why others did not.
pub struct Selected {
    pub sessions: Vec<Arc<Session>>,
    pub unreachable: Vec<SessionError>,
}

/// A process that can be patched, as `docs/cli.md` promises it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    id: String,
    pid: u32,
    /// What a person would call it
    name: String,
    command: Vec<String>,
    /// The folder in which it was started
    cwd: String,
    executable: String,
    /// The version of its Python
    python: String,
    /// The id of the process that started it
    parent: u32,
}

impl From<&Session> for Listed {
    fn from(session: &Session) -> Self {
        let entry = session.entry.clone();
        Self {
            id: entry.id,
            pid: entry.pid,
            name: session.name(),
            command: entry.command,
            cwd: entry.cwd,
            executable: entry.executable,
            python: entry.python,
            parent: entry.parent,
        }
    }
}

/// Every process that can be patched. `role` is whom they are told that they talk to.
pub fn sessions(role: &str) -> Result<Selected, Failure> {
    find(role, |_| true)
}

fn find(role: &str, wanted: impl Fn(&Entry) -> bool) -> Result<Selected, Failure> {
    let (sessions, unreachable) =
        session::connect_all(role, wanted).map_err(|error| Failure::new(codes::NO_SESSION, error.to_string()))?;
    Ok(Selected { sessions, unreachable })
}

/// At least one process.
pub fn select(role: &str, selection: &Selection) -> Result<Selected, Failure> {
    let selected = find(role, |entry| {
        selection.pid.is_none_or(|wanted| wanted == entry.pid)
            && selection.session.as_deref().is_none_or(|wanted| wanted == entry.id)
    })?;
    if let ([], [only]) = (selected.sessions.as_slice(), selected.unreachable.as_slice()) {
        return Err(only.into());
    }
    if selected.sessions.is_empty() {
        let message = match (selection.pid, &selection.session) {
            (Some(pid), _) => format!("process {pid} is not registered; `hotsplice sessions` lists those that are"),
            (_, Some(id)) => format!("there is no session {id}; `hotsplice sessions` lists those that there are"),
            _ => NOBODY.to_owned(),
        };
        return Err(Failure::new(codes::NO_SESSION, message));
    }
    Ok(selected)
}
