//! Files that take the place of others: `git mv helper.py tools.py`, `shapes.py` that becomes `shapes/__init__.py`.
//!
//! A file that a process has loaded and that is no longer there has a new file as its successor if that says mostly the same, or is the
//! same module as a package. Its module goes on under the new name. Where several may be meant, none is.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotsplice_analysis::{Outline, imported_modules};
use hotsplice_channel::message::LoadedFile;

use crate::patching::WantedFile;
use crate::session::{Live, Session};
use crate::source_file;

/// A file that takes the place of one that a process has loaded.
#[derive(Debug, Clone)]
pub struct Successor {
    /// As it is to be live.
    pub file: WantedFile,
    /// What the process is going to call it.
    pub name: String,
    /// What it calls the former one.
    pub was: String,
}

/// What was found of the files of a patch.
#[derive(Debug, Default)]
pub struct Successors {
    pub files: Vec<Successor>,
    /// New files of which nobody can tell whose place they take, each with why.
    pub in_doubt: Vec<String>,
}

/// A file that may be one.
struct Candidate {
    file: WantedFile,
    name: String,
    outline: Arc<Outline>,
}

/// A loaded file that is no longer there.
struct Gone {
    path: PathBuf,
    live: Arc<Live>,
}

/// The successors among the files of a patch, and among the new files that these import.
pub fn find(session: &Session, wanted: &[WantedFile]) -> Successors {
    let mut found = Successors { files: wanted.iter().filter_map(known).collect(), ..Successors::default() };
    if !found.files.is_empty() || wanted.iter().any(|file| file.again.is_some() || file.identity || file.anew) {
        return found;
    }
    let Ok(files) = session.files() else { return found };
    let project = Project::new(session, &files);
    // Mostly there is none.
    let gone = project.gone();
    if gone.is_empty() {
        return found;
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    for file in wanted.iter().filter(|file| file.function.is_none()) {
        match project.loaded(&file.path) {
            Some(path) if file.deleted => candidates.extend(project.counterpart(path)),
            Some(path) => project.add_imported(&mut candidates, path, path, &file.text),
            None if file.deleted => {}
            None => {
                let name = project.name(&file.path);
                candidates.push(Candidate { outline: Arc::new(Outline::parse(&file.text)), file: file.clone(), name });
            }
        }
    }
    if candidates.is_empty() {
        return found;
    }
    let gone: Vec<Gone> = gone.into_iter().filter_map(|path| project.live(path)).collect();
    let mut known = 0;
    // What takes the place of another may import more of them.
    while known < candidates.len() {
        known = candidates.len();
        found = pairs(&candidates, &gone);
        for one in &found.files {
            project.add_imported(&mut candidates, &one.was, &one.name, &one.file.text);
        }
    }
    found
}

/// One that is known to be, as for an undo.
fn known(file: &WantedFile) -> Option<Successor> {
    let was = file.was.clone()?;
    Some(Successor { name: file.path.display().to_string(), was, file: file.clone() })
}

struct Project<'a> {
    session: &'a Session,
    files: Vec<&'a LoadedFile>,
    modules: HashSet<&'a str>,
    /// The folders that modules are imported from.
    roots: Vec<PathBuf>,
}

