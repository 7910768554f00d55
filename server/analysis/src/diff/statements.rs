//! The statements of a module or a class, side by side.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use hotsplice_channel::patch::{Change, Edit, Kind, Part, What};

use super::Comparison;
use super::edits::{definition_edit, edit, header_run, statement_edit, statement_kind};
use super::scope::Scope;
use crate::matching::{Matching, bound_names, match_items};
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// Compares all statements of one scope. Answers whether more than code of functions changed.
    pub(super) fn compare_scope(&mut self, live: &'a [Node], new: &'a [Node], scope: &Scope<'a>) -> bool {
        let live: Vec<&Node> = live.iter().collect();
        let new: Vec<&Node> = new.iter().collect();
        let matching = match_items(&live, &new);
        let mut renamed = renamings(&live, &new, &matching);
        let mut changed = false;
        for (index, node) in new.iter().enumerate() {
            changed |= match matching.live_of[index] {
                Some(partner) => self.compare_pair(live[partner], node, scope),
                None => self.add(node, scope, renamed.remove(&index).is_some()),
            };
        }
        changed |= self.tell_order(&live, &new, &matching, scope);
        changed |= self.remove_missing(&live, &new, &matching, scope);
        for (node, partner) in new.iter().zip(&matching.live_of) {
            let decorators = |node: &Node| node.definition.as_ref().map(|parts| parts.decorators);
            if let Some(partner) = partner.map(|index| live[index])
                && decorators(partner) != decorators(node)
            {
                // A setter that became a deleter.
                self.extend_properties(partner, &new, scope);
            }
        }
        changed | self.tell_shadowing(&live, &new, &matching, scope)
    }

    /// Members of enums and fields of dataclasses stand in an order that counts: one that only moved is an edit where a
    /// metaclass, a base or a decorator may look at it.
    fn tell_order(&mut self, live: &[&'a Node], new: &[&'a Node], matching: &Matching, scope: &Scope<'a>) -> bool {
        let is_looked_at =
            |class: &&Node| class.definition.as_ref().is_some_and(|parts| !parts.header_reads.is_empty());
        if scope.is_local || scope.classes().last().copied().filter(is_looked_at).is_none() {
            return false;
        }
        let mut furthest = 0;
        let mut moved = false;
        for (node, partner) in new.iter().zip(&matching.live_of) {
            let Some(partner) = *partner else { continue };
            if !matches!(node.what, What::Assignment | What::Annotation) {
                continue;
            }
            if partner < furthest && self.edit_for(node).is_none() {
                let mut told = statement_edit(self.new, Some(live[partner]), node, scope, Change::Changed);
                told.kind = Kind::Lines;
                self.push(node, told);
                moved = true;
            }
            furthest = furthest.max(partner);
        }
        moved
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

    fn compare_pair(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) -> bool {
        self.live_of.insert(new, live);
        match (live.what, new.what) {
            (What::Function, What::Function) => self.compare_function(live, new, scope),
            (What::Class, What::Class) => self.compare_class(live, new, scope),
            _ if new.is_definition() => {
                let told = definition_edit(self.new, Some(live), new, scope, Kind::Replaced, Change::Changed);
                self.push(new, told);
                true
            }
            (What::Block, What::Block) => self.compare_block(live, new, scope),
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

    /// A block in which only code of functions changed is no edit itself.
    fn compare_block(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) -> bool {
        let changed = live.frame != new.frame;
        if changed {
            let told = statement_edit(self.new, Some(live), new, scope, Change::Changed);
            self.push(new, told);
        }
        let inner = scope.in_block(new);
        let live_items: Vec<&Node> = live.body.iter().collect();
        let new_items: Vec<&Node> = new.body.iter().collect();
        let matching = match_items(&live_items, &new_items);
        for (node, partner) in new_items.iter().zip(&matching.live_of) {
            let Some(partner) = partner.map(|index| live_items[index]) else {
                continue;
            };
            match (partner.what, node.what) {
                (What::Function, What::Function) if partner.frame == node.frame => {
                    self.compare_function(partner, node, &inner);
                }
                (What::Class, What::Class) if partner.frame == node.frame => {
                    self.compare_class(partner, node, &inner);
                }
                // The block's own run makes it anew; calls that hold the former function get the new code too.
                (What::Function, What::Function) => {
                    self.live_of.insert(*node, partner);
                    self.add_unit(partner, node, &inner);
                }
                _ => {}
            }
        }
        changed
    }

    /// Tells what is gone: whole statements, and names that a changed statement binds no more.
    fn remove_missing(&mut self, live: &[&'a Node], new: &[&'a Node], matching: &Matching, scope: &Scope<'a>) -> bool {
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
                let simple = [live[before], new[index]].iter().all(|node| !node.is_block());
                (partner != before && simple).then_some(index)
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
            let told = if node.is_definition() {
                definition_edit(self.new, partner, node, scope, Kind::Replaced, Change::Changed)
            } else {
                statement_edit(self.new, partner, node, scope, Change::Changed)
            };
            self.push(node, told);
        }
        !found.is_empty()
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

/// The index of the last statement that binds each name.
fn last_binders<'a>(items: &[&'a Node]) -> HashMap<&'a str, usize> {
    let mut last = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        for binding in &item.binds {
            last.insert(binding.name.as_str(), index);
        }
    }
    last
}

/// New definitions (by index) whose content is that of one that is gone.
fn renamings(live: &[&Node], new: &[&Node], matching: &Matching) -> HashMap<usize, usize> {
    let mut gone: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, node) in live.iter().enumerate().rev() {
        if matching.new_of[index].is_none()
            && let Some(content) = content(node)
        {
            gone.entry(content).or_default().push(index);
        }
    }
    let mut found = HashMap::new();
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
