//! What can go wrong between the server and a process.

use hotsplice_channel::codes;
use hotsplice_channel::registry::Entry;

use super::reloaders;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    #[error("process {pid} ended or closed the connection before that was done{}", may_start_again(.parent))]
    Gone {
        pid: u32,
        /// What started it and goes on, and what that may have to do with it.
        parent: Option<String>,
    },
    #[error("process {pid} runs another program now ({command}){}", way_on(*pid, command))]
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
fn may_start_again(parent: &Option<String>) -> &str {
    parent.as_deref().unwrap_or("; patch again once it runs")
}

/// How a program that a process has become can be patched, if it is Python's.
fn way_on(pid: u32, command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    if ["python", "pypy"].iter().any(|python| name.starts_with(python)) {
        format!(
            ", which has not registered: start that with `hotsplice run`, or call hotsplice.listen() in it, or \
             `hotsplice attach {pid}`"
        )
    } else {
        ", which is no Python: there is nothing in it to patch".to_owned()
    }
}

impl SessionError {
    /// Of a process that is not there any more.
    pub(super) fn gone(entry: &Entry) -> Self {
        let said = |it: reloaders::Reloader| format!(". {} had started it and goes on: {}", it.name, it.what);
        Self::Gone { pid: entry.pid, parent: reloaders::parent_of(entry).map(said) }
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
