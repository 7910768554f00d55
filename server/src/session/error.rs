//! What can go wrong between the server and a process.

use hotsplice_channel::codes;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    #[error("process {pid} ended or closed the connection; nothing was lost: patch again once it runs")]
    Gone { pid: u32 },
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

impl SessionError {
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
