//! What can be seen of definitions and of the module without running them: signatures, docstrings, attributes of classes, all names.

use rustc_hash::FxHashSet as HashSet;

use hotsplice_channel::patch::{Change, Edit, Part, What};

use super::Comparison;
use super::scope::Scope;
use crate::depend::graph::Graph;
use crate::depend::types::TEXT_OF_FIELDS;
use crate::depend::view::View;
use crate::effects::FIELDS;
use crate::tree::{Node, contents, members};

/// What can be seen of the fields of a class.
const FIELDS_SEEN: [&str; 11] = [
    "__annotations__",
    "__dataclass_fields__",
    "__match_args__",
    "__required_keys__",
    "__optional_keys__",
    "__attrs_attrs__",
    "__struct_fields__",
    "_fields",
    "_field_defaults",
    "model_fields",
    "_member_names_",
];
/// And of its bases.
const BASES_SEEN: [&str; 3] = ["__bases__", "__base__", "__mro__"];

impl<'a> Comparison<'a> {
    /// Whether what can be seen of a function without calling it, or of a class, is something else now.
    pub(super) fn has_other_header(&self, name: &str) -> bool {
        let is_seen =
            |part: &Part| matches!(part, Part::Parameters | Part::Defaults | Part::Annotations | Part::Docstring);
        let is_it = |edit: &&Edit| {
            let is_other = matches!(edit.change, Change::Changed | Change::Derived) && !edit.offered;
            edit.definition == name && edit.what == What::Function && is_other
        };
        let head = name.split('.').next().unwrap_or(name);
        self.edits.about(head).filter(is_it).any(|edit| edit.parts.iter().any(is_seen)) || self.looks_otherwise(name)
    }

    /// Whether a class of the module has other members than it had.
    pub(super) fn looks_otherwise(&self, class: &str) -> bool {
        let is_body = |edit: &Edit| {
            edit.what == What::Function
                && edit.change == Change::Changed
                && edit.parts.iter().all(|part| matches!(part, Part::Body | Part::Docstring))
        };
        let mut inside = self.changes_about(class).filter(|edit| edit.scope.len() == 1);
        self.touched.contains(class) && inside.any(|edit| !is_body(edit))
    }

    /// Classes whose calls give something else now, or fail, though no function of theirs is another one: those of named tuples,
    /// and those with methods that are no more abstract, or are now.
    pub(super) fn made_otherwise(&self, graph: &View<'_, 'a>) -> Vec<String> {
        let classes: Vec<&Node> = self.definitions().filter(|item| item.is_class()).collect();
        let is_abstract = |edit: &Edit| {
            let is_it = |item: &&Node| item.is_function() && edit.binds.contains(&item.name);
            let both = [self.new, self.live].map(|outline| outline.index().definitions(&edit.scope[0]));
            let decorators = both
                .iter()
                .flat_map(|nodes| nodes.iter())
                .filter(|item| item.is_class())
                .flat_map(|class| class.body.iter().filter(is_it))
                .flat_map(|item| item.definition.iter().flat_map(|parts| &parts.decorator_reads));
            (edit.change != Change::Changed || edit.parts.contains(&Part::Decorators))
                && decorators
                    .into_iter()
                    .any(|name| name.rsplit('.').next().is_some_and(|name| name.starts_with("abstract")))
        };
        let is_otherwise = |class: &&&Node| {
            let mut inside = self.changes_about(&class.name).filter(|edit| edit.scope.len() == 1);
            let is_tuple = graph.ancestors(&class.name).iter().any(|base| base.ends_with("NamedTuple"));
            let is_given_on = |edit: &Edit| {
                edit.what == What::Assignment && edit.binds.iter().any(|name| is_for_post_init(class, name))
            };
            self.touched.contains(&class.name)
                && inside
                    .any(|edit| is_abstract(edit) || is_given_on(edit) || (is_tuple && edit.what != What::Function))
        };
        let own: Vec<String> = classes.iter().filter(is_otherwise).map(|class| class.name.clone()).collect();
        let derives =
            |class: &&&Node| graph.ancestors(&class.name).iter().any(|base| own.iter().any(|one| one == base));
        let derived: Vec<String> = classes.iter().filter(derives).map(|class| class.name.clone()).collect();
        // Its text and what goes through its fields, where there is one more or less.
        let comes_or_goes = |edit: &Edit| {
            matches!(edit.what, What::Annotation | What::Assignment)
                && matches!(edit.change, Change::Added | Change::Removed)
        };
        let has_others = |class: &&&Node| {
            let mut inside = self.changes_about(&class.name).filter(|edit| edit.scope.len() == 1);
            graph.is_record(&class.name) && inside.any(comes_or_goes)
        };
        let records: Vec<&str> = classes.iter().filter(has_others).map(|class| class.name.as_str()).collect();
        let heirs = classes.iter().map(|class| class.name.as_str());
        let heirs = heirs.filter(|class| graph.ancestors(class).iter().any(|base| records.contains(base)));
        let records = records.iter().copied().chain(heirs);
        let described: Vec<String> = records.clone().map(|class| format!("{class}.{FIELDS}")).collect();
        let made = records.flat_map(|class| {
            let own = graph.method(class, TEXT_OF_FIELDS, 0).into_iter();
            own.filter(move |method| method.strip_prefix(class).is_some_and(|rest| rest.starts_with('.')))
        });
        let made: Vec<String> = made.filter(|method| !self.has_method_text(method)).collect();
        [own, derived, described, made].concat()
    }

