//! Files that another program writes one after the other: whether what is there by now fits what is live. A caller that is
//! written before what it calls is not to go live alone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use hotsplice_analysis::{Module, Outline, misfits};
use hotsplice_channel::message::LoadedFile;

use crate::session::Session;
use crate::source_file;

/// What would not fit in some process if these files went live as they are on disk, and fits now: the first such thing, in
/// words.
pub fn misfit(paths: &[PathBuf], sessions: &[Arc<Session>]) -> Option<String> {
    sessions.iter().find_map(|session| misfit_in(paths, session))
}

fn misfit_in(paths: &[PathBuf], session: &Session) -> Option<String> {
    let mut changed: HashMap<String, String> = HashMap::new();
    for (path, loaded) in session.loaded_of(paths) {
        let Ok(text) = source_file::read(&path) else { continue };
        // One that is half written does not go live now.
        if Outline::parse(&text).is_valid() {
            changed.insert(loaded, text);
        }
    }
    if changed.is_empty() {
        return None;
    }
    let files = session.files().ok()?;
    let (mine, others): (Vec<_>, Vec<_>) =
        files.iter().filter(|file| !file.installed).partition(|file| changed.contains_key(&file.path));
    let stems: Vec<&str> = mine.iter().flat_map(|file| stems(file)).collect();
    let is_concerned = |file: &&&LoadedFile| {
        let is_used = stems_of(file).any(|stem| changed.values().any(|text| text.contains(stem)));
        let uses =
            || std::fs::read_to_string(&file.path).is_ok_and(|text| stems.iter().any(|stem| text.contains(stem)));
        is_used || uses()
    };
    let concerned = others.iter().filter(is_concerned);
    let lives: Vec<(&LoadedFile, Arc<crate::session::Live>)> = mine
        .iter()
        .chain(concerned)
        .filter_map(|file| Some((*file, session.known_baseline(&file.path).ok()?)))
        .collect();
    let world = |text_of: &dyn Fn(&LoadedFile, &'_ str) -> Option<String>| {
        let texts: Vec<(&LoadedFile, String)> = lives
            .iter()
            .map(|(file, live)| {
                (*file, text_of(file, live.outline().text()).unwrap_or_else(|| live.outline().text().to_owned()))
            })
            .collect();
        let modules: Vec<Module<'_>> = texts
            .iter()
            .map(|(file, text)| Module {
                names: file.modules.clone(),
                is_package: file.path.ends_with("/__init__.py"),
                text,
            })
            .collect();
        misfits(&modules)
    };
    let before = world(&|_, _| None);
    world(&|file, _| changed.get(&file.path).cloned()).into_iter().find(|one| !before.contains(one))
}

fn stems(file: &LoadedFile) -> Vec<&str> {
    stems_of(file).collect()
}

/// The last parts of a module's names: who uses it names one of them.
fn stems_of(file: &LoadedFile) -> impl Iterator<Item = &str> {
    file.modules.iter().filter_map(|name| name.rsplit('.').next())
}
