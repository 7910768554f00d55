//! Values in other files that follow from what a patch changes: `TIMEOUT = config.BASE * 2` when `config.BASE` does.

mod callables;
mod computed;
mod limit;
mod project;

use std::sync::Arc;

use hotsplice_analysis::{Counts, Foreign, Names, Outline, diff_following, parsing_many};
use hotsplice_channel::message::LoadedFile;
use hotsplice_channel::patch::{Change, Edit, FilePatch, Kind, Patch, What};

use crate::session::{Live, Session};
use callables::{add_through, callables, calling, full_name, note_all};
pub use computed::computed;
pub use limit::Limit;
pub use project::Project;

/// A value may follow from one that follows: so often, and no more.
const ROUNDS: usize = 8;

/// A file that the user asked for, as it is live and as it is to be.
pub struct AskedFor {
    pub path: String,
    pub live: Arc<Live>,
    pub outline: Arc<Outline>,
    /// What leads from one to the other, if nothing follows from elsewhere.
    pub change: Arc<FilePatch>,
    /// Definitions that are to be patched whatever the texts say.
    pub stale: Vec<String>,
    /// Its edits are no difference of these texts: what is live runs again, or gets new code.
    pub is_again: bool,
}

/// Adds what follows to a patch, file by file, in the order in which the values lead from one to the other. Answers what was learnt of the
/// project, if that was needed.
pub fn add<'a>(session: &'a Session, asked_for: &[AskedFor], patch: &mut Patch, limit: &Limit) -> Option<Project<'a>> {
    let names = names_of_all(asked_for, &patch.files);
    for (own, asked) in asked_for.iter().enumerate() {
        let AskedFor { path, live, outline, stale, change: alone, is_again } = asked;
        if names.is_empty() || *is_again || !may_rename(&alone.edits) {
            continue;
        }
        let foreign = Foreign { names: names.clone(), own, ..Foreign::default() };
        let change = diff_following(path, live.baseline.version, live.outline(), outline, stale, &foreign);
        if change.edits != alone.edits {
            put(patch, Arc::new(change));
        }
    }
    if names.is_empty() {
        use_functions_of_others(session, asked_for, patch, limit);
    }
    let mut changed = Names::default();
    for change in &patch.files {
        Arc::make_mut(&mut changed).extend(changed_names(session, change));
    }
    if changed.is_empty() && !patch.options.run_statements && asked_for.len() < 2 {
        return None;
    }
    // What can't be asked now is not followed: the process itself will be asked next, and say so.
    // A module that was just imported may follow, and the news of it be on its way.
    let Ok(loaded) = session.files_by_now() else { return None };
    let limit = limit.clone();
    Some(parsing_many(move || follow_all(session, asked_for, patch, &loaded, names, changed, limit)))
}

