//! The statements of a module or a class, side by side.

use hotsplice_channel::patch::{Change, Edit, Kind, Part, What};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Comparison;
use super::bindings::{Names, may_run, only_binds, updated};
use super::edits::{definition_edit, edit, header_run, statement_edit, statement_kind};
use super::scope::Scope;
use crate::matching::{Matching, bound_names, match_items};
use crate::tree::{Node, Nodes};

impl<'a> Comparison<'a> {
    /// Compares all statements of one scope. Answers whether more than code of functions changed.
    pub(super) fn compare_scope(&mut self, live: &'a Nodes, new: &'a Nodes, scope: &Scope<'a>) -> bool {
        let live: Vec<&Node> = live.iter().collect();
        let new: Vec<&Node> = new.iter().collect();
        let matching = match_items(&live, &new);
        self.names.insert(scope.path.clone(), Names::compare(&live, &new));
        let moved = Moved::find(&live, &new, &matching);
        let mut renamed = renamings(&live, &new, &matching);
        let values = self.renamed_values(&live, &new, &matching, !scope.path.is_empty());
        let mut changed = false;
        for (index, node) in new.iter().enumerate() {
            changed |= match matching.live_of[index] {
                Some(partner) => self.compare_pair(live[partner], node, scope, &moved),
                None => match moved.live_of(node) {
                    Some(partner) => self.compare_pair(partner, node, scope, &moved),
                    None => {
                        let added = self.add(node, scope, renamed.remove(&index).is_some());
                        if let (Some((former, across)), Some(told)) = (values.get(&index), self.edit_for(node)) {
                            told.renamed_from = Some((*former).to_owned());
                            told.renamed_across = *across;
                        }
                        added
                    }
                },
            };
            if node.is_block() {
                changed |= self.compare_moved(node, scope, &moved);
            }
        }
        changed |= self.tell_order(&live, &new, &matching, scope);
        self.tell_moved_reads(&live, &new, &matching, scope);
        self.tell_moved_stars(&live, &new, &matching, scope);
        self.tell_registrations(&live, &new, &matching, scope);
        changed |= self.remove_missing(&live, &new, &matching, scope, &moved);
        for (node, partner) in new.iter().zip(&matching.live_of) {
            let decorators = |node: &Node| node.definition.as_ref().map(|parts| parts.decorators);
            if let Some(partner) = partner.map(|index| live[index])
                && decorators(partner) != decorators(node)
            {
                // A setter that became a deleter.
                self.extend_properties(partner, &new, scope);
            }
        }
        changed |= self.tell_shadowing(&live, &new, &matching, scope);
        changed | self.make_names(scope)
    }

    /// Definitions that came into a compound statement from elsewhere in the scope.
    fn compare_moved(&mut self, block: &'a Node, scope: &Scope<'a>, moved: &Moved<'a>) -> bool {
        let inner = scope.in_block(block);
        let mut changed = false;
        for node in &block.body {
            if let Some(partner) = moved.live_of(node) {
                changed |= self.compare_pair(partner, node, &inner, moved);
            }
        }
        changed
    }

    /// A name that the text gives another value gets it from all of its statements, unedited ones included.
    fn make_names(&mut self, scope: &Scope<'a>) -> bool {
        let Some(names) = self.names.get(&scope.path) else { return false };
        let makers = names.makers.clone();
        let mut found = false;
        for node in makers {
            if node.is_definition() || !may_run(node) || self.edit_for(node).is_some() {
                continue;
            }
            let live = self.live_of.get(&std::ptr::from_ref(node)).copied();
            let told = statement_edit(self.new, live, node, scope, Change::Changed);
            self.push(node, told);
            found = true;
        }
        found
    }

    fn add(&mut self, node: &'a Node, scope: &Scope<'a>, renamed: bool) -> bool {
        let told = if node.is_definition() {
            let kind = if renamed { Kind::Renamed } else { Kind::Added };
            definition_edit(self.new, None, node, scope, kind, Change::Added)
        } else {
            statement_edit(self.new, None, node, scope, Change::Added)
        };
        self.push(node, told);
        true
    }

