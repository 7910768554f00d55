//! What of the changes in other modules a text can be about, so that it is not looked at again where that is the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use hotsplice_channel::patch::What;

use super::foreign::{Foreign, bound, spoken_of};
use crate::effects::ANY_MODULE;
use crate::outline::Outline;
use crate::tree::Node;

/// What of a [`Foreign`] a text can be about: how much that is, and a digest of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reaching {
    count: usize,
    digest: u64,
}

/// The kind of what a module's `__getattr__` gives.
const DYNAMIC: usize = 5;
/// That of what others have put into the module's own containers.
const OWN: usize = 6;

impl Reaching {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A kind of change, what the text calls it, and its own name.
    fn note(&mut self, one: (usize, &str, &str)) {
        let mut hasher = DefaultHasher::new();
        one.hash(&mut hasher);
        self.count += 1;
        self.digest = self.digest.wrapping_add(hasher.finish());
    }
}

impl Foreign {
    /// What of it a text's imports give. Where that is the same, the same follows.
    pub fn reaching(&self, outline: &Outline) -> Reaching {
        let mut found = Reaching::default();
        for (name, origin) in bound(outline) {
            self.add_reaching_by(name, origin, outline, &mut found);
        }
        for item in &outline.file.items {
            self.add_reaching(item, outline, &mut found);
        }
        if !self.dynamic.is_empty() {
            self.dynamic(outline).keys().for_each(|name| found.note((DYNAMIC, name, "")));
        }
        self.put_into_own().for_each(|name| found.note((OWN, name, "")));
        found
    }

    fn add_reaching(&self, item: &Node, outline: &Outline, found: &mut Reaching) {
        if item.what == What::Import && self.takes_dynamic(item) {
            item.binds.iter().for_each(|binding| found.note((DYNAMIC, &binding.name, "")));
        }
        for inner in &item.body {
            for (name, origin) in inner.imported() {
                self.add_reaching_by(name, origin, outline, found);
            }
            self.add_reaching(inner, outline, found);
        }
    }

    fn add_reaching_by(&self, name: &str, origin: &str, outline: &Outline, found: &mut Reaching) {
        let Some(origin) = self.absolute(origin) else { return };
        // A text that imports nothing is not split into words.
        let words = outline.words();
        let start = origin.split(['*', ANY_MODULE]).next().unwrap_or_default();
        let is_given = |name: &&String| {
            let rest = &name[start.len()..];
            start != origin || rest.is_empty() || rest.starts_with(['.', '[', '('])
        };
        let words = Some(words).filter(|_| !origin.contains([ANY_MODULE, '*']) && !self.is_taken(name));
        let kinds = [&self.changed, &self.called, &self.decorating, &self.properties, &self.late];
        for (kind, names) in kinds.into_iter().enumerate() {
            // Whatever changed is asked for by statements that import, too.
            let words = words.filter(|_| kind > 0);
            for own in spoken_of(names, start, words).filter(is_given) {
                found.note((kind, name, own));
            }
        }
    }
}
