//! *Hot-patch function*, *class*, *file* and *Undo hot-patch*: what can be done at a place in a file; and quick fixes of
//! verdicts.

use std::sync::Arc;

use hotsplice_analysis::Definition;
use hotsplice_channel::codes;
use hotsplice_channel::patch::Verdict;
use serde_json::json;
use tower_lsp::ls_types::{
    CodeAction, CodeActionDisabled, CodeActionKind, CodeActionOrCommand, Command, Diagnostic, NumberOrString, Position,
};

use super::commands;
use super::comparison::{Comparisons, Snapshot, live_texts};
use crate::session::{Live, Session};
use crate::undoing;

const KIND: &str = "refactor.rewrite.hotsplice";
const QUICK_FIX: &str = "quickfix.hotsplice";

pub fn wanted_kind(only: Option<&[CodeActionKind]>) -> bool {
    [KIND, QUICK_FIX].iter().any(|kind| is_among(kind, only))
}

/// An editor may ask for actions of some kinds only.
pub fn is_wanted(action: &CodeActionOrCommand, only: Option<&[CodeActionKind]>) -> bool {
    match action {
        CodeActionOrCommand::CodeAction(CodeAction { kind: Some(kind), .. }) => is_among(kind.as_str(), only),
        _ => true,
    }
}

fn is_among(kind: &str, only: Option<&[CodeActionKind]>) -> bool {
    only.is_none_or(|only| {
        only.iter().any(|wanted| kind == wanted.as_str() || kind.starts_with(&format!("{}.", wanted.as_str())))
    })
}

/// What can be done about the verdicts at a line.
pub fn quick_fixes(
    snapshot: &Snapshot,
    verdicts: &[Verdict],
    shown: &[Diagnostic],
    position: Position,
) -> Vec<CodeActionOrCommand> {
    let line = position.line + 1;
    let mut fixes: Vec<CodeActionOrCommand> = Vec::new();
    let here = verdicts.iter().filter(|verdict| (verdict.line..=verdict.end_line).contains(&line));
    for verdict in here {
        let title = match verdict.code.as_deref() {
            Some(codes::STATEMENT_OFFERED) => "Run this statement in the process".to_owned(),
            Some(codes::VALUE_COMPUTED) if is_definition(snapshot, verdict) => {
                format!("Run the decorators of `{}` again in the process", verdict.definition)
            }
            Some(codes::VALUE_COMPUTED) => format!("Compute `{}` again in the process", verdict.definition),
            Some(codes::VALUE_KEPT) => format!("Give `{}` the value of the text", verdict.definition),
            _ => continue,
        };
        let place = json!({ "line": verdict.line - 1, "character": 0 });
        let arguments = json!({ "uri": snapshot.uri, "position": place });
        let mut fix = action(title, commands::RUN_AGAIN, arguments);
        if let CodeActionOrCommand::CodeAction(fix) = &mut fix {
            fix.kind = Some(CodeActionKind::from(QUICK_FIX));
            let fixed = shown.iter().filter(|diagnostic| is_about(diagnostic, verdict));
            fix.diagnostics = Some(fixed.cloned().collect());
        }
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    fixes
}

fn is_about(diagnostic: &Diagnostic, verdict: &Verdict) -> bool {
    let same_code =
        matches!(&diagnostic.code, Some(NumberOrString::String(code)) if Some(code) == verdict.code.as_ref());
    same_code && diagnostic.range.start.line + 1 == verdict.line
}

fn is_definition(snapshot: &Snapshot, verdict: &Verdict) -> bool {
    snapshot.document.outline().definitions().iter().any(|found| found.qualified_name == verdict.definition)
}

pub fn code_actions(snapshot: &Snapshot, position: Position) -> Vec<CodeActionOrCommand> {
    let outline = snapshot.document.outline();
    let line = position.line + 1;
    let file = snapshot.document.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let around = outline.definition_at(line);
    let known: Vec<(&Arc<Session>, Arc<Live>)> = live_texts(&snapshot.document, &snapshot.sessions);
    let lives: Vec<Arc<Live>> = known.iter().map(|(_, live)| live.clone()).collect();
    let comparisons = Comparisons::new(lives.iter().cloned(), &outline);

    if lives.is_empty() {
        let reason = format!("no registered process has loaded {}", snapshot.shown_path);
        let mut actions: Vec<_> = around.first().map(title).into_iter().collect();
        actions.push(format!("Hot-patch file {file}"));
        return actions.into_iter().map(|title| disabled(title, &reason)).collect();
    }
    let undo = known
        .iter()
        .any(|(session, live)| is_undoable(session, live))
        .then(|| action("Undo hot-patch".to_owned(), commands::UNDO, json!({ "uri": snapshot.uri })));
    if let Some(problem) = outline.problems().first() {
        let reason = format!("{} does not parse: line {}: {}", snapshot.shown_path, problem.line, problem.message);
        return [disabled(format!("Hot-patch file {file}"), &reason)].into_iter().chain(undo).collect();
    }
    let mut actions = Vec::new();
    for is_class in [false, true] {
        let candidates = around.iter().filter(|definition| definition.is_class == is_class);
        if let Some(found) = offer(candidates, &comparisons, snapshot) {
            actions.push(found);
        }
    }
    let changed = lives.iter().any(|live| live.outline.text() != outline.text() || !live.baseline.differs.is_empty());
    let title = format!("Hot-patch file {file}");
    actions.push(if changed {
        action(title, commands::PATCH_FILE, json!({ "uri": snapshot.uri }))
    } else {
        disabled(title, "what is live is what the editor shows")
    });
    actions.extend(undo);
    actions
}

/// Asked once for each live text: the history holds whole texts.
fn is_undoable(session: &Session, live: &Live) -> bool {
    *live.undoable.get_or_init(|| undoing::is_undoable(session, live).unwrap_or(false))
}

fn offer<'a>(
    candidates: impl Iterator<Item = &'a Definition> + Clone,
    comparisons: &Comparisons<'_>,
    snapshot: &Snapshot,
) -> Option<CodeActionOrCommand> {
    let definition = comparisons.target(candidates)?;
    let name = &definition.qualified_name;
    Some(if !comparisons.is_defined(name) || comparisons.differs(name) {
        patch(definition, snapshot)
    } else {
        disabled(title(definition), "what is live is what the editor shows")
    })
}

fn patch(definition: &Definition, snapshot: &Snapshot) -> CodeActionOrCommand {
    let arguments = json!({ "uri": snapshot.uri, "name": definition.qualified_name });
    action(title(definition), commands::PATCH_FUNCTION, arguments)
}

fn title(definition: &Definition) -> String {
    let what = if definition.is_class { "class" } else { "function" };
    format!("Hot-patch {what} `{}`", definition.qualified_name)
}

fn action(title: String, command: &str, arguments: serde_json::Value) -> CodeActionOrCommand {
    CodeActionOrCommand::CodeAction(CodeAction {
        title: title.clone(),
        kind: Some(CodeActionKind::from(KIND)),
        command: Some(Command { title, command: command.to_owned(), arguments: Some(vec![arguments]) }),
        ..CodeAction::default()
    })
}

fn disabled(title: String, reason: &str) -> CodeActionOrCommand {
    CodeActionOrCommand::CodeAction(CodeAction {
        title,
        kind: Some(CodeActionKind::from(KIND)),
        disabled: Some(CodeActionDisabled { reason: reason.to_owned() }),
        ..CodeAction::default()
    })
}