    fn compare_pair(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>, moved: &Moved<'a>) -> bool {
        self.live_of.insert(new, live);
        match (live.what, new.what) {
            (What::Function, What::Function) => self.compare_function(live, new, scope),
            (What::Class, What::Class) => self.compare_class(live, new, scope),
            _ if new.is_definition() => {
                let told = definition_edit(self.new, Some(live), new, scope, Kind::Replaced, Change::Changed);
                self.push(new, told);
                true
            }
            (What::Block, What::Block) => self.compare_block(live, new, scope, moved),
            _ if live.hash == new.hash => {
                if new.makes_lambdas {
                    self.add_move(live, new, scope);
                }
                false
            }
            _ => {
                let told = statement_edit(self.new, Some(live), new, scope, Change::Changed);
                self.push(new, told);
                true
            }
        }
    }

    /// A block in which only definitions changed is no edit itself: each is compared with its own former one. Where several
    /// of one name stand in the scope, which of them is live is not known, and the block runs as a whole.
    fn compare_block(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>, moved: &Moved<'a>) -> bool {
        let inner = scope.in_block(new);
        let live_items: Vec<&Node> = live.body.iter().collect();
        let new_items: Vec<&Node> = new.body.iter().collect();
        let matching = match_items(&live_items, &new_items);
        let mut pairs = Vec::new();
        let mut changed = live.shell != new.shell;
        for (node, partner) in new_items.iter().zip(&matching.live_of) {
            let Some(partner) = partner.map(|index| live_items[index]) else { continue };
            if !moved.is_single(node) && partner.frame != node.frame {
                changed = true;
                if let Some(names) = self.names.get_mut(&scope.path) {
                    names.fresh.insert(node.name.as_str());
                }
            }
            pairs.push((partner, *node));
        }
        if changed {
            let told = statement_edit(self.new, Some(live), new, scope, Change::Changed);
            self.push(new, told);
        }
        let mut inside = false;
        for (partner, node) in pairs {
            match (partner.what, node.what) {
                _ if moved.is_single(node) && partner.what == node.what => {
                    inside |= self.compare_pair(partner, node, &inner, moved);
                }
                (What::Function, What::Function) if partner.frame == node.frame => {
                    self.compare_function(partner, node, &inner);
                }
                (What::Class, What::Class) if partner.frame == node.frame => {
                    self.compare_class(partner, node, &inner);
                }
                // The block's own run makes it anew; calls that hold the former function get the new code too.
                (What::Function, What::Function) => {
                    self.live_of.insert(node, partner);
                    self.add_unit(partner, node, &inner);
                }
                _ => {}
            }
        }
        changed | inside
    }

    /// Tells what is gone: whole statements, and names that a changed statement binds no more.
    fn remove_missing(
        &mut self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        scope: &Scope<'a>,
        moved: &Moved<'a>,
    ) -> bool {
        // `x: int` without a value gives the name none.
        let gives_value = |node: &&&Node| node.what != What::Annotation;
        let still_bound = bound_names(new.iter().filter(gives_value).copied());
        let mut changed = false;
        let mut following = self.last_line_of(scope, new);
        let mut removals = Vec::new();
        for (index, node) in live.iter().enumerate().rev() {
            let is_lost = |name: &String| name == "*" || !still_bound.contains(name.as_str());
            let mut lost: Vec<String> = node.bound_names().into_iter().filter(is_lost).collect();
            match matching.new_of[index].map(|partner| new[partner]) {
                Some(partner) => {
                    following = partner.line;
                    lost.retain(|name| name != "*" || !partner.binds_name(name));
                    if lost.is_empty() || node.what == What::Annotation {
                        continue;
                    }
                    let mut told = removal(node, scope, following, lost);
                    told.definition = told.binds.join(", ");
                    if partner.what == What::Annotation {
                        // Its name is still annotated.
                        told.what = What::Annotation;
                    }
                    removals.push(told);
                }
                None if moved.is_gone_elsewhere(node) => continue,
                // What it bound is bound by others: the binding is what lives on.
                None if lost.is_empty() && only_binds(node) => continue,
                None if updated(node).iter().any(|name| self.is_fresh(scope, name)) => continue,
                None => {
                    self.extend_properties(node, new, scope);
                    self.lost_writes.extend(node.writes.iter().cloned());
                    removals.push(removal(node, scope, following, lost));
                }
            }
            changed = true;
        }
        removals.reverse();
        self.removals.extend(removals);
        changed
    }

