//! Two versions of one function.

use super::Comparison;
use super::edits::{class_parts, edit, function_kind, function_parts, header_run, local_defaults, needs_run};
use super::scope::Scope;
use crate::matching::match_items;
use crate::tree::{Node, Nodes, flattened};
use hotsplice_channel::patch::{Change, Kind, Part};

impl<'a> Comparison<'a> {
    /// Compares a module's function or a method. Answers whether more than code changed, or whether a class would be made
    /// otherwise with it.
    pub(super) fn compare_function(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) -> bool {
        self.live_of.insert(new, live);
        let changed = live.hash != new.hash;
        if changed || live.layout != new.layout || self.all_units {
            self.add_unit(live, new, scope);
        } else {
            self.add_move(live, new, scope);
        }
        changed && self.compare_code(live, new, scope)
    }

    /// Tells the edits of a function and those inside of it. Answers whether something has to be run.
    fn compare_code(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) -> bool {
        let (Some(live_parts), Some(new_parts)) = (&live.definition, &new.definition) else {
            return false;
        };
        let (parts, fresh) = function_parts(live_parts, new_parts);
        let mut runs = false;
        if !parts.is_empty() {
            let mut edit = edit(Some(live), new, scope, function_kind(&parts), Change::Changed);
            runs = !scope.is_local && needs_run(&parts, live_parts, new_parts);
            if runs {
                edit.run = header_run(self.new, new, scope, &parts, &fresh);
            }
            if scope.is_local {
                edit.local_defaults = local_defaults(new_parts, &fresh);
            }
            edit.fresh_defaults = fresh;
            runs |= scope.is_class() && is_looked_at(&new.name, &parts);
            edit.parts = parts;
            self.push(new, edit);
        }
        self.compare_nested(&live.body, &new.body, &scope.in_function(new));
        runs
    }

    /// Compares definitions inside of a function. One that came or went is a change of the function around it.
    fn compare_nested(&mut self, live: &'a Nodes, new: &'a Nodes, scope: &Scope<'a>) {
        let definitions =
            |items: &'a Nodes| -> Vec<&'a Node> { flattened(items).into_iter().map(|(node, _)| node).collect() };
        let (live, new) = (definitions(live), definitions(new));
        let matching = match_items(&live, &new);
        for (node, partner) in new.iter().zip(matching.live_of) {
            let Some(partner) = partner.map(|index| live[index]) else {
                continue;
            };
            self.live_of.insert(*node, partner);
            if partner.hash == node.hash {
                continue;
            }
            if partner.what != node.what {
                let told = edit(Some(partner), node, scope, Kind::Replaced, Change::Changed);
                self.push(node, told);
            } else if node.is_class() {
                self.compare_local_class(partner, node, scope);
            } else {
                self.compare_code(partner, node, scope);
            }
        }
    }

    /// A class made inside of a function: it is one with the function's code, so it is only told.
    fn compare_local_class(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) {
        let (Some(live_parts), Some(new_parts)) = (&live.definition, &new.definition) else {
            return;
        };
        let mut parts = class_parts(live_parts, new_parts);
        let kind = if parts.is_empty() { Kind::ClassAttribute } else { Kind::ClassHeader };
        if own_statements(live) != own_statements(new) {
            parts.push(Part::Body);
        }
        if !parts.is_empty() {
            let mut edit = edit(Some(live), new, scope, kind, Change::Changed);
            edit.parts = parts;
            self.push(new, edit);
        }
        self.compare_nested(&live.body, &new.body, &scope.in_class(new));
    }
}

/// Whether what makes a class may look at what changed in a method: at its header, or by calling it for each member.
fn is_looked_at(name: &str, parts: &[Part]) -> bool {
    let is_called = ["__init__", "__new__", "_generate_next_value_"].contains(&name);
    is_called || parts.iter().any(|part| matches!(part, Part::Parameters | Part::Docstring))
}

/// What a class body does apart from the code of its methods.
fn own_statements(class: &Node) -> Vec<(bool, &str, u64)> {
    class
        .body
        .iter()
        .map(|item| match item.is_definition() {
            true => (true, item.name.as_str(), 0),
            false => (false, "", item.frame),
        })
        .collect()
}
