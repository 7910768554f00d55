//! Which place of a function's former text is which of its new one.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::collections::BTreeSet;

use hotsplice_channel::patch::{Moved, MovedPlace};

use crate::tree::{Place, PlaceKind};

/// Places with the same blocks around them are paired in order if there are as many as before, else those that are alike in
/// themselves and the only ones of their kind.
pub(super) fn pairs(live: &[Place], new: &[Place]) -> Vec<MovedPlace> {
    let (olds, news) = (grouped(live), grouped(new));
    let mut found: Vec<(&Place, &Place)> = Vec::new();
    for (key, befores) in &olds {
        let Some(afters) = news.get(key) else { continue };
        if befores.len() == afters.len() {
            found.extend(befores.iter().copied().zip(afters.iter().copied()));
            continue;
        }
        for before in befores {
            let alike = |places: &[&Place]| places.iter().filter(|place| place.like == before.like).count() == 1;
            if alike(befores) && alike(afters) {
                found.extend(afters.iter().filter(|after| after.like == before.like).map(|after| (*before, *after)));
            }
        }
    }
    let is_elsewhere = elsewhere(&found, live, new);
    found.retain(|(before, after)| !is_elsewhere(before, after));
    let (by_statement, mut found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(before, _)| matches!(before.kind, PlaceKind::Statement | PlaceKind::Following));
    found.extend(statements(&by_statement));
    let mut found: Vec<MovedPlace> = found.into_iter().map(|(before, after)| pair(before, after)).collect();
    found.sort_by_key(|pair| (pair.old, pair.what as u8));
    found
}

/// Whether one of two loops with other headers stands elsewhere in the other text: inside of a loop that is new, or without one that is gone.
fn elsewhere(pairs: &[(&Place, &Place)], live: &[Place], new: &[Place]) -> impl Fn(&Place, &Place) -> bool + use<> {
    let count = |places: &mut dyn Iterator<Item = &Place>| {
        let mut counts: HashMap<u64, usize> = HashMap::default();
        places
            .filter(|place| place.kind == PlaceKind::Loop)
            .for_each(|place| *counts.entry(place.like).or_default() += 1);
        counts
    };
    let same = count(&mut pairs.iter().filter(|(old, new)| old.like == new.like).map(|(old, _)| *old));
    let (olds, news) = (count(&mut live.iter()), count(&mut new.iter()));
    let has_more = move |counts: &HashMap<u64, usize>, like| counts.get(&like) > same.get(&like);
    move |before, after| {
        let is_other = before.kind == PlaceKind::Loop && before.like != after.like;
        is_other && (has_more(&news, before.like) || has_more(&olds, after.like))
    }
}

/// How many statements of a function are looked at.
const STATEMENTS: usize = 1000;

/// Where a call goes on behind, or at, a statement that both texts have: nothing that both have is left out or done twice.
fn statements<'a>(pairs: &[(&'a Place, &'a Place)]) -> Vec<(&'a Place, &'a Place)> {
    let (own, following): (Vec<_>, Vec<_>) = pairs.iter().copied().partition(|it| it.0.kind == PlaceKind::Statement);
    if own.len() > STATEMENTS {
        return Vec::new();
    }
    let keeps_order = |old: &Place, new: &Place| own.iter().all(|(was, is)| (was.at < old.at) == (is.at < new.at));
    // What comes after the statement before is what the new text has there, also where that is edited.
    let known: HashSet<[u32; 4]> = following.iter().map(|(old, _)| old.at).collect();
    let own_alone = own.iter().filter(|(old, _)| !known.contains(&old.at));
    following.iter().chain(own_alone).copied().filter(|(old, new)| keeps_order(old, new)).collect()
}

type Key = (PlaceKind, u64, u64);

/// Loops are alike by the blocks around them alone; what a call waits for has to be the same kind of statement.
fn grouped(places: &[Place]) -> HashMap<Key, Vec<&Place>> {
    let mut groups: HashMap<Key, Vec<&Place>> = HashMap::default();
    for place in places {
        let is_loop = place.kind == PlaceKind::Loop;
        groups.entry((place.kind, place.blocks, if is_loop { 0 } else { place.like })).or_default().push(place);
    }
    groups
}

fn pair(before: &Place, after: &Place) -> MovedPlace {
    let (what, old, new) = match (before.kind, &before.test, &after.test) {
        // What the condition has taken must neither be lost nor be taken again: the call goes on where an iteration begins.
        (PlaceKind::Loop, Some(was), Some(is)) if before.like != after.like && (was.acts || is.acts) => {
            let what = if was.at.is_some() { Moved::Test } else { Moved::Loop };
            (what, was.at.unwrap_or(before.at), is.at.unwrap_or(after.at))
        }
        (PlaceKind::Loop, ..) => (Moved::Loop, before.at, after.at),
        (PlaceKind::Statement | PlaceKind::Following, ..) => (Moved::Statement, before.at, after.at),
        (PlaceKind::Wait, ..) => (Moved::Wait, before.at, after.at),
    };
    MovedPlace { what, old, new, rebound: rebound(before, after) }
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
