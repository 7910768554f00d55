//! Names of other modules that have other values now, as the imports of this module know them.

use std::collections::{BTreeSet, HashSet as StdHashSet};
use std::ops::Bound;
use std::sync::Arc;

use hotsplice_channel::patch::What;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::kept::KeptGraph;
use crate::effects::{ANY_MODULE, Effects, FOUND};
use crate::outline::Outline;
use crate::tree::{Node, Nodes};
use crate::words::Words;

/// Names of other modules, in order: those that begin with something stand together. Of a large patch there are many
/// thousands, and each file is looked at with them.
pub type Names = Arc<BTreeSet<String>>;

/// Which module a text is, and what changed elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// The dotted name of the module whose text is looked at; its relative imports start there.
    pub module: String,
    /// It is a package's `__init__`.
    pub is_package: bool,
    /// `pkg.config.TIMEOUT`; `pkg.config.*` where names have come or gone.
    pub changed: Names,
    /// `pkg.tables.build`: what such a call gave would be another value now.
    pub called: Names,
    /// Those of them that would decorate otherwise now.
    pub decorating: Names,
    /// Those of them that run where they are read.
    pub properties: Names,
    /// Modules with a `__getattr__` among them, each with the names that it has besides.
    pub dynamic: Arc<HashMap<String, HashSet<String>>>,
    /// Those of `changed` that are others only once the patch is live.
    pub late: Names,
    /// Where there is much of it: the names that others take of this module. Nothing if that may be any.
    pub taken: Option<Arc<StdHashSet<String>>>,
    /// What is live of modules, with whether they are packages.
    pub texts: Texts,
    /// The graph of the text with these, where one is known.
    pub graph: Option<Arc<KeptGraph>>,
    /// How often each name stands in the files of the patch, in the live text and in the new one; which of them it is that is looked at.
    pub names: Arc<Vec<(Counts, Counts)>>,
    pub own: usize,
}

/// Modules by their names: whether they are packages, and what is live of them.
pub type Texts = Arc<HashMap<String, (bool, Arc<Outline>)>>;

/// How often each name stands in a text.
pub type Counts = HashMap<String, usize>;

