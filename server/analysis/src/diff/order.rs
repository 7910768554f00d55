//! Order that means something: members of a class, and what registers itself when it runs.

use hotsplice_channel::patch::{Change, Kind, What};

use super::Comparison;
use super::bindings::updated;
use super::edits::{edit, statement_edit};
use super::scope::Scope;
use crate::matching::Matching;
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// Members of enums and fields of dataclasses stand in an order that counts: one that only moved is an edit where a
    /// metaclass, a base or a decorator may look at it.
    pub(super) fn tell_order(
        &mut self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        scope: &Scope<'a>,
    ) -> bool {
        let is_looked_at =
            |class: &&Node| class.definition.as_ref().is_some_and(|parts| !parts.header_reads.is_empty());
        if scope.is_local || scope.class().filter(is_looked_at).is_none() {
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

    /// Statements that only moved and read a name that several statements give something.
    pub(super) fn tell_moved_reads(
        &mut self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        scope: &Scope<'a>,
    ) {
        for (node, partner) in new.iter().zip(&matching.live_of) {
            let Some(partner) = partner.map(|index| live[index]) else { continue };
            let Some(names) = self.names.get_mut(&scope.path) else { return };
            if node.what != What::Assignment || !names.reads_otherwise(partner, node) {
                continue;
            }
            names.fresh.extend(node.binds.iter().map(|binding| binding.name.as_str()));
            if self.edit_for(node).is_none() {
                let told = statement_edit(self.new, Some(partner), node, scope, Change::Changed);
                self.push(node, told);
            }
        }
    }

    /// Imports of all that another module has which moved past something that binds names: the last one has the word.
    pub(super) fn tell_moved_stars(
        &mut self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        scope: &Scope<'a>,
    ) {
        let binding: Vec<(&'a Node, usize)> = new
            .iter()
            .zip(&matching.live_of)
            .filter(|(node, _)| !node.binds.is_empty())
            .filter_map(|(node, partner)| Some((*node, (*partner)?)))
            .collect();
        for (index, (node, partner)) in binding.iter().enumerate() {
            if !node.binds_name("*") || self.edit_for(node).is_some() {
                continue;
            }
            let has_passed = |(place, (_, other)): (usize, &(&Node, usize))| (place < index) != (other < partner);
            if binding.iter().enumerate().filter(|(place, _)| *place != index).any(has_passed) {
                let told = statement_edit(self.new, Some(live[*partner]), node, scope, Change::Changed);
                self.push(node, told);
            }
        }
    }

    /// Decorated definitions and calls of a module that only moved past each other. Whether they register anything is known
    /// to the process alone.
    pub(super) fn tell_registrations(
        &mut self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        scope: &Scope<'a>,
    ) {
        if !scope.path.is_empty() {
            return;
        }
        let pairs: Vec<(&'a Node, usize)> =
            new.iter().zip(&matching.live_of).filter_map(|(node, partner)| Some((*node, (*partner)?))).collect();
        let registering: Vec<_> = pairs.iter().filter(|(node, _)| may_register(node)).copied().collect();
        self.tell_out_of_order(&registering, live, scope);
        let mut containers: Vec<&String> = pairs.iter().filter_map(|(node, _)| filled(node)).collect();
        containers.sort_unstable();
        containers.dedup();
        for container in containers {
            let filling: Vec<_> = pairs.iter().filter(|(node, _)| filled(node) == Some(container)).copied().collect();
            self.tell_out_of_order(&filling, live, scope);
        }
    }

    fn tell_out_of_order(&mut self, pairs: &[(&'a Node, usize)], live: &[&'a Node], scope: &Scope<'a>) {
        let places: Vec<usize> = pairs.iter().map(|(_, place)| *place).collect();
        let in_order = longest_rising(&places);
        for (index, (node, partner)) in pairs.iter().enumerate() {
            if !in_order.contains(&index) && self.edit_for(node).is_none() {
                let told = edit(Some(live[*partner]), node, scope, Kind::Lines, Change::Changed);
                self.push(node, told);
            }
        }
    }
}

fn may_register(node: &Node) -> bool {
    match &node.definition {
        Some(parts) => !parts.decorator_reads.is_empty(),
        None => node.what == What::Statement && !node.runs_unasked && updated(node).is_empty() && !node.main_guard,
    }
}

/// The container that an assignment does nothing but put an item into: `TABLE["a"] = 1`.
fn filled(node: &Node) -> Option<&String> {
    match (node.what, node.writes.as_slice()) {
        (What::Assignment, [container]) if node.binds.is_empty() && container.ends_with("[]") => Some(container),
        _ => None,
    }
}

/// The indices of a longest rising subsequence.
fn longest_rising(values: &[usize]) -> Vec<usize> {
    // For each length the index of the smallest value that ends such a sequence.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; values.len()];
    for (index, value) in values.iter().enumerate() {
        let place = ends.partition_point(|&end| values[end] < *value);
        before[index] = place.checked_sub(1).map(|place| ends[place]);
        match ends.get_mut(place) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut found = Vec::new();
    let mut at = ends.last().copied();
    while let Some(index) = at {
        found.push(index);
        at = before[index];
    }
    found
}
