//! Values in other files that follow from what a patch changes: `TIMEOUT = config.BASE * 2` when `config.BASE` does.

use std::collections::HashMap;
use std::sync::Arc;

use hotsplice_analysis::{Counts, Foreign, Names, Outline, Texts, diff, diff_following};
use hotsplice_channel::codes;
use hotsplice_channel::message::LoadedFile;
use hotsplice_channel::patch::{Change, Edit, FilePatch, Kind, Outcome, Part, Patch, Verdict, What};

use crate::session::{Live, Session};

/// A value may follow from one that follows: so often, and no more.
const ROUNDS: usize = 8;

/// A file that the user asked for, as it is live and as it is to be.
pub struct AskedFor {
    pub path: String,
    pub live: Arc<Live>,
    pub outline: Arc<Outline>,
    /// Definitions that are to be patched whatever the texts say.
    pub stale: Vec<String>,
    /// Its edits are no difference of these texts: what is live runs again, or gets new code.
    pub is_again: bool,
}

/// Adds what follows to a patch, file by file, in the order in which the values lead from one to the other.
pub fn add(session: &Session, asked_for: &[AskedFor], patch: &mut Patch) {
    let names = names_of_all(asked_for, &patch.files);
    for (own, asked) in asked_for.iter().enumerate() {
        let AskedFor { path, live, outline, stale, .. } = asked;
        let known = patch.files.iter().find(|known| known.path == *path);
        let Some(known) = known.filter(|known| !names.is_empty() && may_rename(&known.edits)) else { continue };
        let version = live.baseline.version;
        let alone = diff(path, version, live.outline(), outline, stale);
        let foreign = Foreign { names: names.clone(), own, ..Foreign::default() };
        let change = diff_following(path, version, live.outline(), outline, stale, &foreign);
        if known.edits == alone.edits && change.edits != alone.edits {
            put(patch, change);
        }
    }
    if names.is_empty() {
        use_functions_of_others(session, asked_for, patch);
    }
    let mut changed = Names::default();
    for change in &patch.files {
        Arc::make_mut(&mut changed).extend(changed_names(session, change));
    }
    if changed.is_empty() && !patch.options.run_statements && asked_for.len() < 2 {
        return;
    }
    let is_asked_for = |path: &str| asked_for.iter().any(|asked| asked.path == path);
    // What can't be asked now is not followed: the process itself will be asked next, and say so.
    // A module that was just imported may follow, and the news of it be on its way.
    let Ok(loaded) = session.files_by_now() else { return };
    let project = Project::of(session, &loaded);
    // What a cell computed is computed again when it is run.
    let mut following: Vec<_> = loaded.into_iter().filter(|file| file.cell.is_none()).collect();
    following.retain(|file| !file.installed && !is_asked_for(&file.path));
    session.know_baselines(following.iter().map(|file| file.path.as_str()));
    // Files of which nothing follows but what others get by calling them.
    let mut between: Vec<FilePatch> = Vec::new();
    for _ in 0..ROUNDS {
        let before = changed.len();
        let through = callables(session, &between);
        let direct = callables(session, &patch.files).called.len() + through.called.len();
        let calls = callables_through(&project, &[&patch.files, &between], &following);
        // What follows from what was found meanwhile takes the place of what was known before.
        for file in &following {
            if let Some(change) = follow(&project, &file.path, &file.modules, &changed, &through.called, &calls) {
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
            let calls = Foreign { names: names.clone(), own, ..calls.clone() };
            let Some(change) = follow_asked(&project, asked, &changed, &calls) else { continue };
            Arc::make_mut(&mut changed).extend(changed_names(session, &change));
            put(patch, change);
        }
        let of_all = callables(session, &patch.files).called.len() + callables(session, &between).called.len();
        if changed.len() == before && of_all == direct {
            break;
        }
    }
    if patch.options.run_statements {
        let is_part = |path: &str| patch.files.iter().any(|known| known.path == path) || is_asked_for(path);
        let others: Vec<String> = following.into_iter().map(|file| file.path).filter(|path| !is_part(path)).collect();
        add_callers(&project, others, patch);
    }
}

/// What is given to functions of other files, which these read members of or call, follows in the file itself.
fn use_functions_of_others(session: &Session, asked_for: &[AskedFor], patch: &mut Patch) {
    let mut project: Option<Project> = None;
    for AskedFor { path, live, outline, stale, .. } in asked_for.iter().filter(|asked| !asked.is_again) {
        let Some(known) = patch.files.iter().find(|known| known.path == *path) else { continue };
        let Some(module) = live.baseline.modules.first().filter(|_| !known.edits.is_empty()) else { continue };
        let mut foreign = foreign(path, module, &Names::default(), &Foreign::default());
        foreign.texts = project.get_or_insert_with(|| Project::new(session)).texts(&foreign, outline);
        if foreign.texts.is_empty() {
            continue;
        }
        let change = diff_following(path, live.baseline.version, live.outline(), outline, stale, &foreign);
        if change.edits != known.edits || change.late != known.late || change.running != known.running {
            put(patch, change);
        }
    }
}

/// How often names stand in the files that were asked for, if it may be that one was given another in all of them.
fn names_of_all(asked_for: &[AskedFor], files: &[FilePatch]) -> Arc<Vec<(Counts, Counts)>> {
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

fn put(patch: &mut Patch, change: FilePatch) {
    match patch.files.iter_mut().find(|known| known.path == change.path) {
        Some(known) => *known = change,
        None => patch.files.push(change),
    }
}

/// Adds what calls edited code in other files, at any remove: all statements are to be run.
fn add_callers(project: &Project, mut others: Vec<String>, patch: &mut Patch) {
    let session = project.session;
    for _ in 0..ROUNDS {
        let calls = callables(session, &patch.files);
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

/// What a call of runs edited code, by the names of the modules that define it.
fn callables(session: &Session, patched: &[FilePatch]) -> Foreign {
    let mut found = Foreign::default();
    note_all(&mut found, session, patched);
    found
}

fn note_all(found: &mut Foreign, session: &Session, patched: &[FilePatch]) {
    for change in patched {
        let Ok(live) = session.known_baseline(&change.path) else { continue };
        note_callables(found, &live, change);
        if change.running.iter().any(|name| name == "__getattr__") {
            note_dynamic(found, session, &live);
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

fn note_callables(found: &mut Foreign, live: &Live, change: &FilePatch) {
    // What a module has imported can be had of it: `pkg.build`, `pkg.Table.fill`. Longer names lead through modules that import each
    // other, on and on.
    let is_handed_on = |name: &&String| {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        !rest.contains('.') || !live.outline().imports(head)
    };
    for module in &live.baseline.modules {
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
fn full_name(module: &str, name: &str) -> String {
    match name.split_once(':') {
        Some((other, own)) => format!("{other}.{own}"),
        None => format!("{module}.{name}"),
    }
}

/// The same, with what other loaded files make of them in turn.
fn callables_through(project: &Project, known: &[&[FilePatch]], others: &[LoadedFile]) -> Foreign {
    let session = project.session;
    let mut found = Foreign::default();
    known.iter().for_each(|changes| note_all(&mut found, session, changes));
    for _ in 0..ROUNDS {
        let before = found.called.len();
        for file in others {
            let Some((live, change)) = calling(project, &file.path, &found) else { continue };
            note_callables(&mut found, &live, &change);
        }
        if found.called.len() == before {
            break;
        }
    }
    found
}

/// Whether a text may be about `pkg.Table.size`: `unit + 1` names the object, and not the method that it runs, `total(Table())` the class.
fn may_name(text: &str, name: &str) -> bool {
    let mut parts = name.rsplit('.').skip_while(|part| part.starts_with("__"));
    let last = parts.next().is_some_and(|last| text.contains(last.trim_end_matches("[]")));
    last || (name.matches('.').count() > 1 && parts.next().is_some_and(|holder| text.contains(holder)))
}

/// What of a file that is not patched calls edited code.
fn calling(project: &Project, path: &str, calls: &Foreign) -> Option<(Arc<Live>, FilePatch)> {
    let live = project.session.known_baseline(path).ok()?;
    let module = live.baseline.modules.first()?;
    let is_named = |name: &String| may_name(&live.baseline.text, name);
    if !calls.called.iter().chain(calls.decorating.iter()).any(is_named) || !live.outline().is_valid() {
        return None;
    }
    let mut foreign = foreign(path, module, &Names::default(), calls);
    if !foreign.concerns(live.outline()) {
        return None;
    }
    foreign.texts = project.texts(&foreign, live.outline());
    let change = diff_following(path, live.baseline.version, live.outline(), live.outline(), &[], &foreign);
    Some((live, change))
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
    values.extend(of_classes.iter().chain(&change.late).map(String::as_str));
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

/// What is asked for, with what follows from other files: nothing if nothing does.
fn follow_asked(project: &Project, asked: &AskedFor, changed: &Names, calls: &Foreign) -> Option<FilePatch> {
    let AskedFor { path, live, outline, stale, .. } = asked;
    let mut foreign = foreign(path, live.baseline.modules.first()?, changed, calls);
    if !foreign.concerns(outline) {
        return None;
    }
    foreign.texts = project.texts(&foreign, outline);
    let version = live.baseline.version;
    let alone = diff(path, version, live.outline(), outline, stale);
    let change = diff_following(path, version, live.outline(), outline, stale, &foreign);
    (change.edits != alone.edits).then_some(change)
}

fn foreign(path: &str, module: &str, changed: &Names, calls: &Foreign) -> Foreign {
    let is_package = is_package(path);
    let changed = changed.clone();
    Foreign { module: module.to_owned(), is_package, changed, ..calls.clone() }
}

fn is_package(path: &str) -> bool {
    path.ends_with("/__init__.py")
}

/// The modules of the project, with their files.
pub struct Project<'a> {
    session: &'a Session,
    modules: HashMap<String, String>,
}

impl<'a> Project<'a> {
    pub fn new(session: &'a Session) -> Self {
        Self::of(session, &session.files().unwrap_or_default())
    }

    fn of(session: &'a Session, files: &[LoadedFile]) -> Self {
        let project = files.iter().filter(|file| file.cell.is_none() && !file.installed);
        let named = project.flat_map(|file| file.modules.iter().map(|module| (module.clone(), file.path.clone())));
        Self { session, modules: named.collect() }
    }

    /// What is live of the modules that a text imports from, and of those that packages have what they hand on from.
    fn texts(&self, foreign: &Foreign, outline: &Outline) -> Texts {
        let mut texts = Texts::default();
        let found = Arc::make_mut(&mut texts);
        let mut pending = self.imported(foreign, outline);
        while let Some((name, path)) = pending.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let Ok(live) = self.session.known_baseline(path) else { continue };
            let is_package = is_package(path);
            if is_package {
                let there = Foreign { module: name.clone(), is_package, ..Foreign::default() };
                pending.extend(self.imported(&there, live.outline()));
            }
            found.insert(name, (is_package, live.outline().clone()));
        }
        texts
    }

    /// The project's modules that a text imports from, with their files.
    fn imported(&self, foreign: &Foreign, outline: &Outline) -> Vec<(String, &str)> {
        let names = foreign.imported_modules(outline).into_iter();
        names.filter_map(|name| self.modules.get(&name).map(|path| (name, path.as_str()))).collect()
    }
}

/// What a file that was not patched had computed, at its import, by calling code that is edited now: said, not done again.
/// `running` is the line of the file's own statement that is being executed, if one is.
///
/// A file whose functions call edited code is one of `patched` for those that use it: the answer has it too.
pub fn computed(
    project: &Project,
    path: &str,
    running: Option<u32>,
    patched: &[FilePatch],
) -> (Vec<Verdict>, Option<FilePatch>) {
    let calls = callables(project.session, patched);
    let Some((_, change)) = calling(project, path, &calls) else { return (Vec::new(), None) };
    let verdict = |edit: &Edit| {
        let (code, message) = match edit.what {
            What::Statement | What::Block => (
                codes::STATEMENT_OFFERED,
                "what this statement calls is another one now; it is not run again by itself".to_owned(),
            ),
            _ => {
                let how = match edit.what {
                    What::Assignment => "computed by calling",
                    What::Import => "given by",
                    What::Class if edit.parts == [Part::Bases] => "made by calling",
                    _ => "decorated by",
                };
                let name = &edit.definition;
                let message = format!("{name} was {how} code that is edited now; it stays as that code made it");
                (codes::VALUE_COMPUTED, message)
            }
        };
        Verdict {
            path: path.to_owned(),
            definition: edit.definition.clone(),
            kind: edit.kind,
            line: edit.line,
            end_line: edit.end_line,
            verdict: Outcome::Caveat,
            code: Some(code.to_owned()),
            message: Some(message),
        }
    };
    // A script's own loop calls what is live at each turn, and so does what the script has not come to.
    let is_to_come = |edit: &Edit| running.is_some_and(|line| edit.scope.is_empty() && edit.end_line >= line);
    let verdicts = change.edits.iter().filter(|edit| edit.offered && !is_to_come(edit)).map(verdict).collect();
    (verdicts, Some(change))
}

/// `through` are names of what others reach by calling files that are not patched.
fn follow(
    project: &Project,
    path: &str,
    modules: &[String],
    changed: &Names,
    through: &Names,
    calls: &Foreign,
) -> Option<FilePatch> {
    let live = project.session.known_baseline(path).ok()?;
    let is_named = |name: &String| {
        let name = name.trim_end_matches(".*");
        let last = name.rsplit('.').next().unwrap_or(name);
        // Whoever only calls a function does not read its `__code__`.
        if last.starts_with("__") { live.baseline.text.contains(last) } else { may_name(&live.baseline.text, name) }
    };
    if !changed.iter().chain(through.iter()).any(is_named) || !live.outline().is_valid() {
        return None;
    }
    let mut foreign = foreign(path, modules.first()?, changed, calls);
    if !foreign.concerns(live.outline()) {
        return None;
    }
    foreign.texts = project.texts(&foreign, live.outline());
    Some(diff_following(path, live.baseline.version, live.outline(), live.outline(), &[], &foreign))
}