    /// A deleter is gone from between a getter and a setter: what follows it was made of it, and all are made anew.
    fn extend_properties(&mut self, gone: &Node, new: &[&'a Node], scope: &Scope<'a>) {
        let reads_itself = |node: &Node| {
            let accessor = format!("{}.", node.name);
            let parts = node.definition.as_ref();
            parts.is_some_and(|parts| parts.decorator_reads.iter().any(|read| read.starts_with(&accessor)))
        };
        if !gone.is_function() || !reads_itself(gone) {
            return;
        }
        for &node in new.iter().filter(|node| node.is_function() && node.name == gone.name) {
            if self.edit_of.contains_key(&std::ptr::from_ref(node)) {
                self.run_whole(node, scope);
            } else if let Some(&live) = self.live_of.get(&std::ptr::from_ref(node)) {
                let told = definition_edit(self.new, Some(live), node, scope, Kind::Replaced, Change::Changed);
                self.push(node, told);
            }
        }
    }

    fn last_line_of(&self, scope: &Scope, new: &[&Node]) -> u32 {
        match new.last() {
            Some(last) if !scope.path.is_empty() => last.end_line,
            _ => self.new.lines.count(),
        }
    }

    /// A statement that did not change gives a name another value when what overrode it is gone or moved.
    fn tell_shadowing(&mut self, live: &[&'a Node], new: &[&'a Node], matching: &Matching, scope: &Scope<'a>) -> bool {
        let (last_live, last_new) = (last_binders(live), last_binders(new));
        let mut found: Vec<usize> = last_new
            .iter()
            .filter_map(|(name, &index)| {
                let before = *last_live.get(name)?;
                let partner = matching.live_of[index]?;
                // Statements' names are followed by what the text gives them.
                (partner != before && new[index].is_definition() && !live[before].is_block()).then_some(index)
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        for &index in &found {
            let node = new[index];
            let partner = matching.live_of[index].map(|partner| live[partner]);
            if self.edit_of.contains_key(&std::ptr::from_ref(node)) {
                self.run_whole(node, scope);
                continue;
            }
            let told = definition_edit(self.new, partner, node, scope, Kind::Replaced, Change::Changed);
            self.push(node, told);
        }
        !found.is_empty()
    }

    fn is_fresh(&self, scope: &Scope, name: &str) -> bool {
        self.names.get(&scope.path).is_some_and(|names| names.fresh.contains(name))
    }

    /// New code is not enough for a definition whose name something else had: a getter whose setter is gone.
    fn run_whole(&mut self, node: &'a Node, scope: &Scope<'a>) {
        let outline = self.new;
        let Some(edit) = self.edit_for(node) else { return };
        if node.is_function() && edit.change == Change::Changed && !edit.parts.contains(&Part::Decorators) {
            edit.parts.push(Part::Decorators);
            edit.run = header_run(outline, node, scope, &edit.parts, &edit.fresh_defaults);
        }
    }
}

/// Definitions of a scope that went into a compound statement, or out of one, or from one to another.
struct Moved<'a> {
    /// By the new definition.
    live_of: HashMap<*const Node, &'a Node>,
    gone: HashSet<*const Node>,
    /// Definitions whose name no other one has in either text.
    single: HashSet<*const Node>,
}

impl<'a> Moved<'a> {
    fn find(live: &[&'a Node], new: &[&'a Node], matching: &Matching) -> Self {
        let (before, after) = (single_definitions(live), single_definitions(new));
        let mut moved = Self { live_of: HashMap::default(), gone: HashSet::default(), single: HashSet::default() };
        for (name, &(node, place)) in &after {
            let Some(&(partner, former)) = before.get(name) else { continue };
            moved.single.insert(node);
            if matching.live_of[place] != Some(former) && partner.what == node.what {
                moved.live_of.insert(node, partner);
                moved.gone.insert(partner);
            }
        }
        moved
    }

    fn live_of(&self, new: &Node) -> Option<&'a Node> {
        self.live_of.get(&std::ptr::from_ref(new)).copied()
    }

    fn is_gone_elsewhere(&self, live: &Node) -> bool {
        self.gone.contains(&std::ptr::from_ref(live))
    }

    fn is_single(&self, new: &Node) -> bool {
        self.single.contains(&std::ptr::from_ref(new))
    }
}

/// Definitions whose name is defined once, with the index of the statement that they are or stand in.
fn single_definitions<'a>(items: &[&'a Node]) -> HashMap<&'a str, (&'a Node, usize)> {
    let mut found: HashMap<&str, Option<(&Node, usize)>> = HashMap::default();
    found.reserve(items.len());
    for (index, item) in items.iter().enumerate() {
        let inside = item.is_block().then_some(&item.body).into_iter().flatten();
        let own = std::iter::once(*item).filter(|item| !item.is_block());
        for node in own.chain(inside).filter(|node| node.is_definition()) {
            found.entry(&node.name).and_modify(|one| *one = None).or_insert(Some((node, index)));
        }
    }
    found.into_iter().filter_map(|(name, one)| Some((name, one?))).collect()
}

