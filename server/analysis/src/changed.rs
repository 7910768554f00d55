//! Names of the definitions that differ between two texts.

use crate::matching::match_items;
use crate::outline::{Outline, inner_prefix};
use crate::tree::{Node, Nodes, flattened};
/// Qualified names of definitions that differ in structure, innermost ones: a changed nested function is named, the
/// function around it only if it changed too. Added definitions are named, removed ones are not.
pub fn changed_definitions(live: &Outline, new: &Outline) -> Vec<String> {
    let mut names = Vec::new();
    compare(&live.file.items, &new.file.items, "", &mut names);
    let mut seen = rustc_hash::FxHashSet::default();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Answers whether a definition is gone.
fn compare(live: &Nodes, new: &Nodes, prefix: &str, names: &mut Vec<String>) -> bool {
    let definitions = |items| flattened(items).into_iter().map(|(node, _)| node).collect::<Vec<_>>();
    let (live, new) = (definitions(live), definitions(new));
    let matching = match_items(&live, &new);
    for (node, partner) in new.iter().zip(&matching.live_of) {
        let qualified_name = qualified_name_of(prefix, node);
        let Some(partner) = partner.map(|index| live[index]) else {
            names.push(qualified_name);
            continue;
        };
        if partner.hash == node.hash {
            continue;
        }
        let inner = inner_prefix(&qualified_name, node.what);
        if partner.what != node.what || own(partner) != own(node) {
            names.push(qualified_name);
        }
        if partner.what == node.what {
            let at = names.len();
            if compare(&partner.body, &node.body, &inner, names) && node.is_class() {
                names.insert(at, qualified_name_of(prefix, node));
            }
        }
    }
    matching.new_of.contains(&None)
}

fn qualified_name_of(prefix: &str, node: &Node) -> String {
    format!("{prefix}{}", node.name)
}

/// What belongs to a definition itself, without the definitions inside: those count by name only.
fn own(node: &Node) -> (Vec<u64>, Vec<(String, u64)>) {
    let Some(parts) = &node.definition else {
        return (vec![node.hash], Vec::new());
    };
    let mut hashes = vec![
        u64::from(parts.is_async),
        parts.decorators,
        parts.type_parameters,
        parts.docstring,
        parts.annotations,
        parts.parameters,
        parts.bases,
        parts.keywords,
    ];
    let mut members: Vec<(String, u64)> =
        parts.defaults.iter().map(|default| (default.parameter.clone(), default.hash)).collect();
    if node.is_class() {
        members.extend(node.body.iter().filter(|item| !item.is_definition()).map(|item| {
            let hash = if item.is_block() { item.frame } else { item.hash };
            (String::new(), hash)
        }));
    } else {
        hashes.push(parts.body);
    }
    (hashes, members)
}
