//! What clients are told without asking: sessions, what is patched in them, verdicts, and that a patch went live.

use std::path::Path;
use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Kind, Outcome, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_lsp::ls_types::Uri;
use tower_lsp::ls_types::notification::Notification;

use super::settings::Settings;
use super::verdicts::Verdicts;
use crate::patching::FileResult;
use crate::session::Session;

/// `hotsplice/status`: whenever something in it has changed.
pub enum Status {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusParams {
    sessions: Value,
    verdicts: Value,
    patch_on_save: Value,
}

impl Notification for Status {
    type Params = StatusParams;
    const METHOD: &'static str = "hotsplice/status";
}

/// `hotsplice/patched`: new code went live, whoever asked for it.
pub enum Patched {}

impl Notification for Patched {
    type Params = Value;
    const METHOD: &'static str = "hotsplice/patched";
}

impl StatusParams {
    pub fn new(sessions: &[Arc<Session>], verdicts: &Verdicts, settings: &Settings) -> Self {
        let verdicts = verdicts.all().map(|(uri, verdict)| {
            json!({
                "uri": uri,
                "definition": verdict.definition,
                "line": verdict.line,
                "verdict": verdict.verdict,
                "code": verdict.code,
                "message": verdict.message,
            })
        });
        Self {
            verdicts: Value::Array(verdicts.collect()),
            sessions: listed(sessions),
            patch_on_save: json!(settings.patch_on_save),
        }
    }
}

pub fn listed(sessions: &[Arc<Session>]) -> Value {
    let listed = sessions.iter().map(|session| {
        let entry = &session.entry;
        json!({
            "id": entry.id,
            "pid": entry.pid,
            "name": session.name(),
            "command": entry.command,
            "cwd": entry.cwd,
            "python": entry.python,
            "files": patched_files(session),
        })
    });
    Value::Array(listed.collect())
}

/// Files with patched definitions; lines from 0.
fn patched_files(session: &Session) -> Vec<Value> {
    let Some(status) = session.known_status() else { return Vec::new() };
    let mut paths: Vec<&str> = status.patched.iter().map(|definition| definition.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let file = |path: &str| {
        let definitions = status.patched.iter().filter(|definition| definition.path == path);
        let functions = definitions.map(|definition| {
            json!({
                "name": definition.definition,
                "line": definition.line.saturating_sub(1),
                "version": definition.version,
                "since": (definition.patched_at * 1000.0) as u64,
                "ran": definition.ran,
            })
        });
        json!({ "uri": Uri::from_file_path(session.editor_path(path)), "functions": functions.collect::<Vec<_>>() })
    };
    paths.into_iter().map(file).collect()
}

/// One notification for each file in which something went live, or nothing had to. `milliseconds` from the request to live code.
pub fn patched(results: &[FileResult], uri_of: impl Fn(&str) -> Option<Uri>, milliseconds: f64) -> Vec<Value> {
    let mut files: Vec<&str> = results.iter().map(|result| result.file.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    let told = |file: &str| {
        let live: Vec<&FileResult> = results.iter().filter(|result| result.file == file && result.committed).collect();
        let first = live.first()?;
        let is_deleted = |it: &Verdict| it.code.as_deref() == Some(codes::FILE_DELETED);
        if !first.verdicts.is_empty() && first.verdicts.iter().all(is_deleted) {
            return None;
        }
        let shows = |outcome| matches!(outcome, Outcome::Applied | Outcome::Caveat);
        let changed = first.verdicts.iter().filter(|it| shows(it.verdict) && it.kind != Kind::Lines);
        let ranges: Vec<Value> = changed
            .map(|verdict| {
                json!({
                    "start": { "line": verdict.line.saturating_sub(1), "character": 0 },
                    "end": { "line": verdict.end_line.max(verdict.line), "character": 0 },
                })
            })
            .collect();
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        let label = first.function.clone().filter(|it| !it.is_empty()).unwrap_or_else(|| name.into_owned());
        let uri = uri_of(file)?;
        let processes = if live.len() == 1 { "process" } else { "processes" };
        let message = match ranges.is_empty() {
            true => format!("{label}: what is live is what the editor shows"),
            false => format!("{label} is live in {} {processes} ({milliseconds:.1} ms)", live.len()),
        };
        Some(json!({
            "uri": uri, "ranges": ranges, "label": label, "milliseconds": milliseconds, "sessions": live.len(),
            "message": message,
        }))
    };
    files.into_iter().filter_map(told).collect()
}
