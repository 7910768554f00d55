//! The edits that lead from the live text to the new one.

mod again;
mod anew;
mod bindings;
mod classes;
mod decorated;
mod derived;
mod derived_headers;
mod derived_imports;
mod derived_statements;
mod edits;
mod excerpt;
mod found;
mod functions;
mod looked_at;
mod order;
mod places;
mod renamed_values;
mod scope;
mod stale;
mod statements;
mod touched;

use std::sync::Arc;

use hotsplice_channel::patch::{Change, ClassUnit, Edit, FilePatch, NewText, Unit};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::depend::foreign::{Foreign, is_inside, names_inside};
use crate::outline::Outline;
use crate::tree::{Node, Nodes};
pub use again::run_again;
pub use anew::diff_anew;
use bindings::Names;
use excerpt::{Range, cut, whole};
use found::Edits;
use scope::Scope;

/// All edits that lead from `live` to `new`. Definitions named in `stale` get an edit even where the texts agree,
/// because what runs is not what the live text says.
pub fn diff(path: &str, base_version: u64, live: &Outline, new: &Outline, stale: &[String]) -> FilePatch {
    diff_following(path, base_version, live, new, stale, &Foreign::default())
}

/// As [`diff`], where names of other modules have other values now: what was computed from them is computed again.
pub fn diff_following(
    path: &str,
    base_version: u64,
    live: &Outline,
    new: &Outline,
    stale: &[String],
    foreign: &Foreign,
) -> FilePatch {
    let mut comparison = Comparison::new(live, new, foreign);
    if live.text != new.text || !stale.is_empty() || !foreign.is_empty() {
        comparison.compare_scope(&live.file.items, &new.file.items, &Scope::default());
        comparison.add_stale(stale);
        comparison.add_derived();
        comparison.tell_decorated();
    }
    comparison.finish(path, base_version)
}

/// A new node by its address: nodes have no number of their own, and the tree stands still.
type Key = *const Node;

/// The edits found so far.
struct Comparison<'a> {
    live: &'a Outline,
    new: &'a Outline,
    foreign: &'a Foreign,
    edits: Edits,
    removals: Edits,
    /// Which edit is about a node.
    edit_of: HashMap<Key, usize>,
    /// The live node of each new one that has one.
    live_of: HashMap<Key, &'a Node>,
    units: Vec<Unit>,
    unit_of: HashSet<Key>,
    /// Lines of `compile`.
    compiled: Vec<Range>,
    moves: Vec<(Key, Unit)>,
    classes: Vec<ClassUnit>,
    /// Functions and classes whose call runs edited code, by the module's names.
    running: HashSet<String>,
    /// Containers whose contents are others once definitions are made or gone, and attributes that objects read of edited
    /// classes: what reads them is computed once the patch is live.
    deferred: HashSet<String>,
    /// What statements that are gone had assigned besides names.
    lost_writes: Vec<String>,
    /// Classes with an edit inside.
    touched: HashSet<String>,
    /// Those of `running` that would decorate otherwise.
    decorating: HashSet<String>,
    /// Methods among them, and the names that they have as those of objects.
    decorating_methods: HashSet<String>,
    /// Those of `running` that run where they are read.
    properties: HashSet<String>,
    /// Attributes of the module's definitions that are others once the patch is live.
    late: HashSet<String>,
    /// What is another one of what the module has of others.
    handed_on: HashSet<String>,
    class_of: HashSet<Key>,
    /// What the text gives the names of each scope that was compared.
    names: HashMap<Vec<String>, Names<'a>>,
    /// Definitions of the new text whose name another one takes.
    superseded: HashSet<Key>,
    /// `from __future__` imports changed: every function is compiled anew.
    all_units: bool,
}

impl<'a> Comparison<'a> {
    fn new(live: &'a Outline, new: &'a Outline, foreign: &'a Foreign) -> Self {
        Self {
            live,
            new,
            foreign,
            edits: Edits::default(),
            removals: Edits::default(),
            edit_of: HashMap::default(),
            live_of: HashMap::default(),
            units: Vec::new(),
            unit_of: HashSet::default(),
            compiled: Vec::new(),
            moves: Vec::new(),
            classes: Vec::new(),
            running: HashSet::default(),
            deferred: HashSet::default(),
            lost_writes: Vec::new(),
            touched: HashSet::default(),
            decorating: HashSet::default(),
            decorating_methods: HashSet::default(),
            properties: HashSet::default(),
            late: HashSet::default(),
            handed_on: HashSet::default(),
            class_of: HashSet::default(),
            names: HashMap::default(),
            superseded: superseded(&new.file.items),
            all_units: live.file.future_hash != new.file.future_hash,
        }
    }

    fn push(&mut self, new: &Node, mut edit: Edit) {
        edit.superseded = self.superseded.contains(&std::ptr::from_ref(new));
        self.tell_names(new, &mut edit);
        self.edit_of.insert(new, self.edits.len());
        self.edits.push(edit);
    }

