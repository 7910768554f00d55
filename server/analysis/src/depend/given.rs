//! What a function does with what it is given, of whichever class that is, and which methods that runs: who calls it tells the class.

use std::sync::Arc;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::foreign::{Foreign, is_root};
use super::graph::{Context, DEPTH, Graph, among, is_local};
use super::inside::run_by;
use crate::effects::{DESCRIBING, Effects, Uses, applies, examines, reads_headers};
use crate::index::Imports;
use crate::outline::Outline;
use crate::tree::{Node, contents, flattened, members};

/// Stands for whichever methods a function calls of what it is given, by names that it puts together; `*` where it reads any.
const ANY_CALLED: &str = "**";
/// Stands for what `isinstance` looks at: which members a class has.
const EXAMINED: &str = "?";

/// Texts of other modules, by the modules' names, and how they may be called in this one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    pub(super) foreign: Foreign,
    /// The names that imports bind.
    pub(super) imports: Arc<Imports>,
    /// There is a class with a `__getattr__` among them.
    pub(super) have_getattr: bool,
}

/// What a function does with its parameters and with what it iterates over, when it is called.
pub(crate) fn uses(function: &Node) -> Uses {
    let mut found = Uses::default();
    let Some(parts) = &function.definition else { return found };
    let own = &parts.inside;
    let parameters = &own.locals[..own.parameters.min(own.locals.len())];
    let is_method = parts.decorator_reads.iter().any(|name| name == "classmethod") || function.name.starts_with("__");
    let is_own = |name: &str| name == "self" || (name == "cls" && is_method);
    let mut given: Vec<&str> = parameters.iter().map(String::as_str).filter(|name| !is_own(name)).collect();
    for (name, by) in &own.made {
        if by.strip_prefix('=').is_some_and(|other| given.contains(&other.trim_end_matches("[]"))) {
            given.push(name);
        }
    }
    for effects in run_by(function) {
        let is_given = |name: &str| {
            given.contains(&name) && (std::ptr::eq(effects, own) || !effects.locals.iter().any(|local| local == name))
        };
        found.extend_by(effects, &is_given);
    }
    found
}

impl Uses {
    fn extend_by(&mut self, effects: &Effects, is_given: &impl Fn(&str) -> bool) {
        self.members.extend(effects.elements.iter().cloned());
        for name in effects.calls.iter().chain(&effects.reads).chain(&effects.assigns) {
            let head = name.split(['.', '[', '(']).next().unwrap_or(name);
            if !is_given(head) {
                continue;
            }
            let rest = name[head.len()..].trim_start_matches("[]");
            match rest.strip_prefix('.') {
                Some(member) => {
                    let end = member.find(['.', '[', '(']).unwrap_or(member.len());
                    let is_any = &member[..end] == "*" && effects.calls.contains(name);
                    self.members.insert(if is_any { ANY_CALLED } else { &member[..end] }.to_owned());
                }
                None => self.calls |= rest.is_empty() && effects.calls.contains(name),
            }
        }
        for (name, methods) in &effects.implied {
            if is_given(name.trim_end_matches("[]")) {
                self.members.extend(methods.iter().map(|method| (*method).to_owned()));
            }
        }
        for (by, given) in effects.passed.iter().filter(|(_, given)| is_given(given.trim_end_matches("[]"))) {
            self.calls |= applies(by);
            if examines(by) {
                self.members.insert(EXAMINED.to_owned());
            }
            if reads_headers(by) {
                self.members.extend(DESCRIBING.map(str::to_owned));
            }
            if by != given {
                self.passes.insert(by.clone());
            }
        }
    }

    fn is_empty(&self) -> bool {
        !self.calls && self.members.is_empty()
    }
}

