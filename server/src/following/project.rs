//! The files of the project as a patch is compared with them. None of them changes meanwhile: what was made for one look at a file is
//! kept for the next.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use hotsplice_analysis::{Counts, Foreign, KeptGraph, Names, Outline, Reaching, Taken, Texts, diff_following};
use hotsplice_channel::message::LoadedFile;
use hotsplice_channel::patch::FilePatch;

use super::callables::count;
use super::{AskedFor, Limit};
use crate::session::{Live, Session};

/// From how many names on it is worth while to ask which of them anybody uses.
pub(super) const MANY: usize = 1_000;

pub struct Project<'a> {
    pub(super) session: &'a Session,
    pub limit: Limit,
    /// The project's modules, with their files.
    modules: HashMap<String, String>,
    /// How often names stand in the files that were asked for.
    pub(super) names: Arc<Vec<(Counts, Counts)>>,
    /// What a call of runs edited code: in the patch's own files, and in all of them.
    pub(super) calls: Option<(Names, Foreign)>,
    known: RefCell<HashMap<String, Arc<Known>>>,
    /// Those of the files that were asked for, with which modules they are.
    new_texts: Vec<(Foreign, Arc<Outline>)>,
    /// What these take of others.
    taken_anew: OnceCell<Vec<Taken>>,
    /// What of each module others take that has it of others itself.
    taken: RefCell<HashMap<String, Option<Arc<HashSet<String>>>>>,
}

/// What is known of a file.
struct Known {
    outline: Arc<Outline>,
    texts: Texts,
    /// With those, if there are any.
    graph: Option<Arc<KeptGraph>>,
    /// What followed from what reached it, the last two times.
    compared: Mutex<Vec<(Reaching, Arc<FilePatch>)>>,
}

impl<'a> Project<'a> {
    pub fn new(session: &'a Session, limit: Limit) -> Self {
        Self::of(session, &session.files().unwrap_or_default(), limit)
    }

    pub(super) fn of(session: &'a Session, files: &[LoadedFile], limit: Limit) -> Self {
        let project = files.iter().filter(|file| file.cell.is_none() && !file.installed);
        let named = project.flat_map(|file| file.modules.iter().map(|module| (module.clone(), file.path.clone())));
        Self {
            session,
            limit,
            modules: named.collect(),
            names: Arc::default(),
            calls: None,
            known: RefCell::default(),
            new_texts: Vec::new(),
            taken_anew: OnceCell::new(),
            taken: RefCell::default(),
        }
    }

    /// The patch's own texts may take what no live one does.
    pub(super) fn know_new_texts(&mut self, asked_for: &[AskedFor]) {
        let texts = asked_for.iter().filter_map(|asked| {
            let (path, module) = (asked.path.as_str(), asked.live.baseline.modules.first()?);
            Some((foreign(path, module, &Names::default(), &Foreign::default()), asked.outline.clone()))
        });
        self.new_texts = texts.collect();
    }

    fn taken_anew(&self) -> &[Taken] {
        self.taken_anew.get_or_init(|| self.new_texts.iter().map(|(foreign, outline)| foreign.taken(outline)).collect())
    }

    /// The names that others take of a module: nothing if that may be any.
    pub(super) fn taken_of(&self, module: &str) -> Option<Arc<HashSet<String>>> {
        if let Some(known) = self.taken.borrow().get(module) {
            return known.clone();
        }
        let found = self.taken_by_others(module).map(Arc::new);
        self.taken.borrow_mut().insert(module.to_owned(), found.clone());
        found
    }

    fn taken_by_others(&self, module: &str) -> Option<HashSet<String>> {
        let mut found = HashSet::new();
        // `pkg.t` where `pkg` has `from pkg import tables as t`
        let mut names = vec![module.to_owned()];
        let mut next = 0;
        while let Some(name) = names.get(next).cloned() {
            next += 1;
            for taken in self.taken_anew() {
                found.extend(taken.of(&name)?.into_iter().map(str::to_owned));
            }
            for (other, path) in &self.modules {
                let Ok(live) = self.session.known_baseline(path) else { continue };
                if !may_take_of(&live, other, &name) {
                    continue;
                }
                found.extend(live.taken().of(&name)?.into_iter().map(str::to_owned));
                for second in live.taken().names_of(&name).map(|own| format!("{other}.{own}")) {
                    if !names.contains(&second) {
                        names.push(second);
                    }
                }
            }
        }
        Some(found)
    }

    /// What changed elsewhere, for the text of a file.
    pub(super) fn foreign(
        &self,
        path: &str,
        module: &str,
        outline: &Arc<Outline>,
        changed: &Names,
        calls: &Foreign,
    ) -> Foreign {
        let mut foreign = self.reaching(path, module, changed, calls);
        foreign.texts = self.texts(&foreign, outline);
        if !foreign.texts.is_empty() {
            self.complete(&mut foreign, path, outline);
        }
        foreign
    }

