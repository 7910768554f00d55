//! What is to be live, and what became of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::patch::{Options, Verdict};
use serde_json::{Value, json};

use crate::cancel::Cancel;
/// Texts that are to be live, in the order in which they are to be applied.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub label: String,
    pub files: Vec<WantedFile>,
    pub options: Options,
    /// Find out what would become of it, and change nothing.
    pub dry_run: bool,
    /// A process that refuses does not hold the others back.
    pub each: bool,
    pub cancel: Cancel,
}

#[derive(Debug, Clone)]
pub struct WantedFile {
    pub path: PathBuf,
    pub text: String,
    /// Only this definition of it.
    pub function: Option<String>,
    /// Nothing of it goes live: what is live at this line of it runs again.
    pub again: Option<u32>,
    /// What the text parses to, where that is known already.
    pub outline: Option<Arc<Outline>>,
    /// There is no such file any more.
    pub deleted: bool,
    /// Every function gets new code, also where the texts agree: a stress test of what must change nothing.
    pub identity: bool,
}

impl WantedFile {
    /// The whole text of a file.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, function: None, again: None, outline: None, deleted: false, identity: false }
    }

    /// A file that a process may have loaded and that is gone.
    pub fn deleted(path: PathBuf) -> Self {
        Self { deleted: true, ..Self::new(path, String::new()) }
    }
}

/// What became of one file in one process.
#[derive(Debug, Clone)]
pub struct FileResult {
    pub session: Arc<str>,
    pub pid: u32,
    pub name: String,
    /// As the process knows it.
    pub file: String,
    /// Only this definition of it was wanted.
    pub function: Option<String>,
    pub committed: bool,
    pub verdicts: Vec<Verdict>,
    /// Microseconds by stage.
    pub timings: BTreeMap<String, u64>,
}

impl FileResult {
    /// As `docs/cli.md` promises it.
    pub fn to_json(&self) -> Value {
        let edits: Vec<Value> = self
            .verdicts
            .iter()
            .map(|verdict| {
                json!({
                    "definition": verdict.definition,
                    "kind": verdict.kind,
                    "line": verdict.line,
                    "verdict": verdict.verdict,
                    "code": verdict.code,
                    "message": verdict.message,
                })
            })
            .collect();
        json!({
            "session": &*self.session,
            "pid": self.pid,
            "file": self.file,
            "committed": self.committed,
            "edits": edits,
            "timings": self.timings,
        })
    }
}
