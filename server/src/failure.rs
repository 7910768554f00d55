//! What was asked for and could not be done: the message for a person, and the numbered code.

use hotsplice_channel::codes;

use crate::session::SessionError;

#[derive(Debug, Clone)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// No process has the code, and a way to start one so that it can be patched would help.
    pub needs_process: bool,
}

impl Failure {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), needs_process: false }
    }

    pub fn no_process(message: impl Into<String>) -> Self {
        Self { needs_process: true, ..Self::new(codes::NO_SESSION, message) }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::from(&error)
    }
}

impl From<&SessionError> for Failure {
    fn from(error: &SessionError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
