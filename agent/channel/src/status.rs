//! What is live in a process that is another definition than was loaded, and which calls run what was there before.

use serde::{Deserialize, Serialize};

/// Answer of `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StatusAnswer {
    pub patched: Vec<PatchedDefinition>,
    /// What cells define that another cell, run since, or an editor has patched. What an editor shows is the latter only.
    #[serde(default)]
    pub in_cells: Vec<PatchedDefinition>,
    pub running: Vec<StillRunning>,
    /// The patterns by which functions are guarded.
    #[serde(default)]
    pub guarded: Vec<String>,
}

impl StatusAnswer {
    /// All that is another definition than was loaded or run. A cell's is named as a whole.
    pub fn all_patched(&self) -> Vec<PatchedDefinition> {
        let of_a_cell = |path: &str| self.in_cells.iter().any(|definition| definition.path == path);
        let of_files = self.patched.iter().filter(|definition| !of_a_cell(&definition.path));
        of_files.chain(&self.in_cells).cloned().collect()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchedDefinition {
    pub path: String,
    pub definition: String,
    pub line: u32,
    /// How often it was patched.
    pub version: u64,
    /// Seconds since the epoch.
    pub patched_at: f64,
    /// Whether the new code has run; nothing where that can't be observed.
    pub ran: Option<bool>,
}

/// A call that began before a patch and has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StillRunning {
    pub path: String,
    pub definition: String,
    pub version: u64,
    pub line: u32,
    /// `thread MainThread`, `task Task-3`, `generator`, …
    pub place: String,
    /// Why it does, or when it will not any more.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether it takes the new code when it comes by.
    #[serde(default)]
    pub is_planned: bool,
}