    /// Whether a class's method stands in the text.
    fn has_method_text(&self, method: &str) -> bool {
        let Some((class, name)) = method.rsplit_once('.') else { return false };
        let mut classes = self.defined(class).filter(|item| item.is_class());
        classes.any(|class| class.body.iter().any(|item| item.is_function() && item.name == name))
    }

    /// Of an enumeration: a member that stays has another value once the patch is live.
    pub(super) fn values_of_members(&mut self, node: &Node, fresh: &[String], graph: &View<'_, 'a>) -> Vec<String> {
        if !graph.is_enumeration(&node.name) {
            return Vec::new();
        }
        let members = fresh.iter().filter(|name| name.contains('.') && !name.ends_with('*'));
        // `[member.value for member in Kind]` too, and what methods read of themselves.
        let any = members.clone().next().map(|_| [contents(&node.name), node.name.clone()]);
        // Members that are values themselves: `int(level) for level in Level`.
        let is_value =
            |base: &str| ["IntEnum", "StrEnum", "IntFlag", "int", "str"].iter().any(|one| base.ends_with(one));
        let are_values = graph.ancestors(&node.name).iter().any(|base| is_value(base));
        let itself = any.as_ref().filter(|_| are_values).map(|[all, _]| all.clone());
        let names = members.cloned().chain(any.into_iter().flatten());
        let values = names.flat_map(|name| [format!("{name}.value"), format!("{name}._value_")]);
        let values: Vec<String> = values.chain(itself).collect();
        self.deferred.extend(values.iter().cloned());
        values
    }

    /// Whether a class took the fields of its bases when it was made, and has them from nowhere else: a typed dictionary.
    pub(super) fn copies_fields(&self, node: &Node, dirty: &HashSet<String>, graph: &View<'_, 'a>) -> bool {
        let is_dictionary = graph.ancestors(&node.name).iter().any(|base| base.ends_with("TypedDict"));
        // Of another file.
        let is_bare = || {
            let is_field = |item: &Node| matches!(item.what, What::Annotation | What::Docstring);
            node.definition.as_ref().is_some_and(|parts| parts.decorator_reads.is_empty())
                && !node.body.is_empty()
                && node.body.iter().all(is_field)
        };
        let bases = node.definition.as_ref().map_or(&[][..], |parts| &parts.base_names);
        let is_other = |base: &String| {
            dirty.contains(&format!("{base}.__annotations__")) && (is_dictionary || (!self.is_class(base) && is_bare()))
        };
        bases.iter().any(is_other)
    }

    /// Whether a class has special methods that it had not, or the other way round: what it is an instance of may be decided by them.
    pub(super) fn gains_or_loses_special(&self, class: &str) -> bool {
        let mut inside = self.changes_about(class).filter(|edit| edit.scope.len() == 1);
        inside.any(|edit| edit.change != Change::Changed && edit.binds.iter().any(|name| name.starts_with("__")))
    }

    /// Whether what can be done with an edited class, or with its objects, by other means than calls does something else.
    pub(super) fn works_otherwise(&self, class: &str, graph: &Graph<'a>) -> bool {
        let is_its = |name: &String| name == class || graph.is_made_of(class, name);
        let of_it = |edit: &&Edit| edit.scope.first().is_some_and(is_its);
        let mut inside = self.edits.iter().chain(self.removals.iter()).filter(of_it);
        let is_special = |edit: &Edit| edit.definition.rsplit('.').next().is_some_and(|name| name.starts_with("__"));
        self.touched.contains(class) && inside.any(is_special)
    }

