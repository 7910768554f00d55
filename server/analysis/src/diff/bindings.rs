//! What a scope's text gives each name, in order, whatever statements that is spread over: state belongs to bindings.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use hotsplice_channel::patch::What;

use crate::parse;
use crate::tree::{Binding, Node, contents};

/// How many live statements are looked at for the former value of one edit.
const MOST_FORMER: usize = 200;

/// One thing that happens to a name.
struct Entry<'a> {
    node: &'a Node,
    value: u64,
    condition: u64,
    /// What the name held before counts.
    continues: bool,
}

/// What one text gives a name: the lines of the statements, and hashes of what they say.
type Version = Vec<(u32, u64)>;

/// The names of two versions of one scope.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// Names to which the new text gives something else than the live one.
    pub fresh: HashSet<&'a str>,
    /// Names whose value depends on what runs: several are written.
    pub several: HashSet<&'a str>,
    /// Names, and the statements of both texts that make something else of what others give them, and that are not re-executed
    /// automatically.
    unrun: [HashMap<&'a str, Vec<&'a Node>>; 2],
    /// The live statements that give a name its value, definitions left out.
    former: HashMap<&'a str, Vec<&'a Node>>,
    /// Names that a definition has in the end, whatever statements give them before.
    pub defined: HashSet<&'a str>,
    /// Both versions of names that several statements give something.
    spread: HashMap<&'a str, (Version, Version)>,
    /// Statements of the new text that make up the values of fresh names.
    pub makers: Vec<&'a Node>,
}

impl<'a> Names<'a> {
    pub fn compare(live: &[&'a Node], new: &[&'a Node]) -> Self {
        let (before, after) = (sequences(live), sequences(new));
        let mut names = Self::default();
        for (&name, sequence) in &after {
            let former = before.get(name);
            if has_several(sequence) || former.is_some_and(|former| has_several(former)) {
                names.several.insert(name);
            }
            if sequence.last().is_some_and(|entry| entry.node.is_definition()) {
                names.defined.insert(name);
            }
            if former.is_none_or(|former| values(former).ne(values(sequence))) {
                names.fresh.insert(name);
                // Each import of everything binds other names.
                names.makers.extend(makers(sequence).filter(|_| name != "*"));
            }
        }
        names.reach(&after);
        let lines = |sequence: &[Entry]| sequence.iter().map(|one| (one.node.line, one.value)).collect::<Vec<_>>();
        for (&name, sequence) in &after {
            let former = before.get(name).map_or(&[][..], |former| former);
            if is_spread(sequence) || former.first().is_some_and(|_| is_spread(former)) {
                names.spread.insert(name, (lines(former), lines(sequence)));
            }
        }
        names.unrun = [unrun(live, &before), unrun(new, &after)];
        for node in live.iter().filter(|node| !node.is_definition()) {
            let own = node.binds.iter().chain(&node.updates).map(|binding| binding.name.as_str());
            let items = node.writes.iter().filter_map(|written| written.strip_suffix("[]"));
            for name in own.chain(items) {
                let nodes = names.former.entry(name).or_default();
                if nodes.last().is_none_or(|last| !std::ptr::eq(*last, *node)) {
                    nodes.push(*node);
                }
            }
        }
        names
    }

    /// A name of several statements gets another value if one of them reads such a name.
    fn reach(&mut self, sequences: &HashMap<&'a str, Vec<Entry<'a>>>) {
        loop {
            let is_reached = |name: &str, sequence: &[Entry]| {
                let reads_fresh = |entry: &Entry| reads_of(entry).iter().any(|read| self.fresh.contains(read.as_str()));
                !self.fresh.contains(name) && is_spread(sequence) && sequence.iter().any(reads_fresh)
            };
            let reached: Vec<&'a str> =
                sequences.iter().filter(|(name, sequence)| is_reached(name, sequence)).map(|(name, _)| *name).collect();
            if reached.is_empty() {
                return;
            }
            for name in reached {
                self.fresh.insert(name);
                self.makers.extend(makers(&sequences[name]));
            }
        }
    }

    /// Whether a statement that only moved reads something else than it did, because of what stands before it now.
    pub fn reads_otherwise(&self, live: &Node, new: &Node) -> bool {
        let until = |sequence: &[(u32, u64)], line: u32| -> Vec<u64> {
            sequence.iter().filter(|(at, _)| *at < line).map(|(_, value)| *value).collect()
        };
        let named = new.reads.iter().filter_map(|name| self.spread.get(name.as_str()));
        named.into_iter().any(|(before, after)| until(before, live.line) != until(after, new.line))
    }

    /// Which of the names that a statement binds hold what others made of them that are not run; whether they are in the new text.
    pub fn made_by_others(&self, live_line: Option<u32>, new: &Node) -> BTreeMap<String, bool> {
        let by_others = |which: usize, name: &str, own: Option<u32>| {
            self.unrun[which].get(name).is_some_and(|nodes| nodes.iter().any(|node| Some(node.line) != own))
        };
        let by_either = |name: &str| (by_others(0, name, live_line), by_others(1, name, Some(new.line)));
        let names = new.bound_names().into_iter().map(|name| (by_either(&name), name));
        names.filter(|((before, after), _)| *before || *after).map(|((_, after), name)| (name, after)).collect()
    }

