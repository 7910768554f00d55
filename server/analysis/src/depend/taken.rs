//! What a text takes of other modules, by their own names: `pkg.tables.build` for `tables.build()` where `from pkg import tables`.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::foreign::{Foreign, beginning_with, bound, is_root};
use crate::effects::{ANY_MODULE, Effects};
use crate::outline::Outline;
use crate::tree::Nodes;

/// Dotted names in order; `pkg.tables.*` where it may be anything of them.
#[derive(Debug, Default)]
pub struct Taken {
    paths: BTreeSet<String>,
    /// What is taken of modules that are found by computed names.
    of_any: HashSet<String>,
    /// The names that the module has of others, with what they stand for.
    imported: Vec<(String, String)>,
}

impl Taken {
    /// Of a module, or of what another module calls so: nothing if it may be anything.
    pub fn of(&self, path: &str) -> Option<HashSet<&str>> {
        let mut holders = path.match_indices('.').map(|(end, _)| &path[..end]);
        if holders.any(|holder| self.paths.contains(&format!("{holder}.*"))) {
            return None;
        }
        let start = format!("{path}.");
        let mut found: HashSet<&str> = self.of_any.iter().map(String::as_str).collect();
        for name in beginning_with(&self.paths, &start).filter_map(|taken| Some(first(taken.strip_prefix(&start)?))) {
            if name == "*" {
                return None;
            }
            found.insert(name);
        }
        Some(found)
    }

    /// What the module calls another one.
    pub fn names_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.imported.iter().filter(move |(_, origin)| origin == path).map(|(name, _)| name.as_str())
    }
}

impl Foreign {
    /// What a text takes; this tells which module it is.
    pub fn taken(&self, outline: &Outline) -> Taken {
        let mut found = Taken { imported: self.imports(outline).collect(), ..Taken::default() };
        let mut origins: HashMap<&str, Vec<(String, bool)>> = HashMap::default();
        for (name, origin) in bound(outline) {
            let absolute = self.absolute(origin).map(|absolute| (absolute, is_root(name, origin)));
            origins.entry(name).or_default().extend(absolute);
        }
        for (origin, is_root) in origins.values().flatten() {
            match origin.split_once(ANY_MODULE) {
                Some((_, taken)) if !taken.is_empty() => {
                    found.of_any.insert(first(taken.trim_start_matches('.')).to_owned());
                }
                Some(_) => {}
                None if *is_root => {}
                None => {
                    found.paths.insert(origin.clone());
                }
            }
        }
        for (name, member) in members(outline, |name| origins.contains_key(name)) {
            for (origin, is_root) in &origins[name] {
                if origin.ends_with(ANY_MODULE) {
                    found.of_any.extend(Some(first(member).to_owned()).filter(|name| name != "*"));
                } else if !origin.contains([ANY_MODULE, '*']) {
                    let holder = if *is_root { name } else { origin };
                    found.paths.insert(format!("{holder}.{member}"));
                }
            }
        }
        found
    }
}

/// Names of the module that it reads, with what stands behind them and a dot: `*` where there is no dot.
fn members(outline: &Outline, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, &str)> {
    read_in(&outline.file.items).into_iter().filter_map(move |name| {
        let end = name.find(['.', '[', '(']).unwrap_or(name.len());
        let (head, rest) = name.split_at(end);
        is_meant(head).then(|| (head, rest.strip_prefix('.').unwrap_or("*")))
    })
}

fn read_in(items: &Nodes) -> Vec<&str> {
    let mut found = Vec::new();
    for node in items {
        note(&node.effects, &mut found);
        for parts in node.definition.iter() {
            note(&parts.inside, &mut found);
            parts.defaults.iter().for_each(|default| note(&default.effects, &mut found));
            let lists = [&parts.annotation_reads, &parts.decorator_reads, &parts.header_reads, &parts.base_names];
            found.extend(lists.into_iter().flatten().map(String::as_str));
        }
        found.extend(read_in(&node.body));
    }
    found
}

fn note<'a>(effects: &'a Effects, found: &mut Vec<&'a str>) {
    let pairs = [&effects.passed, &effects.made, &effects.holds];
    let given = pairs.into_iter().flatten().map(|(_, given)| given);
    let implied = effects.implied.iter().map(|(name, _)| name);
    let all = effects.reads.iter().chain(&effects.calls).chain(&effects.returns).chain(given).chain(implied);
    let is_imported = |name: &str| effects.imports.iter().any(|(own, _)| own == first(name));
    let is_outer = |name: &str| !effects.is_local(name) || is_imported(name);
    found.extend(all.map(|name| name.trim_start_matches('=')).filter(|name| is_outer(name)));
    effects.lambdas.iter().for_each(|lambdas| note(lambdas, found));
}

fn first(path: &str) -> &str {
    path.split(['.', '[', '(']).next().unwrap_or(path)
}