    /// Which of the names that an edit binds get another value, and where the live text gave them theirs.
    fn tell_names(&self, new: &Node, edit: &mut Edit) {
        let Some(names) = self.names.get(&edit.scope) else { return };
        let is_fresh = |name: &String| names.fresh.contains(name.as_str());
        if edit.change == Change::Changed || edit.change == Change::Added {
            edit.fresh_names.retain(|name| is_fresh(name) || new.writes.contains(name));
        }
        let touched = new.binds.iter().chain(&new.updates).map(|one| one.name.as_str());
        if !new.is_definition() && !new.binds.is_empty() {
            edit.superseded = new.binds.iter().all(|binding| names.defined.contains(binding.name.as_str()));
        }
        edit.fresh = new.bound_names().into_iter().filter(is_fresh).collect();
        edit.several = new.bound_names().into_iter().filter(|name| names.several.contains(name.as_str())).collect();
        edit.made_by_others = names.made_by_others(edit.old_line, new);
        edit.former = names.former_of(touched);
        edit.given_by = names.given_by(&new.bound_names());
    }

    /// Definitions of the new module with a name.
    fn defined(&self, name: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.new.index().definitions(name).iter().map(Arc::as_ref)
    }

    /// The edits of a definition of the module and those in it, removals too.
    fn changes_about(&self, head: &str) -> impl Iterator<Item = &Edit> {
        self.edits.about(head).chain(self.removals.about(head))
    }

    /// Whether a name is a class's, before and after.
    fn is_class(&self, name: &str) -> bool {
        let both = [self.live, self.new].map(|outline| outline.index().definitions(name));
        both.iter().all(|nodes| nodes.iter().any(|node| node.is_class()))
    }

    fn edit_for(&mut self, node: &Node) -> Option<&mut Edit> {
        let index = *self.edit_of.get(&std::ptr::from_ref(node))?;
        self.edits.get_mut(index)
    }

    /// A function gets new code.
    fn add_unit(&mut self, live: &Node, new: &Node, scope: &Scope) {
        if self.unit_of.insert(new) {
            self.units.push(unit(live, new, scope));
            self.compiled.extend(scope.around(whole(new)));
        }
    }

    fn add_move(&mut self, live: &Node, new: &Node, scope: &Scope) {
        if live.line != new.line {
            self.moves.push((new, unit(live, new, scope)));
        }
    }

    /// The class may have to be built again.
    fn add_class(&mut self, live: &Node, new: &Node, scope: &Scope) {
        if !scope.is_local && self.class_of.insert(new) {
            self.classes.push(ClassUnit {
                scope: scope.path.clone(),
                name: new.name.clone(),
                old_line: live.line,
                line: new.line,
                run: scope.cut(self.new, whole(new), &[]),
            });
        }
    }

    fn finish(self, path: &str, base_version: u64) -> FilePatch {
        let unit_of = self.unit_of;
        let mut edits = self.edits.into_all();
        edits.sort_by_key(|edit| edit.line);
        edits.extend(self.removals.into_all());
        let mut units = self.units;
        units.sort_by_key(|unit| unit.line);
        let mut moves: Vec<Unit> =
            self.moves.into_iter().filter(|(node, _)| !unit_of.contains(node)).map(|(_, unit)| unit).collect();
        moves.sort_by_key(|unit| unit.line);
        let mut classes = self.classes;
        classes.sort_by_key(|class| class.line);
        // What functions import by themselves nobody has of the module.
        let inside = names_inside(self.new);
        let is_own = |name: &String| !is_inside(name, &inside);
        let own = |names: HashSet<String>| sorted(names.into_iter().filter(is_own).collect());
        FilePatch {
            path: path.to_owned(),
            was: None,
            base_version,
            text: NewText::of(&self.live.text, &self.new.text),
            edits,
            units,
            compile: cut(self.new, &self.compiled, &[]),
            moves,
            classes,
            running: own(self.running),
            decorating: own(self.decorating),
            properties: own(self.properties),
            late: own(self.late),
            handed_on: own(self.handed_on),
            places: places::pairs(&self.live.file.places, &self.new.file.places),
        }
    }
}

fn sorted(names: HashSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// Definitions that are followed by another one of their name in the same scope, which does not read it (as
/// `@value.setter` does).
fn superseded(items: &Nodes) -> HashSet<Key> {
    let mut found = HashSet::default();
    let mut last: HashMap<&str, &Node> = HashMap::default();
    for item in items {
        let Some(parts) = &item.definition else { continue };
        if let Some(before) = last.insert(&item.name, item) {
            let is_read = |read: &String| read.split('.').next() == Some(&item.name);
            if !parts.decorator_reads.iter().any(is_read) {
                found.insert(std::ptr::from_ref(before));
            }
        }
        if item.is_class() {
            found.extend(superseded(&item.body));
        }
    }
    found
}

fn unit(live: &Node, new: &Node, scope: &Scope) -> Unit {
    let name = match new.binds.first() {
        Some(binding) if !new.is_definition() => binding.name.clone(),
        _ => new.name.clone(),
    };
    Unit {
        scope: scope.path.clone(),
        name,
        what: new.what,
        old_line: live.line,
        old_end_line: live.end_line,
        line: new.line,
        places: match (&live.definition, &new.definition) {
            (Some(live), Some(new)) => places::pairs(&live.places, &new.places),
            _ => Vec::new(),
        },
        gives_otherwise: live.definition.as_ref().map(|parts| parts.gives)
            != new.definition.as_ref().map(|parts| parts.gives),
    }
}
