//! Which statement of the new text is which of the live text, within one scope.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::collections::VecDeque;

use hotsplice_channel::patch::What;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::tree::Node;

/// Partners by index, both ways.
pub(crate) struct Matching {
    /// For each new item its live one.
    pub live_of: Vec<Option<usize>>,
    /// For each live item its new one.
    pub new_of: Vec<Option<usize>>,
}

impl Matching {
    fn pair(&mut self, live: usize, new: usize) {
        self.live_of[new] = Some(live);
        self.new_of[live] = Some(new);
    }
}

/// Matches two scopes: equal structure first, in order; then equal definitions wherever they went; then definitions
/// by name; then statements by what they bind; then blocks and other statements by their place.
pub(crate) fn match_items(live: &[&Node], new: &[&Node]) -> Matching {
    let mut matching = Matching { live_of: vec![None; new.len()], new_of: vec![None; live.len()] };
    match_equal_in_order(&mut matching, live, new);
    match_by_key(&mut matching, live, new, |node| Some((node.what, node.hash)));
    match_by_key(&mut matching, live, new, |node| {
        let parts = node.definition.as_ref()?;
        Some((node.what, node.name.as_str(), parts.decorator_shape))
    });
    match_by_key(&mut matching, live, new, |node| node.is_definition().then_some((node.what, node.name.as_str())));
    match_by_key(&mut matching, live, new, |node| node.is_definition().then_some(node.name.as_str()));
    match_by_bindings(&mut matching, live, new);
    match_by_place(&mut matching, live, new);
    matching
}

fn match_equal_in_order(matching: &mut Matching, live: &[&Node], new: &[&Node]) {
    let hashes = |nodes: &[&Node]| nodes.iter().map(|node| node.hash).collect::<Vec<_>>();
    let (live_hashes, new_hashes) = (hashes(live), hashes(new));
    for operation in capture_diff_slices(Algorithm::Myers, &live_hashes, &new_hashes) {
        if let DiffOp::Equal { old_index, new_index, len } = operation {
            for offset in 0..len {
                matching.pair(old_index + offset, new_index + offset);
            }
        }
    }
}

/// Pairs what has the same key, in order.
fn match_by_key<'a, K: std::hash::Hash + Eq>(
    matching: &mut Matching,
    live: &[&'a Node],
    new: &[&'a Node],
    key: impl Fn(&'a Node) -> Option<K>,
) {
    let mut waiting: HashMap<K, VecDeque<usize>> = HashMap::default();
    for (index, node) in live.iter().enumerate() {
        if matching.new_of[index].is_none()
            && let Some(key) = key(node)
        {
            waiting.entry(key).or_default().push_back(index);
        }
    }
    if waiting.is_empty() {
        return;
    }
    for (index, node) in new.iter().enumerate() {
        if matching.live_of[index].is_none()
            && let Some(key) = key(node)
            && let Some(partner) = waiting.get_mut(&key).and_then(VecDeque::pop_front)
        {
            matching.pair(partner, index);
        }
    }
}

/// Pairs statements of one kind that share a name, the first such.
fn match_by_bindings(matching: &mut Matching, live: &[&Node], new: &[&Node]) {
    let mut waiting: HashMap<(What, &str), VecDeque<usize>> = HashMap::default();
    for (index, node) in live.iter().enumerate() {
        if matching.new_of[index].is_none() && !node.is_definition() {
            for binding in &node.binds {
                let key = (family(node.what), binding.name.as_str());
                waiting.entry(key).or_default().push_back(index);
            }
        }
    }
    if waiting.is_empty() {
        return;
    }
    for (index, node) in new.iter().enumerate() {
        if matching.live_of[index].is_some() || node.is_definition() {
            continue;
        }
        let found = node.binds.iter().find_map(|binding| {
            let queue = waiting.get_mut(&(family(node.what), binding.name.as_str()))?;
            while let Some(candidate) = queue.pop_front() {
                if matching.new_of[candidate].is_none() {
                    return Some(candidate);
                }
            }
            None
        });
        if let Some(partner) = found {
            matching.pair(partner, index);
        }
    }
}

/// `x: int` may become `x: int = 1` and stay the same statement.
fn family(what: What) -> What {
    match what {
        What::Annotation => What::Assignment,
        other => other,
    }
}

/// Pairs blocks and statements that bind nothing when they stand between the same neighbours, in order.
fn match_by_place(matching: &mut Matching, live: &[&Node], new: &[&Node]) {
    let fits = |node: &Node| match node.what {
        What::Block | What::Statement => true,
        What::Assignment => node.binds.is_empty(),
        _ => false,
    };
    let mut waiting: HashMap<(What, Option<usize>), VecDeque<usize>> = HashMap::default();
    let mut before = None;
    for (index, node) in live.iter().enumerate() {
        match matching.new_of[index] {
            Some(_) => before = Some(index),
            None if fits(node) => waiting.entry((node.what, before)).or_default().push_back(index),
            None => {}
        }
    }
    if waiting.is_empty() {
        return;
    }
    let mut before = None;
    for (index, node) in new.iter().enumerate() {
        match matching.live_of[index] {
            Some(partner) => before = Some(partner),
            None if fits(node) => {
                if let Some(partner) = waiting.get_mut(&(node.what, before)).and_then(VecDeque::pop_front) {
                    matching.pair(partner, index);
                }
            }
            None => {}
        }
    }
}

/// Every name that the items bind.
pub(crate) fn bound_names<'a>(items: impl IntoIterator<Item = &'a Node>) -> HashSet<&'a str> {
    items.into_iter().flat_map(|item| item.binds.iter().map(|binding| binding.name.as_str())).collect()
}