/// The index of the last statement that binds each name.
fn last_binders<'a>(items: &[&'a Node]) -> HashMap<&'a str, usize> {
    let mut last = HashMap::default();
    for (index, item) in items.iter().enumerate() {
        for binding in &item.binds {
            last.insert(binding.name.as_str(), index);
        }
    }
    last
}

/// New definitions (by index) whose content is that of one that is gone.
fn renamings(live: &[&Node], new: &[&Node], matching: &Matching) -> HashMap<usize, usize> {
    let mut gone: HashMap<u64, Vec<usize>> = HashMap::default();
    for (index, node) in live.iter().enumerate().rev() {
        if matching.new_of[index].is_none()
            && let Some(content) = content(node)
        {
            gone.entry(content).or_default().push(index);
        }
    }
    let mut found = HashMap::default();
    for (index, node) in new.iter().enumerate() {
        if matching.live_of[index].is_none()
            && let Some(content) = content(node)
            && let Some(former) = gone.get_mut(&content).and_then(Vec::pop)
        {
            found.insert(index, former);
        }
    }
    found
}

/// A definition without its name.
fn content(node: &Node) -> Option<u64> {
    let parts = node.definition.as_ref()?;
    let nested: Vec<u64> = node.body.iter().map(|inner| inner.hash).collect();
    let mut hasher = DefaultHasher::new();
    (node.is_class(), parts.body, parts.docstring, parts.parameters, nested).hash(&mut hasher);
    Some(hasher.finish())
}

fn removal(live: &Node, scope: &Scope, line: u32, lost: Vec<String>) -> Edit {
    let kind = match live.is_definition() {
        true => Kind::Removed,
        false => statement_kind(live.what, scope),
    };
    Edit {
        line,
        end_line: line,
        binds: lost,
        reads: Vec::new(),
        offered: matches!(live.what, What::Statement | What::Block) && !live.runs_unasked,
        ..edit(Some(live), live, scope, kind, Change::Removed)
    }
}
