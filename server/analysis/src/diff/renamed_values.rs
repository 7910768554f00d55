//! Names of a module or a class that were given another name everywhere: what they hold goes on.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use hotsplice_channel::patch::What;

use super::Comparison;
use crate::depend::foreign::Counts;
use crate::matching::Matching;
use crate::parse::dotted::head;
use crate::tree::Node;

impl<'a> Comparison<'a> {
    /// New statements, by index, that bind what a live one bound by another name, and whether more files have that.
    pub(super) fn renamed_values(
        &self,
        live: &[&'a Node],
        new: &[&'a Node],
        matching: &Matching,
        in_class: bool,
    ) -> HashMap<usize, (&'a str, bool)> {
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
        let bound = |node: &'a Node| node.binds[0].name.as_str();
        let mut pairs = Vec::new();
        for (value, afters) in &come {
            let befores = gone.get(value).map_or(&[][..], Vec::as_slice);
            let names = |items: &[&'a Node], indexes: &[usize]| indexes.iter().map(|one| bound(items[*one])).collect();
            let (formers, names): (Vec<&str>, Vec<&str>) = (names(live, befores), names(new, afters));
            let all = alike(self.live.names(), self.new.names(), &formers, &names);
            let found = all.or_else(|| alike(self.live.identifiers(), self.new.identifiers(), &formers, &names));
            // One is compared below.
            let found = found.or_else(|| (formers.len() == 1 && names.len() == 1).then(|| vec![(0, 0)]));
            pairs.extend(found.into_iter().flatten().map(|(former, name)| (befores[former], afters[name])));
        }
        for (before, after) in &pairs {
            let (former, name) = (bound(live[*before]), bound(new[*after]));
            let with_attributes = renamed(self.live.names(), self.new.names(), former, name);
            let across = if with_attributes > 0 { self.renamed_elsewhere(former, name) } else { 0 };
            let own = || renamed(self.live.identifiers(), self.new.identifiers(), former, name);
            // One that nothing uses may be another one.
            let is_renamed = with_attributes + across > 1 && (in_class || across > 0) || own() > 1;
            if is_renamed && self.rests_on_unchanged(new[*after], live, new, matching) {
                found.insert(*after, (former, across > 0));
            }
        }
        found
    }

    /// How often the other files of the patch name it, if they all have the new name for the former one.
    fn renamed_elsewhere(&self, former: &str, name: &str) -> usize {
        let count = |names: &Counts, name: &str| names.get(name).copied().unwrap_or_default();
        let is_renamed = |(live, new): &(Counts, Counts)| {
            count(live, former) == count(new, name) && count(new, former) == 0 && count(live, name) == 0
        };
        let others = || {
            let all = self.foreign.names.iter().enumerate();
            all.filter(|(index, _)| *index != self.foreign.own).map(|(_, names)| names)
        };
        if others().all(is_renamed) { others().map(|(live, _)| count(live, former)).sum() } else { 0 }
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
                if is_edited || (item.imports() && self.foreign.reaches(item)) {
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

/// Which of some names stands in the places in which another one stood, by their indexes, if that is so for all.
fn alike<'n>(
    live: impl Iterator<Item = &'n str>,
    new: impl Iterator<Item = &'n str>,
    formers: &[&str],
    names: &[&str],
) -> Option<Vec<(usize, usize)>> {
    let ((olds, before), (news, after)) = (in_order(live, formers)?, in_order(new, names)?);
    (before == after).then(|| olds.into_iter().zip(news).collect())
}

/// Some names in the order in which they are first named, by their index, and the places of each among them all; nothing if one is named
/// nowhere.
fn in_order<'n>(all: impl Iterator<Item = &'n str>, names: &[&str]) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut order: Vec<usize> = Vec::new();
    let found: Vec<usize> = all
        .filter_map(|one| names.iter().position(|name| *name == one))
        .map(|index| {
            order.iter().position(|known| *known == index).unwrap_or_else(|| {
                order.push(index);
                order.len() - 1
            })
        })
        .collect();
    (order.len() == names.len()).then_some((order, found))
}

/// How often one name stood where another one stands now, if it is so everywhere.
fn renamed<'a>(
    live: impl Iterator<Item = &'a str>,
    new: impl Iterator<Item = &'a str>,
    former: &str,
    name: &str,
) -> usize {
    let mut counts = [[0, 0]; 2];
    let mut count = |which: usize, one: &str| {
        counts[which][0] += usize::from(one == former);
        counts[which][1] += usize::from(one == name);
    };
    live.for_each(|one| count(0, one));
    new.for_each(|one| count(1, one));
    let [[before, early], [late, after]] = counts;
    if before == after && early == 0 && late == 0 { before } else { 0 }
}
