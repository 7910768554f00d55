//! *Hot-patch function*, *class*, *file* and *Undo hot-patch*: what can be done at a place in a file.

use std::path::Path;
use std::sync::Arc;

use hotsplice_analysis::{Definition, diff};
use hotsplice_channel::patch::{Edit, Part};
use serde_json::json;
use tower_lsp::ls_types::{CodeAction, CodeActionDisabled, CodeActionKind, CodeActionOrCommand, Command, Position};

use super::comparison::{Comparisons, Snapshot, live_texts};
use super::documents::Document;
use super::{commands, guards, patches, quick_fixes, unloaded};
use crate::session::Live;
use crate::undoing;

const KIND: &str = "refactor.rewrite.hotsplice";
const LONG_TEXT: usize = 1_000_000;

pub fn wanted_kind(only: Option<&[CodeActionKind]>) -> bool {
    [KIND, quick_fixes::KIND].iter().any(|kind| is_among(kind, only))
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
        only.iter().map(CodeActionKind::as_str).any(|wanted| {
            // The empty kind is the root of all.
            wanted.is_empty() || kind == wanted || kind.starts_with(&format!("{wanted}."))
        })
    })
}

pub fn code_actions(snapshot: &Snapshot, position: Position) -> Vec<CodeActionOrCommand> {
    let line = position.line + 1;
    let file = snapshot.file_name();
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    let lives: Vec<Arc<Live>> = known.into_iter().map(|(_, live)| live).collect();
    if lives.is_empty() {
        let reason = unloaded::failure(snapshot).message;
        // A title is not worth parsing what no process runs, where that takes long.
        let is_short = snapshot.document.text.len() < LONG_TEXT;
        let around = if is_short { snapshot.document.outline().definition_at(line) } else { Vec::new() };
        let mut actions: Vec<_> = around.first().map(title).into_iter().collect();
        if !snapshot.document.is_cell {
            actions.push(format!("Hot-patch file {file}"));
        }
        return actions.into_iter().map(|title| disabled(title, &reason)).chain([why_not(snapshot)]).collect();
    }
    let outline = snapshot.document.outline();
    let around = outline.definition_at(line);
    let comparisons = Comparisons::new(lives.iter().cloned(), &outline);
    let undo = is_undoable(snapshot)
        .then(|| action("Undo hot-patch".to_owned(), commands::UNDO, json!({ "uri": snapshot.uri })));
    if let Some(problem) = outline.problems().first() {
        let reason = unloaded::does_not_parse(snapshot, problem.line, &problem.message);
        let patch = disabled(format!("Hot-patch file {file}"), &reason);
        return [patch, why_not(snapshot)].into_iter().chain(undo).collect();
    }
    let mut actions = Vec::new();
    // What a cell does besides defining something, running it does.
    let is_cell = snapshot.document.is_cell;
    if let Some(statement) = patches::statement_at(&lives, &outline, line).filter(|_| !is_cell) {
        let name = &statement.qualified_name;
        let (title, arguments) = match statement.is_offered {
            true => (
                format!("Run `{name}` in the process"),
                json!({ "uri": snapshot.uri, "name": name, "runStatements": true }),
            ),
            false => (format!("Hot-patch `{name}`"), json!({ "uri": snapshot.uri, "name": name })),
        };
        actions.push(action(title, commands::PATCH_FUNCTION, arguments));
    }
    for is_class in [false, true] {
        let candidates = around.iter().filter(|definition| definition.is_class == is_class);
        if let Some(found) = offer(candidates, &comparisons, snapshot) {
            actions.push(found);
        }
    }
    let changed = !lives.iter().all(|live| unloaded::is_as_live(live, &outline));
    let title = format!("Hot-patch file {file}");
    if !is_cell {
        actions.push(if changed {
            action(title, commands::PATCH_FILE, json!({ "uri": snapshot.uri }))
        } else {
            disabled(title, "what is live is what the editor shows")
        });
    }
    let edited = patches::edited(&snapshot.documents, &snapshot.sessions).len();
    if edited > 1 {
        actions.extend(with_callers(snapshot, &lives, line));
        actions.push(action(format!("Hot-patch all {edited} edited files"), commands::PATCH_EDITED, json!({})));
    }
    actions.extend(undo);
    actions.extend(guard(snapshot, line));
    actions
}

