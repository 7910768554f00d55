//! What a definition needs to find beside itself: new names of the module that it reads, and what those need.

use rustc_hash::FxHashSet as HashSet;

use super::Splicing;
use crate::matching::bound_names;
use crate::tree::Node;

impl<'a> Splicing<'a> {
    pub(super) fn add_needed(&mut self) {
        let (live, new) = (self.live, self.new);
        let known = bound_names(&live.file.items);
        let mut brought: HashSet<*const Node> = self.taken.iter().map(|node| std::ptr::from_ref(*node)).collect();
        let mut next = 0;
        while let Some(&node) = self.taken.get(next) {
            next += 1;
            let missing: HashSet<&str> = self.identifiers_in(node).filter(|name| !known.contains(name)).collect();
            for item in &new.file.items {
                let needed = item.binds.iter().any(|binding| missing.contains(binding.name.as_str()));
                if needed && !contains(item, node) && brought.insert(item) {
                    self.insert(item, &live.file.items, &new.file.items, None);
                }
            }
        }
    }

    fn identifiers_in(&self, node: &Node) -> impl Iterator<Item = &'a str> + use<'a> {
        let new = self.new;
        let (start, end) = new.lines.span(node.line, node.end_line);
        let identifiers = &new.file.identifiers;
        let from = identifiers.partition_point(|span| span.0 < start);
        let inside = identifiers[from..].iter().take_while(move |span| span.0 < end);
        inside.filter_map(move |&(from, to)| new.text.get(from..to))
    }
}

/// Whether a definition taken already stands inside of a statement.
fn contains(item: &Node, node: &Node) -> bool {
    item.line <= node.line && node.end_line <= item.end_line
}
