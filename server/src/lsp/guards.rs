//! *Guard function*: calls of it that fail are held.

use std::path::PathBuf;

use hotsplice_analysis::{Definition, Outline};
use hotsplice_channel::codes;
use hotsplice_channel::message::GuardRequest;
use tower_lsp::ls_types::Position;

use super::comparison::{Snapshot, live_texts};
use super::settings::Guard;
use super::unloaded;
use crate::failure::Failure;
use crate::session::{Live, Session};
use crate::workspace::Workspace;

/// The innermost function around a line (from 1).
fn function_at(outline: &Outline, line: u32) -> Option<Definition> {
    outline.definition_at(line).into_iter().find(|definition| !definition.is_class)
}

/// What a process calls it.
fn patterns(session: &Session, live: &Live, name: &str) -> Vec<String> {
    session.known_modules(&live.baseline.path).into_iter().map(|module| format!("{module}.{name}")).collect()
}

/// What a process calls the folders of the window, for `hotsplice.guard`.
pub fn folders(workspace: &Workspace) -> Vec<String> {
    let real = |folder: &PathBuf| folder.canonicalize().ok();
    let own = workspace.folders.iter().flat_map(|folder| [Some(folder.clone()), real(folder)]).flatten();
    let mut all: Vec<PathBuf> = own.flat_map(|folder| workspace.to_process(&folder)).collect();
    // Of mapped folders that lie further down, too.
    let below = |root: &PathBuf| workspace.folders.iter().any(|folder| root.starts_with(folder));
    all.extend(workspace.mappings.iter().filter(|it| below(&it.local_root)).map(|it| it.remote_root.clone()));
    let mut names: Vec<String> = all.iter().filter_map(|path| path.to_str().map(str::to_owned)).collect();
    names.retain(|name| name.starts_with('/') && name.len() > 1);
    names.sort();
    names.dedup();
    names
}

/// Guards what lies in folders of the window as the setting says, and no more as it said before.
pub fn guard_folders(session: &Session, former: &[String], wanted: &[String], guard: Guard) -> Result<(), Failure> {
    let request = |patterns: &[String], remove: bool| GuardRequest {
        patterns: patterns.to_vec(),
        remove,
        hold_for: None,
        even_handled: None,
        only_uncaught: guard == Guard::Uncaught,
    };
    if !former.is_empty() {
        session.guard(&request(former, true))?;
    }
    if guard != Guard::Off && !wanted.is_empty() {
        session.guard(&request(wanted, false))?;
    }
    Ok(())
}

/// What can be done at a line: the function, and whether it is guarded everywhere; or why it can't be.
pub fn offer(snapshot: &Snapshot, line: u32) -> Option<(String, Result<bool, &'static str>)> {
    let name = function_at(&snapshot.document.outline(), line)?.qualified_name;
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    let mut able = known.iter().filter(|(session, _)| session.can_guard()).peekable();
    if able.peek().is_none() {
        return Some((name, Err("it needs CPython 3.12 in the process; guard it in its source, with hotsplice.wrap")));
    }
    let is_guarded = able.all(|(session, live)| {
        let guarded = session.known_status().map(|status| status.guarded.clone()).unwrap_or_default();
        patterns(session, live, &name).iter().all(|pattern| guarded.contains(pattern))
    });
    Some((name, Ok(is_guarded)))
}

/// Guards a function in every process that has loaded its file, or no more. Gives what a person is told.
pub fn guard(snapshot: &Snapshot, name: Option<String>, position: Position, remove: bool) -> Result<String, Failure> {
    let at_place = || function_at(&snapshot.document.outline(), position.line + 1).map(|found| found.qualified_name);
    let name = name.or_else(at_place);
    let name = name.ok_or_else(|| Failure::new(codes::UNKNOWN_FUNCTION, "there is no function at this place"))?;
    let is_it = |definition: &Definition| !definition.is_class && definition.qualified_name == name;
    if !remove && !snapshot.document.outline().definitions().iter().any(is_it) {
        let message = format!("{} has no function {name}", snapshot.shown_path);
        return Err(Failure::new(codes::UNKNOWN_FUNCTION, message));
    }
    let known = live_texts(&snapshot.document, &snapshot.sessions);
    let (mut guarded, mut running, mut failure) = (0, false, None);
    for (session, live) in &known {
        let patterns = patterns(session, live, &name);
        match session.guard(&GuardRequest {
            patterns,
            remove,
            hold_for: None,
            even_handled: None,
            only_uncaught: false,
        }) {
            Ok(answer) => {
                guarded += 1;
                running |= !answer.running.is_empty();
            }
            Err(error) => failure = Some(Failure::from(error)),
        }
    }
    if guarded == 0 {
        return Err(failure.unwrap_or_else(|| unloaded::failure(snapshot)));
    }
    let processes = if guarded == 1 { "1 process".to_owned() } else { format!("{guarded} processes") };
    if remove {
        return Ok(format!("{name} is not guarded any more in {processes}"));
    }
    let but = if running { "; the call of it that runs now is not" } else { "" };
    let not_in = failure.map(|failure| format!("; not in another one: {failure}")).unwrap_or_default();
    Ok(format!("{name} is guarded in {processes}: a call that fails is held{but}{not_in}"))
}
