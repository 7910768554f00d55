//! Which functions run edited code when they are called, themselves or through others of the file.

use std::collections::{HashMap, HashSet};

use crate::tree::{Node, flattened};

/// Methods that run when a class is called.
pub(super) const MAKING: [&str; 5] = ["__init__", "__new__", "__post_init__", "__set_name__", "__call__"];

/// The module's functions and classes a call of which runs one of `edited` (`build`, `Table.fill`), those included. What is
/// called is told by names alone: `build()`, `Table()`, `self.fill()`.
pub(super) fn running(items: &[Node], edited: &HashSet<String>) -> HashSet<String> {
    let callers = callers(items);
    let mut reached: HashSet<String> = edited.clone();
    let mut pending: Vec<String> = edited.iter().cloned().collect();
    while let Some(name) = pending.pop() {
        for caller in callers.get(name.as_str()).into_iter().flatten() {
            if reached.insert(caller.clone()) {
                pending.push(caller.clone());
            }
        }
    }
    reached.retain(|name| !name.contains('.'));
    reached
}

/// For each function, class or method what calls it.
fn callers(items: &[Node]) -> HashMap<String, Vec<String>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for (node, _) in flattened(items) {
        if node.is_function() {
            for called in calls(node) {
                found.entry(called.clone()).or_default().push(node.name.clone());
            }
        } else if node.is_class() {
            for (method, _) in flattened(&node.body) {
                let own = format!("{}.{}", node.name, method.name);
                if MAKING.contains(&method.name.as_str()) {
                    found.entry(own.clone()).or_default().push(node.name.clone());
                }
                for called in calls(method) {
                    let called = match called.split_once('.') {
                        Some(("self" | "cls", name)) => format!("{}.{name}", node.name),
                        _ => called.clone(),
                    };
                    found.entry(called).or_default().push(own.clone());
                }
            }
        }
    }
    found
}

fn calls(node: &Node) -> &[String] {
    node.definition.as_ref().map_or(&[], |parts| &parts.calls)
}