impl Foreign {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.called.is_empty() && self.decorating.is_empty()
    }

    /// What an import makes of the names that changed: names bound to such values, and dotted names that lead to them.
    pub(crate) fn through(&self, import: &Node) -> (Vec<String>, Vec<String>) {
        self.known_as(&self.changed, import)
    }

    /// Whether an import gives anything that is another one now, or runs edited code.
    pub(crate) fn reaches(&self, import: &Node) -> bool {
        self.takes_dynamic(import)
            || [&self.changed, &self.called, &self.properties, &self.decorating].into_iter().any(|names| {
                let (bound, dotted) = self.known_as(names, import);
                !bound.is_empty() || !dotted.is_empty()
            })
    }

    /// How the module calls what runs edited code.
    pub(crate) fn calls(&self, outline: &Outline) -> HashSet<String> {
        let mut found = self.imported(&self.called, outline);
        found.extend(self.put_into_own().map(str::to_owned));
        found
    }

    /// What other modules have put into containers of this one: `REG[]`, `Bus.handlers[]`.
    pub(super) fn put_into_own(&self) -> impl Iterator<Item = &str> {
        let start = format!("{}.", self.module);
        let names = beginning_with_owned(&self.called, start);
        names.filter(|name| {
            name.split("[]").next().is_some_and(|own| own.len() < name.len() && own.matches('.').count() < 2)
        })
    }

    pub(crate) fn properties(&self, outline: &Outline) -> HashSet<String> {
        self.imported(&self.properties, outline)
    }

    /// How the module calls others whose `__getattr__` runs edited code; a name that it imports from one stands for itself.
    pub(crate) fn dynamic(&self, outline: &Outline) -> HashMap<String, HashSet<String>> {
        let mut found = HashMap::default();
        let names = if self.dynamic.is_empty() { Vec::new() } else { bound(outline) };
        for (name, as_written) in names {
            let Some(origin) = self.absolute(as_written) else { continue };
            for (module, has) in self.dynamic.iter() {
                let root = is_root(name, as_written);
                if root && (origin == *module || origin.starts_with(&format!("{module}."))) {
                    found.insert(module.clone(), has.clone());
                } else if origin == *module {
                    found.insert(name.to_owned(), has.clone());
                }
            }
        }
        found
    }

    /// Whether an import takes a name from another module's `__getattr__` that runs edited code.
    pub(crate) fn takes_dynamic(&self, import: &Node) -> bool {
        let origins = import.binds.iter().filter_map(|binding| binding.origin.as_deref());
        origins.filter_map(|origin| self.absolute(origin)).any(|origin| {
            origin.rsplit_once('.').is_some_and(|(module, name)| {
                self.dynamic
                    .get(module)
                    .is_some_and(|has| !has.contains(name) && !name.starts_with("__") && name != "*")
            })
        })
    }

    /// The modules that a text's imports may be about.
    pub fn imported_modules(&self, outline: &Outline) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (_, origin) in self.imports(outline) {
            let origin = origin.trim_end_matches(".*");
            let holder = origin.rsplit_once('.').map(|(holder, _)| holder);
            for name in [Some(origin), holder].into_iter().flatten() {
                if !found.iter().any(|known| known == name) {
                    found.push(name.to_owned());
                }
            }
        }
        found
    }

    /// What the first import of a name in another module's text, of which this tells the place, stands for.
    pub(super) fn import(&self, outline: &Outline, name: &str) -> Option<String> {
        outline.index().imports.get(name)?.iter().find_map(|origin| self.absolute(origin))
    }

    /// The names that a module's imports bind, with what they stand for.
    pub(crate) fn imports(&self, outline: &Outline) -> impl Iterator<Item = (String, String)> {
        let imports = outline.index().bound.iter();
        imports.filter_map(|(name, origin)| Some((name.clone(), self.absolute(origin)?)))
    }

    /// What changed of the modules that a statement finds by their names, as it calls them.
    pub(crate) fn changed_by(&self, effects: &Effects) -> Vec<String> {
        let imports = effects.imports.iter().map(|(name, origin)| (name.as_str(), origin.as_str()));
        self.known_by(&self.changed, imports, None).1
    }

    /// How functions that import by themselves call what changed.
    pub(crate) fn changed_inside(&self, items: &Nodes) -> HashSet<String> {
        if self.changed.is_empty() {
            return HashSet::default();
        }
        self.known_as_any(&self.changed, bound_inside(items).into_iter(), None)
    }

    /// What is to be read only once the patch is live.
    pub(crate) fn late(&self, outline: &Outline) -> HashSet<String> {
        self.imported(&self.late, outline)
    }

    /// The decorators among them.
    pub(crate) fn decorators(&self, outline: &Outline) -> HashSet<String> {
        self.imported(&self.decorating, outline)
    }

    fn imported(&self, names: &BTreeSet<String>, outline: &Outline) -> HashSet<String> {
        if names.is_empty() {
            return HashSet::default();
        }
        self.known_as_any(names, bound(outline).into_iter(), Some(outline.words()))
    }

    fn known_as_any<'a>(
        &self,
        names: &BTreeSet<String>,
        bound: impl Iterator<Item = (&'a str, &'a str)>,
        words: Option<&Words>,
    ) -> HashSet<String> {
        let (bound, dotted) = self.known_by(names, bound, words);
        bound.into_iter().chain(dotted).collect()
    }

    fn known_as(&self, changed: &BTreeSet<String>, import: &Node) -> (Vec<String>, Vec<String>) {
        let imported = import.binds.iter().filter_map(|one| Some((one.name.as_str(), one.origin.as_deref()?)));
        self.known_by(changed, imported, None)
    }

    fn known_by<'a>(
        &self,
        changed: &BTreeSet<String>,
        imported: impl Iterator<Item = (&'a str, &'a str)>,
        words: Option<&Words>,
    ) -> (Vec<String>, Vec<String>) {
        let (mut bound, mut dotted) = (Vec::new(), Vec::new());
        for (name, as_written) in imported {
            let Some(origin) = self.absolute(as_written) else { continue };
            if let Some((beginning, taken)) = origin.split_once(ANY_MODULE) {
                // `.rate`, or whatever comes after a module's name.
                let taken = if taken.is_empty() { "." } else { taken };
                let is_whole = |rest: &str| taken == "." || rest.is_empty() || rest.starts_with(['.', '[', '(']);
                for own in beginning_with(changed, beginning) {
                    let places = own.match_indices(taken).map(|(at, _)| at).filter(|at| *at >= beginning.len());
                    let rests = places.filter(|at| is_whole(&own[at + taken.len()..])).map(|at| &own[at..]);
                    dotted.extend(rests.map(|rest| format!("{name}{rest}")));
                }
                continue;
            }
            if let Some(module) = origin.strip_suffix('*') {
                let from_it = beginning_with(changed, module).filter_map(|name| name.strip_prefix(module));
                let given = from_it.filter(|name| !name.starts_with('_')).map(str::to_owned);
                let (of_it, names) = given.partition::<Vec<_>, _>(|name| name.contains(['.', '[']));
                bound.extend(names);
                dotted.extend(of_it);
                if !bound.is_empty() {
                    bound.push("*".to_owned());
                }
                continue;
            }
            if changed.contains(&origin) {
                bound.push(name.to_owned());
            }
            let root = is_root(name, as_written);
            let words = words.filter(|_| !self.is_taken(name));
            for own in spoken_of(changed, &origin, words) {
                if let Some(rest) = own.strip_prefix(&origin).filter(|rest| rest.starts_with(['.', '[', '('])) {
                    dotted.push(if root { own.clone() } else { format!("{name}{rest}") });
                }
            }
        }
        (bound, dotted)
    }

    /// Whether others may take a name of this module: with whatever that leads to, which need not stand in the text.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.as_ref().is_none_or(|taken| taken.contains(name))
    }

    /// `..config:TIMEOUT` in `pkg.web.views` → `pkg.config.TIMEOUT`
    pub(super) fn absolute(&self, origin: &str) -> Option<String> {
        let Some((module, name)) = origin.split_once(':') else { return Some(origin.to_owned()) };
        let relative = module.trim_start_matches('.');
        let level = module.len() - relative.len();
        let mut parts: Vec<&str> = Vec::new();
        if level > 0 {
            parts = self.module.split('.').collect();
            let up = if self.is_package { level - 1 } else { level };
            parts.truncate(parts.len().checked_sub(up)?);
        }
        parts.extend([relative, name].into_iter().filter(|part| !part.is_empty()));
        Some(parts.join("."))
    }
}

