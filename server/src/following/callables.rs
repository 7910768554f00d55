//! What a call of runs edited code, by the names of the modules that define it.

use std::sync::Arc;

use hotsplice_analysis::{Foreign, Names};
use hotsplice_channel::message::LoadedFile;
use hotsplice_channel::patch::FilePatch;

use super::ROUNDS;
use super::project::{MANY, Project};
use crate::session::{Live, Session};

pub(super) fn callables(project: &Project, patched: &[Arc<FilePatch>]) -> Foreign {
    let mut found = Foreign::default();
    note_all(&mut found, project, patched);
    found
}

pub(super) fn note_all(found: &mut Foreign, project: &Project, patched: &[Arc<FilePatch>]) {
    for change in patched {
        let Ok(live) = project.session.known_baseline(&change.path) else { continue };
        note_callables(found, project, &live, change);
        if change.running.iter().any(|name| name == "__getattr__") {
            note_dynamic(found, project.session, &live);
        }
    }
}

/// A module's `__getattr__` gives the names that the module does not have.
fn note_dynamic(found: &mut Foreign, session: &Session, live: &Live) {
    let loaded = session.files().unwrap_or_default();
    for module in &live.baseline.modules {
        let submodules =
            loaded.iter().flat_map(|file| &file.modules).filter_map(|name| name.strip_prefix(&format!("{module}.")));
        let submodules = submodules.filter_map(|rest| rest.split('.').next()).map(str::to_owned);
        Arc::make_mut(&mut found.dynamic)
            .insert(module.clone(), live.outline().bound_names().chain(submodules).collect());
    }
}

pub(super) fn note_callables(found: &mut Foreign, project: &Project, live: &Live, change: &FilePatch) {
    // What a module has imported can be had of it: `pkg.build`, `pkg.Table.fill`. That is noted where somebody does: of a large
    // project each module has a good part of all the others. Longer names lead through modules that import each other, on and on.
    let imported = live.outline().imported_names();
    for module in &live.baseline.modules {
        let taken = if change.running.len() < MANY { None } else { project.taken_of(module) };
        let is_taken = |head: &str| taken.as_ref().is_none_or(|taken| taken.contains(head));
        let is_handed_on = |name: &&String| {
            let (head, rest) = name.split_once('.').unwrap_or((name, ""));
            !imported.contains(head) || (rest.matches('.').count() < 2 && is_taken(head))
        };
        let named = |names: &[String]| {
            names.iter().filter(is_handed_on).map(|name| full_name(module, name)).collect::<Vec<_>>()
        };
        Arc::make_mut(&mut found.called).extend(named(&change.running));
        Arc::make_mut(&mut found.decorating).extend(named(&change.decorating));
        Arc::make_mut(&mut found.properties).extend(named(&change.properties));
        Arc::make_mut(&mut found.late).extend(named(&change.late));
    }
}

/// `pkg.config.TIMEOUT` for `TIMEOUT` of `pkg.config`, and for `pkg.config:TIMEOUT` of any.
pub(super) fn full_name(module: &str, name: &str) -> String {
    match name.split_once(':') {
        Some((other, own)) => format!("{other}.{own}"),
        None => format!("{module}.{name}"),
    }
}

/// Adds what other loaded files make of them in turn.
pub(super) fn add_through(found: &mut Foreign, project: &Project, others: &[LoadedFile]) {
    // What was known when a file was last looked at: it only grows, and with the same a file answers the same.
    let mut looked_at: Vec<Option<usize>> = vec![None; others.len()];
    for _ in 0..ROUNDS {
        let before = found.called.len();
        for (file, last) in others.iter().zip(&mut looked_at) {
            let known = count(found);
            if last.replace(known) == Some(known) {
                continue;
            }
            if project.limit.is_reached() {
                return;
            }
            let Some((live, change)) = calling(project, &file.path, found) else { continue };
            note_callables(found, project, &live, &change);
        }
        if found.called.len() == before {
            break;
        }
    }
}

/// How much is known: that only grows.
pub(super) fn count(calls: &Foreign) -> usize {
    [&calls.called, &calls.decorating, &calls.properties, &calls.late].iter().map(|names| names.len()).sum()
}

/// What of a file that is not patched calls edited code.
pub(super) fn calling(project: &Project, path: &str, calls: &Foreign) -> Option<(Arc<Live>, Arc<FilePatch>)> {
    let live = project.session.known_baseline(path).ok()?;
    let module = live.baseline.modules.first()?;
    let is_named = |name: &String| live.may_name(name);
    if !calls.called.iter().chain(calls.decorating.iter()).any(is_named) || !live.outline().is_valid() {
        return None;
    }
    let change = project.compared(path, module, &live, &Names::default(), calls)?;
    Some((live, change))
}
