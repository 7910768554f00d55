//! What the edits of a file touch: definitions that run otherwise, and names that hold something else.

use hotsplice_channel::patch::What::Function;
use hotsplice_channel::patch::{Change, Edit, Kind, Part, What};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::Comparison;
use super::derived_imports::of_second_names;
use super::looked_at::is_examined_by_members;
use super::scope::Scope;
use crate::depend::graph::{Context, Graph, called_result, dictionary};
use crate::depend::inside::runs_inside;
use crate::depend::view::View;
use crate::tree::{Node, Nodes, contents, flattened, members};

impl<'a> Comparison<'a> {
    /// Definitions of the live module that are gone.
    pub(super) fn gone_definitions(&self) -> Vec<&'a Node> {
        let of_module = self.removals.iter().filter(|edit| edit.scope.is_empty());
        let gone: HashSet<u32> = of_module.filter_map(|edit| edit.old_line).collect();
        let is_gone = |item: &&Node| item.is_definition() && gone.contains(&item.line);
        self.live.file.items.iter().filter(is_gone).collect()
    }

    /// The module's names, and classes' attributes, whose values are others now or may be: what functions read of them.
    pub(super) fn changed_values(&self, graph: &View<'_, 'a>, edited: &HashSet<String>) -> HashSet<String> {
        let is_value = |edit: &&Edit| {
            let is_overriding = || matches!(edit.scope.as_slice(), [class] if !graph.ancestors(class).is_empty());
            !edit.offered
                && (edit.change != Change::Added || is_overriding())
                && matches!(edit.what, What::Assignment | What::Import | What::Block)
                && !edit.scope.iter().any(|part| part == "<locals>")
        };
        let mut changed: HashSet<String> = HashSet::default();
        for edit in self.edits.iter().chain(self.removals.iter()).filter(is_value) {
            let is_whole = matches!(edit.change, Change::Added | Change::Removed);
            let names = if is_whole { &edit.binds } else { &edit.fresh_names };
            changed.extend(names.iter().map(|name| match edit.scope.is_empty() {
                true => name.clone(),
                false => format!("{}.{name}", edit.scope.join(".")),
            }));
        }
        for import in self.new.file.items.iter().filter(|item| item.imports() || item.is_block()) {
            let (bound, dotted) = self.foreign.through(import);
            changed.extend(bound.into_iter().chain(dotted));
        }
        for class in self.definitions().filter(|item| item.is_class() && self.looks_otherwise(&item.name)) {
            changed.insert(format!("{}.__match_args__", class.name));
            changed.insert(dictionary(&class.name));
            let is_examined = graph.ancestors(&class.name).iter().any(|base| is_examined_by_members(base));
            if is_examined || self.gains_or_loses_special(&class.name) || graph.is_enumeration(&class.name) {
                changed.insert(members(&class.name));
            }
        }
        if changed.is_empty() {
            return changed;
        }
        let is_computed = |item: &&Node| matches!(item.what, What::Assignment | What::Block) && item.runs_unasked;
        for node in self.new.file.items.iter().filter(is_computed) {
            let reads_changed = node.effects.reads.iter().any(|name| {
                changed.contains(name)
                    || graph.attributes(name, Context::default()).iter().any(|attribute| changed.contains(attribute))
            });
            // What a call gives stays as it was, and that is reported.
            if reads_changed && !graph.runs_any(&node.effects, edited) {
                changed.extend(node.bound_names());
            }
            changed.extend(of_second_names(node, &changed));
        }
        for class in self.definitions().filter(|item| item.is_class()) {
            let beginning = format!("{}.", class.name);
            if graph.is_enumeration(&class.name) && changed.iter().any(|name| name.starts_with(&beginning)) {
                // What methods of members read of themselves.
                let own = [beginning, format!("{}.", contents(&class.name))];
                changed.extend(own.iter().flat_map(|own| ["value", "_value_"].map(|name| format!("{own}{name}"))));
            }
            for node in class.body.iter().filter(|item| item.what == What::Assignment && item.runs_unasked) {
                let is_changed =
                    |name: &String| changed.contains(name) || changed.contains(&format!("{}.{name}", class.name));
                if node.effects.reads.iter().any(is_changed) {
                    changed.extend(node.bound_names().iter().map(|name| format!("{}.{name}", class.name)));
                }
            }
        }
        changed
    }

    /// Those of the module, in blocks too.
    pub(super) fn definitions(&self) -> impl Iterator<Item = &'a Node> + use<'a> {
        flattened(&self.new.file.items).into_iter().map(|(node, _)| node)
    }

    /// Whether calling a class makes what it made before: only its bases are others, and they are made in the same way.
    pub(super) fn is_made_alike(&self, class: &str, graph: &View<'_, 'a>, live: &Graph<'a>) -> bool {
        let headers: Vec<&Edit> = self.edits.about(class).filter(|edit| edit.scope.is_empty()).collect();
        let Some(node) = self.defined(class).find(|item| item.is_class()) else { return false };
        let is_decorated = node.definition.as_ref().is_none_or(|parts| !parts.decorator_reads.is_empty());
        !is_decorated
            && !headers.is_empty()
            && headers.iter().all(|edit| edit.kind == Kind::ClassHeader && edit.parts == [Part::Bases])
            && graph.made_by(class) == live.made_by(class)
    }

    /// Methods that a class's names mean something else by now: it overrides one that it had inherited, or does no more, or has other
    /// bases. And whoever called what is gone.
    pub(super) fn meant_otherwise(&self, graph: &View<'_, 'a>) -> HashSet<String> {
        let of_class = |edit: &&Edit| edit.what == Function && edit.scope.len() == 1 && self.is_class(&edit.scope[0]);
        let is_added = |edit: &&Edit| edit.change == Change::Added;
        // A method that nobody had before is called by nobody, and by what is edited itself.
        let overriding = |edit: &Edit| {
            let name = edit.definition.rsplit('.').next().unwrap_or_default();
            graph.inherits(&edit.scope[0], name).then(|| format!("{}.{name}", edit.scope[0]))
        };
        let added = self.edits.iter().filter(of_class).filter(is_added);
        let mut found: HashSet<String> = added.filter_map(overriding).collect();
        let gone: HashSet<String> = self.removals.iter().filter(of_class).filter_map(overriding).collect();
        let has_bases = |edit: &&Edit| edit.scope.is_empty() && edit.parts.contains(&Part::Bases) && !edit.offered;
        let classes: Vec<&str> = self.edits.iter().filter(has_bases).map(|edit| edit.definition.as_str()).collect();
        if gone.is_empty() && classes.is_empty() {
            return found;
        }
        let live = Graph::whole(&self.live.file.items, self.foreign.others(self.live));
        for class in classes {
            let names = graph.method_names(class).chain(live.method_names(class)).collect::<HashSet<_>>();
            let (now, before) = (|name: &str| graph.method(class, name, 0), |name: &str| live.method(class, name, 0));
            let others = names.into_iter().filter(|name| now(name) != before(name));
            found.extend(others.flat_map(|name| [vec![format!("{class}.{name}")], now(name)].concat()));
        }
        if !gone.is_empty() {
            let former = View::new(&live, HashSet::default(), HashMap::default());
            found.extend(former.running(&gone, &HashSet::default()));
        }
        found
    }

    /// Functions and classes of the module, and methods (`Table.fill`), with any edit in them.
    pub(super) fn edited_definitions(&self) -> HashSet<String> {
        let is_definition = |edit: &&Edit| {
            let is_seen = |part: &Part| !matches!(part, Part::Docstring | Part::Annotations | Part::TypeParameters);
            edit.change != Change::Added
                && (matches!(edit.what, What::Function | What::Class) || !edit.scope.is_empty())
                && (edit.parts.is_empty() || edit.parts.iter().any(is_seen))
        };
        let class_of = |name: &str| self.defined(name).find(|item| item.is_class());
        let is_class = |name: &str| class_of(name).is_some();
        let name_of = |edit: &Edit| match edit.scope.as_slice() {
            [] => Some(edit.definition.clone()),
            // Of a class's members only functions run.
            [class] if is_class(class) => (edit.what == What::Function).then(|| edit.definition.clone()),
            // In classes that stand in others.
            [class, inside @ ..]
                if is_class(class) && class_of(class).is_some_and(|class| are_classes(class, inside)) =>
            {
                (edit.what == What::Function).then(|| edit.definition.clone())
            }
            [class, method, inside @ ..] if is_class(class) => {
                let function = class_of(class)?.body.iter().find(|item| item.is_function() && item.name == *method)?;
                Some(run_as(function, inside, edit, format!("{class}.{method}")))
            }
            [function, inside @ ..] => {
                let node = self.defined(function).find(|item| item.is_function());
                Some(node.map_or_else(|| function.clone(), |node| run_as(node, inside, edit, function.clone())))
            }
        };
        self.edits.iter().chain(self.removals.iter()).filter(is_definition).filter_map(name_of).collect()
    }

    /// Whether something else of the live module had the definition's name.
    pub(super) fn takes_a_name(&mut self, node: &Node, scope: &Scope<'a>) -> bool {
        let live: Option<&Nodes> = match scope.class() {
            Some(class) => self.live_of.get(&std::ptr::from_ref(class)).map(|class| &class.body),
            None => scope.path.is_empty().then_some(&self.live.file.items),
        };
        let had = |item: &Node| item.what != node.what && item.binds_name(&node.name);
        self.edit_for(node).is_some_and(|edit| match edit.change {
            Change::Added => live.into_iter().flatten().any(had),
            _ => edit.kind == Kind::Replaced,
        })
    }

    pub(super) fn removed_names(&self, path: &[String]) -> HashSet<String> {
        let names = |edit: &Edit| if edit.scope == path { edit.binds.clone() } else { Vec::new() };
        match path.first() {
            Some(head) => self.removals.about(head).flat_map(names).collect(),
            None => self.removals.iter().flat_map(names).collect(),
        }
    }
}

/// The names of the functions from a module's function to the edited one inside.
fn inner_path(inside: &[String], edit: &Edit) -> Vec<String> {
    let last = edit.definition.rsplit('.').next().unwrap_or(&edit.definition).to_owned();
    inside.iter().cloned().chain([last]).collect()
}

/// What runs an edit inside of a function: the function, or a call of what it gives.
fn run_as(function: &Node, inside: &[String], edit: &Edit, name: String) -> String {
    if runs_inside(function, &inner_path(inside, edit)) { name } else { called_result(&name) }
}

/// Whether a path leads through classes that stand in a class.
fn are_classes(class: &Node, path: &[String]) -> bool {
    let [name, rest @ ..] = path else { return true };
    let inner = class.body.iter().find(|item| item.is_class() && item.name == *name);
    inner.is_some_and(|inner| are_classes(inner, rest))
}