    /// The lines of the live statements that gave names their values, and of those that gave what these read theirs.
    pub fn former_of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<(u32, u32)> {
        let mut pending: Vec<&str> = names.filter_map(|name| Some(*self.former.get_key_value(name)?.0)).collect();
        let mut found: Vec<(u32, u32)> = Vec::new();
        while let Some(name) = pending.pop() {
            for node in self.former.get(name).into_iter().flatten() {
                if found.len() < MOST_FORMER && !found.contains(&(node.line, node.end_line)) {
                    found.push((node.line, node.end_line));
                    pending.extend(node.reads.iter().map(String::as_str));
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// The lines of the live statements that gave these names their values.
    pub fn given_by(&self, names: &[String]) -> Vec<(u32, u32)> {
        let nodes = names.iter().filter_map(|name| self.former.get(name.as_str())).flatten();
        nodes.take(MOST_FORMER).map(|node| (node.line, node.end_line)).collect()
    }
}

fn sequences<'a>(items: &[&'a Node]) -> HashMap<&'a str, Vec<Entry<'a>>> {
    let mut found: HashMap<&str, Vec<Entry>> = HashMap::default();
    found.reserve(items.len());
    let entry = |node: &'a Node, binding: &Binding| Entry {
        node,
        value: binding.value,
        condition: binding.condition,
        continues: binding.updates || (!node.is_definition() && node.reads.contains(&binding.name)),
    };
    // Only what the text makes itself is made by what is done to it, too.
    let mut others: HashSet<&str> = HashSet::default();
    let updates = items.iter().any(|node| !node.updates.is_empty());
    for node in items.iter().filter(|_| updates) {
        others.extend(node.binds.iter().filter(|one| !one.is_container && !one.updates).map(|one| &*one.name));
    }
    for node in items {
        // `x: int` gives nothing.
        for binding in node.binds.iter().filter(|one| one.value != 0 || node.what != What::Annotation) {
            found.entry(&binding.name).or_default().push(entry(node, binding));
        }
        for binding in node.updates.iter().filter(|one| !others.contains(&*one.name)) {
            if let Some(sequence) = found.get_mut(&*binding.name) {
                sequence.push(entry(node, binding));
            }
        }
    }
    found
}

fn unrun<'a>(items: &[&'a Node], sequences: &HashMap<&'a str, Vec<Entry<'a>>>) -> HashMap<&'a str, Vec<&'a Node>> {
    let mut found: HashMap<&str, Vec<&Node>> = HashMap::default();
    for (name, sequence) in sequences.iter().filter(|(_, sequence)| is_spread(sequence)) {
        // What changes the value it had may stand behind something that is not run.
        let goes_on = |entry: &Entry| entry.continues && entry.node.is_block() && entry.node.acts;
        let is_unrun = |entry: &&Entry| !may_run(entry.node) || goes_on(entry);
        let last = last_start(sequence);
        found.entry(name).or_default().extend(sequence[last..].iter().filter(is_unrun).map(|entry| entry.node));
    }
    for node in items.iter().filter(|node| !may_run(node)) {
        for name in node.writes.iter().filter_map(|written| written.strip_suffix("[]")) {
            found.entry(name).or_default().push(node);
        }
    }
    found
}

fn has_several(sequence: &[Entry]) -> bool {
    let is_definition = |entry: &Entry| parse::is_definition(entry.value);
    let differs = |entry: &Entry| entry.continues || entry.value != sequence[0].value;
    sequence.iter().any(differs) || (sequence.len() > 1 && sequence.iter().any(is_definition))
}

/// Whether several statements make up what a name holds.
fn is_spread(sequence: &[Entry]) -> bool {
    sequence.iter().any(|entry| !std::ptr::eq(entry.node, sequence[0].node))
}

/// What is compared. Which branch runs counts where that makes a difference.
fn values(sequence: &[Entry]) -> impl Iterator<Item = (u64, u64)> {
    let several = has_several(sequence);
    let compared = if several { sequence } else { &sequence[..1] };
    compared.iter().map(move |entry| (entry.value, if several { entry.condition } else { 0 }))
}

/// What a statement reads for a name; what definitions in a block read is theirs.
fn reads_of<'a>(entry: &Entry<'a>) -> &'a [String] {
    if entry.node.is_block() && !parse::is_definition(entry.value) { &entry.node.own_reads } else { &entry.node.reads }
}

/// The statements from the last one on that gives the name a value of its own in any case.
fn makers<'a>(sequence: &[Entry<'a>]) -> impl Iterator<Item = &'a Node> {
    sequence[last_start(sequence)..].iter().map(|entry| entry.node)
}

fn last_start(sequence: &[Entry]) -> usize {
    let is_start = |entry: &Entry| !entry.continues && entry.condition == 0 && !entry.node.is_block();
    sequence.iter().rposition(is_start).unwrap_or(0)
}

/// Names that a statement does nothing with but change what they hold.
pub(super) fn updated(node: &Node) -> Vec<&str> {
    let all = node.binds.iter().chain(&node.updates);
    let is_of_it = |written: &String| node.updates.iter().any(|binding| *written == contents(&binding.name));
    let is_update = !node.is_block() && node.writes.iter().all(is_of_it) && all.clone().all(|binding| binding.updates);
    if is_update { all.map(|binding| &*binding.name).collect() } else { Vec::new() }
}

/// Whether a statement is executed where its names are evaluated again, unasked.
pub(super) fn may_run(node: &Node) -> bool {
    node.is_definition() || node.runs_unasked || !updated(node).is_empty()
}

/// Whether a statement does nothing but bind names.
pub(super) fn only_binds(node: &Node) -> bool {
    matches!(node.what, What::Assignment | What::Import | What::Annotation) && node.writes.is_empty()
}
