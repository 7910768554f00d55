//! What is to be live, and what became of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::patch::{Kind, Options, Outcome, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

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
    /// When it was asked for. Who registers later was not among those that were found.
    pub asked: SystemTime,
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
    /// What the process calls the file whose successor it is: a renamed one.
    pub was: Option<String>,
    /// Its definitions have just been run again: what they read when they are made is evaluated again.
    pub anew: bool,
}

impl WantedFile {
    /// The whole text of a file.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self {
            path,
            text,
            function: None,
            again: None,
            outline: None,
            deleted: false,
            identity: false,
            was: None,
            anew: false,
        }
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

/// What became of one file in one process, as `docs/cli.md` promises it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FileReport {
    session: String,
    pid: u32,
    /// As the process knows it
    file: String,
    /// Whether what the edits say is live
    committed: bool,
    edits: Vec<EditReport>,
    /// Microseconds by stage
    timings: BTreeMap<String, u64>,
}

/// What became of one edit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EditReport {
    /// The qualified name of a definition; of a statement what it binds, else its first words
    definition: String,
    /// What is edited: body, signature, decorators, added, removed, class-attribute, statement …
    #[schemars(with = "String")]
    kind: Kind,
    /// In the new text, from 1
    line: u32,
    /// applied, caveat, refused or unneeded
    #[schemars(with = "String")]
    verdict: Outcome,
    /// The number of a caveat or refusal (HS0103)
    code: Option<String>,
    /// Why, in words
    message: Option<String>,
}

/// Whether the process runs what the edit says: a caveat may be that it does not.
pub fn went_live(verdict: &Verdict) -> bool {
    match verdict.verdict {
        Outcome::Applied => true,
        Outcome::Caveat => !verdict.code.as_deref().is_some_and(codes::leaves_as_it_was),
        Outcome::Refused | Outcome::Unneeded => false,
    }
}

/// What results are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Patched,
    /// A dry run.
    Foreseen,
    Undone,
}

impl Deed {
    pub fn patch(dry_run: bool) -> Self {
        if dry_run { Self::Foreseen } else { Self::Patched }
    }
}

impl FileResult {
    pub fn report(&self) -> FileReport {
        let edit = |verdict: &Verdict| EditReport {
            definition: verdict.definition.clone(),
            kind: verdict.kind,
            line: verdict.line,
            verdict: verdict.verdict,
            code: verdict.code.clone(),
            message: verdict.message.clone(),
        };
        FileReport {
            session: self.session.to_string(),
            pid: self.pid,
            file: self.file.clone(),
            committed: self.committed,
            edits: self.verdicts.iter().map(edit).collect(),
            timings: self.timings.clone(),
        }
    }

    /// What became of it, in a line.
    pub fn summary(&self, deed: Deed) -> String {
        let count = |outcome| self.verdicts.iter().filter(|verdict| verdict.verdict == outcome).count();
        let (applied, caveats) = (self.verdicts.iter().filter(|it| went_live(it)).count(), count(Outcome::Caveat));
        let refused = count(Outcome::Refused);
        let edits = |count| if count == 1 { "edit" } else { "edits" };
        let summary = match (deed, refused, applied) {
            (Deed::Patched | Deed::Undone, 1.., _) if self.committed => {
                format!("{applied} {} live, {refused} left out", edits(applied))
            }
            (_, 1.., _) => format!("nothing changed: {refused} refused"),
            (Deed::Foreseen, 0, _) => format!("would apply {applied} {}", edits(applied)),
            (_, 0, 0) if caveats == 0 => "nothing to change".to_owned(),
            (_, 0, 0) => "nothing went live".to_owned(),
            (Deed::Patched, 0, _) => format!("{applied} {} live", edits(applied)),
            (Deed::Undone, 0, _) => format!("{applied} {} undone", edits(applied)),
        };
        let caveats = match caveats {
            0 => String::new(),
            1 => ", 1 with a caveat".to_owned(),
            more => format!(", {more} with caveats"),
        };
        format!("{}: {}: {summary}{caveats}", self.name, self.file)
    }

    pub fn is_refused(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.verdict == Outcome::Refused)
    }
}
