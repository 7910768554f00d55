//! What can go wrong between the server and a process.

use hotsplice_channel::codes;
use hotsplice_channel::registry::{self, Entry};

use super::naming::short_command;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    #[error("process {pid} ended or closed the connection before that was done; patch again once it runs{}", may_start_again(.parent))]
    Gone { pid: u32, parent: Option<String> },
    #[error(
        "process {pid} runs another program now ({command}), which has not registered: start that with `hotsplice run`, or \
         call hotsplice.listen() in it, or `hotsplice attach {pid}`"
    )]
    Replaced { pid: u32, command: String },
    #[error("process {pid} did not answer in {seconds} s: it may be stopped, or in C code that keeps the GIL")]
    TimedOut { pid: u32, seconds: u64 },
    #[error(
        "process {pid} is stopped (Ctrl-Z, or a debugger holds it): it answers when it goes on; nothing was asked of it"
    )]
    Stopped { pid: u32 },
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("process {pid} sent something that can't be understood: {detail}")]
    BadMessage { pid: u32, detail: String },
}

/// What the one that started a process may have to do with its end.
fn may_start_again(parent: &Option<String>) -> String {
    let Some(parent) = parent else { return String::new() };
    format!(
        ". {parent} had started it and goes on: if that is a reloader, it starts the process again whenever a file is written, and \
         its state is lost; run it without (`--no-reload`, or leave out `--reload`)"
    )
}

impl SessionError {
    /// Of a process that is not there any more.
    pub(super) fn gone(entry: &Entry) -> Self {
        let sessions = registry::sessions(&registry::directory()).unwrap_or_default();
        let parent = sessions.iter().find(|other| other.pid == entry.parent && other.namespace == entry.namespace);
        let named = |parent: &Entry| format!("{} (process {})", short_command(&parent.command), parent.pid);
        Self::Gone { pid: entry.pid, parent: parent.filter(|_| entry.via.is_none()).map(named) }
    }

    /// The numbered code.
    pub fn code(&self) -> &str {
        match self {
            Self::Gone { .. } => codes::SESSION_GONE,
            Self::Replaced { .. } => codes::REPLACED,
            Self::TimedOut { .. } | Self::Stopped { .. } => codes::TIMED_OUT,
            Self::Refused { code, .. } => code,
            Self::BadMessage { .. } => codes::BAD_MESSAGE,
        }
    }
}
