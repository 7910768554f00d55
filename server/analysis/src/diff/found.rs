//! What a comparison has found so far, so that it is found again without a look at all of it: edits by the definition of the module
//! that they are about or stand in, and names that have other values by what they are members of.

use std::ops::{Deref, DerefMut};

use hotsplice_channel::patch::Edit;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Edits in the order in which they were found.
#[derive(Default)]
pub(super) struct Edits {
    all: Vec<Edit>,
    by_head: HashMap<String, Vec<usize>>,
}

impl Edits {
    pub fn push(&mut self, edit: Edit) {
        let head = edit.scope.first().unwrap_or(&edit.definition);
        match self.by_head.get_mut(head) {
            Some(known) => known.push(self.all.len()),
            None => drop(self.by_head.insert(head.clone(), vec![self.all.len()])),
        }
        self.all.push(edit);
    }

    /// Those of a definition of the module, and those that stand in it.
    pub fn about(&self, head: &str) -> impl Iterator<Item = &Edit> {
        self.by_head.get(head).into_iter().flatten().filter_map(|index| self.all.get(*index))
    }

    pub fn into_all(self) -> Vec<Edit> {
        self.all
    }
}

impl Deref for Edits {
    type Target = [Edit];

    fn deref(&self) -> &[Edit] {
        &self.all
    }
}

impl DerefMut for Edits {
    fn deref_mut(&mut self) -> &mut [Edit] {
        &mut self.all
    }
}

impl Extend<Edit> for Edits {
    fn extend<T: IntoIterator<Item = Edit>>(&mut self, edits: T) {
        edits.into_iter().for_each(|edit| self.push(edit));
    }
}

/// Names whose values are other ones now, as far as the walk has come.
#[derive(Default)]
pub(super) struct Dirty {
    names: HashSet<String>,
    /// Those with a dot, by what stands before the last one.
    members: HashMap<String, HashSet<String>>,
    /// What came (true) and went: a class takes back what holds in it only.
    changes: Vec<(String, bool)>,
}

impl Dirty {
    pub fn of(names: HashSet<String>) -> Self {
        let mut dirty = Self::default();
        dirty.extend(names);
        dirty
    }

    pub fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if !self.names.contains(&name) {
                self.put(name.clone(), true);
                self.changes.push((name, true));
            }
        }
    }

    pub fn remove(&mut self, name: &str) {
        if self.names.contains(name) {
            self.put(name.to_owned(), false);
            self.changes.push((name.to_owned(), false));
        }
    }

    /// The names of what others are members of: `limit` for `Table.limit`.
    pub fn members_of<'s>(&'s self, holder: &str) -> impl Iterator<Item = &'s str> {
        self.members.get(holder).into_iter().flatten().map(String::as_str)
    }

    /// What comes and goes from here on does so in a scope.
    pub fn enter(&self) -> usize {
        self.changes.len()
    }

    pub fn leave(&mut self, entered: usize) {
        for (name, came) in self.changes.split_off(entered).into_iter().rev() {
            self.put(name, !came);
        }
    }

    fn put(&mut self, name: String, is_there: bool) {
        if let Some((holder, member)) = name.rsplit_once('.') {
            match self.members.get_mut(holder) {
                Some(members) if is_there => drop(members.insert(member.to_owned())),
                Some(members) => drop(members.remove(member)),
                None if is_there => {
                    self.members.entry(holder.to_owned()).or_default().insert(member.to_owned());
                }
                None => {}
            }
        }
        match is_there {
            true => self.names.insert(name),
            false => self.names.remove(&name),
        };
    }
}

impl Deref for Dirty {
    type Target = HashSet<String>;

    fn deref(&self) -> &HashSet<String> {
        &self.names
    }
}
