//! From a wanted text to the edits of one file, and verdicts that need no process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::message::{Baseline, Trust};
use hotsplice_channel::patch::{self, FilePatch, Kind, Outcome, Verdict};

use super::WantedFile;
use crate::session::{Live, SessionError};
pub(super) fn is_empty(change: &FilePatch) -> bool {
    change.edits.is_empty() && change.units.is_empty() && change.moves.is_empty()
}

/// The file had changed before the process could be asked: said once, at the first edit if there is one.
pub(super) fn assumed(path: &str, baseline: &Baseline, change: &FilePatch) -> Vec<Verdict> {
    if baseline.trust == Trust::Exact {
        return Vec::new();
    }
    let line = change.edits.first().map_or(1, |edit| edit.line);
    vec![Verdict {
        path: path.to_owned(),
        definition: "<module>".to_owned(),
        kind: Kind::Statement,
        line,
        end_line: line,
        verdict: Outcome::Caveat,
        code: Some(codes::BASELINE_ASSUMED.to_owned()),
        message: Some(
            "the file had changed before this process could be asked for it: functions were compared by their live \
             code; new functions and module statements that changed before cannot be told"
                .to_owned(),
        ),
    }]
}

/// What the processes have to change that were looked at. Most run the same text, and have the same to change.
#[derive(Default)]
pub(super) struct Compared {
    known: HashMap<(PathBuf, Option<String>), Vec<Change>>,
}

struct Change {
    live: Arc<Live>,
    wanted: Arc<Outline>,
    change: Arc<FilePatch>,
    leads_to: Arc<Outline>,
}

impl Compared {
    /// The edits, and what the text that they lead to parses to.
    pub(super) fn file_patch(
        &mut self,
        path: &str,
        live: &Arc<Live>,
        file: &WantedFile,
        wanted: &Arc<Outline>,
    ) -> Result<(Arc<FilePatch>, Arc<Outline>), Box<Verdict>> {
        let known = self.known.entry((file.path.clone(), file.function.clone())).or_default();
        let same = known.iter().find(|known| known.live.is_same(live) && Arc::ptr_eq(&known.wanted, wanted));
        if let Some(same) = same {
            return Ok((same.change.clone(), same.leads_to.clone()));
        }
        let (change, leads_to) = file_patch(path, live, file, wanted)?;
        let change = Arc::new(change);
        known.push(Change {
            live: live.clone(),
            wanted: wanted.clone(),
            change: change.clone(),
            leads_to: leads_to.clone(),
        });
        Ok((change, leads_to))
    }
}

fn file_patch(
    path: &str,
    live: &Live,
    file: &WantedFile,
    outline: &Arc<Outline>,
) -> Result<(FilePatch, Arc<Outline>), Box<Verdict>> {
    if let Some(problem) = outline.problems().first() {
        return Err(Box::new(refusal(path, problem.line, codes::SYNTAX_ERROR, problem.message.clone())));
    }
    let stale = stale(live, file, outline);
    let (baseline, live) = (&live.baseline, live.outline());
    if let Some(line) = file.again {
        let change = hotsplice_analysis::run_again(path, baseline.version, live, outline, line).ok_or_else(|| {
            let message =
                "what stands here is not live yet, or it is a function without decorators: hot-patch it".to_owned();
            Box::new(refusal(path, line, codes::UNKNOWN_FUNCTION, message))
        })?;
        return Ok((change, live.clone()));
    }
    if file.identity {
        let mut change = hotsplice_analysis::diff(path, baseline.version, live, outline, &stale);
        // New code of the same text: nothing that reads it has another value.
        change.edits.retain(|edit| edit.change == patch::Change::Stale);
        change.running.clear();
        return Ok((change, outline.clone()));
    }
    if file.anew {
        return Ok((hotsplice_analysis::diff_anew(path, baseline.version, live, outline), outline.clone()));
    }
    let Some(function) = &file.function else {
        return Ok((hotsplice_analysis::diff(path, baseline.version, live, outline, &stale), outline.clone()));
    };
    let spliced = hotsplice_analysis::splice(live, outline, function).ok_or_else(|| {
        let message =
            format!("{path} has no function or class {function}, or it can't be taken by itself: patch the file");
        Box::new(refusal(path, 1, codes::UNKNOWN_FUNCTION, message))
    })?;
    let outline = Arc::new(Outline::parse_from(live, &spliced));
    Ok((hotsplice_analysis::diff(path, baseline.version, live, &outline, &stale), outline))
}

/// Definitions that are wanted and of which the process runs something else than its text says.
pub(super) fn stale(live: &Live, file: &WantedFile, outline: &Outline) -> Vec<String> {
    if file.identity {
        let functions = outline.definitions().into_iter().filter(|definition| !definition.is_class);
        return functions.map(|definition| definition.qualified_name).collect();
    }
    let wanted = |name: &&String| file.function.as_ref().is_none_or(|function| *name == function);
    live.baseline.differs.iter().filter(wanted).cloned().collect()
}

pub(super) fn refusal(path: &str, line: u32, code: &str, message: String) -> Verdict {
    Verdict {
        path: path.to_owned(),
        definition: "<module>".to_owned(),
        kind: Kind::Statement,
        line,
        end_line: line,
        verdict: Outcome::Refused,
        code: Some(code.to_owned()),
        message: Some(message),
    }
}

pub(super) fn deleted(path: &str) -> Verdict {
    let message = "the file is deleted; its module stays loaded, as it was, until the program ends".to_owned();
    Verdict { verdict: Outcome::Caveat, ..refusal(path, 1, codes::FILE_DELETED, message) }
}

pub(super) fn failure(path: &str, error: &SessionError) -> Verdict {
    refusal(path, 1, error.code(), error.to_string())
}