    /// What follows in a file that is live: nothing if it imports nothing of what changed.
    pub(super) fn compared(
        &self,
        path: &str,
        module: &str,
        live: &Live,
        changed: &Names,
        calls: &Foreign,
    ) -> Option<Arc<FilePatch>> {
        let outline = live.outline();
        let mut foreign = self.reaching(path, module, changed, calls);
        let compare = |foreign: &Foreign| diff_following(path, live.baseline.version, outline, outline, &[], foreign);
        self.compare(&mut foreign, path, outline, compare)
    }

    /// What is asked for, with what follows from other files: nothing if nothing does. `own` is its place among all that were asked for.
    pub(super) fn followed(
        &self,
        own: usize,
        asked: &AskedFor,
        changed: &Names,
        calls: &Foreign,
    ) -> Option<Arc<FilePatch>> {
        let AskedFor { path, live, outline, stale, change: alone, .. } = asked;
        let calls = Foreign { names: self.names.clone(), own, ..calls.clone() };
        let mut foreign = self.reaching(path, live.baseline.modules.first()?, changed, &calls);
        let version = live.baseline.version;
        let compare = |foreign: &Foreign| diff_following(path, version, live.outline(), outline, stale, foreign);
        let change = self.compare(&mut foreign, path, outline, compare)?;
        // Others may reach through it what it calls.
        (change.edits != alone.edits || change.running != alone.running).then_some(change)
    }

    fn reaching(&self, path: &str, module: &str, changed: &Names, calls: &Foreign) -> Foreign {
        let taken = if count(calls) < MANY { None } else { self.taken_of(module) };
        Foreign { taken, ..foreign(path, module, changed, calls) }
    }

    fn compare(
        &self,
        foreign: &mut Foreign,
        path: &str,
        outline: &Arc<Outline>,
        compare: impl FnOnce(&Foreign) -> FilePatch,
    ) -> Option<Arc<FilePatch>> {
        let reaching = foreign.reaching(outline);
        if reaching.is_empty() {
            return None;
        }
        let known = self.complete(foreign, path, outline);
        let mut compared = known.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, change)) = compared.iter().find(|(former, _)| *former == reaching) {
            return Some(change.clone());
        }
        let change = Arc::new(compare(foreign));
        // What reaches a file only grows; it is looked at for its calls and for its values by turns.
        if compared.len() == 2 {
            compared.remove(0);
        }
        compared.push((reaching, change.clone()));
        Some(change)
    }

    fn complete(&self, foreign: &mut Foreign, path: &str, outline: &Arc<Outline>) -> Arc<Known> {
        let mut all = self.known.borrow_mut();
        let known = all.get(path).filter(|known| Arc::ptr_eq(&known.outline, outline)).cloned();
        let known = known.unwrap_or_else(|| {
            if foreign.texts.is_empty() {
                foreign.texts = self.texts(foreign, outline);
            }
            let graph = (!foreign.texts.is_empty()).then(|| Arc::new(KeptGraph::new(outline, foreign)));
            let (outline, texts) = (outline.clone(), foreign.texts.clone());
            let known = Known { outline, texts, graph, compared: Mutex::default() };
            let known = Arc::new(known);
            all.insert(path.to_owned(), known.clone());
            known
        });
        (foreign.texts, foreign.graph) = (known.texts.clone(), known.graph.clone());
        known
    }

    /// What is live of the modules that a text imports from, and of those that packages have what they hand on from.
    fn texts(&self, foreign: &Foreign, outline: &Outline) -> Texts {
        let mut texts = Texts::default();
        let found = Arc::make_mut(&mut texts);
        let mut pending = self.imported(foreign, outline);
        while !pending.is_empty() {
            self.session.know_baselines(pending.iter().map(|(_, path)| *path));
            for (name, path) in std::mem::take(&mut pending) {
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
        }
        texts
    }

    /// The project's modules that a text imports from, with their files.
    fn imported(&self, foreign: &Foreign, outline: &Outline) -> Vec<(String, &str)> {
        let names = foreign.imported_modules(outline).into_iter();
        names.filter_map(|name| self.modules.get(&name).map(|path| (name, path.as_str()))).collect()
    }
}

/// Whether the text of a module may take anything of another one, by the words that stand in it.
fn may_take_of(live: &Live, module: &str, other: &str) -> bool {
    let last = other.rsplit('.').next().unwrap_or(other);
    let is_inside = module.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'));
    is_inside || [last, "import_module", "__import__", "modules"].iter().any(|word| live.has_word(word))
}

fn foreign(path: &str, module: &str, changed: &Names, calls: &Foreign) -> Foreign {
    let is_package = is_package(path);
    let changed = changed.clone();
    Foreign { module: module.to_owned(), is_package, changed, ..calls.clone() }
}

pub(super) fn is_package(path: &str) -> bool {
    path.ends_with("/__init__.py")
}
