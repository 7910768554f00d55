//! What a program has printed, and what it has raised.

use serde::{Deserialize, Serialize};

/// Parameters of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRequest {
    /// Not only since the last patch.
    #[serde(default)]
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputAnswer {
    /// Since when it is recorded, in seconds since the epoch.
    pub recorded_since: f64,
    /// When the last patch went live; nothing where there was none since it is recorded.
    pub patched_at: Option<f64>,
    pub printed: Vec<Printed>,
    /// Exceptions that were raised in patched files or came to them; nothing where that can't be observed.
    pub raised: Option<Vec<Raised>>,
    /// Older characters and exceptions that were given up for want of room.
    pub dropped: u64,
    /// What is not recorded, and why.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Printed {
    /// `stdout` or `stderr`.
    pub stream: String,
    pub text: String,
    /// When it began, in seconds since the epoch.
    pub at: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// `ValueError`
    pub exception: String,
    pub message: String,
    pub path: String,
    pub line: u32,
    pub definition: String,
    pub at: f64,
}
