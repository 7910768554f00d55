//! A statement, or a definition with its decorators, that is run again because somebody asks for it.

use super::Comparison;
use super::bindings::Names;
use super::edits::{definition_edit, statement_edit};
use super::scope::Scope;
use crate::depend::foreign::Foreign;
use crate::outline::Outline;
use crate::tree::{Node, Nodes};
use hotsplice_channel::patch::{Change, FilePatch, Kind, Part};

/// Runs again what stands at a line of `shown`, a text that an editor shows, with all that follows from it. Nothing if it is not
/// in the live text, or nothing to run: a function without decorators.
pub fn run_again(path: &str, base_version: u64, live: &Outline, shown: &Outline, line: u32) -> Option<FilePatch> {
    let (wanted, scope) = node_at(&shown.file.items, &Scope::default(), line)?;
    let is_plain = wanted.definition.as_ref().is_some_and(|parts| parts.decorator_reads.is_empty());
    if is_plain && !wanted.is_class() {
        return None;
    }
    let (node, scope) = same(&live.file.items, &Scope::default(), &scope.path, wanted)?;
    let foreign = Foreign::default();
    let mut comparison = Comparison::new(live, live, &foreign);
    comparison.adopt(&live.file.items, &mut Vec::new());
    let mut told = if node.is_definition() {
        let mut told = definition_edit(live, Some(node), node, &scope, Kind::Derived, Change::Stale);
        told.parts = vec![Part::Decorators];
        told
    } else {
        statement_edit(live, Some(node), node, &scope, Change::Stale)
    };
    told.kind = Kind::Derived;
    told.offered = false;
    comparison.push(node, told);
    if node.is_class() {
        // What its statements gave and the program has changed since is kept, as where a class is edited.
        comparison.add_class(node, node, &scope);
    }
    comparison.rebuild_around(&scope);
    comparison.add_derived();
    Some(comparison.finish(path, base_version))
}

/// The statement of a module or class around a line: of a class the statement in it, or the class itself at its header.
fn node_at<'a>(items: &'a Nodes, scope: &Scope<'a>, line: u32) -> Option<(&'a Node, Scope<'a>)> {
    let node = items.iter().find(|item| (item.line..=item.end_line).contains(&line))?;
    let inner = node.is_class().then(|| node_at(&node.body, &scope.in_class(node), line)).flatten();
    Some(inner.unwrap_or_else(|| (node, scope.clone())))
}

/// The nearest statement of the same structure in the classes of these names.
fn same<'a>(items: &'a Nodes, scope: &Scope<'a>, path: &[String], wanted: &Node) -> Option<(&'a Node, Scope<'a>)> {
    if let Some((name, rest)) = path.split_first() {
        let mut classes = items.iter().filter(|item| item.is_class() && item.name == *name);
        return classes.find_map(|class| same(&class.body, &scope.in_class(class), rest, wanted));
    }
    let equal = items.iter().filter(|item| item.hash == wanted.hash && item.what == wanted.what);
    equal.min_by_key(|item| item.line.abs_diff(wanted.line)).map(|node| (node, scope.clone()))
}

impl<'a> Comparison<'a> {
    /// Every node is what it was.
    fn adopt(&mut self, items: &'a Nodes, path: &mut Vec<String>) {
        let all: Vec<&Node> = items.iter().collect();
        self.names.insert(path.clone(), Names::compare(&all, &all));
        for node in items {
            self.live_of.insert(node, node);
            path.push(node.name.clone());
            self.adopt(&node.body, path);
            path.pop();
        }
    }
}
