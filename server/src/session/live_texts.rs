//! The texts that are live in a process, as far as is known.

use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError};

use hotsplice_analysis::{Foreign, Outline, Taken};
use hotsplice_channel::message::{
    Baseline, BaselineAnswer, BaselineRequest, BaselinesAnswer, BaselinesRequest, Trust, method,
};

use super::sources::Source;
use super::{PATIENCE, Session, SessionError};

/// The text that is live in a process.
pub struct Live {
    pub baseline: Baseline,
    source: Arc<Source>,
    taken: OnceLock<Taken>,
    /// Whether there is a patch to undo, once somebody wanted to know.
    pub undoable: OnceLock<bool>,
}

/// How many files a process is asked for at once: its threads wait while their texts are put into a message.
const AT_ONCE: usize = 50;

impl Live {
    fn new(baseline: Baseline, source: Arc<Source>) -> Self {
        Self { baseline, source, taken: OnceLock::new(), undoable: OnceLock::new() }
    }

    fn of(answer: BaselineAnswer) -> Self {
        Self::new(answer.baseline, Source::of(answer.text))
    }

    /// Whether another process has the same text of the same name, and knows as much of it.
    pub fn is_same(&self, other: &Self) -> bool {
        let known = |live: &Self| {
            let Baseline { path, version, trust, differs, .. } = &live.baseline;
            (path.clone(), *version, *trust, differs.clone())
        };
        Arc::ptr_eq(&self.source, &other.source) && known(self) == known(other)
    }

    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// Whether a word stands anywhere in the text: as a name, in a string, in a comment.
    pub fn has_word(&self, word: &str) -> bool {
        self.source.has_word(word)
    }

    /// Whether the text may be about `pkg.Table.size`: `unit + 1` names the object, and not the method that it runs, `total(Table())`
    /// the class. What a star gives has any name.
    pub fn may_name(&self, name: &str) -> bool {
        let mut parts = name.rsplit('.').skip_while(|part| part.starts_with("__"));
        let has_word = |part: &str| part.contains('*') || self.has_word(part.split(['[', '(']).next().unwrap_or(part));
        // A module that is imported whole is handed on with all that it has: `mid.helper.Table().size()`.
        parts.by_ref().take(3).any(has_word) || self.source.has_star_import()
    }

    /// What the module takes of others.
    pub fn taken(&self) -> &Taken {
        self.taken.get_or_init(|| {
            let module = self.baseline.modules.first().cloned().unwrap_or_default();
            let own =
                Foreign { module, is_package: self.baseline.path.ends_with("/__init__.py"), ..Foreign::default() };
            own.taken(self.outline())
        })
    }

    pub fn outline(&self) -> &Arc<Outline> {
        self.source.outline()
    }
}

impl Session {
    /// The text that is live, as the process tells it now.
    pub fn baseline(&self, path: &str) -> Result<Arc<Live>, SessionError> {
        let answer: BaselineAnswer =
            self.client.request(method::BASELINE, &BaselineRequest { path: path.to_owned() }, PATIENCE)?;
        let live = Arc::new(Live::of(answer));
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), live.clone());
        Ok(live)
    }

    /// The text that is live, as far as is known without asking again.
    pub fn known_baseline(&self, path: &str) -> Result<Arc<Live>, SessionError> {
        let known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        known.map_or_else(|| self.baseline(path), Ok)
    }

    /// Asks for what is not known of these files, in few messages. What can't be asked for stays unknown.
    pub fn know_baselines<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        let unknown: Vec<String> = {
            let known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
            paths.filter(|path| !known.contains_key(*path)).map(str::to_owned).collect()
        };
        for paths in unknown.chunks(AT_ONCE) {
            let wanted = BaselinesRequest { paths: paths.to_vec() };
            let Ok(BaselinesAnswer { files }) = self.client.request(method::BASELINES, &wanted, PATIENCE) else {
                return;
            };
            let mut known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(files.into_iter().map(|file| (file.baseline.path.clone(), Arc::new(Live::of(file)))));
        }
    }

    /// What is live in a file, if that is known.
    pub fn live_outline(&self, path: &Path) -> Option<Arc<Outline>> {
        let files = self.known_files()?;
        let path = self.process_names(path).iter().find_map(|name| Self::find(name, &files))?;
        let baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(baselines.get(&path)?.outline()))
    }

    /// A patch of ours was committed: what is live now is known.
    pub fn now_live(&self, former: &Live, outline: Arc<Outline>) {
        let mut baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        let baseline = Baseline {
            version: former.baseline.version + 1,
            trust: Trust::Exact,
            differs: Vec::new(),
            undoable: former.baseline.undoable + 1,
            ..former.baseline.clone()
        };
        let live = Live::new(baseline, Source::parsed(outline));
        baselines.insert(live.baseline.path.clone(), Arc::new(live));
    }

    /// A file that was called so is another one now.
    pub fn renamed(&self, was: &str) {
        self.forget_baseline(was);
        self.forget_files();
    }

    /// What is live in a file is of this version: what is known of another one is of no use.
    pub fn forget_unless(&self, path: &str, version: u64) {
        let mut baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        if baselines.get(path).is_some_and(|live| live.baseline.version != version) {
            baselines.remove(path);
        }
    }

    /// The process loads a module anew: what is live in its file is to be asked for.
    pub fn forget_baseline(&self, path: &str) {
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Something changed: what is loaded, or what is live.
    pub fn forget(&self) {
        self.forget_files();
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