/// `import pkg.config` binds `pkg`, and the name is read as a whole; `from config import config` binds one of the module's.
pub(super) fn is_root(name: &str, origin: &str) -> bool {
    !origin.contains(':') && origin.split('.').next() == Some(name)
}

/// The names that a text has of other modules, those inside of functions first, each with what it stands for.
pub(super) fn bound(outline: &Outline) -> Vec<(&str, &str)> {
    let own = outline.index().bound.iter().map(|(name, origin)| (name.as_str(), origin.as_str()));
    bound_inside(&outline.file.items).into_iter().chain(own).collect()
}

/// What functions import by themselves, and modules that are taken where they are used, by names that the module gives to nothing else.
fn bound_inside(items: &Nodes) -> Vec<(&str, &str)> {
    fn add<'a>(items: &'a Nodes, found: &mut Vec<(&'a str, &'a str)>) {
        for item in items {
            let own = item.definition.as_deref().map_or(&item.effects.imports, |parts| &parts.inside.imports);
            if item.what != What::Import {
                found.extend(own.iter().map(|(name, origin)| (name.as_str(), origin.as_str())));
            }
            add(&item.body, found);
        }
    }
    let mut found = Vec::new();
    add(items, &mut found);
    if !found.is_empty() {
        let bindings = items.iter().flat_map(|node| &node.binds).filter(|binding| binding.origin.is_none());
        let others: HashSet<&str> = bindings.map(|binding| binding.name.as_str()).collect();
        // `plugin = import_module(name)` binds a name, and no import does.
        found.retain(|(name, origin)| origin.contains(ANY_MODULE) || !others.contains(name));
    }
    found
}

/// Whether a name leads to another module by a name that only functions import: nobody has it of this one.
pub(crate) fn is_inside(name: &str, inside: &HashSet<&str>) -> bool {
    name.starts_with(FOUND) || name.split(['.', '[', '(']).next().is_some_and(|head| inside.contains(head))
}

/// Names that only functions import.
pub(crate) fn names_inside(outline: &Outline) -> HashSet<&str> {
    let mut found: HashSet<&str> = bound_inside(&outline.file.items).into_iter().map(|(name, _)| name).collect();
    for (name, _) in &outline.index().bound {
        found.remove(name.as_str());
    }
    found
}

/// The rests of those that begin with something.
fn beginning_with_owned(names: &BTreeSet<String>, start: String) -> impl Iterator<Item = &str> {
    let rest = names.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
    rest.map_while(move |name| name.strip_prefix(start.as_str()))
}

pub(super) fn beginning_with<'a>(names: &'a BTreeSet<String>, start: &str) -> impl Iterator<Item = &'a String> {
    names.range::<str, _>((Bound::Included(start), Bound::Unbounded)).take_while(move |name| name.starts_with(start))
}

/// Those of them that a text can speak of: all parts of the name stand in it, but the last one. Of a large patch there are many thousands
/// more.
pub(super) fn spoken_of<'a>(
    names: &'a BTreeSet<String>,
    start: &str,
    words: Option<&Words>,
) -> impl Iterator<Item = &'a String> {
    let mut rest = names.range::<str, _>((Bound::Included(start), Bound::Unbounded));
    std::iter::from_fn(move || {
        loop {
            let name = rest.next().filter(|name| name.starts_with(start))?;
            let Some(end) = words.and_then(|words| end_of_unknown(&name[start.len()..], words)) else {
                return Some(name);
            };
            // `/` comes after the dot: nothing of what is left out is looked at one by one.
            let past = format!("{}/", &name[..start.len() + end]);
            rest = names.range::<str, _>((Bound::Included(past.as_str()), Bound::Unbounded));
        }
    })
}

/// Where the first part of a name ends that is no word of a text and leads on.
fn end_of_unknown(name: &str, words: &Words) -> Option<usize> {
    let mut start = 0;
    for (end, _) in name.match_indices('.') {
        let part = name[start..end].split(['[', '(']).next().unwrap_or_default();
        if !(part.is_empty() || part.contains('*') || part.starts_with("__") || words.contains(part)) {
            return Some(end);
        }
        start = end + 1;
    }
    None
}
