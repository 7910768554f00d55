//! At a line that failed: the exception and the values there. On a definition's name: which processes run which version since when, and what the editor shows otherwise.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotsplice_analysis::Definition;
use hotsplice_channel::message::PatchedDefinition;
use similar::TextDiff;
use tower_lsp::ls_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position};

use super::comparison::{Snapshot, live_texts, text_of};
use super::holds::{self, Held};
use super::positions::Encoding;

/// A difference longer than this is cut.
const LONGEST_DIFFERENCE: usize = 40;

pub fn hover(snapshot: &Snapshot, held: &[Held], position: Position, encoding: Encoding) -> Option<Hover> {
    let failed = holds::hover(held, &snapshot.document.text, position.line + 1);
    let texts: Vec<String> = failed.into_iter().chain(of_definition(snapshot, position, encoding)).collect();
    let contents = MarkupContent { kind: MarkupKind::Markdown, value: texts.join("\n---\n\n") };
    (!texts.is_empty()).then_some(Hover { contents: HoverContents::Markup(contents), range: None })
}

fn of_definition(snapshot: &Snapshot, position: Position, encoding: Encoding) -> Option<String> {
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    if known.is_empty() {
        return None;
    }
    let outline = snapshot.document.outline();
    let offset = encoding.offset(outline.text(), position);
    let column = (offset - outline.text()[..offset].rfind('\n').map_or(0, |end| end + 1)) as u32;
    let is_here = |definition: &Definition| {
        definition.name_line == position.line + 1
            && (definition.name_start_column..=definition.name_end_column).contains(&column)
    };
    let definition = outline.definitions().into_iter().find(is_here)?;
    let name = &definition.qualified_name;
    let mut text = String::new();
    let mut differences: Vec<String> = Vec::new();
    for (session, live) in &known {
        let status = session.known_status();
        let patched = status.as_ref().and_then(|status| {
            status.patched.iter().find(|it| it.path == live.baseline.path && it.definition == *name)
        });
        let _ = writeln!(text, "- {}: {}", session.name(), patched.map_or_else(|| "as loaded".to_owned(), version));
        let calls = status.iter().flat_map(|status| &status.running);
        for call in calls.filter(|call| call.path == live.baseline.path && call.definition == *name) {
            let reason = call.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let _ = writeln!(text, "  - still runs v{}: {}, line {}{reason}", call.version, call.place, call.line);
        }
        let former = text_of(live.outline(), name);
        let now = text_of(&outline, name);
        let difference = difference(&former.join("\n"), &now.join("\n"));
        if former.is_empty() {
            let _ = writeln!(text, "  - not defined there yet");
        } else if !difference.is_empty() && !differences.contains(&difference) {
            differences.push(difference);
        }
    }
    if text.is_empty() {
        return None;
    }
    for difference in differences {
        let _ = write!(text, "\nLive → editor:\n```diff\n{difference}```\n");
    }
    Some(format!("**Hotsplice** `{name}`\n\n{text}"))
}

fn version(patched: &PatchedDefinition) -> String {
    let ran = match patched.ran {
        Some(true) => ", has run since",
        Some(false) => ", not called since",
        None => "",
    };
    format!("live v{}, patched {}{ran}", patched.version, ago(patched.patched_at))
}

/// `seconds` since the epoch, as a person says it.
fn ago(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    let passed = (now - seconds).max(0.0) as u64;
    let (number, unit) = match passed {
        0..60 => return "less than a minute ago".to_owned(),
        60..3600 => (passed / 60, "minute"),
        3600..86400 => (passed / 3600, "hour"),
        _ => (passed / 86400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

fn difference(live: &str, editor: &str) -> String {
    if live == editor {
        return String::new();
    }
    let (live, editor) = (format!("{live}\n"), format!("{editor}\n"));
    let unified = TextDiff::from_lines(&live, &editor).unified_diff().context_radius(2).to_string();
    let mut lines: Vec<&str> = unified.lines().collect();
    let cut = lines.len() > LONGEST_DIFFERENCE;
    lines.truncate(LONGEST_DIFFERENCE);
    let mut text = lines.join("\n");
    text.push_str(if cut { "\n…\n" } else { "\n" });
    text
}