    /// Annotations that are texts mean something else by now: `get_type_hints` tells.
    pub(super) fn hints_otherwise(&mut self, node: &Node, path: &[String], dirty: &HashSet<String>) -> Vec<String> {
        let reads = node.definition.as_ref().map_or(&[][..], |parts| &parts.hint_reads);
        if !reads.iter().any(|name| dirty.contains(name)) {
            return Vec::new();
        }
        let seen = format!("{}.__annotations__", node.name);
        self.deferred.insert([path, std::slice::from_ref(&seen)].concat().join("."));
        vec![seen]
    }

    /// What can be seen of a class where something in it is evaluated again, because of what it reads.
    pub(super) fn fields_seen(&mut self, node: &Node, inner: &Scope<'a>, graph: &View<'_, 'a>) -> Vec<String> {
        let is_derived = |edit: &Edit| {
            edit.change == Change::Derived && !edit.offered && edit.scope == inner.path && edit.what != What::Function
        };
        let head = inner.path.first().unwrap_or(&node.name);
        if self.looks_otherwise(&node.name) || !self.edits.about(head).any(is_derived) {
            return Vec::new();
        }
        let record = if graph.is_record(&node.name) { &["*"][..] } else { &[] };
        let seen: Vec<String> = FIELDS_SEEN.iter().chain(record).map(|seen| format!("{}.{seen}", node.name)).collect();
        self.deferred.extend(seen.iter().cloned());
        seen
    }

    /// The attributes of a definition that are others now: `__doc__` of the module itself.
    pub(super) fn seen_otherwise(&mut self, node: &Node) -> Vec<String> {
        let has_other_bases = |edit: &mut Edit| edit.parts.contains(&Part::Bases) && !edit.offered;
        let is_class =
            node.is_class() && (self.looks_otherwise(&node.name) || self.edit_for(node).is_some_and(has_other_bases));
        if is_class {
            let bases = if self.edit_for(node).is_some_and(has_other_bases) { &BASES_SEEN[..] } else { &[] };
            let seen = FIELDS_SEEN.iter().chain(bases).chain(["*", "__members__", "__slots__"].iter());
            return seen.map(|seen| format!("{}.{seen}", node.name)).collect();
        }
        let Some(edit) = self.edit_for(node) else { return Vec::new() };
        if node.what == What::Docstring {
            return vec!["__doc__".to_owned()];
        }
        let is_other = edit.change == Change::Changed || (edit.change == Change::Derived && !edit.offered);
        if node.what != What::Function || !is_other {
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
            self.edits.about(name.split('.').next().unwrap_or(name)).any(|edit| {
                !edit.scope.is_empty() && edit.binds.iter().any(|one| format!("{}.{one}", edit.scope.join(".")) == name)
            })
        };
        let is_definition = |name: &str| self.defined(name).any(|item| item.is_definition());
        let is_late = |name: &&String| match name.strip_suffix("[]") {
            // Of another module.
            _ if name.contains(':') => self.deferred.contains(*name),
            // A registry.
            Some(_) => self.deferred.contains(*name),
            None => {
                name.split_once('.').is_some_and(|(head, _)| is_definition(head.trim_end_matches("[]")))
                    && (self.deferred.contains(*name) || !is_value(name))
            }
        };
        self.late = own.iter().filter(is_late).cloned().collect();
    }

    /// What of the names that a statement computes from what is edited it gives nothing else: `a, b = f(), X`.
    pub(super) fn keeps_what_calls_gave(
        &mut self,
        node: &'a Node,
        graph: &View<'_, 'a>,
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

/// Classes that a statement gives to what may copy what they have: a function of a C module does, and the process knows which these are.
pub(super) fn copied(node: &Node, dirty: &HashSet<String>) -> Vec<String> {
    let classes = node.effects.passed.iter().map(|(_, given)| given.strip_suffix("()").unwrap_or(given));
    classes.filter(|class| dirty.contains(&members(class))).map(|class| format!("{class}.__dict__")).collect()
}

fn is_binding(edit: &Edit) -> bool {
    matches!(edit.what, What::Function | What::Class | What::Assignment)
}

/// Whether a base has `isinstance` look at what members there are.
pub(super) fn is_examined_by_members(base: &str) -> bool {
    let last = base.rsplit('.').next().unwrap_or(base);
    ["ABC", "ABCMeta", "Protocol"].contains(&last)
}

/// Whether the constructor of a data class hands a field on without keeping it: `scale: InitVar[int] = 2`.
fn is_for_post_init(class: &Node, field: &str) -> bool {
    let found = class.body.iter().find(|item| item.is_function() && item.name == "__post_init__");
    found.and_then(|node| node.definition.as_ref()).is_some_and(|parts| {
        let parameters = &parts.inside.locals[..parts.inside.parameters.min(parts.inside.locals.len())];
        parameters.iter().skip(1).any(|name| name == field)
    })
}