/// What follows in all files that are loaded.
fn follow_all<'a>(
    session: &'a Session,
    asked_for: &[AskedFor],
    patch: &mut Patch,
    loaded: &[LoadedFile],
    names: Arc<Vec<(Counts, Counts)>>,
    mut changed: Names,
    limit: Limit,
) -> Project<'a> {
    let is_asked_for = |path: &str| asked_for.iter().any(|asked| asked.path == path);
    let mut project = Project::of(session, loaded, limit);
    project.names = names;
    project.know_new_texts(asked_for);
    project.limit.start();
    // What a cell computed is computed again when it is run.
    let is_other = |file: &&LoadedFile| file.cell.is_none() && !file.installed && !is_asked_for(&file.path);
    let following: Vec<LoadedFile> = loaded.iter().filter(is_other).cloned().collect();
    session.know_baselines(following.iter().map(|file| file.path.as_str()));
    // Files of which nothing follows but what others get by calling them.
    let mut between: Vec<Arc<FilePatch>> = Vec::new();
    let mut calls = Foreign::default();
    for _ in 0..ROUNDS {
        let before = changed.len();
        let through = callables(&project, &between);
        let direct = callables(&project, &patch.files).called.len() + through.called.len();
        note_all(&mut calls, &project, &patch.files);
        note_all(&mut calls, &project, &between);
        add_through(&mut calls, &project, &following);
        // What follows from what was found meanwhile takes the place of what was known before.
        for file in &following {
            if project.limit.is_reached() {
                break;
            }
            if let Some(change) = follow(&project, file, &changed, &through.called, &calls) {
                // What its objects have is another one too where nothing of its own follows.
                Arc::make_mut(&mut changed).extend(changed_names(session, &change));
                between.retain(|known| known.path != change.path);
                if change.edits.is_empty() {
                    between.push(change);
                } else {
                    put(patch, change);
                }
            }
        }
        for (own, asked) in asked_for.iter().enumerate().filter(|(_, asked)| !asked.is_again) {
            let Some(change) = project.followed(own, asked, &changed, &calls) else { continue };
            Arc::make_mut(&mut changed).extend(changed_names(session, &change));
            put(patch, change);
        }
        let of_all = callables(&project, &patch.files).called.len() + callables(&project, &between).called.len();
        if (changed.len() == before && of_all == direct) || project.limit.was_reached() {
            break;
        }
    }
    project.calls = Some((callables(&project, &patch.files).called, calls));
    if patch.options.run_statements {
        let is_part = |path: &str| patch.files.iter().any(|known| known.path == path) || is_asked_for(path);
        let others: Vec<String> = following.into_iter().map(|file| file.path).filter(|path| !is_part(path)).collect();
        add_callers(&project, others, patch);
    }
    project
}

/// What is given to functions of other files, which these read members of or call, follows in the file itself.
fn use_functions_of_others(session: &Session, asked_for: &[AskedFor], patch: &mut Patch, limit: &Limit) {
    let mut project: Option<Project> = None;
    for AskedFor { path, live, outline, stale, .. } in asked_for.iter().filter(|asked| !asked.is_again) {
        let Some(known) = patch.files.iter().find(|known| known.path == *path) else { continue };
        let Some(module) = live.baseline.modules.first().filter(|_| !known.edits.is_empty()) else { continue };
        let project = project.get_or_insert_with(|| Project::new(session, limit.clone()));
        let foreign = project.foreign(path, module, outline, &Names::default(), &Foreign::default());
        if foreign.texts.is_empty() {
            continue;
        }
        let change = diff_following(path, live.baseline.version, live.outline(), outline, stale, &foreign);
        if change.edits != known.edits || change.late != known.late || change.running != known.running {
            put(patch, Arc::new(change));
        }
    }
}

/// How often names stand in the files that were asked for, if it may be that one was given another in all of them.
fn names_of_all(asked_for: &[AskedFor], files: &[Arc<FilePatch>]) -> Arc<Vec<(Counts, Counts)>> {
    if asked_for.len() < 2 || !files.iter().any(|file| may_rename(&file.edits)) {
        return Arc::default();
    }
    let counts = |outline: &Outline| {
        outline.names().fold(Counts::default(), |mut found, name| {
            *found.entry(name.to_owned()).or_default() += 1;
            found
        })
    };
    Arc::new(asked_for.iter().map(|asked| (counts(asked.live.outline()), counts(&asked.outline))).collect())
}

fn may_rename(edits: &[Edit]) -> bool {
    let assigns = |change: Change| edits.iter().any(|edit| edit.change == change && edit.what == What::Assignment);
    assigns(Change::Added) && assigns(Change::Removed)
}

fn put(patch: &mut Patch, change: Arc<FilePatch>) {
    match patch.files.iter_mut().find(|known| known.path == change.path) {
        Some(known) => *known = change,
        None => patch.files.push(change),
    }
}

