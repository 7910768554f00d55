//! Values in other files that follow from what a patch changes: `TIMEOUT = config.BASE * 2` when `config.BASE` does.

use std::collections::HashSet;

use hotsplice_analysis::{Foreign, diff_following};
use hotsplice_channel::patch::{Change, Edit, FilePatch, Patch, What};

use crate::session::Session;

/// A value may follow from one that follows: so often, and no more.
const ROUNDS: usize = 8;

/// Adds what follows to a patch, file by file, in the order in which the values lead from one to the other. Files that
/// the user asked for are left as they are.
pub fn add(session: &Session, asked_for: &[String], patch: &mut Patch) {
    let mut changed: HashSet<String> = HashSet::new();
    for change in &patch.files {
        changed.extend(changed_names(session, change));
    }
    if changed.is_empty() {
        return;
    }
    // What can't be asked now is not followed: the process itself will be asked next, and say so.
    let Ok(loaded) = session.files() else { return };
    let mut following: Vec<_> =
        loaded.into_iter().filter(|file| is_project(&file.path) && !asked_for.contains(&file.path)).collect();
    for _ in 0..ROUNDS {
        let before = changed.len();
        let mut rest = Vec::new();
        for file in following {
            match follow(session, &file.path, &file.modules, &changed) {
                Some(change) => {
                    changed.extend(changed_names(session, &change));
                    patch.files.push(change);
                }
                None => rest.push(file),
            }
        }
        following = rest;
        if changed.len() == before {
            break;
        }
    }
}

/// `pkg.config.TIMEOUT` for each module-level value that a file's patch gives.
fn changed_names(session: &Session, change: &FilePatch) -> Vec<String> {
    let is_value = |edit: &&Edit| {
        edit.scope.is_empty()
            && !edit.offered
            && matches!(edit.change, Change::Changed | Change::Derived)
            && matches!(edit.what, What::Assignment | What::Import | What::Block)
    };
    let values: Vec<&String> = change.edits.iter().filter(is_value).flat_map(|edit| &edit.binds).collect();
    if values.is_empty() {
        return Vec::new();
    }
    let Ok(live) = session.known_baseline(&change.path) else { return Vec::new() };
    let modules = &live.baseline.modules;
    modules.iter().flat_map(|module| values.iter().map(move |name| format!("{module}.{name}"))).collect()
}

fn follow(session: &Session, path: &str, modules: &[String], changed: &HashSet<String>) -> Option<FilePatch> {
    let live = session.known_baseline(path).ok()?;
    let last = |name: &String| name.rsplit('.').next().is_some_and(|name| live.baseline.text.contains(name));
    if !changed.iter().any(last) || !live.outline.is_valid() {
        return None;
    }
    let is_package = path.ends_with("/__init__.py");
    let foreign = Foreign { module: modules.first()?.clone(), is_package, changed: changed.clone() };
    let change = diff_following(path, live.baseline.version, &live.outline, &live.outline, &[], &foreign);
    (!change.edits.is_empty()).then_some(change)
}

/// Installed packages and the standard library do not import a project's modules.
fn is_project(path: &str) -> bool {
    !["/site-packages/", "/dist-packages/", "/lib/python3"].iter().any(|part| path.contains(part))
}
