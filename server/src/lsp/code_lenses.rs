//! A line over a function, class or statement, where there is something to say: what is live, what is edited, what still
//! runs.
//!
//! While a text does not parse, what was said of it when it did is said at the same places: half of an expression takes no
//! mark away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotsplice_channel::message::{PatchedDefinition, StatusAnswer};
use hotsplice_channel::patch::Verdict;
use serde_json::json;
use tower_lsp::ls_types::{CodeLens, Command, DiagnosticSeverity, Position, Range};

use super::commands;
use super::comparison::{Comparisons, Snapshot, changed_statements, live_texts};
use super::moved::Moved;
use super::settings::Lens;
use super::verdicts::severity;

/// Longer reasons are cut: the diagnostic has them whole.
const LONGEST_REASON: usize = 80;
/// How long it is news that something is live.
pub const NEWS: Duration = Duration::from_secs(10);

/// `verdicts` are those of the file.
pub fn code_lenses(snapshot: &Snapshot, verdicts: &[Verdict], wanted: Lens) -> Vec<CodeLens> {
    if live_texts(&snapshot.document, &snapshot.sessions).is_empty() {
        return Vec::new();
    }
    if snapshot.document.outline().is_valid() {
        return lenses_of(snapshot, verdicts, wanted);
    }
    let Some(valid) = snapshot.document.last_valid() else { return Vec::new() };
    let lines = Moved::new(&valid.text, &snapshot.document.text);
    let mut lenses = lenses_of(&Snapshot { document: valid, ..snapshot.clone() }, verdicts, wanted);
    lenses.retain_mut(|lens| match lines.now(lens.range.start.line) {
        Some(line) => {
            lens.range = Range::new(Position::new(line, 0), Position::new(line, 0));
            true
        }
        None => false,
    });
    lenses
}

fn lenses_of(snapshot: &Snapshot, verdicts: &[Verdict], wanted: Lens) -> Vec<CodeLens> {
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    let outline = snapshot.document.outline();
    let lives: Vec<_> = known.iter().map(|(_, live)| live.clone()).collect();
    let comparisons = Comparisons::new(lives.iter().cloned(), &outline);
    let patched: Vec<(String, Arc<StatusAnswer>)> = known
        .iter()
        .filter_map(|(session, live)| Some((live.baseline.path.clone(), session.known_status()?)))
        .collect();
    // By line: the names there, and what they say of an edit.
    let mut places: BTreeMap<(u32, String), Option<(&str, bool)>> = BTreeMap::new();
    // What a cell does besides, and what it defines for the first time, running it does.
    let is_cell = snapshot.document.is_cell;
    for definition in outline.definitions() {
        let name = &definition.qualified_name;
        let is_edited = comparisons.is_changed(name) || (!is_cell && !comparisons.is_defined(name));
        places.insert((definition.line, name.clone()), is_edited.then_some(("Hot-patch", false)));
    }
    let statements = if is_cell { Vec::new() } else { changed_statements(&lives, &outline) };
    for statement in statements {
        let title = if statement.is_offered { "Run it" } else { "Hot-patch" };
        places.insert((statement.line, statement.qualified_name), Some((title, statement.is_offered)));
    }
    for (_, status) in &patched {
        for name in status.patched.iter().map(|it| &it.definition) {
            for (line, _) in outline.lines_of(name) {
                places.entry((line, name.clone())).or_insert(None);
            }
        }
    }
    let mut lenses = Vec::new();
    for ((line, name), edited) in places {
        let position = Position::new(line - 1, 0);
        // What a client draws by itself, and how.
        let mut add = |kind: &str, text: String, way_on: Option<(&str, serde_json::Value)>| {
            let data = Some(json!({ "kind": kind, "text": text, "name": name }));
            let (title, command, arguments) = match way_on {
                Some((what, arguments)) => {
                    (format!("{text} · {what}"), commands::PATCH_FUNCTION, Some(vec![arguments]))
                }
                None => (text, "", None),
            };
            let command = Some(Command { title, command: command.to_owned(), arguments });
            lenses.push(CodeLens { range: Range::new(position, position), command, data });
        };
        let refused = |verdict: &&Verdict| verdict.definition == name && severity(verdict) == DiagnosticSeverity::ERROR;
        if let Some(verdict) = verdicts.iter().find(refused) {
            add("refused", refusal(verdict), None);
        }
        if let Some((what, runs)) = edited {
            let mut arguments = json!({ "uri": snapshot.uri, "name": name });
            if runs {
                arguments["runStatements"] = json!(true);
            }
            add("edited", "○ edited".to_owned(), Some((what, arguments)));
        }
        let calls = still_running(&name, &patched);
        if let Some(title) = live(&name, &patched, wanted == Lens::Always || !calls.is_empty()) {
            add("live", title, None);
        }
        for title in calls {
            add("running", title, None);
        }
    }
    lenses
}

fn refusal(verdict: &Verdict) -> String {
    let reason = verdict.message.as_deref().unwrap_or_default();
    let mut short: String = reason.chars().take(LONGEST_REASON).collect();
    if short.len() < reason.len() {
        short.push('…');
    }
    format!("▲ refused {} · {short}", verdict.code.as_deref().unwrap_or_default())
}

/// How long it stays news that a definition is live; nothing while there is something to wait for.
pub fn news_left(patched: &PatchedDefinition) -> Option<Duration> {
    if patched.ran == Some(false) {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Some(NEWS.saturating_sub(Duration::from_secs_f64((now - patched.patched_at).clamp(0.0, 1e6))))
}

/// `● live v3 · 2 processes`, once it has been patched. Where there is nothing to do it fades.
fn live(name: &str, patched: &[(String, Arc<StatusAnswer>)], stays: bool) -> Option<String> {
    let of_it: Vec<_> = patched
        .iter()
        .filter_map(|(path, status)| status.patched.iter().find(|it| it.path == *path && it.definition == name))
        .collect();
    if !stays && of_it.iter().all(|it| news_left(it) == Some(Duration::ZERO)) {
        return None;
    }
    let version = of_it.iter().map(|it| it.version).max()?;
    let processes = count(of_it.len(), "process", "processes");
    let waiting = of_it.iter().all(|it| it.ran == Some(false));
    Some(format!("● live v{version} · {processes}{}", if waiting { " · never called since the patch" } else { "" }))
}

/// `2 calls still run v2`, a title for each former version.
fn still_running(name: &str, patched: &[(String, Arc<StatusAnswer>)]) -> Vec<String> {
    let mut calls: BTreeMap<u64, usize> = BTreeMap::new();
    for (path, status) in patched {
        for call in status.running.iter().filter(|call| call.path == *path && call.definition == name) {
            *calls.entry(call.version).or_default() += 1;
        }
    }
    let title = |(version, number): (u64, usize)| {
        let what = if version == 0 { "the code as loaded".to_owned() } else { format!("v{version}") };
        format!("{} {what}", count(number, "call still runs", "calls still run"))
    };
    calls.into_iter().map(title).collect()
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
