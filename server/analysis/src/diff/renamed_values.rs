//! Names of a module that were given another name everywhere: what they hold goes on.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use hotsplice_channel::patch::What;

use super::Comparison;
use crate::matching::Matching;
use crate::outline::Outline;
use crate::parse::dotted::head;
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// New statements, by index, that bind what a live one bound by another name.
    pub(super) fn renamed_values(
        &self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
    ) -> HashMap<usize, &'a str> {
        let candidates = |items: &[&'a Node], partners: &[Option<usize>]| {
            let mut by_value: HashMap<u64, Vec<usize>> = HashMap::default();
            for (index, node) in items.iter().enumerate().filter(|(index, _)| partners[*index].is_none()) {
                if let Some(value) = only_value(node) {
                    by_value.entry(value).or_default().push(index);
                }
            }
            by_value
        };
        let gone = candidates(live, &matching.new_of);
        if gone.is_empty() {
            return HashMap::default();
        }
        let come = candidates(new, &matching.live_of);
        let mut found = HashMap::default();
        for (value, indexes) in &come {
            let (Some([before]), [after]) = (gone.get(value).map(Vec::as_slice), indexes.as_slice()) else { continue };
            let (former, name) = (live[*before].binds[0].name.as_str(), new[*after].binds[0].name.as_str());
            if is_renamed(self.live, self.new, former, name)
                && self.rests_on_unchanged(new[*after], live, new, matching)
            {
                found.insert(*after, former);
            }
        }
        found
    }

    /// Whether nothing that a statement's value comes of is edited, here or in another file.
    fn rests_on_unchanged(&self, node: &Node, live: &[&Node], new: &[&Node], matching: &Matching) -> bool {
        let mut seen: HashSet<&str> = HashSet::default();
        let mut pending: Vec<&str> = node.reads.iter().map(|name| head(name)).collect();
        while let Some(name) = pending.pop() {
            if !seen.insert(name) {
                continue;
            }
            let mut gone = live.iter().zip(&matching.new_of).filter(|(_, partner)| partner.is_none());
            if gone.any(|(item, _)| gives(item, name)) {
                return false;
            }
            for (index, item) in new.iter().enumerate().filter(|(_, item)| gives(item, name)) {
                let is_edited = matching.live_of[index].is_none_or(|partner| live[partner].hash != item.hash);
                if is_edited || (item.what == What::Import && self.foreign.reaches(item)) {
                    return false;
                }
                pending.extend(item.reads.iter().map(|name| head(name)));
                if let Some(parts) = &item.definition {
                    let inside = parts.inside.calls.iter().chain(&parts.inside.reads);
                    pending.extend(inside.map(|name| head(name)));
                }
            }
        }
        true
    }
}

/// Whether a statement binds a name, or changes what it holds: `Settings.debug = True`, `TABLE[key] = 1`, `NAMES.append(1)`.
fn gives(item: &Node, name: &str) -> bool {
    item.binds_name(name)
        || item.updates.iter().any(|update| update.name == name)
        || item.writes.iter().any(|written| head(written) == name)
}

/// The value of a statement that does nothing but give one name one.
fn only_value(node: &Node) -> Option<u64> {
    match node.binds.as_slice() {
        [binding]
            if node.what == What::Assignment && node.writes.is_empty() && !binding.updates && binding.value != 0 =>
        {
            Some(binding.value)
        }
        _ => None,
    }
}

/// Whether one name stands wherever the other one stood, and nowhere else. One that nothing uses may be another one.
fn is_renamed(live: &Outline, new: &Outline, former: &str, name: &str) -> bool {
    let count = |outline: &Outline, name: &str| {
        outline.file.identifiers.iter().filter(|(start, end)| outline.text.get(*start..*end) == Some(name)).count()
    };
    let uses = count(live, former);
    uses > 1 && uses == count(new, name) && count(new, former) == 0 && count(live, name) == 0
}