impl<'a> Graph<'a> {
    /// Members of what a piece of code gives to functions that read or run them: `Entry.price` for `total(Entry())`; and what
    /// they call of what they are given.
    pub(crate) fn used_of_given(&self, effects: &'a Effects, context: Context<'a>) -> (Vec<String>, Vec<String>) {
        let (mut members, mut called) = (Vec::new(), Vec::new());
        let mut known: HashMap<&str, Uses> = HashMap::default();
        for (by, given) in &effects.passed {
            let uses = known.entry(by).or_insert_with(|| self.uses_of(by, context));
            if uses.is_empty() {
                continue;
            }
            // `total([Entry()])`
            let item = given.strip_suffix("[]").unwrap_or(given);
            if uses.calls {
                called.extend(self.called(item, context));
                called.extend(self.called(&contents(item), context));
            }
            let mut holders: Vec<String> = self.types_of(item, context, 0);
            if !given.ends_with(')') {
                holders.extend(self.types_in(given, context, 0));
            }
            // `total(*TABLE)`
            if item != given {
                holders.extend(self.types_in(item, context, 0));
            }
            // What another module's name holds is known there.
            if holders.is_empty() && !is_local(item, context) && !item.contains(['(', '[']) {
                holders.extend([item, given].map(str::to_owned));
            }
            // `[total(entry) for entry in ENTRIES]`
            if holders.is_empty()
                && let Some((_, by)) = effects.made.iter().rev().find(|(known, _)| known == item)
                && let Some(other) = by.strip_prefix('=').filter(|other| other.ends_with("[]"))
                && !is_local(other.trim_end_matches("[]"), context)
            {
                holders.push(other.to_owned());
            }
            for holder in holders {
                for member in &uses.members {
                    match member.as_str() {
                        ANY_CALLED => called.extend(self.method(&holder, "*", 0)),
                        _ => members.push(format!("{holder}.{member}")),
                    }
                }
            }
        }
        (members, called)
    }

    fn uses_of(&self, by: &str, context: Context<'a>) -> Uses {
        let mut found = Uses::default();
        let mut visited = HashSet::default();
        for callable in self.called(by, context) {
            self.add_uses(&callable, &mut found, &mut visited, 0);
        }
        found
    }

    fn add_uses(&self, callable: &str, found: &mut Uses, visited: &mut HashSet<String>, depth: usize) {
        if depth > DEPTH || !visited.insert(callable.to_owned()) {
            return;
        }
        let of_class = |class: &str| self.classes.get_key_value(class).map(|(class, _)| *class);
        let (class, node) = match callable.rsplit_once('.') {
            None if self.classes.contains_key(callable) => {
                for method in self.made_by(callable) {
                    self.add_uses(&method, found, visited, depth + 1);
                }
                return;
            }
            None => (None, self.functions.get(callable).copied()),
            Some((class, method)) => {
                (of_class(class), self.classes.get(class).and_then(|class| class.methods.get(method).copied()))
            }
        };
        match node.and_then(|node| node.definition.as_deref()) {
            Some(parts) => {
                found.calls |= parts.uses.calls;
                found.members.extend(parts.uses.members.iter().cloned());
                let context = Context { class, effects: Some(&parts.inside), depth: 0 };
                for by in &parts.uses.passes {
                    for callable in self.called(by, context) {
                        self.add_uses(&callable, found, visited, depth + 1);
                    }
                }
            }
            None => self.others.add_uses(callable, found, depth + 1),
        }
    }
}

/// What of the names that changed one stands for that `used_of_given` answers.
pub(crate) fn meant_by(name: &str, changed: &HashSet<String>) -> Vec<String> {
    match name.strip_suffix(EXAMINED) {
        Some(class) => {
            let all = members(class.trim_end_matches('.'));
            changed.contains(&all).then_some(all).into_iter().collect()
        }
        None if changed.contains(&contents(name)) => vec![contents(name)],
        None => among(name, changed),
    }
}

