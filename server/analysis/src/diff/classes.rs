//! Two versions of one class.

use hotsplice_channel::patch::{Change, Kind};

use super::Comparison;
use super::derived::Callables;
use super::edits::{class_parts, definition_edit};
use super::scope::Scope;
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// Compares header and members. Answers whether more than code of methods changed.
    pub(super) fn compare_class(&mut self, live: &'a Node, new: &'a Node, scope: &Scope<'a>) -> bool {
        self.live_of.insert(new, live);
        let (Some(live_parts), Some(new_parts)) = (&live.definition, &new.definition) else {
            return false;
        };
        let parts = class_parts(live_parts, new_parts);
        let header_changed = !parts.is_empty();
        if header_changed {
            let mut edit = definition_edit(self.new, Some(live), new, scope, Kind::ClassHeader, Change::Changed);
            edit.parts = parts;
            self.push(new, edit);
        } else {
            self.add_move(live, new, scope);
        }
        let members_changed = self.compare_scope(&live.body, &new.body, &scope.in_class(new));
        let rebuilt = header_changed || members_changed;
        if rebuilt {
            self.add_class(live, new, scope);
        }
        rebuilt
    }
}

/// Whether a statement in a class calls a function that stands there too, and is among these.
pub(super) fn calls_of_class(node: &Node, scope: &Scope<'_>, callables: &Callables<'_, '_>) -> bool {
    let class = scope.path.join(".");
    // `Row().fill` where the class `Row` stands there.
    let of_inner = |name: &String| {
        let own = format!("{class}.{name}");
        let head = own.split(['(', '[']).next().unwrap_or(&own);
        callables.graph.is_inner_class(head.rsplit_once('.').map_or(head, |(class, _)| class))
            || callables.graph.is_inner_class(head)
    };
    let calls = |name: &String| {
        if of_inner(name) {
            let found = callables.graph.called_by_name(&format!("{class}.{name}"));
            return found.iter().any(|one| callables.called.contains(one));
        }
        callables.called.contains(&format!("{class}.{name}"))
            || (!name.contains(['.', '[', '('])
                && callables.graph.method(&class, name, 0).iter().any(|one| callables.called.contains(one)))
    };
    !scope.path.is_empty() && node.effects.calls.iter().any(calls)
}