/// A function that takes other parameters, with its callers that were edited in other files and may not be saved yet.
fn with_callers(snapshot: &Snapshot, lives: &[Arc<Live>], line: u32) -> Option<CodeActionOrCommand> {
    let edits = |live: &Live, document: &Document| diff("", 0, live.outline(), &document.outline(), &[]).edits;
    let takes_others =
        |edit: &Edit| edit.parts.contains(&Part::Parameters) && (edit.line..=edit.end_line).contains(&line);
    let function = lives.iter().flat_map(|live| edits(live, &snapshot.document)).find(takes_others)?.definition;
    // A class is called by its own name.
    let name = function.trim_end_matches(".__init__").rsplit('.').next()?;
    let calls = |document: &&Document| {
        document.path != snapshot.document.path
            && live_texts(document, &snapshot.sessions)
                .iter()
                .flat_map(|(_, live)| edits(live, document))
                .any(|edit| mentions(&document.text, edit.line, edit.end_line, name))
    };
    let callers: Vec<&Document> =
        patches::edited(&snapshot.documents, &snapshot.sessions).into_iter().filter(calls).collect();
    let place = match &callers[..] {
        [] => return None,
        [one] => one.path.file_name()?.to_string_lossy().into_owned(),
        more => format!("{} files", more.len()),
    };
    let paths: Vec<&Path> =
        std::iter::once(&snapshot.document).chain(callers).map(|document| &*document.path).collect();
    let title = format!("Hot-patch {} with the edited callers of `{name}` in {place}", snapshot.file_name());
    Some(action(title, commands::PATCH_EDITED, json!({ "paths": paths })))
}

/// Whether a name stands in these lines, from 1.
fn mentions(text: &str, line: u32, end_line: u32, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let lines = text.lines().skip(line.saturating_sub(1) as usize).take((end_line.saturating_sub(line) + 1) as usize);
    lines.flat_map(|line| line.split(|letter| !is_part(letter))).any(|word| word == name)
}

fn guard(snapshot: &Snapshot, line: u32) -> Option<CodeActionOrCommand> {
    let (name, is_guarded) = guards::offer(snapshot, line)?;
    let title = |is_guarded| format!("Guard function `{name}`{}", if is_guarded { " no more" } else { "" });
    let arguments = |remove| json!({ "uri": snapshot.uri, "name": name, "remove": remove });
    Some(match is_guarded {
        Ok(is_guarded) => action(title(is_guarded), commands::GUARD, arguments(is_guarded)),
        Err(reason) => disabled(title(false), reason),
    })
}

/// Whether a patch of the file can be taken back. Asked once for each live text: the history holds whole texts.
pub fn is_undoable(snapshot: &Snapshot) -> bool {
    live_texts(&snapshot.document, &snapshot.sessions)
        .iter()
        .any(|(session, live)| *live.undoable.get_or_init(|| undoing::is_undoable(session, live).unwrap_or(false)))
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

/// Some editors show what is disabled nowhere: silence would be no answer.
fn why_not(snapshot: &Snapshot) -> CodeActionOrCommand {
    action("Hot-patch: why not?".to_owned(), commands::WHY_NOT, json!({ "uri": snapshot.uri }))
}

fn disabled(title: String, reason: &str) -> CodeActionOrCommand {
    CodeActionOrCommand::CodeAction(CodeAction {
        title,
        kind: Some(CodeActionKind::from(KIND)),
        disabled: Some(CodeActionDisabled { reason: reason.to_owned() }),
        ..CodeAction::default()
    })
}
