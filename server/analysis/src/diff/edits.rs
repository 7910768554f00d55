//! How the edit of one definition or statement is told.

use std::collections::BTreeMap;

use hotsplice_channel::patch::{Change, Edit, Kind, NewValue, Part, What};

use super::bindings;
use super::excerpt::{bare, whole};
use super::scope::Scope;
use crate::outline::Outline;
use crate::tree::{DefaultValue, Node, Parts, Span};

/// What binds one name is called by it, as a definition is; other statements by their own words.
fn is_plain_name(name: &str) -> bool {
    name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// An edit with its places and names filled in.
pub(super) fn edit(live: Option<&Node>, new: &Node, scope: &Scope, kind: Kind, change: Change) -> Edit {
    let definition = match new.is_definition() || is_plain_name(&new.name) {
        true => scope.qualified(&new.name),
        false => new.name.clone(),
    };
    Edit {
        definition,
        kind,
        change,
        what: new.what,
        scope: scope.path.clone(),
        line: new.line,
        end_line: new.end_line,
        old_line: live.map(|live| live.line),
        old_end_line: live.map(|live| live.end_line),
        old_form: live.map(|live| live.hash),
        form: Some(new.hash),
        fresh_defaults: Vec::new(),
        local_defaults: Vec::new(),
        parts: Vec::new(),
        binds: new.bound_names(),
        fresh_names: new.binds.iter().map(|binding| binding.name.clone()).chain(new.writes.iter().cloned()).collect(),
        reads: new.reads.iter().filter(|name| !name.ends_with("[]")).cloned().collect(),
        run: None,
        registrars: registrars(live),
        attributes: new_attributes(live, new),
        changed_reads: Vec::new(),
        fresh: Vec::new(),
        renamed_from: None,
        renamed_across: false,
        several: Vec::new(),
        made_by_others: BTreeMap::new(),
        former: Vec::new(),
        given_by: Vec::new(),
        stops: Vec::new(),
        updates: Vec::new(),
        conditional: scope.is_conditional(),
        superseded: false,
        offered: false,
        deferred: false,
    }
}

pub(super) fn registrars(live: Option<&Node>) -> Vec<String> {
    let parts = live.and_then(|live| live.definition.as_ref());
    parts.map_or_else(Vec::new, |parts| parts.decorator_reads.clone())
}

fn new_attributes(live: Option<&Node>, new: &Node) -> Vec<NewValue> {
    let Some(parts) = &new.definition else { return Vec::new() };
    let before = live.and_then(|live| live.definition.as_ref()).map_or(&[][..], |parts| &parts.attributes);
    let is_new = |name: &str| !before.iter().any(|known| known.name == name);
    let fresh = parts.attributes.iter().filter(|attribute| is_new(&attribute.name));
    fresh.map(|attribute| NewValue { name: attribute.name.clone(), value: attribute.value.clone() }).collect()
}

/// The defaults of a function that is made by each call of the one around it.
pub(super) fn local_defaults(new: &Parts, fresh: &[String]) -> Vec<NewValue> {
    let value = |one: &DefaultValue| if fresh.contains(&one.parameter) { one.literal.clone() } else { None };
    new.defaults.iter().map(|one| NewValue { name: one.parameter.clone(), value: value(one) }).collect()
}

/// The edit of a statement that is no definition, new or changed.
pub(super) fn statement_edit(
    outline: &Outline,
    live: Option<&Node>,
    new: &Node,
    scope: &Scope,
    change: Change,
) -> Edit {
    let mut edit = edit(live, new, scope, statement_kind(new.what, scope), change);
    edit.run = Some(scope.cut(outline, whole(new), &[]));
    edit.offered = !new.runs_unasked;
    edit.stops.clone_from(&new.stops);
    edit.updates = bindings::updated(new).into_iter().map(str::to_owned).collect();
    edit
}

pub(super) fn statement_kind(what: What, scope: &Scope) -> Kind {
    match what {
        What::Docstring => Kind::Docstring,
        _ if scope.is_class() => Kind::ClassAttribute,
        What::Import => Kind::Import,
        What::Assignment => Kind::Constant,
        _ => Kind::Statement,
    }
}

/// An edit that runs a whole definition.
pub(super) fn definition_edit(
    outline: &Outline,
    live: Option<&Node>,
    new: &Node,
    scope: &Scope,
    kind: Kind,
    change: Change,
) -> Edit {
    let mut edit = edit(live, new, scope, kind, change);
    edit.binds = vec![new.name.clone()];
    if !scope.is_local {
        edit.run = Some(scope.cut(outline, whole(new), &[]));
    }
    if let Some(parts) = &new.definition {
        edit.fresh_defaults = parts.defaults.iter().map(|one| one.parameter.clone()).collect();
    }
    edit
}

/// Which parts of a function differ, and the parameters whose default is new or changed.
pub(super) fn function_parts(live: &Parts, new: &Parts) -> (Vec<Part>, Vec<String>) {
    let fresh: Vec<String> = new
        .defaults
        .iter()
        .filter(|one| !live.defaults.iter().any(|other| other.parameter == one.parameter && other.hash == one.hash))
        .map(|one| one.parameter.clone())
        .collect();
    let list = |parts: &Parts| -> Vec<u64> { parts.defaults.iter().map(|one| one.hash).collect() };
    let differs = [
        (live.body != new.body, Part::Body),
        (live.docstring != new.docstring, Part::Docstring),
        (list(live) != list(new), Part::Defaults),
        (live.annotations != new.annotations, Part::Annotations),
        (live.decorators != new.decorators, Part::Decorators),
        (live.parameters != new.parameters, Part::Parameters),
        (live.is_async != new.is_async, Part::Async),
        (live.type_parameters != new.type_parameters, Part::TypeParameters),
    ];
    (differs.into_iter().filter_map(|(yes, part)| yes.then_some(part)).collect(), fresh)
}

/// Which parts of a class's header differ.
pub(super) fn class_parts(live: &Parts, new: &Parts) -> Vec<Part> {
    let differs = [
        (live.bases != new.bases, Part::Bases),
        (live.keywords != new.keywords, Part::Keywords),
        (live.decorators != new.decorators, Part::Decorators),
        (live.type_parameters != new.type_parameters, Part::TypeParameters),
    ];
    differs.into_iter().filter_map(|(yes, part)| yes.then_some(part)).collect()
}

/// The most specific single name for what changed in a function.
pub(super) fn function_kind(parts: &[Part]) -> Kind {
    match parts {
        [Part::Docstring] => Kind::Docstring,
        [Part::Defaults] => Kind::Defaults,
        [Part::Annotations] => Kind::Annotations,
        [Part::Decorators] => Kind::Decorators,
        _ if parts.iter().all(|part| {
            matches!(part, Part::Defaults | Part::Annotations | Part::Parameters | Part::TypeParameters)
        }) =>
        {
            Kind::Signature
        }
        _ => Kind::Body,
    }
}

/// Whether new code alone does not do: something of the header has to be evaluated.
pub(super) fn needs_run(parts: &[Part], live: &Parts, new: &Parts) -> bool {
    let carries = |parts: &Parts| parts.has_annotations || !parts.defaults.is_empty();
    parts.iter().any(|part| match part {
        Part::Defaults | Part::Annotations | Part::Decorators | Part::TypeParameters | Part::Async => true,
        Part::Parameters => carries(live) || carries(new),
        _ => false,
    })
}

/// What has to be run for a function's header: with its decorators if they changed, else with only the fresh defaults
/// evaluated.
pub(super) fn header_run(
    outline: &Outline,
    new: &Node,
    scope: &Scope,
    parts: &[Part],
    fresh: &[String],
) -> Option<hotsplice_channel::patch::Excerpt> {
    let definition = new.definition.as_ref()?;
    let decorated = parts.iter().any(|part| matches!(part, Part::Decorators | Part::Async));
    let begin = outline.lines.start_of(new.line);
    let known = definition.defaults.iter().filter(|one| !fresh.contains(&one.parameter));
    let blanked: Vec<Span> = known.map(|one| (begin + one.span.0, begin + one.span.1)).collect();
    let lines = if decorated { whole(new) } else { bare(new) };
    // A decorator may look at the defaults.
    let blanked = if decorated { &[] } else { &*blanked };
    Some(scope.cut(outline, lines, blanked))
}
