//! What clients are told without asking: sessions, what is patched in them, verdicts, and that a patch went live.

use std::path::Path;
use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Kind, Outcome, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_lsp::ls_types::Uri;
use tower_lsp::ls_types::notification::Notification;

use super::documents;
use super::events::Cause;
use super::settings::Settings;
use super::verdicts::{Verdicts, severity};
use crate::patching::FileResult;
use crate::session::Session;

/// `hotsplice/status`: whenever something in it has changed.
pub enum Status {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusParams {
    sessions: Value,
    verdicts: Value,
    holds: Value,
    patch_on_save: Value,
    /// Why no process can be found at all.
    trouble: Option<String>,
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

/// `hotsplice/hold`: a call has failed and waits, or something went live while it does.
pub enum HoldTold {}

impl Notification for HoldTold {
    type Params = Value;
    const METHOD: &'static str = "hotsplice/hold";
}

/// `hotsplice/noProcess`: what was asked for needs a process that has the code, and none can be patched.
pub enum NoProcess {}

impl Notification for NoProcess {
    type Params = Value;
    const METHOD: &'static str = "hotsplice/noProcess";
}

impl StatusParams {
    pub fn new(
        sessions: &[Arc<Session>],
        trouble: Option<&str>,
        verdicts: &Verdicts,
        holds: Value,
        settings: &Settings,
    ) -> Self {
        let verdicts = verdicts.all().map(|(uri, verdict)| {
            json!({
                "uri": uri,
                "definition": verdict.definition,
                "line": verdict.line,
                "verdict": verdict.verdict,
                "severity": severity(verdict),
                "code": verdict.code,
                "message": verdict.message,
            })
        });
        Self {
            verdicts: Value::Array(verdicts.collect()),
            holds,
            sessions: listed(sessions),
            patch_on_save: json!(settings.patch_on_save),
            trouble: trouble.map(str::to_owned),
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
            "watched": session.watches_holds(),
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
        json!({ "uri": documents::uri_for(&session.editor_path(path)), "functions": functions.collect::<Vec<_>>() })
    };
    paths.into_iter().map(file).collect()
}

/// What is told of a patch that went live, or had nothing to change: one notification, however many files there are.
/// Nothing where nothing was committed, or only a file is gone.
pub fn patched(
    results: &[FileResult],
    cause: Cause,
    uri_of: impl Fn(&str) -> Option<Uri>,
    milliseconds: f64,
) -> Option<Value> {
    let committed: Vec<&FileResult> = results.iter().filter(|result| result.committed).collect();
    let is_deleted = |it: &Verdict| it.code.as_deref() == Some(codes::FILE_DELETED);
    let is_gone = |result: &FileResult| !result.verdicts.is_empty() && result.verdicts.iter().all(is_deleted);
    let names = sorted(committed.iter().filter(|result| !is_gone(result)).map(|result| result.file.as_str()));
    if names.is_empty() {
        return None;
    }
    let file = |name: &&str| {
        let first = committed.iter().find(|result| result.file == **name)?;
        Some(json!({ "uri": uri_of(name)?, "ranges": ranges(&first.verdicts) }))
    };
    let files: Vec<Value> = names.iter().filter_map(file).collect();
    let label = label(&names, &committed);
    let message = message(&label, results, &committed, cause, milliseconds);
    let live = sorted(committed.iter().map(|result| &*result.session)).len();
    Some(json!({ "files": files, "label": label, "milliseconds": milliseconds, "sessions": live, "message": message }))
}

fn label(names: &[&str], committed: &[&FileResult]) -> String {
    let changed =
        |name: &&&str| committed.iter().any(|result| result.file == **name && result.verdicts.iter().any(is_live));
    let changed: Vec<&&str> = names.iter().filter(changed).collect();
    // What only follows in other files is not what was asked for.
    let wanted = committed.iter().find_map(|result| result.function.clone()).filter(|name| !name.is_empty());
    let base = |name: &str| Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (wanted, changed.as_slice(), names) {
        (Some(function), ..) => function,
        (None, [only], _) => base(only),
        (None, [], [only]) => base(only),
        (None, [], all) => format!("{} files", all.len()),
        (None, several, _) => format!("{} files", several.len()),
    }
}

fn message(label: &str, results: &[FileResult], committed: &[&FileResult], cause: Cause, milliseconds: f64) -> String {
    let sessions = |chosen: &dyn Fn(&FileResult) -> bool| {
        sorted(results.iter().filter(|result| chosen(result)).map(|result| result.name.as_str()))
    };
    let live = sessions(&|result| result.committed && result.verdicts.iter().any(is_live));
    let refusing =
        sessions(&|result| !result.committed && result.verdicts.iter().any(|it| it.verdict == Outcome::Refused));
    let mut left: Vec<&Verdict> =
        committed.iter().flat_map(|result| &result.verdicts).filter(|verdict| is_left(verdict)).collect();
    left.dedup_by(|one, other| (&one.path, one.line, &one.code) == (&other.path, other.line, &other.code));
    let told = |verdict: &Verdict| {
        let code = verdict.code.as_deref().unwrap_or_default();
        let why = if code == codes::STATEMENT_OFFERED { "was not run" } else { "stays as it was" };
        let why = if verdict.verdict == Outcome::Refused { "was refused" } else { why };
        format!("{} {why}, {code}", named(verdict, results))
    };
    if live.is_empty() {
        let nothing = match left.as_slice() {
            [] => format!("{label}: what is live is what the editor shows"),
            [only] => format!("{label}: nothing was changed: {}", told(only)),
            [first, rest @ ..] => format!("{label}: nothing was changed: {}, and {} more", told(first), rest.len()),
        };
        return nothing + &unreached(results);
    }
    let verb = match (cause, label.ends_with(" files")) {
        (Cause::Undo, _) => "undone",
        (_, true) => "are live",
        (_, false) => "is live",
    };
    let colon = if cause == Cause::Undo { ":" } else { "" };
    let count = match refusing.len() {
        0 => counted(live.len(), "process", "processes"),
        refusing => format!("{} of {}", live.len(), counted(live.len() + refusing, "process", "processes")),
    };
    let mut message = format!("{label}{colon} {verb} in {count} ({milliseconds:.1} ms)");
    if let Some(first) = refusing.first() {
        message.push_str(&format!("; not in {first}, which refused it"));
    }
    message.push_str(&unreached(results));
    match left.as_slice() {
        [] => {}
        [only] => message.push_str(&format!("; {}", told(only))),
        [first, rest @ ..] => message.push_str(&format!("; {}, and {} more", told(first), rest.len())),
    }
    message
}

/// An edit of a patch, by its name and its place.
pub fn named(verdict: &Verdict, results: &[FileResult]) -> String {
    let line = format!("line {}", verdict.line);
    let several = results.iter().any(|result| result.file != verdict.path);
    let base = Path::new(&verdict.path).file_name().unwrap_or_default().to_string_lossy();
    let place = if several { format!("{base}, {line}") } else { line };
    match verdict.definition.as_str() {
        "<module>" => place,
        name => format!("{name} ({place})"),
    }
}

/// Processes that could not be asked, which holds no other back.
fn unreached(results: &[FileResult]) -> String {
    let with = |code: &str| {
        let has_it = |result: &&FileResult| {
            !result.committed
                && result.verdicts.iter().all(|it| it.verdict == Outcome::Caveat)
                && result.verdicts.iter().any(|it| it.code.as_deref() == Some(code))
        };
        sorted(results.iter().filter(has_it).map(|result| result.name.as_str()))
    };
    let said = |code: &str, what: &str| match with(code).as_slice() {
        [] => String::new(),
        [only] => format!("; {only} {what}"),
        [first, rest @ ..] => format!("; {first} {what}, and {} more", rest.len()),
    };
    said(codes::TIMED_OUT, "is stopped and was not asked") + &said(codes::SESSION_GONE, "has ended")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether the process runs something else because of it.
fn is_live(verdict: &Verdict) -> bool {
    let kept = verdict.code.as_deref().is_some_and(codes::leaves_as_it_was);
    verdict.kind != Kind::Lines
        && (verdict.verdict == Outcome::Applied || (verdict.verdict == Outcome::Caveat && !kept))
}

/// Whether an edit of a patch that went live did not.
fn is_left(verdict: &Verdict) -> bool {
    let about_the_file = [codes::BASELINE_ASSUMED, codes::FILE_DELETED];
    let kept = |code: &str| codes::leaves_as_it_was(code) && !about_the_file.contains(&code);
    verdict.verdict == Outcome::Refused
        || (verdict.verdict == Outcome::Caveat && verdict.code.as_deref().is_some_and(kept))
}

fn ranges(verdicts: &[Verdict]) -> Vec<Value> {
    let range = |verdict: &Verdict| {
        json!({
            "start": { "line": verdict.line.saturating_sub(1), "character": 0 },
            "end": { "line": verdict.end_line.max(verdict.line), "character": 0 },
        })
    };
    verdicts.iter().filter(|verdict| is_live(verdict)).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn result(file: &str, pid: u32, committed: bool, verdicts: &[(&str, Outcome, Option<&str>)]) -> FileResult {
        let verdict = |(definition, outcome, code): &(&str, Outcome, Option<&str>)| Verdict {
            path: file.to_owned(),
            definition: (*definition).to_owned(),
            kind: Kind::Body,
            line: 3,
            end_line: 4,
            verdict: *outcome,
            code: code.map(str::to_owned),
            message: None,
        };
        FileResult {
            session: format!("{pid}-1").into(),
            pid,
            name: format!("app.py · pid {pid}"),
            file: file.to_owned(),
            function: None,
            committed,
            verdicts: verdicts.iter().map(verdict).collect(),
            timings: Default::default(),
        }
    }

    fn said(results: &[FileResult], cause: Cause) -> String {
        let told = patched(results, cause, |file| Uri::from_file_path(file), 3.0);
        told.map(|told| told["message"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    #[test]
    fn what_is_said_is_so() {
        let f = ("f", Outcome::Applied, None);
        let print = ("print()", Outcome::Caveat, Some(codes::STATEMENT_OFFERED));
        let kept = ("N", Outcome::Caveat, Some(codes::VALUE_KEPT));
        let bad = ("g", Outcome::Refused, Some(codes::EVALUATION_FAILED));
        let stopped = ("<module>", Outcome::Caveat, Some(codes::TIMED_OUT));
        let ended = ("<module>", Outcome::Caveat, Some(codes::SESSION_GONE));
        let live = |file: &str| result(file, 1, true, &[f]);
        let all = [
            said(&[live("/a/m.py")], Cause::Command),
            said(&[live("/a/m.py")], Cause::Undo),
            said(&[live("/a/m.py"), result("/a/m.py", 2, true, &[f])], Cause::Save),
            said(&[live("/a/m.py"), result("/a/m.py", 2, false, &[bad])], Cause::Command),
            said(&[result("/a/m.py", 1, true, &[f, bad])], Cause::Command),
            said(&[result("/a/m.py", 1, true, &[print])], Cause::Command),
            said(&[result("/a/m.py", 1, true, &[f, print, kept])], Cause::Command),
            said(&[result("/a/m.py", 1, true, &[])], Cause::Command),
            said(&[live("/a/m.py"), live("/a/n.py")], Cause::OtherProgram),
            said(&[live("/a/m.py"), result("/a/m.py", 2, false, &[stopped])], Cause::Command),
            said(&[result("/a/m.py", 1, true, &[]), result("/a/m.py", 2, false, &[stopped])], Cause::Command),
            said(&[live("/a/m.py"), result("/a/m.py", 2, false, &[ended])], Cause::Save),
            said(&[live("/a/m.py"), result("/a/n.py", 1, true, &[print])], Cause::Command),
            said(&[result("/a/m.py", 1, false, &[bad])], Cause::Command),
        ];
        expect![[r#"
            m.py is live in 1 process (3.0 ms)
            m.py: undone in 1 process (3.0 ms)
            m.py is live in 2 processes (3.0 ms)
            m.py is live in 1 of 2 processes (3.0 ms); not in app.py · pid 2, which refused it
            m.py is live in 1 process (3.0 ms); g (line 3) was refused, HS0103
            m.py: nothing was changed: print() (line 3) was not run, HS0401
            m.py is live in 1 process (3.0 ms); print() (line 3) was not run, HS0401, and 1 more
            m.py: what is live is what the editor shows
            2 files are live in 1 process (3.0 ms)
            m.py is live in 1 process (3.0 ms); app.py · pid 2 is stopped and was not asked
            m.py: what is live is what the editor shows; app.py · pid 2 is stopped and was not asked
            m.py is live in 1 process (3.0 ms); app.py · pid 2 has ended
            m.py is live in 1 process (3.0 ms); print() (n.py, line 3) was not run, HS0401
        "#]]
        .assert_eq(&all.join("\n"));
    }
}
