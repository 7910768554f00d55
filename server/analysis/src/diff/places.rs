//! Which place of a function's former text is which of its new one.

use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeSet;

use hotsplice_channel::patch::{Moved, MovedPlace};

use crate::tree::{Place, PlaceKind};

/// Places with the same blocks around them are paired in order if there are as many as before, else those that are alike in
/// themselves and the only ones of their kind.
pub(super) fn pairs(live: &[Place], new: &[Place]) -> Vec<MovedPlace> {
    let (olds, news) = (grouped(live), grouped(new));
    let mut found = Vec::new();
    for (key, befores) in &olds {
        let Some(afters) = news.get(key) else { continue };
        if befores.len() == afters.len() {
            found.extend(befores.iter().zip(afters).map(|(before, after)| pair(before, after)));
            continue;
        }
        for before in befores {
            let alike = |places: &[&Place]| places.iter().filter(|place| place.like == before.like).count() == 1;
            if alike(befores) && alike(afters) {
                found.extend(afters.iter().filter(|after| after.like == before.like).map(|after| pair(before, after)));
            }
        }
    }
    found.sort_by_key(|pair| pair.old);
    found
}

type Key = (bool, u64, u64);

/// Loops are alike by the blocks around them alone; what a call waits for has to be the same kind of statement.
fn grouped(places: &[Place]) -> HashMap<Key, Vec<&Place>> {
    let mut groups: HashMap<Key, Vec<&Place>> = HashMap::default();
    for place in places {
        let is_loop = place.kind == PlaceKind::Loop;
        groups.entry((is_loop, place.blocks, if is_loop { 0 } else { place.like })).or_default().push(place);
    }
    groups
}

fn pair(before: &Place, after: &Place) -> MovedPlace {
    let what = if before.kind == PlaceKind::Loop { Moved::Loop } else { Moved::Wait };
    MovedPlace { what, old: before.at, new: after.at, rebound: rebound(before, after) }
}

/// Variables that the new text gives something else on the way to a place.
fn rebound(before: &Place, after: &Place) -> Vec<String> {
    let (olds, news) = (ways(before), ways(after));
    let mut found: Vec<String> = olds
        .iter()
        .filter(|(name, how)| news.get(*name).is_some_and(|new| new != *how))
        .map(|it| (*it.0).to_owned())
        .collect();
    found.sort();
    found
}

fn ways(place: &Place) -> HashMap<&str, BTreeSet<u64>> {
    let mut found: HashMap<&str, BTreeSet<u64>> = HashMap::default();
    for binding in place.bindings.iter() {
        if !place.repeated.is_some_and(|[start, end]| (start..end).contains(&binding.at)) {
            found.entry(&binding.name).or_default().insert(binding.how);
        }
    }
    found
}
