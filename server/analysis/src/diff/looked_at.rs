//! What can be seen of definitions and of the module without running them: signatures, docstrings, attributes of classes, all names.

use rustc_hash::FxHashSet as HashSet;

use hotsplice_channel::patch::{Change, Edit, Part, What};

use super::Comparison;
use super::scope::Scope;
use crate::depend::graph::Graph;
use crate::tree::{Node, contents};

impl<'a> Comparison<'a> {
    /// Whether what can be seen of a function without calling it, or of a class, is something else now.
    pub(super) fn has_other_header(&self, name: &str) -> bool {
        let is_seen =
            |part: &Part| matches!(part, Part::Parameters | Part::Defaults | Part::Annotations | Part::Docstring);
        let is_it =
            |edit: &&Edit| edit.definition == name && edit.what == What::Function && edit.change == Change::Changed;
        self.edits.iter().filter(is_it).any(|edit| edit.parts.iter().any(is_seen)) || self.looks_otherwise(name)
    }

    /// Whether a class of the module has other members than it had.
    fn looks_otherwise(&self, class: &str) -> bool {
        let is_body = |edit: &Edit| {
            edit.what == What::Function
                && edit.change == Change::Changed
                && edit.parts.iter().all(|part| matches!(part, Part::Body | Part::Docstring))
        };
        let mut inside = self.edits.iter().chain(&self.removals).filter(|edit| edit.scope.as_slice() == [class]);
        self.touched.contains(class) && inside.any(|edit| !is_body(edit))
    }

    /// Whether what can be done with an edited class, or with its objects, by other means than calls does something else.
    pub(super) fn works_otherwise(&self, class: &str) -> bool {
        let mut inside = self.edits.iter().chain(&self.removals).filter(|edit| !edit.scope.is_empty());
        let is_special = |edit: &Edit| edit.definition.rsplit('.').next().is_some_and(|name| name.starts_with("__"));
        self.touched.contains(class) && inside.any(is_special)
    }

    /// The attributes of a definition that are others now: `__doc__` of the module itself.
    pub(super) fn seen_otherwise(&mut self, node: &Node) -> Vec<String> {
        let is_class = node.is_class() && self.looks_otherwise(&node.name);
        if is_class {
            let seen = ["*", "__annotations__", "__dataclass_fields__", "__members__", "__slots__"];
            return seen.iter().map(|seen| format!("{}.{seen}", node.name)).collect();
        }
        let Some(edit) = self.edit_for(node) else { return Vec::new() };
        if node.what == What::Docstring {
            return vec!["__doc__".to_owned()];
        }
        if node.what != What::Function || edit.change != Change::Changed {
            return Vec::new();
        }
        let mut found: Vec<&str> = Vec::new();
        for part in &edit.parts {
            found.extend(match part {
                Part::Docstring => &["__doc__"][..],
                Part::Defaults | Part::Parameters => &["__defaults__", "__kwdefaults__", "__code__"],
                Part::Annotations => &["__annotations__"],
                Part::Body => &["__code__"],
                _ => &[],
            });
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|seen| format!("{}.{seen}", node.name)).collect()
    }

    /// Whether a module's statement looks through all names of the module, which has others now, or finds one by its text.
    pub(super) fn looks_through_names(&self, node: &Node, scope: &Scope<'a>) -> bool {
        let looks = |name: &String| {
            let is_given = node.effects.passed.iter().any(|(by, _)| by == name);
            matches!(name.as_str(), "globals" | "locals" | "dir" | "vars") && !is_given || name == "eval"
        };
        let finds = node.effects.reads.iter().any(|name| name == "sys.modules")
            && node.effects.reads.iter().any(|name| name == "__name__");
        let is_other = |edit: &Edit| {
            let has_value = edit.what == What::Assignment && !edit.offered && !edit.fresh_names.is_empty();
            edit.scope.is_empty() && is_binding(edit) && (edit.change == Change::Added || has_value)
        };
        node.what == What::Assignment
            && scope.path.is_empty()
            && node.writes.is_empty()
            && (finds || node.effects.calls.iter().any(looks))
            && (self.edits.iter().any(is_other)
                || self.removals.iter().any(|edit| edit.scope.is_empty() && is_binding(edit)))
    }

    /// What of the module's definitions other modules see otherwise once the patch is live, besides values that stand in a class.
    pub(super) fn note_late(&mut self, own: &HashSet<String>) {
        let is_value = |name: &str| {
            self.edits.iter().any(|edit| {
                !edit.scope.is_empty() && edit.binds.iter().any(|one| format!("{}.{one}", edit.scope.join(".")) == name)
            })
        };
        let is_definition = |name: &str| self.definitions().any(|item| item.is_definition() && item.name == name);
        let is_late = |name: &&String| match name.strip_suffix("[]") {
            // A registry.
            Some(_) => self.deferred.contains(*name),
            None => name.split_once('.').is_some_and(|(head, _)| is_definition(head)) && !is_value(name),
        };
        self.late = own.iter().filter(is_late).cloned().collect();
    }

    /// What of the names that a statement computes from what is edited it gives nothing else: `a, b = f(), X`.
    pub(super) fn keeps_what_calls_gave(
        &mut self,
        node: &'a Node,
        graph: &Graph<'a>,
        called: &HashSet<String>,
        dirty: &HashSet<String>,
    ) -> bool {
        let Some(edit) = self.edit_for(node) else { return false };
        node.parts.iter().any(|(names, effects)| {
            let is_read = |name: &String| dirty.contains(name) || dirty.contains(&contents(name));
            names.iter().any(|name| !edit.fresh.contains(name))
                && !effects.reads.iter().any(is_read)
                && graph.runs_any(effects, called)
        })
    }
}

/// Functions that look at what they are given, and do not call it.
pub(super) fn reads_headers(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    ["signature", "get_type_hints", "getdoc", "getfullargspec", "get_annotations", "getmembers"].contains(&last)
}

fn is_binding(edit: &Edit) -> bool {
    matches!(edit.what, What::Function | What::Class | What::Assignment)
}
