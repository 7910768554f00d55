//! What names of other files stand for: the class, function or object there, and what its bases have.

use std::sync::Arc;

use super::foreign::Foreign;
use super::given::Others;
use super::making::gives;
use crate::outline::Outline;
use crate::tree::Node;
use hotsplice_channel::patch::What;

/// What is known of a class in another file.
pub(super) struct Class {
    pub(super) outline: Arc<Outline>,
    pub(super) there: Foreign,
    pub(super) name: String,
}

impl Class {
    pub(super) fn has(&self, attribute: &str, depth: usize) -> bool {
        let own = self.outline.index().class(&self.name).is_some_and(|class| gives(class, attribute));
        own || self.bases(depth).iter().any(|base| base.has(attribute, depth + 1))
    }

    /// Whether neither the class nor its bases have it; of bases that are not known it is not known.
    fn lacks(&self, attribute: &str, depth: usize) -> bool {
        let Some(class) = self.outline.index().class(&self.name) else { return false };
        let bases = class.definition.as_ref().map_or(0, |parts| parts.base_names.len());
        let known = self.bases(depth);
        known.len() == bases && !gives(class, attribute) && known.iter().all(|base| base.lacks(attribute, depth + 1))
    }

    pub(super) fn bases(&self, depth: usize) -> Vec<Self> {
        let class = self.outline.index().class(&self.name).filter(|_| depth < 4);
        let names = class.and_then(|class| class.definition.as_ref()).map_or(&[][..], |parts| &parts.base_names);
        let others = self.there.others(&self.outline);
        let of = |name: &String| match self.outline.index().class(name) {
            Some(_) => Some(Self { outline: self.outline.clone(), there: self.there.clone(), name: name.clone() }),
            None => others.origin(name),
        };
        names.iter().filter_map(of).collect()
    }
}

impl Others {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.origin(name).is_some()
    }

    /// How this file may call what another one's `module:REG` is.
    pub(super) fn called_here(&self, name: &str) -> Vec<String> {
        let Some((module, own)) = name.split_once(':') else { return Vec::new() };
        let full = format!("{module}.{own}");
        let imports = self.imports.keys().filter_map(|bound| {
            let (origin, is_root) = self.import(bound)?;
            let rest = full.strip_prefix(origin.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
            Some(if is_root { full.clone() } else { format!("{bound}{rest}") })
        });
        imports.collect()
    }

    /// Whether a name is a class of another file.
    pub(super) fn is_class(&self, name: &str) -> bool {
        self.origin(name).is_some_and(|found| found.outline.index().class(&found.name).is_some())
    }

    /// Whether objects of another file's class have an attribute by its `__getattr__` only.
    pub(super) fn computes(&self, class: &str, attribute: &str) -> bool {
        self.origin(class).is_some_and(|found| found.lacks(attribute, 0) && found.has("__getattr__", 0))
    }

    /// The text that a name of this file comes from, and the name there.
    pub(super) fn origin(&self, name: &str) -> Option<Class> {
        self.found(name, false)
    }

    /// The same; `with_objects`: also of what is no definition.
    pub(super) fn found(&self, name: &str, with_objects: bool) -> Option<Class> {
        let full = self.full_name(name)?;
        self.foreign.definition(&full, with_objects, 0)
    }

    /// The class that a name of another file is, or that of the object that it holds.
    pub(super) fn class_of(&self, name: &str) -> Option<Class> {
        let found = self.found(name, true)?;
        let items = &found.outline.file.items;
        let index = found.outline.index();
        if index.class(&found.name).is_some() {
            return Some(found);
        }
        let made = items.iter().filter(|node| !node.is_definition()).flat_map(|node| &node.effects.made);
        let by = made.filter(|(own, by)| *own == found.name && !by.starts_with('=')).map(|(_, by)| by).next_back()?;
        match index.class(by).is_some() {
            true => Some(Class { name: by.clone(), ..found }),
            false => found.there.others(&found.outline).origin(by),
        }
    }
}

impl Foreign {
    fn definition(&self, full: &str, with_objects: bool, depth: usize) -> Option<Class> {
        let (module, is_package, outline, own) = self.text_of(full).filter(|_| depth < 4)?;
        let there = Foreign { module, is_package, texts: self.texts.clone(), ..Foreign::default() };
        let is_object = |node: &Node| with_objects && node.what == What::Assignment && node.binds_name(own);
        let items = &outline.file.items;
        if !outline.index().definitions(own).is_empty() || items.iter().any(is_object) {
            return Some(Class { outline: outline.clone(), there, name: own.to_owned() });
        }
        let origin = there.import(outline, own)?;
        self.definition(&origin, with_objects, depth + 1)
    }
}