/// Adds what calls edited code in other files, at any remove: all statements are to be run.
fn add_callers(project: &Project, mut others: Vec<String>, patch: &mut Patch) {
    for _ in 0..ROUNDS {
        let calls = callables(project, &patch.files);
        let before = others.len();
        others.retain(|path| match calling(project, path, &calls) {
            Some((_, change)) if !change.edits.is_empty() => {
                patch.files.push(change);
                false
            }
            _ => true,
        });
        if others.len() == before {
            return;
        }
    }
}

/// `pkg.config.TIMEOUT` for each module-level value that a file's patch gives.
fn changed_names(session: &Session, change: &FilePatch) -> Vec<String> {
    let is_value = |edit: &&Edit| {
        edit.scope.is_empty() && !edit.offered && matches!(edit.what, What::Assignment | What::Import | What::Block)
    };
    // `TABLE["new"] = 1` gives a table that others have imported another item.
    let live = session.known_baseline(&change.path);
    // So does an assignment of a name that another statement had bound.
    let is_known = |name: &str| live.as_ref().is_ok_and(|live| live.outline().binds(name));
    let is_fresh = |edit: &Edit, name: &str| {
        let is_given = matches!(edit.what, What::Assignment | What::Block);
        edit.change != Change::Added || name.contains(['.', '[']) || (is_given && is_known(name))
    };
    let mut values: Vec<&str> = Vec::new();
    for edit in change.edits.iter().filter(is_value).filter(|edit| edit.change != Change::Removed) {
        values.extend(edit.fresh_names.iter().map(String::as_str).filter(|name| is_fresh(edit, name)));
    }
    let comes_or_goes = |edit: &Edit| {
        edit.scope.is_empty()
            && (matches!(edit.change, Change::Added | Change::Removed)
                || matches!(edit.kind, Kind::Replaced | Kind::Renamed))
    };
    let is_class_value = |edit: &&Edit| {
        !edit.scope.is_empty()
            && !edit.offered
            && matches!(edit.change, Change::Changed | Change::Derived)
            && edit.what == What::Assignment
            && !edit.scope.iter().any(|part| part == "<locals>")
    };
    // `Settings.SIZE`
    let of_classes: Vec<String> = change
        .edits
        .iter()
        .filter(is_class_value)
        .flat_map(|edit| edit.binds.iter().map(|name| format!("{}.{name}", edit.scope.join("."))))
        .collect();
    values.extend(of_classes.iter().chain(&change.late).chain(&change.handed_on).map(String::as_str));
    // Whoever went on without a name that comes: `try: from module import go`.
    let comes = |edit: &&Edit| edit.scope.is_empty() && !edit.offered && edit.change == Change::Added;
    values.extend(change.edits.iter().filter(comes).flat_map(|edit| &edit.binds).map(String::as_str));
    // What `from module import *` gives.
    if change.edits.iter().any(comes_or_goes) || values.contains(&"__all__") {
        values.push("*");
    }
    if values.is_empty() {
        return Vec::new();
    }
    let Ok(live) = live else { return Vec::new() };
    let modules = &live.baseline.modules;
    modules.iter().flat_map(|module| values.iter().map(move |name| full_name(module, name))).collect()
}

/// What follows in a file that was not asked for. `through` are names of what others reach by calling files that are not patched.
fn follow(
    project: &Project,
    file: &LoadedFile,
    changed: &Names,
    through: &Names,
    calls: &Foreign,
) -> Option<Arc<FilePatch>> {
    let live = project.session.known_baseline(&file.path).ok()?;
    let is_named = |name: &String| {
        let name = name.trim_end_matches(".*");
        let last = name.rsplit('.').next().unwrap_or(name);
        // Whoever only calls a function does not read its `__code__`.
        if last.starts_with("__") { live.has_word(last) } else { live.may_name(name) }
    };
    if !changed.iter().chain(through.iter()).any(is_named) || !live.outline().is_valid() {
        return None;
    }
    project.compared(&file.path, file.modules.first()?, &live, changed, calls)
}
