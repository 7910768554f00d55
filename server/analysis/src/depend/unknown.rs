//! What is called of objects that are made by code which is not known: it may be of what these were given:
//! `namedtuple("Pair", "one other")(Table(), 1).one.fill()`.

use super::graph::{Context, DEPTH, Graph, is_local};
use crate::effects::Effects;
use crate::tree::contents;

impl<'a> Graph<'a> {
    pub(super) fn called_of_unknown(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let mut found = Vec::new();
        for (holder, method) in effects.calls.iter().filter_map(|name| name.rsplit_once('.')) {
            let made = given_to_makers(holder, effects);
            let named = self.given_to_named(holder, context);
            if (made.is_empty() && named.is_empty()) || self.is_of_known_class(holder, context) {
                continue;
            }
            for (one, is_made) in made.iter().map(|one| (*one, true)).chain(named.iter().map(|one| (*one, false))) {
                let item = one.trim_end_matches("[]");
                let classes = [self.types_of(item, context, 0), self.types_in(item, context, 0)].concat();
                // `pool.submit(build).result()`
                if method == "__call__" || (is_made && classes.is_empty()) {
                    found.extend(self.called(one, context.deeper()));
                }
                // What another module's name holds is known there.
                if classes.is_empty() && !is_local(item, context) && !item.contains(['(', '[']) {
                    found.extend([item, &contents(item)].map(|holder| format!("{holder}.{method}")));
                }
                found.extend(classes.iter().flat_map(|class| self.method(class, method, 0)));
            }
        }
        found.extend(self.called_of_factories(effects, context));
        found
    }

    fn is_of_known_class(&self, name: &str, context: Context<'a>) -> bool {
        let classes = self.types_of(name, context, 0);
        classes.iter().filter_map(|class| self.classes.get(class.as_str())).any(|class| class.node.is_some())
    }

    /// What an object of the module was given when it was made, and later; a module is none.
    fn given_to_named(&self, holder: &str, context: Context<'a>) -> Vec<&'a str> {
        let head = holder.split(['.', '[', '(']).next().unwrap_or(holder);
        if is_local(holder, context) || !self.made.contains_key(head) {
            return Vec::new();
        }
        let given = self.made_with.get(head).into_iter().chain(self.given_to.get(head)).flatten();
        given.copied().filter(|given| *given != holder && *given != head).collect()
    }

    /// Functions that a container is given which asks them where something is missing: `defaultdict(build)[key]`.
    fn called_of_factories(&self, effects: &'a Effects, context: Context<'a>) -> Vec<String> {
        let mut found = Vec::new();
        let asked = effects.implied.iter().filter(|(_, methods)| methods.contains(&"__missing__"));
        for by in asked.filter_map(|(name, _)| name.strip_suffix("()")) {
            if self.functions.contains_key(by) || self.classes.contains_key(by) {
                continue;
            }
            let given = effects.passed.iter().filter(|(function, _)| function == by);
            found.extend(given.flat_map(|(_, given)| self.called(given, context.deeper())));
            if let Some(lambdas) = effects.lambdas.as_deref() {
                found.extend(self.callees(lambdas, Context { effects: Some(lambdas), ..context.deeper() }));
            }
        }
        found
    }
}

/// What the calls were given that made an object, one inside of the other.
fn given_to_makers<'a>(holder: &'a str, effects: &'a Effects) -> Vec<&'a str> {
    let mut makers: Vec<&str> = holder.match_indices("()").map(|(end, _)| &holder[..end]).collect();
    let mut found: Vec<&str> = Vec::new();
    let mut next = 0;
    while let Some(by) = makers.get(next).copied().filter(|_| next < DEPTH) {
        next += 1;
        for (_, given) in effects.passed.iter().filter(|(function, given)| function == by && given != holder) {
            found.push(given);
            makers.extend(given.strip_suffix("()"));
        }
    }
    found
}
