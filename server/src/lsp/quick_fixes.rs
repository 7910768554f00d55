//! What can be done about a verdict, at its line.

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Outcome, Verdict};
use serde_json::{Value, json};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, Command, Diagnostic, NumberOrString, Position,
};

use super::commands;
use super::comparison::Snapshot;

pub const KIND: &str = "quickfix.hotsplice";

/// `verdicts` are those of the file, `shown` the diagnostics that the editor has at the place.
pub fn quick_fixes(
    snapshot: &Snapshot,
    verdicts: &[Verdict],
    shown: &[Diagnostic],
    position: Position,
    undoable: bool,
) -> Vec<CodeActionOrCommand> {
    let line = position.line + 1;
    let here = verdicts.iter().filter(|verdict| (verdict.line..=verdict.end_line).contains(&line));
    let mut fixes: Vec<CodeActionOrCommand> = Vec::new();
    for verdict in here {
        for (title, command, arguments) in ways_on(snapshot, verdicts, verdict, undoable) {
            let fixed = shown.iter().filter(|diagnostic| is_about(diagnostic, verdict)).cloned().collect();
            let fix = CodeActionOrCommand::CodeAction(CodeAction {
                title: title.clone(),
                kind: Some(CodeActionKind::from(KIND)),
                diagnostics: Some(fixed),
                command: Some(Command { title, command: command.to_owned(), arguments: Some(vec![arguments]) }),
                ..CodeAction::default()
            });
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
    }
    fixes
}

/// Titles, commands and their arguments; what most people will want comes first.
fn ways_on(
    snapshot: &Snapshot,
    verdicts: &[Verdict],
    verdict: &Verdict,
    undoable: bool,
) -> Vec<(String, &'static str, Value)> {
    let code = verdict.code.as_deref().unwrap_or_default();
    let name = &verdict.definition;
    let place = json!({ "uri": snapshot.uri, "position": { "line": verdict.line - 1, "character": 0 } });
    let mut ways = Vec::new();
    match code {
        codes::STATEMENT_OFFERED => {
            ways.push(("Run this statement in the process".to_owned(), commands::RUN_AGAIN, place));
        }
        codes::VALUE_COMPUTED => {
            let title = match is_class(snapshot, verdict) {
                // Its statement runs: decorators, its metaclass and what its bases do with a subclass with it.
                Some(true) => format!("Build class `{name}` again in the process"),
                Some(false) => format!("Run the decorators of `{name}` again in the process"),
                None => format!("Compute `{name}` again in the process"),
            };
            ways.push((title, commands::RUN_AGAIN, place));
        }
        codes::OBJECT_PRESERVED => {
            ways.push((format!("Make `{name}` again in the process"), commands::RUN_AGAIN, place));
        }
        codes::DEFAULTS_FORMER => {
            ways.push(("Give existing objects the new default".to_owned(), commands::RUN_AGAIN, place));
        }
        codes::VALUE_KEPT => {
            ways.push((format!("Keep the process's value of `{name}`"), commands::KEEP_VALUE, place.clone()));
            ways.push((format!("Give `{name}` the value of the text"), commands::RUN_AGAIN, place));
        }
        _ => {}
    }
    let is_held_back = |verdict: &Verdict| verdict.code.as_deref() == Some(codes::HELD_BACK);
    if verdict.verdict == Outcome::Refused && verdicts.iter().any(is_held_back) {
        let title = format!("Patch the rest of {}", snapshot.file_name());
        ways.push((title, commands::PATCH_FILE, json!({ "uri": snapshot.uri, "rest": true })));
    }
    if code == codes::HELD_BACK_ELSEWHERE {
        let title = "Patch the processes that do not refuse".to_owned();
        ways.push((title, commands::PATCH_FILE, json!({ "uri": snapshot.uri, "each": true })));
    }
    if verdict.verdict == Outcome::Caveat && undoable {
        ways.push(("Undo hot-patch".to_owned(), commands::UNDO, json!({ "uri": snapshot.uri })));
    }
    ways.push((format!("Explain {code}"), commands::EXPLAIN, json!({ "code": code })));
    ways
}

fn is_about(diagnostic: &Diagnostic, verdict: &Verdict) -> bool {
    let same_code =
        matches!(&diagnostic.code, Some(NumberOrString::String(code)) if Some(code) == verdict.code.as_ref());
    same_code && diagnostic.range.start.line + 1 == verdict.line
}

fn is_class(snapshot: &Snapshot, verdict: &Verdict) -> Option<bool> {
    let outline = snapshot.document.outline();
    let definitions = outline.definitions();
    definitions.iter().find(|found| found.qualified_name == verdict.definition).map(|found| found.is_class)
}
