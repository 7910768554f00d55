//! Two versions of one class.

use hotsplice_channel::patch::{Change, Kind};

use super::Comparison;
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