impl<'a> Project<'a> {
    fn new(session: &'a Session, files: &'a [LoadedFile]) -> Self {
        let modules = files.iter().flat_map(|file| file.modules.iter().map(String::as_str)).collect();
        let files: Vec<&LoadedFile> = files.iter().filter(|file| file.cell.is_none() && !file.installed).collect();
        let mut roots: Vec<PathBuf> = Vec::new();
        for root in files.iter().filter_map(|file| root(file)) {
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        Self { session, files, modules, roots }
    }

    /// What the process calls a file that it has loaded, as far as is known.
    fn loaded(&self, path: &Path) -> Option<&str> {
        let known = self.session.known_loaded(path)?;
        self.files.iter().find(|file| file.path == known).map(|file| file.path.as_str())
    }

    /// What the process is going to call a file: of several names the one in a folder that it imports from.
    fn name(&self, path: &Path) -> String {
        let names = self.session.process_names(path);
        let is_inside = |name: &&PathBuf| self.roots.iter().any(|root| name.starts_with(root));
        names.iter().find(is_inside).map_or(path, PathBuf::as_path).display().to_string()
    }

    /// The new file of a module that the process knows under a path, if there is one.
    fn candidate(&self, name: PathBuf) -> Option<Candidate> {
        let name = name.display().to_string();
        let path = self.session.editor_path(&name);
        if self.files.iter().any(|file| file.path == name) || !path.is_file() {
            return None;
        }
        let text = source_file::read(&path).ok()?;
        let outline = Arc::new(Outline::parse(&text));
        Some(Candidate { file: WantedFile::new(path, text), name, outline })
    }

    /// The same module as a package, or as one no more.
    fn counterpart(&self, path: &str) -> Option<Candidate> {
        let path = Path::new(path);
        let is_package = path.file_name().is_some_and(|name| name == "__init__.py");
        let other =
            if is_package { path.parent()?.with_extension("py") } else { path.with_extension("").join("__init__.py") };
        self.candidate(other)
    }

    /// Adds what a text imports that the live one does not, and that is in no process yet. `path` is what the process calls the
    /// file, `name` what it is going to.
    fn add_imported(&self, candidates: &mut Vec<Candidate>, path: &str, name: &str, text: &str) {
        let Ok(live) = self.session.known_baseline(path) else { return };
        if live.text() == text && path == name {
            return;
        }
        let Some(own) = self.module(path, name) else { return };
        let Some(former) = live.baseline.modules.first() else { return };
        let before = imported_modules(live.text(), former, is_package(path));
        let imported = imported_modules(text, &own, is_package(name));
        for module in imported.difference(&before).filter(|module| !self.modules.contains(module.as_str())) {
            for root in &self.roots {
                let stem = root.join(module.replace('.', "/"));
                let files = [stem.join("__init__.py"), stem.with_extension("py")];
                let Some(candidate) = files.into_iter().find_map(|file| self.candidate(file)) else { continue };
                if candidates.iter().all(|known| known.name != candidate.name) {
                    candidates.push(candidate);
                }
                break;
            }
        }
    }

    /// The module of a file that has this name.
    fn module(&self, path: &str, name: &str) -> Option<String> {
        let file = self.files.iter().find(|file| file.path == path)?;
        if path == name {
            return file.modules.first().cloned();
        }
        let root = root(file)?;
        Some(dotted(Path::new(name).strip_prefix(root).ok()?))
    }

    /// Loaded files that are no longer there. What never was a file of its own, as a member of an archive, is not gone.
    fn gone(&self) -> Vec<&str> {
        let is_gone = |file: &&&LoadedFile| {
            let path = self.session.editor_path(&file.path);
            !path.exists() && !path.ancestors().skip(1).any(Path::is_file)
        };
        self.files.iter().filter(is_gone).map(|file| file.path.as_str()).collect()
    }

    fn live(&self, path: &str) -> Option<Gone> {
        let live = self.session.known_baseline(path).ok()?;
        Some(Gone { path: PathBuf::from(path), live })
    }
}

/// The most alike first; where two are as likely, none.
fn pairs(candidates: &[Candidate], gone: &[Gone]) -> Successors {
    let mut likely: Vec<(u32, usize, usize)> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for (number, former) in gone.iter().enumerate() {
            likely.extend(likeness(candidate, former).map(|likeness| (likeness, index, number)));
        }
    }
    likely.sort_by_key(|(likeness, ..)| std::cmp::Reverse(*likeness));
    let mut found = Successors::default();
    while let Some(&(likeness, index, number)) = likely.first() {
        let is_rival = |other: &(u32, usize, usize)| other.1 == index || other.2 == number;
        let equals = likely.iter().filter(|other| is_rival(other) && other.0 == likeness).count();
        let (Candidate { file, name, outline }, was) = (&candidates[index], gone[number].path.display().to_string());
        if equals == 1 {
            let file = WantedFile { outline: Some(outline.clone()), ..file.clone() };
            found.files.push(Successor { file, name: name.clone(), was });
        } else {
            let message = format!(
                "{was} is gone, and {name} is like it, but so is another file: it is a new module, and nothing goes along to it"
            );
            found.in_doubt.push(message);
        }
        likely.retain(|other| !is_rival(other));
    }
    found
}

/// How much of two files is the same, in hundredths; nothing where it is not most of them.
fn likeness(candidate: &Candidate, former: &Gone) -> Option<u32> {
    const SAME_MODULE: u32 = 1000;
    if without_init(Path::new(&candidate.name)) == without_init(&former.path) {
        return Some(SAME_MODULE);
    }
    let (live, new) = (former.live.outline(), &candidate.outline);
    if live.text().trim().is_empty() || new.text().trim().is_empty() {
        return None;
    }
    if live.text() == new.text() {
        return Some(SAME_MODULE / 2);
    }
    let (before, after) = (parts(live), parts(new));
    // What is edited is half the same.
    let same: usize = before
        .iter()
        .map(|(name, texts)| match after.get(name) {
            Some(others) if others == texts => 2,
            Some(_) => 1,
            None => 0,
        })
        .sum();
    let all = 2 * before.len().max(after.len());
    (2 * same > all).then(|| (100 * same / all) as u32)
}

/// What stands in a file: texts of functions, by name, and the lines around them.
fn parts(outline: &Outline) -> BTreeMap<String, Vec<String>> {
    let lines: Vec<&str> = outline.text().lines().collect();
    let mut is_around = vec![true; lines.len()];
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in outline.definitions().into_iter().filter(|one| !one.is_class) {
        let (first, last) = (one.line.saturating_sub(1) as usize, (one.end_line as usize).min(lines.len()));
        found.entry(one.qualified_name).or_default().push(lines.get(first..last).unwrap_or_default().join("\n"));
        is_around.get_mut(first..last).unwrap_or_default().fill(false);
    }
    let around = lines.iter().zip(is_around).filter(|(line, is_around)| *is_around && !line.trim().is_empty());
    // A line is no name of a function's.
    found.extend(around.map(|(line, _)| (format!("\n{line}"), Vec::new())));
    found
}

/// A module's path without its ending: the same for `shapes.py` and `shapes/__init__.py`.
fn without_init(path: &Path) -> PathBuf {
    if is_package(&path.to_string_lossy()) { path.parent().unwrap_or(path).to_owned() } else { path.with_extension("") }
}

fn is_package(path: &str) -> bool {
    path.ends_with("/__init__.py")
}

fn dotted(path: &Path) -> String {
    let parts = without_init(path);
    parts.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(".")
}

/// The folder that a file's module is imported from.
fn root(file: &LoadedFile) -> Option<PathBuf> {
    let stem = without_init(Path::new(&file.path));
    let named = |module: &String| {
        let count = module.split('.').count();
        let root = stem.ancestors().nth(count)?;
        (dotted(stem.strip_prefix(root).ok()?) == *module).then(|| root.to_owned())
    };
    let script =
        || file.modules.iter().any(|name| name == "__main__").then(|| stem.parent().map(Path::to_owned)).flatten();
    file.modules.iter().find_map(named).or_else(script)
}
