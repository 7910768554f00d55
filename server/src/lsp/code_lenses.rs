//! A line over a function or class, where there is something to say: what is live, what is edited, what still runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotsplice_channel::message::StatusAnswer;
use hotsplice_channel::patch::{Outcome, Verdict};
use serde_json::json;
use tower_lsp::ls_types::{CodeLens, Command, Position, Range};

use super::commands;
use super::comparison::{Comparisons, Snapshot, live_texts};

/// Longer reasons are cut: the diagnostic has them whole.
const LONGEST_REASON: usize = 80;

/// `verdicts` are those of the file.
pub fn code_lenses(snapshot: &Snapshot, verdicts: &[Verdict]) -> Vec<CodeLens> {
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    if known.is_empty() {
        return Vec::new();
    }
    let outline = snapshot.document.outline();
    let comparisons = Comparisons::new(known.iter().map(|(_, live)| live.clone()), &outline);
    let patched: Vec<(String, Arc<StatusAnswer>)> = known
        .iter()
        .filter_map(|(session, live)| Some((live.baseline.path.clone(), session.known_status()?)))
        .collect();
    let mut lenses = Vec::new();
    for definition in outline.definitions() {
        let name = &definition.qualified_name;
        let position = Position::new(definition.line - 1, 0);
        let mut add = |title: String, command: &str, arguments: Option<serde_json::Value>| {
            let command = Command { title, command: command.to_owned(), arguments: arguments.map(|it| vec![it]) };
            lenses.push(CodeLens { range: Range::new(position, position), command: Some(command), data: None });
        };
        let refused = |verdict: &&Verdict| verdict.definition == *name && verdict.verdict == Outcome::Refused;
        if let Some(verdict) = verdicts.iter().find(refused) {
            add(refusal(verdict), "", None);
        }
        if outline.is_valid() && (comparisons.is_changed(name) || !comparisons.is_defined(name)) {
            let arguments = json!({ "uri": snapshot.uri, "name": name });
            add("○ edited · Hot-patch".to_owned(), commands::PATCH_FUNCTION, Some(arguments));
        }
        if let Some(title) = live(name, &patched) {
            add(title, "", None);
        }
        for title in still_running(name, &patched) {
            add(title, "", None);
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

/// `● live v3 · 2 processes`, once it has been patched.
fn live(name: &str, patched: &[(String, Arc<StatusAnswer>)]) -> Option<String> {
    let of_it: Vec<_> = patched
        .iter()
        .filter_map(|(path, status)| status.patched.iter().find(|it| it.path == *path && it.definition == name))
        .collect();
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