impl Others {
    /// What a name stands for that an import binds, and whether dotted names that begin with it are read as a whole.
    pub(super) fn import(&self, name: &str) -> Option<(String, bool)> {
        let mut origins = self.imports.get(name)?.iter().rev();
        origins.find_map(|origin| Some((self.foreign.absolute(origin)?, is_root(name, origin))))
    }

    /// `pkg.tables.Table.fill` for `Table.fill`, where that is imported.
    pub(super) fn full_name(&self, name: &str) -> Option<String> {
        let (head, rest) = name.split_once('.').map_or((name, ""), |(head, rest)| (head, rest));
        let (origin, is_root) = self.import(head)?;
        Some(match rest {
            _ if is_root => name.to_owned(),
            "" => origin,
            _ => format!("{origin}.{rest}"),
        })
    }

    /// Those of a function of another module, as this one calls it.
    fn add_uses(&self, callable: &str, found: &mut Uses, depth: usize) {
        if let Some(name) = self.full_name(callable) {
            self.foreign.add_uses(&name, found, &mut HashSet::default(), depth);
        }
    }
}

impl Foreign {
    /// How this module calls others.
    pub(crate) fn others(&self, outline: &Outline) -> Others {
        if self.texts.is_empty() {
            return Others::default();
        }
        let there = Self {
            module: self.module.clone(),
            is_package: self.is_package,
            texts: self.texts.clone(),
            ..Self::default()
        };
        let all = self.texts.values().flat_map(|(_, outline)| &outline.file.items).filter(|item| item.is_class());
        let have_getattr =
            all.flat_map(|class| &class.body).any(|item| item.is_function() && item.name == "__getattr__");
        Others { foreign: there, imports: outline.index().imports.clone(), have_getattr }
    }

    fn add_uses(&self, name: &str, found: &mut Uses, visited: &mut HashSet<String>, depth: usize) {
        if depth > DEPTH || !visited.insert(name.to_owned()) {
            return;
        }
        let Some((module, is_package, outline, own)) = self.text_of(name) else { return };
        let there = Foreign { module, is_package, texts: self.texts.clone(), ..Foreign::default() };
        let (class, method) = own.split_once('.').unwrap_or(("", own));
        let of_module = if class.is_empty() { method } else { class };
        let Some(node) = outline.index().definitions(of_module).first() else {
            // What the module has of another one.
            if let Some(origin) = there.import(outline, of_module) {
                let full = own.strip_prefix(of_module).map_or(origin.clone(), |rest| format!("{origin}{rest}"));
                self.add_uses(&full, found, visited, depth + 1);
            }
            return;
        };
        let methods = |wanted: &str| {
            let all = flattened(&node.body).into_iter().map(|(method, _)| method);
            all.filter(|method| method.is_function() && method.name == wanted).collect::<Vec<_>>()
        };
        let functions = match (node.is_class(), class.is_empty()) {
            (true, true) => [methods("__init__"), methods("__new__")].concat(),
            (true, false) => methods(method),
            _ => vec![node.as_ref()],
        };
        for parts in functions.into_iter().filter_map(|function| function.definition.as_deref()) {
            found.calls |= parts.uses.calls;
            found.members.extend(parts.uses.members.iter().cloned());
            for by in &parts.uses.passes {
                let by = by.replace("()", "");
                let next = match by.split_once('.') {
                    Some(("self" | "cls", method)) => format!("{}.{}.{method}", there.module, node.name),
                    _ => format!("{}.{by}", there.module),
                };
                self.add_uses(&next, found, visited, depth + 1);
            }
        }
    }

    /// The text of the module that a name belongs to, and the name there.
    pub(super) fn text_of<'n>(&self, name: &'n str) -> Option<(String, bool, &Arc<Outline>, &'n str)> {
        let ends = name.rmatch_indices('.').map(|(at, _)| at);
        ends.take(3).find_map(|at| {
            let (is_package, outline) = self.texts.get(&name[..at])?;
            Some((name[..at].to_owned(), *is_package, outline, &name[at + 1..]))
        })
    }
}
